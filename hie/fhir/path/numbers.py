"""Math, conversion, boundary and clock functions (FHIRPath N1 §"Math", "Conversion", "Utility Functions")."""

import calendar
import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException

from hie.fhir import ucum
from hie.fhir.path.arithmetic import CONTEXT
from hie.fhir.path.compare import EXACT_CALENDAR
from hie.fhir.path.convert import CONVERSIONS, convert, to_quantity
from hie.fhir.path.function import Function, one, per_value, text, whole
from hie.fhir.path.node import Node, Value, Values, system
from hie.fhir.path.quantity import Quantity
from hie.fhir.path.scope import Evaluation, PathError, single
from hie.fhir.path.temporal import DAY, HOUR, MILLISECOND, MINUTE, MONTH, SECOND, YEAR, Temporal


def _number(value: Value) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise PathError("a number expected")
    return Decimal(value)


def _tidy(value: Decimal) -> Decimal:
    """Eight decimals at most for results that do not end."""
    return value if _places(value) <= 8 else value.quantize(Decimal("1e-8"), ROUND_HALF_UP, CONTEXT)


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _math(work: Callable[[Decimal], Value | None]) -> Function:
    def safe(value: Value) -> Value | None:
        try:
            return work(_number(value))
        except (DecimalException, ValueError, OverflowError):
            return None

    return Function(per_value(safe))


def _math_two(work: Callable[[Decimal, Decimal], Value | None]) -> Function:
    def run(evaluation: Evaluation, items: Values, argument: Values) -> Values:
        first, second = system(single(items)), system(single(argument))
        if first is None or second is None:
            return []
        try:
            return one(work(_number(first), _number(second)))
        except (DecimalException, ValueError, OverflowError, ZeroDivisionError):
            return []

    return Function(run, 1, 1)


def _round(evaluation: Evaluation, items: Values, places: Values | None = None) -> Values:
    value = system(single(items))
    if value is None:
        return []
    digits = whole(places) or 0 if places is not None else 0
    if digits < 0:
        raise PathError("a precision of 0 or more expected")
    number = _number(value)
    return [number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP) if digits < _places(number) else number]


def _abs(value: Value) -> Value:
    if isinstance(value, Quantity):
        return Quantity(abs(value.value), value.unit)
    return abs(value) if isinstance(value, int) and not isinstance(value, bool) else abs(_number(value))


def _power(base: Decimal, exponent: Decimal) -> Value | None:
    found = CONTEXT.power(base, exponent)
    both = exponent == int(exponent) >= 0 and base == int(base) and _places(base) == 0 and _places(exponent) == 0
    return int(found) if both and abs(found) < 2**63 else found


def _log(value: Decimal, base: Decimal) -> Decimal:
    return _tidy(CONTEXT.divide(CONTEXT.ln(value), CONTEXT.ln(base)))


# -- conversion --------------------------------------------------------------------------------------------------


def _to(name: str) -> Function:
    def run(evaluation: Evaluation, items: Values) -> Values:
        value = single(items)
        return [] if value is None else one(convert(name, value))

    return Function(run)


def _converts(name: str) -> Function:
    def run(evaluation: Evaluation, items: Values, unit: Values | None = None) -> Values:
        value = single(items)
        return [] if value is None else [convert(name, value) is not None]

    return Function(run, 0, 1)


def _to_quantity(evaluation: Evaluation, items: Values, unit: Values | None = None) -> Values:
    value = system(single(items))
    if value is None or isinstance(value, Node):
        return []
    found, target = to_quantity(value), text(unit) if unit is not None else None
    if found is None or target is None:
        return one(found)
    moved = ucum.convert(found.value, EXACT_CALENDAR.get(found.unit, found.unit), target)
    return [] if moved is None else [Quantity(moved, target)]


# -- boundaries --------------------------------------------------------------------------------------------------

_DIGITS = {4: YEAR, 6: MONTH, 8: DAY, 10: HOUR, 12: MINUTE, 14: SECOND, 17: MILLISECOND}
_TIME_DIGITS = {2: HOUR, 4: MINUTE, 6: SECOND, 9: MILLISECOND}
_LOW = (1, 1, 1, 0, 0, 0, 0)
_HIGH = (9999, 12, 31, 23, 59, 59, 999)


def _decimal_boundary(value: Decimal, places: int | None, sign: int) -> Decimal | None:
    digits = 8 if places is None else places
    if not 0 <= digits <= 28:
        return None
    edge = value + sign * Decimal(5).scaleb(-_places(value) - 1)
    found = edge.quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR if sign < 0 else ROUND_CEILING, CONTEXT)
    near_zero = digits < _places(value) and abs(value) < Decimal(1).scaleb(-digits)
    return Decimal(0).quantize(Decimal(1).scaleb(-digits)).copy_sign(value) if near_zero and digits else found


def _temporal_boundary(value: Temporal, digits: int | None, sign: int) -> Temporal | None:
    time = value.kind == "Time"
    table = _TIME_DIGITS if time else _DIGITS
    precision = table.get(digits) if digits is not None else (MILLISECOND if time or value.kind == "DateTime" else DAY)
    if precision is None:
        return None
    filled = [*((0, 0, 0) if time else ()), *value.parts]
    edge = _LOW if sign < 0 else _HIGH
    hour_only = value.precision == HOUR and not time
    while len(filled) < precision:
        here = len(filled)
        part = edge[here]
        if here == MINUTE - 1 and hour_only:
            part = 0
        if here == DAY - 1 and sign > 0:
            part = calendar.monthrange(filled[0], filled[1])[1]
        filled.append(part)
    parts = tuple(filled[3:precision] if time else filled[:precision])
    zone = value.zone
    if zone is None and precision >= HOUR and not time:
        zone = 14 * 60 if sign < 0 else -12 * 60
    kind = value.kind if precision >= HOUR or value.kind == "Date" else "Date"
    return Temporal(
        kind, parts, zone if precision >= HOUR else None, value.fraction if precision == MILLISECOND else ""
    )


def _boundary(sign: int) -> Function:
    def run(evaluation: Evaluation, items: Values, precision: Values | None = None) -> Values:
        value, digits = system(single(items)), whole(precision) if precision is not None else None
        if isinstance(value, Temporal):
            return one(_temporal_boundary(value, digits, sign))
        if isinstance(value, Quantity):
            found = _decimal_boundary(value.value, digits, sign)
            return [] if found is None else [Quantity(found, value.unit)]
        return [] if value is None else one(_decimal_boundary(_number(value), digits, sign))

    return Function(run, 0, 1)


def _precision(value: Value) -> int:
    if not isinstance(value, Temporal):
        return _places(_number(value))
    table = _TIME_DIGITS if value.kind == "Time" else _DIGITS
    return next(digits for digits, precision in table.items() if precision == value.precision)


def _comparable(evaluation: Evaluation, items: Values, other: Values) -> Values:
    left, right = system(single(items)), system(single(other))
    if not isinstance(left, Quantity) or not isinstance(right, Quantity):
        return []
    units = [EXACT_CALENDAR.get(q.unit, q.unit) for q in (left, right)]
    return [left.unit == right.unit or ucum.comparable(units[0], units[1])]


# -- clock and parts ---------------------------------------------------------------------------------------------


def _now(evaluation: Evaluation) -> Temporal:
    at = evaluation.now
    offset = at.utcoffset()
    zone = int(offset.total_seconds() // 60) if offset is not None else 0
    parts = (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond // 1000)
    return Temporal("DateTime", parts, zone)


def _part(precision: int) -> Function:
    def work(value: Value) -> Value | None:
        if not isinstance(value, Temporal) or value.precision < precision:
            return None
        return value.parts[precision - 1 - (3 if value.kind == "Time" else 0)]

    return Function(per_value(work))


def _zone(value: Value) -> Value | None:
    return Decimal(value.zone) / 60 if isinstance(value, Temporal) and value.zone is not None else None


FUNCTIONS: dict[str, Function] = {
    "abs": Function(per_value(_abs)),
    "ceiling": _math(lambda value: int(value.to_integral_value(ROUND_CEILING))),
    "floor": _math(lambda value: int(value.to_integral_value(ROUND_FLOOR))),
    "truncate": _math(lambda value: math.trunc(value)),
    "exp": _math(lambda value: _tidy(CONTEXT.exp(value))),
    "ln": _math(lambda value: _tidy(CONTEXT.ln(value))),
    "sqrt": _math(lambda value: _tidy(CONTEXT.sqrt(value))),
    "log": _math_two(_log),
    "power": _math_two(_power),
    "round": Function(_round, 0, 1),
    **{f"to{name}": _to(name) for name in CONVERSIONS if name != "Quantity"},
    **{f"convertsTo{name}": _converts(name) for name in CONVERSIONS},
    "toQuantity": Function(_to_quantity, 0, 1),
    "lowBoundary": _boundary(-1),
    "highBoundary": _boundary(1),
    "precision": Function(per_value(_precision)),
    "comparable": Function(_comparable, 1, 1),
    "now": Function(lambda evaluation, items: [_now(evaluation)]),
    "today": Function(lambda evaluation, items: [Temporal("Date", _now(evaluation).parts[:3])]),
    "timeOfDay": Function(lambda evaluation, items: [Temporal("Time", _now(evaluation).parts[3:])]),
    "yearOf": _part(YEAR),
    "monthOf": _part(MONTH),
    "dayOf": _part(DAY),
    "hourOf": _part(HOUR),
    "minuteOf": _part(MINUTE),
    "secondOf": _part(SECOND),
    "millisecondOf": _part(MILLISECOND),
    "timezoneOffsetOf": Function(per_value(_zone)),
    "dateOf": Function(per_value(lambda value: convert("Date", value))),
    "timeOf": Function(
        per_value(
            lambda value: (
                Temporal("Time", value.parts[3:]) if isinstance(value, Temporal) and len(value.parts) > 3 else None
            )
        )
    ),
}
"""Name -> function."""
