"""How quantities compare: whether two are in one unit, and on which side of a range a number lies."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_UNIT = ("code", "unit")


def same_unit(bound: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether a bound of a range holds for a value: it names no unit, or the same by code or by word (R4
    Observation.referenceRange)."""
    theirs = {bound[name] for name in _UNIT if bound.get(name)}
    return not theirs or not theirs.isdisjoint(value.get(name) for name in _UNIT)


def side(number: Decimal, low: Decimal | None, high: Decimal | None, text: str) -> int | None:
    """Where a number lies: -1 below a range, 0 inside, 1 above; None without limits. A limit that the text of the range
    writes as `<5` or `>5` lies outside itself."""
    if low is None and high is None:
        return None
    sent = text.strip()
    is_open = sent[:1] in ("<", ">", "＜", "＞") and sent[1:2] not in ("=", "＝")
    if low is not None and (number < low or (number == low and is_open)):
        return -1
    return 1 if high is not None and (number > high or (number == high and is_open)) else 0
