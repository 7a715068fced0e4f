"""Equality, equivalence and order (FHIRPath N1 §"Equality", "Comparison")."""

import operator
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import orjson

from hie.fhir import ucum
from hie.fhir.path import temporal
from hie.fhir.path.node import Node, TypeInfo, Value, Values, decimal, system
from hie.fhir.path.quantity import Quantity
from hie.fhir.path.scope import PathError
from hie.fhir.path.temporal import Temporal

EXACT_CALENDAR = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
"""Calendar words that equal a UCUM unit; a year and a month equal none."""

_MONTHS = {"year": 12, "month": 1}


def is_number(value: Value) -> bool:
    """Whether a System value is an integer or decimal."""
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _measure(quantity: Quantity) -> tuple[Decimal, str] | None:
    """A quantity on a scale of its own dimension."""
    if quantity.unit in _MONTHS:
        return quantity.value * _MONTHS[quantity.unit], "calendar month"
    code = EXACT_CALENDAR.get(quantity.unit, quantity.unit)
    return ucum.canonical(quantity.value, code)


def quantities(left: Quantity, right: Quantity) -> tuple[Decimal, Decimal] | None:
    """Both values on one scale; None when they do not measure the same."""
    if left.unit == right.unit:
        return left.value, right.value
    first, second = _measure(left), _measure(right)
    if first is None or second is None or first[1] != second[1]:
        return None
    return first[0], second[0]


def equal(left: Value, right: Value) -> bool | None:
    """`=` on two items: None when it cannot be known."""
    first, second = system(left), system(right)
    if isinstance(first, Node) or isinstance(second, Node) or first is None or second is None:
        return _deep(_json(left), _json(right))
    if isinstance(first, Quantity) and isinstance(second, Quantity):
        pair = quantities(first, second)
        return None if pair is None else pair[0] == pair[1]
    if isinstance(first, Temporal) and isinstance(second, Temporal):
        return _equal_temporal(first, second)
    if is_number(first) and is_number(second):
        return bool(first == second)
    same_kind = type(first) is type(second) or (isinstance(first, str) and isinstance(second, str))
    return same_kind and bool(first == second)


def _equal_temporal(left: Temporal, right: Temporal) -> bool | None:
    if (left.kind == "Time") != (right.kind == "Time"):
        return False
    found = temporal.compare(left, right)
    return None if found is None else found == 0


def _json(value: Value) -> Any:
    return (value.value, value.sibling) if isinstance(value, Node) else (value, None)


def _deep(left: Any, right: Any) -> bool:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_deep(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(_deep(a, b) for a, b in zip(left, right, strict=True))
    numbers = (int, float, Decimal)
    if isinstance(left, numbers) and isinstance(right, numbers) and not isinstance(left, bool):
        return decimal(left) == decimal(right)
    return bool(left == right)


def all_equal(left: Values, right: Values) -> bool | None:
    """`=` on two collections: None (empty) when either is, or when a pair cannot be known."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    results = [equal(a, b) for a, b in zip(left, right, strict=True)]
    if False in results:
        return False
    return None if None in results else True


def _words(text: str) -> str:
    return " ".join(text.lower().split())


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _round_alike(left: Decimal, right: Decimal) -> bool:
    places = Decimal(1).scaleb(-min(_places(left), _places(right)))
    try:
        return left.quantize(places, ROUND_HALF_UP) == right.quantize(places, ROUND_HALF_UP)
    except InvalidOperation:
        return left == right


def _alike_quantities(left: Quantity, right: Quantity) -> bool:
    if left.unit == right.unit:
        return _round_alike(left.value, right.value)
    code = EXACT_CALENDAR.get(right.unit, right.unit), EXACT_CALENDAR.get(left.unit, left.unit)
    if left.unit in _MONTHS or right.unit in _MONTHS:
        pair = quantities(left, right)
        return pair is not None and pair[0] == pair[1]
    moved = ucum.convert(right.value, code[0], code[1])
    if moved is None:
        return False
    step = ucum.convert(Decimal(1).scaleb(-_places(right.value)), code[0], code[1]) or Decimal(1)
    places = min(_places(left.value), max(0, -step.adjusted()))
    unit = Decimal(1).scaleb(-places)
    return left.value.quantize(unit, ROUND_HALF_UP) == moved.quantize(unit, ROUND_HALF_UP)


def alike(left: Value, right: Value) -> bool:
    """`~` on two items."""
    first, second = system(left), system(right)
    if isinstance(first, Node) or isinstance(second, Node) or first is None or second is None:
        return _deep_alike(_json(left)[0], _json(right)[0])
    if isinstance(first, Quantity) and isinstance(second, Quantity):
        return _alike_quantities(first, second)
    if isinstance(first, Temporal) and isinstance(second, Temporal):
        return _equal_temporal(first, second) is True
    if is_number(first) and is_number(second):
        return _round_alike(Decimal(first), Decimal(second))
    if isinstance(first, str) and isinstance(second, str):
        return _words(first) == _words(second)
    same_kind = type(first) is type(second) or (isinstance(first, str) and isinstance(second, str))
    return same_kind and bool(first == second)


def _deep_alike(left: Any, right: Any) -> bool:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        keys = {key for key in left if key != "id"}
        return keys == {key for key in right if key != "id"} and all(_deep_alike(left[k], right[k]) for k in keys)
    if isinstance(left, list) and isinstance(right, list):
        return _pair_off(left, right, _deep_alike)
    if isinstance(left, str) and isinstance(right, str):
        return _words(left) == _words(right)
    return _deep(left, right)


def _pair_off(left: list[Any], right: list[Any], same: Callable[[Any, Any], bool]) -> bool:
    rest = list(right)
    for item in left:
        found = next((index for index, other in enumerate(rest) if same(item, other)), None)
        if found is None:
            return False
        del rest[found]
    return not rest


def all_alike(left: Values, right: Values) -> bool:
    """`~` on two collections: same items in any order; two empty ones are alike."""
    return len(left) == len(right) and _pair_off(left, right, alike)


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def ordered(sign: str, left: Value, right: Value) -> bool | None:
    """`<`, `>`, `<=`, `>=` on two items; None when it cannot be known. Raises `PathError` for types without order."""
    first, second = _comparable(left), _comparable(right)
    if first is None or second is None:
        return None
    test = _ORDER[sign]
    if isinstance(first, Temporal) and isinstance(second, Temporal):
        if (first.kind == "Time") != (second.kind == "Time"):
            raise PathError("a time and a date have no order")
        found = temporal.compare(first, second)
        return None if found is None else test(found, 0)
    if isinstance(first, Quantity) and isinstance(second, Quantity):
        pair = quantities(first, second)
        return None if pair is None else test(*pair)
    if (is_number(first) and is_number(second)) or (isinstance(first, str) and isinstance(second, str)):
        return test(first, second)
    raise PathError("values of these types have no order")


def _comparable(value: Value) -> Value:
    found = system(value)
    if isinstance(found, (Node, TypeInfo, bool)):
        raise PathError("values of this type have no order")
    return found


def _key(value: Value) -> tuple[str, Any]:
    """A hashable stand-in: two are equal where `equal` says True."""
    found = system(value)
    if isinstance(found, bool):
        return "b", found
    if is_number(found):
        return "n", found
    if isinstance(found, str):
        return "s", found
    if isinstance(found, Temporal):
        return "t", temporal.identity(found)
    if isinstance(found, Quantity):
        return "q", _measure(found) or (found.value, found.unit)
    return "j", orjson.dumps(_json(value), default=_plain, option=orjson.OPT_SORT_KEYS)


def _plain(value: object) -> str | int:
    """Decimals of the same value as the same text; other values by themselves."""
    return str(value.normalize()) if isinstance(value, Decimal) else repr(value)


class Distinct:
    """A growing set of items by `=`, in constant time per item."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, Any]] = set()

    def add(self, value: Value) -> bool:
        """Add; whether it was new."""
        before = len(self._keys)
        self._keys.add(_key(value))
        return len(self._keys) > before

    def __contains__(self, value: Value) -> bool:
        return _key(value) in self._keys


def distinct(values: Values) -> Values:
    """The items without repeats, in order of first appearance."""
    if len(values) < 2:
        return values
    seen = Distinct()
    return [value for value in values if seen.add(value)]


def distinct_set(values: Values) -> Distinct:
    """The set of the items."""
    found = Distinct()
    for value in values:
        found.add(value)
    return found
