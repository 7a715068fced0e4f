"""Dates and instants in parameters, as microseconds since the epoch."""

import re
from datetime import UTC, datetime, timedelta, timezone

from hie.base.clock import CHINA
from hie.base.errors import Category, HieError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+ -]\d\d:\d\d)?)?)?)?"
)


def microseconds(at: datetime) -> int:
    """Microseconds since the epoch."""
    return (at - _EPOCH) // _MICROSECOND


def moment(text: str, name: str) -> int:
    """The start of what a FHIR dateTime names; without offset it is China standard time; raises INVALID."""
    return interval(text, name)[0]


def interval(text: str, name: str) -> tuple[int, int]:
    """The half-open interval that a FHIR dateTime of any precision names; raises INVALID naming parameter `name`."""
    parts = _DATE.fullmatch(text)
    try:
        if parts is None:
            raise ValueError
        start = _start(parts)
        return microseconds(start), microseconds(start + _length(parts, start))
    except (ValueError, OverflowError):
        raise HieError(
            Category.INVALID, "This is no FHIR date or instant", issue="value", expression=f"http.{name}"
        ) from None


def _start(parts: re.Match[str]) -> datetime:
    fraction = (parts["fraction"] or "").ljust(6, "0")[:6]
    numbers = [int(parts[unit] or least) for unit, least in (("year", 1), ("month", 1), ("day", 1))]
    time = [int(parts[unit] or 0) for unit in ("hour", "minute", "second")]
    return datetime(*numbers, *time, int(fraction), tzinfo=_zone(parts["zone"]))  # type: ignore[misc,arg-type]


def _zone(text: str | None) -> timezone:
    if text is None:
        return CHINA
    if text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def _length(parts: re.Match[str], start: datetime) -> timedelta:
    if parts["fraction"]:
        return timedelta(milliseconds=1)
    if parts["second"]:
        return timedelta(seconds=1)
    if parts["minute"]:
        return timedelta(minutes=1)
    if parts["day"]:
        return timedelta(days=1)
    if parts["month"]:
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1) - start
    return start.replace(year=start.year + 1) - start
