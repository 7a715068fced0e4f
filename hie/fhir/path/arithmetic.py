"""`+ - * / div mod &` on numbers, strings, quantities, dates and times (FHIRPath N1 §"Math")."""

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Context, Decimal, DecimalException, localcontext

from hie.fhir import ucum
from hie.fhir.path.compare import EXACT_CALENDAR, is_number
from hie.fhir.path.node import Value, Values, system
from hie.fhir.path.quantity import CALENDAR_UNITS, Quantity
from hie.fhir.path.scope import PathError, single
from hie.fhir.path.temporal import Temporal

CONTEXT = Context(prec=40, Emax=9999, Emin=-9999)
_LARGEST = 2**63
_LONGEST = 1_000_000
_STEPS = {
    "week": 7 * 86_400_000,
    "day": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1000,
    "millisecond": 1,
}
_CODES = {code: word for word, code in EXACT_CALENDAR.items()}
_PRECISION = {"week": 3, "day": 3, "hour": 4, "minute": 5, "second": 6, "millisecond": 7}


def _bounded(value: Value) -> Value | None:
    """None (empty) on overflow."""
    return value if not isinstance(value, int) or abs(value) < _LARGEST else None


def _numbers(left: Value, right: Value, work: Callable[[Decimal, Decimal], Decimal]) -> Value | None:
    try:
        with localcontext(CONTEXT):
            return work(Decimal(left), Decimal(right))
    except (DecimalException, ZeroDivisionError):
        return None


def _add(left: Value, right: Value, sign: int) -> Value | None:
    if isinstance(left, Temporal) and isinstance(right, Quantity):
        return shift(left, right, sign)
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        return _add_quantities(left, right, sign)
    if isinstance(left, int) and isinstance(right, int):
        return _bounded(left + sign * right)
    return _numbers(left, right, lambda a, b: a + sign * b)


def _add_quantities(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    if left.unit == right.unit:
        return Quantity(left.value + sign * right.value, left.unit)
    units = [EXACT_CALENDAR.get(q.unit, q.unit) for q in (right, left)]
    moved = ucum.convert(right.value, units[0], units[1])
    return None if moved is None else Quantity(left.value + sign * moved, left.unit)


def _scale(left: Value, right: Value, sign: int) -> Value | None:
    """Product (`sign` 1) or quotient (-1)."""
    work: Callable[[Decimal, Decimal], Decimal] = (lambda a, b: a * b) if sign > 0 else (lambda a, b: a / b)
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        first = left if isinstance(left, Quantity) else Quantity(Decimal(left), "1")
        second = right if isinstance(right, Quantity) else Quantity(Decimal(right), "1")
        return _scale_quantities(first, second, sign, work)
    if sign > 0 and isinstance(left, int) and isinstance(right, int):
        return _bounded(left * right)
    return _numbers(left, right, work)


def _scale_quantities(
    left: Quantity, right: Quantity, sign: int, work: Callable[[Decimal, Decimal], Decimal]
) -> Quantity | None:
    value = _numbers(left.value, right.value, work)
    if value is None or right.unit == "1":
        return None if value is None else Quantity(value, left.unit)
    first, second = (EXACT_CALENDAR.get(q.unit, q.unit) for q in (left, right))
    found = ucum.multiply(first, second, sign)
    if found is None:
        return None
    factor, unit = found
    return Quantity(value * factor.numerator / factor.denominator, unit)


def _div(left: Value, right: Value) -> Value | None:
    found = _numbers(left, right, lambda a, b: a // b)
    return None if found is None else int(found)


def _mod(left: Value, right: Value) -> Value | None:
    if isinstance(left, int) and isinstance(right, int):
        return None if right == 0 else left - right * int(Decimal(left) / Decimal(right))
    return _numbers(left, right, lambda a, b: a % b)


_OPERATORS: dict[str, Callable[[Value, Value], Value | None]] = {
    "+": lambda a, b: _add(a, b, 1),
    "-": lambda a, b: _add(a, b, -1),
    "*": lambda a, b: _scale(a, b, 1),
    "/": lambda a, b: _scale(a, b, -1),
    "div": _div,
    "mod": _mod,
}
_WITH_QUANTITY = frozenset("+-*/")


def _allowed(sign: str, left: Value, right: Value) -> bool:
    if is_number(left) and is_number(right):
        return True
    if isinstance(left, Temporal):
        return sign in ("+", "-") and isinstance(right, Quantity)
    if sign not in _WITH_QUANTITY:
        return False
    kinds = (Quantity,) if sign in ("+", "-") else (Quantity, int, Decimal)
    return isinstance(left, kinds) and isinstance(right, kinds) and not isinstance(left, bool)


def calculate(sign: str, left: Values, right: Values) -> Values:
    """The result of an arithmetic operator on two collections; empty when either is or the result is undefined."""
    first, second = system(single(left)), system(single(right))
    if sign == "&":
        return [_text(first) + _text(second)]
    if first is None or second is None:
        return []
    if sign == "+" and isinstance(first, str) and isinstance(second, str):
        return [_text(first) + _text(second)]
    if not _allowed(sign, first, second):
        raise PathError(f"'{sign}' does not work on values of these types")
    found = _OPERATORS[sign](first, second)
    return [] if found is None else [found]


def _text(value: Value | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise PathError("'&' joins strings only")
    if len(value) > _LONGEST:
        raise PathError("the string grows too long")
    return value


def negate(values: Values) -> Values:
    """Unary minus."""
    value = system(single(values))
    if value is None:
        return []
    if isinstance(value, Quantity):
        return [Quantity(-value.value, value.unit)]
    if not is_number(value):
        raise PathError("'-' works on numbers and quantities only")
    return [-value]


def shift(moment: Temporal, by: Quantity, sign: int) -> Temporal | None:
    """A date or time moved by a duration; months keep the day where the month is long enough, fractions are cut."""
    unit = CALENDAR_UNITS.get(by.unit) or _CODES.get(by.unit)
    if unit is None:
        raise PathError("only calendar durations, or UCUM d, wk, h, min, s, ms, can be added to a date or time")
    amount = int(by.value) * sign
    if moment.kind == "Time":
        return _shift_time(moment, amount, unit)
    try:
        return _shift_months(moment, amount, unit) if unit in ("year", "month") else _shift_days(moment, amount, unit)
    except (ValueError, OverflowError):
        return None


def _shift_time(moment: Temporal, amount: int, unit: str) -> Temporal:
    if unit in ("year", "month"):
        raise PathError("a time has no months")
    hour, minute, second, milli = (*moment.parts, 0, 0, 0)[:4]
    total = ((hour * 60 + minute) * 60 + second) * 1000 + milli + amount * _STEPS[unit]
    total %= 86_400_000
    parts = (total // 3_600_000, total // 60_000 % 60, total // 1000 % 60, total % 1000)
    return Temporal("Time", parts[: len(moment.parts)])


def _shift_months(moment: Temporal, amount: int, unit: str) -> Temporal:
    year, month, *rest = (*moment.parts, 1) if len(moment.parts) == 1 else moment.parts
    months = amount * 12 if unit == "year" else amount
    if len(moment.parts) == 1:
        months = int(months / 12) * 12
    total = year * 12 + month - 1 + months
    year, month = divmod(total, 12)
    month += 1
    if not 1 <= year <= 9999:
        raise OverflowError
    if rest:
        rest[0] = min(rest[0], calendar.monthrange(year, month)[1])
    return Temporal(moment.kind, (year, month, *rest)[: len(moment.parts)], moment.zone, moment.fraction)


def _shift_days(moment: Temporal, amount: int, unit: str) -> Temporal:
    size = len(moment.parts)
    if size < 3:
        days = amount * _STEPS[unit] / 86_400_000
        return _shift_months(moment, int(days / 365) if size == 1 else int(days / 30), "year" if size == 1 else "month")
    if _PRECISION[unit] > size and size < 6:
        whole = _STEPS[{3: "day", 4: "hour", 5: "minute"}[size]]
        amount, unit = int(amount * _STEPS[unit] / whole), {3: "day", 4: "hour", 5: "minute"}[size]
    filled = (*moment.parts, 0, 0, 0, 0)[:7]
    year, month, day, hour, minute, second, milli = filled
    start = datetime(year, month, day, hour, minute, second, milli * 1000)
    end = start + timedelta(milliseconds=amount * _STEPS[unit])
    parts = (end.year, end.month, end.day, end.hour, end.minute, end.second, end.microsecond // 1000)
    return Temporal(moment.kind, parts[:size], moment.zone)
