"""Dates, numbers and quantities as ranges: the one place where resources and queries read them alike.

Instants are integer microseconds since 1970-01-01T00:00Z; a range includes `low` and excludes `high`. A date without
offset is local time of the zone, +08:00 (common rules §5.2).
"""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from hie.base.clock import CHINA, micros
from hie.fhir import ucum

EARLIEST = -(2**62)
LATEST = 2**62
"""The ends of an open period."""

LOWEST = float("-inf")
HIGHEST = float("inf")
"""The ends of an open number range."""

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
"""Comparison prefixes (FHIR R4 search §3.1.1.4.6); none stands for `eq`."""

_SECOND = 1_000_000
_UNITS = {10: 86400 * _SECOND, 13: 3600 * _SECOND, 16: 60 * _SECOND, 19: _SECOND}
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?")


@lru_cache(maxsize=65536)
def date_range(text: str) -> tuple[int, int] | None:
    """The instants that a FHIR date, dateTime or instant may mean: low (included) and high (excluded).

    `"2026-01"` is all of January at +08:00. None when `text` is no date, or lies on no calendar.
    """
    try:
        if len(text) > 10:
            return _moment(text)
        if _DATE.fullmatch(text) is None:
            return None
        low = micros(datetime.fromisoformat((text + "-01-01")[:10]).replace(tzinfo=CHINA))
        return low, low + _UNITS[10] if len(text) == 10 else _next(text)
    except (ValueError, OverflowError, TypeError):
        return None


def _moment(text: str) -> tuple[int, int] | None:
    if _DATE.fullmatch(text) is None:
        return None
    bare, width = text, _UNITS[16]
    if len(text) > 16 and text[16] == ":":
        width = _SECOND
        if len(text) > 19 and text[19] == ".":
            end = 20
            while end < len(text) and text[end].isdigit():
                end += 1
            digits = min(end - 20, 6)
            width = 10 ** (6 - digits)
            bare = f"{text[: 20 + digits]}{text[end:]}" if end - 20 > 6 else text
        if bare[17:19] == "60":
            bare = f"{bare[:17]}59{bare[19:]}"
    moment = datetime.fromisoformat(bare)
    low = micros(moment if moment.tzinfo is not None else moment.replace(tzinfo=CHINA))
    return low, low + width


def _next(text: str) -> int:
    year, month = int(text[:4]), int(text[5:7] or 12)
    if year == 9999 and month == 12:
        return LATEST
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=CHINA)
    return micros(following)


def number(value: object) -> Decimal | None:
    """A JSON number (int, float or Decimal, or its text) as an exact decimal; None when it is none."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = value if isinstance(value, str) else repr(value)
    if _NUMBER.fullmatch(text) is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def precision_range(value: Decimal) -> tuple[Decimal, Decimal]:
    """The numbers that round to `value` as written: 100 -> [99.5, 100.5), 1.00 -> [0.995, 1.005).

    FHIR R4 search §3.1.1.4.4: half of the last written digit to each side.
    """
    exponent = value.as_tuple().exponent
    half = Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)
    return value - half, value + half


def about(value: Decimal) -> tuple[Decimal, Decimal]:
    """The range of prefix `ap`: ten percent to each side, at least the written precision."""
    low, high = precision_range(value)
    margin = abs(value) / 10
    return min(low, value - margin), max(high, value + margin)


@lru_cache(maxsize=16384)
def canonical(text: str, code: str) -> tuple[float, str] | None:
    """A number (its text) and a UCUM code in base units: ("5", "mg") -> (0.005, "g"); None for an unknown code."""
    value = number(text)
    found = None if value is None else ucum.canonical(value, code)
    return None if found is None else (float(found[0]), found[1])


def split_prefix(text: str) -> tuple[str, str]:
    """("ge", "2020-01-01") from "ge2020-01-01"; ("eq", text) when there is no prefix."""
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
