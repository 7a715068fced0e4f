"""Comparing JSON values with fixed and pattern values (FHIR R4 elementdefinition, fixed[x] and pattern[x])."""

from decimal import Decimal
from typing import Any

_NUMBERS = (int, float, Decimal)


def same(value: Any, fixed: Any) -> bool:
    """Whether a value equals a fixed one, member for member; numbers by value."""
    if isinstance(fixed, dict):
        return isinstance(value, dict) and value.keys() == fixed.keys() and all(same(value[k], fixed[k]) for k in fixed)
    if isinstance(fixed, list):
        return isinstance(value, list) and len(value) == len(fixed) and all(map(same, value, fixed))
    return _same_leaf(value, fixed)


def fits(value: Any, pattern: Any) -> bool:
    """Whether a value has at least what the pattern has; array items in any order."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(key in value and fits(value[key], pattern[key]) for key in pattern)
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(fits(item, wanted) for item in value) for wanted in pattern)
    return _same_leaf(value, pattern)


def _same_leaf(value: Any, fixed: Any) -> bool:
    if isinstance(value, bool) or isinstance(fixed, bool):
        return value is fixed
    if isinstance(value, _NUMBERS) and isinstance(fixed, _NUMBERS):
        return Decimal(str(value)) == Decimal(str(fixed))
    return bool(value == fixed)
