"""Dates and times as the feeds write them (common rules §5.2): text to a moment with its precision.

No offset means China Standard Time. Precision is kept and nothing is shifted: an offset that was sent stays.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from functools import lru_cache

from hie.base.clock import CHINA

_FARTHEST = timedelta(hours=14)
_FUTURE = timedelta(hours=24)
SENTINEL = "1900-01-01"
"""A date that means "no value", with any time part."""

_COMPACT = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)"
    r"(?:[ T]?(?P<hour>\d\d)(?P<minute>\d\d)(?:(?P<second>\d\d)(?P<fraction>\.\d{1,9})?)?"
    r"(?P<offset>Z|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)
_DASHED = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[ T] *(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>\.\d{1,9})?)?"
    r" ?(?P<offset>Z|[+-]\d\d(?::?\d\d)?)?)?)?",
    re.ASCII,
)


class Precision(IntEnum):
    """How much of a moment was sent."""

    YEAR = 1
    MONTH = 2
    DAY = 3
    TIME = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or time as sent: `start` is its first instant, `date` and `time` the FHIR texts of its two parts."""

    precision: Precision
    date: str
    time: str
    start: datetime

    @property
    def text(self) -> str:
        """The FHIR dateTime."""
        return f"{self.date}T{self.time}" if self.time else self.date

    @property
    def utc(self) -> datetime:
        """The first instant in UTC; at either end of the calendar, where there is none, with the clock as sent."""
        try:
            return self.start.astimezone(UTC)
        except OverflowError:
            return self.start.replace(tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after it; of a full time the instant itself. The calendar ends with the year 9999."""
        start = self.start
        if self.precision is Precision.TIME:
            return start
        months = start.year * 12 + start.month - 1 + (1 if self.precision is Precision.MONTH else 12)
        try:
            if self.precision is Precision.DAY:
                return start + timedelta(days=1)
            return start.replace(year=months // 12, month=months % 12 + 1)
        except (OverflowError, ValueError):
            return datetime.max.replace(tzinfo=start.tzinfo)

    def is_future(self, received: datetime) -> bool:
        """Whether it is more than 24 hours after reception (common rules §5.2)."""
        return self.start > received + _FUTURE

    def is_before(self, other: "Moment") -> bool:
        """Whether it is over before `other` begins, whatever the precision of both."""
        return self.start < other.start and self.end <= other.start


@lru_cache(maxsize=4096)
def read(text: str) -> Moment | None:
    """The moment written in `text` in any form of common rules §5.2, None when it is no date.

    Accepted: `YYYY`, `YYYYMM`, `YYYYMMDD`, `YYYYMMDDHHMM`, `YYYYMMDDHHMMSS`, `YYYY-MM`, `YYYY-MM-DD`,
    `YYYY-MM-DD HH:MM[:SS]` (blank or T), each time with a fraction and an offset (`+08`, `+0800`,
    `+08:00`) if it was sent.
    """
    match = _COMPACT.fullmatch(text) or _DASHED.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        start = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int(fraction[1:7].ljust(6, "0")) if fraction else 0,
            tzinfo=_offset(offset),
        )
    except (ValueError, OverflowError):
        return None
    if not day:
        precision = Precision.MONTH if month else Precision.YEAR
        return Moment(precision, f"{year}-{month}" if month else year, "", start)
    if not hour:
        return Moment(Precision.DAY, f"{year}-{month}-{day}", "", start)
    clock = f"{hour}:{minute}:{second or '00'}{fraction or ''}{_zone(offset)}"
    return Moment(Precision.TIME, f"{year}-{month}-{day}", clock, start)


EXCEL = "excel"
"""The form of a date that a spreadsheet wrote as a number: days since the end of 1899, the time as their fraction. Five
digits, 1927 to 2173: four are a year."""

_NUMBERED = re.compile(r"[1-9]\d{4}(?:\.\d{1,12})?", re.ASCII)
_DAY_ZERO = datetime(1899, 12, 30)
_DIRECTIVES = frozenset("YmdHMS")
_LENGTHS = {"%H": 19, "%d": 10, "%m": 7, "%Y": 4}
"""The finest part of a form -> characters of `YYYY-MM-DD HH:MM:SS` that it states."""


def read_as(text: str, forms: Sequence[str]) -> Moment | None:
    """The moment written in `text` in one of the `forms` that were agreed with a sender, else as `read` takes it.

    A form is `excel`, or made of %Y, %m, %d, %H, %M and %S with anything between them (`%Y年%m月%d日`); leading zeros
    may be missing. Raises `ValueError` for what is no form.
    """
    for form in forms:
        if not is_form(form):
            raise ValueError(no_form(form))
        found = _numbered(text) if form == EXCEL else _written(text, form)
        if found is not None:
            return read(found)
    return read(text)


def is_form(form: str) -> bool:
    """Whether `read_as` takes a form."""
    return form == EXCEL or (form.count("%Y") == 1 and not set(re.findall("%(.?)", form)) - _DIRECTIVES)


def no_form(form: str) -> str:
    """Why a form is none."""
    return f"{form!r} is no form of a date: it has %Y once, and of %m %d %H %M %S what is there; or it is 'excel'"


def _numbered(text: str) -> str | None:
    """A number of days as a date, with the time where it has a fraction."""
    if _NUMBERED.fullmatch(text) is None:
        return None
    found = _DAY_ZERO + timedelta(seconds=round(float(text) * 86_400))
    return found.isoformat(" ")[: _LENGTHS["%H" if "." in text else "%d"]]


def _written(text: str, form: str) -> str | None:
    try:
        found = datetime.strptime(text, form)
    except ValueError:
        return None
    return found.isoformat(" ")[: next(length for part, length in _LENGTHS.items() if part in form)]


def _zone(sent: str | None) -> str:
    """An offset as FHIR writes it."""
    if sent is None:
        return "+08:00"
    return sent if sent == "Z" else f"{sent[:3]}:{sent[3:].removeprefix(':') or '00'}"


def _offset(sent: str | None) -> timezone:
    if sent is None:
        return CHINA
    if sent == "Z":
        return UTC
    hours, minutes = int(sent[1:3]), int(sent[3:].removeprefix(":") or 0)
    size = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or size > _FARTHEST:
        raise ValueError("no such offset")
    return timezone(-size if sent[0] == "-" else size)
