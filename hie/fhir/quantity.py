"""What two quantities have in common."""

from collections.abc import Mapping
from typing import Any

_UNIT = ("code", "unit")


def same_unit(bound: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether a bound of a range holds for a value: it names no unit, or the same by code or by word (R4
    Observation.referenceRange)."""
    theirs = {bound[name] for name in _UNIT if bound.get(name)}
    return not theirs or not theirs.isdisjoint(value.get(name) for name in _UNIT)
