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
    parts = born[:10].split("-")
    try:
        numbers = [int(part) for part in parts] + [1, 1]
        birth = date(*numbers[:3])
    except ValueError:
        return None
    years = on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
    return years if years >= 0 else None


def months_old(born: str, on: date) -> int:
    """Completed months, for children below three; 0 without a full birth date."""
    try:
        birth = date.fromisoformat(born[:10])
    except ValueError:
        return 0
    return max(0, (on.year - birth.year) * 12 + on.month - birth.month - (on.day < birth.day))
