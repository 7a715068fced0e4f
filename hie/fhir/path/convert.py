"""`toX()` and `convertsToX()` (FHIRPath N1 §"Conversion")."""

import re
from collections.abc import Callable
from decimal import Decimal

from hie.fhir.path.node import Node, Value, decimal, system
from hie.fhir.path.quantity import CALENDAR_UNITS, Quantity
from hie.fhir.path.temporal import Temporal, parse_temporal

_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?")
_QUANTITY = re.compile(r"(?P<value>[+-]?\d+(?:\.\d+)?)\s*(?:'(?P<unit>[^']+)'|(?P<word>[a-zA-Z]+))?")
_TRUE = frozenset(("true", "t", "yes", "y", "1", "1.0"))
_FALSE = frozenset(("false", "f", "no", "n", "0", "0.0"))


def to_boolean(value: Value) -> bool | None:
    """Boolean, 0 and 1, and the listed words."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, Decimal)):
        return value == 1 if value in (0, 1) else None
    if isinstance(value, str):
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None


def to_integer(value: Value) -> int | None:
    """Integer, boolean, or digits."""
    if isinstance(value, (bool, int)):
        return int(value)
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else None


def to_decimal(value: Value) -> Decimal | None:
    """Number, boolean, or a decimal's text."""
    if isinstance(value, (bool, int)):
        return Decimal(int(value))
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else None


def to_string(value: Value) -> str | None:
    """The text of any primitive or quantity."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(decimal(value), "f")
    return str(value) if isinstance(value, (int, str, Temporal, Quantity)) else None


def to_quantity(value: Value) -> Quantity | None:
    """A number as a quantity of unit 1, or text such as `1 day`, `4.5 'mg'`."""
    if isinstance(value, Quantity):
        return value
    if isinstance(value, (bool, int, Decimal)):
        return Quantity(Decimal(int(value)) if isinstance(value, bool) else Decimal(value), "1")
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    unit = CALENDAR_UNITS.get(match["word"]) if match["word"] else match["unit"] or "1"
    return None if unit is None else Quantity(Decimal(match["value"]), unit)


def to_date(value: Value) -> Temporal | None:
    """A date; the day of a dateTime."""
    if isinstance(value, str):
        value = parse_temporal(value)
    if isinstance(value, Temporal) and value.kind in ("Date", "DateTime"):
        return Temporal("Date", value.parts[:3])
    return None


def to_datetime(value: Value) -> Temporal | None:
    """A dateTime; a date as a dateTime of the same precision."""
    if isinstance(value, str):
        value = parse_temporal(value)
    if isinstance(value, Temporal) and value.kind in ("Date", "DateTime"):
        return Temporal("DateTime", value.parts, value.zone, value.fraction)
    return None


def to_time(value: Value) -> Temporal | None:
    """A time."""
    if isinstance(value, str):
        value = parse_temporal(value.removeprefix("T"), "Time")
    return value if isinstance(value, Temporal) and value.kind == "Time" else None


CONVERSIONS: dict[str, Callable[[Value], Value | None]] = {
    "Boolean": to_boolean,
    "Integer": to_integer,
    "Long": to_integer,
    "Decimal": to_decimal,
    "String": to_string,
    "Quantity": to_quantity,
    "Date": to_date,
    "DateTime": to_datetime,
    "Time": to_time,
}
"""System type -> conversion, which gives None where there is none."""


def convert(name: str, value: Value) -> Value | None:
    """`value` as System type `name`."""
    found = system(value)
    return None if isinstance(found, Node) else CONVERSIONS[name](found)
