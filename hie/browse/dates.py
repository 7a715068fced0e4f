"""FHIR dates as China standard time: one text that sorts, one that is shown (common rules §5.2)."""

import re
from datetime import UTC, date, datetime, timedelta

from hie.base.clock import CHINA

_FULL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


def local(value: str) -> str:
    """A FHIR date or dateTime in China time without offset: `2026-01-18T08:30:00`.

    Partial dates keep their precision; a text that is no date is returned as it is.
    """
    if not _FULL.match(value):
        return value
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=CHINA)).astimezone(CHINA).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError):  # no date, or at the end of the calendar
        return value


def shown(value: str) -> str:
    """For reading: `2026-01-18 08:30`, or as much of it as is known."""
    return local(value)[:16].replace("T", " ")


def day(value: str) -> str:
    """The calendar day in China time, as much as is known."""
    return local(value)[:10]


def from_micros(micros: int) -> str:
    """Microseconds since the epoch as a shown text, to the second."""
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def today(now: datetime) -> date:
    """The calendar day in China."""
    return now.astimezone(CHINA).date()


def days_before(now: datetime, days: int) -> str:
    """The day `days` before today, as text that compares with `local`."""
    return (today(now) - timedelta(days=days)).isoformat()


def lived_until(died: str, now: datetime) -> date:
    """The day on which an age counts: that of death when it is known, else today."""
    try:
        return date.fromisoformat(day(died))
    except ValueError:
        return today(now)


def years_old(born: str, on: date) -> int | None:
    """Completed years; None without a usable birth date. A partial birth date counts from its first day."""
    birth = _first_day(born)
    if birth is None or birth > on:
        return None
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def months_old(born: str, on: date) -> int | None:
    """Completed months, for children below three; None without the month of birth. They count as years do."""
    birth = _first_day(born)
    if birth is None or birth > on or len(born) < len("2026-01"):
        return None
    return (on.year - birth.year) * 12 + on.month - birth.month - (on.day < birth.day)


def _first_day(born: str) -> date | None:
    try:
        return date(*[*(int(part) for part in born[:10].split("-")), 1, 1][:3])
    except ValueError:
        return None
