"""Dates, dateTimes and times with their precision (FHIRPath N1 §"Date", "DateTime", "Time")."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND = range(1, 8)
"""Precision: how many components are given. Seconds and milliseconds compare as one decimal."""

_TEXT = re.compile(
    r"(?:(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2}))?)?)?"
    r"(?P<t>T)?(?:(?P<hour>\d{2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?)?)?"
    r"(?P<zone>Z|[+-]\d{2}:\d{2})?"
)


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date, dateTime or time.

    `kind` is `Date`, `DateTime` or `Time`; `parts` are year, month, day, hour, minute, second, millisecond as far as
    given (a Time starts at hour); `zone` is the offset in minutes, None when not stated; `fraction` the digits after
    the second as written.
    """

    kind: str
    parts: tuple[int, ...]
    zone: int | None = None
    fraction: str = ""

    @property
    def precision(self) -> int:
        """The last component given, one of `YEAR` ... `MILLISECOND`."""
        return len(self.parts) + (3 if self.kind == "Time" else 0)

    def __str__(self) -> str:
        if self.kind == "Time":
            return self._time(self.parts)
        text = "-".join(f"{part:04d}" if i == 0 else f"{part:02d}" for i, part in enumerate(self.parts[:3]))
        if len(self.parts) > 3:
            text += "T" + self._time(self.parts[3:]) + self._zone()
        return text

    def _time(self, parts: tuple[int, ...]) -> str:
        text = ":".join(f"{part:02d}" for part in parts[:3])
        return f"{text}.{self.fraction or format(parts[3], '03d')}" if len(parts) > 3 else text

    def _zone(self) -> str:
        if self.zone is None:
            return ""
        if self.zone == 0:
            return "Z"
        hours, minutes = divmod(abs(self.zone), 60)
        return f"{'-' if self.zone < 0 else '+'}{hours:02d}:{minutes:02d}"

    def in_utc(self) -> "Temporal":
        """The same instant at offset 0; unchanged without a zone or without an hour."""
        if not self.zone or len(self.parts) < 4:
            return self
        year, month, day, hour, *rest = self.parts
        minute = rest[0] if rest else 0
        moment = datetime(year, month, day, hour, minute, tzinfo=timezone(timedelta(minutes=self.zone))).astimezone(UTC)
        shifted = (moment.year, moment.month, moment.day, moment.hour, moment.minute, *rest[1:])
        return Temporal(self.kind, shifted[: max(len(self.parts), 5 if self.zone % 60 else 4)], 0, self.fraction)


def parse_temporal(text: str, kind: str | None = None) -> Temporal | None:
    """A FHIR or FHIRPath date, dateTime or time without the leading `@`; None when it is none or not on a calendar.

    `kind` forces the kind (`Time` for a text without `T`); otherwise a `T` makes a dateTime.
    """
    match = _TEXT.fullmatch(text)
    if match is None or not text:
        return None
    if kind == "Time":
        return _time(match)
    if match["year"] is None:
        return None
    return _date_time(match, kind)


def _clock(match: re.Match[str]) -> tuple[int, ...] | None:
    parts = tuple(int(match[name]) for name in ("hour", "minute", "second") if match[name] is not None)
    if match["fraction"] is not None:
        parts += (int((match["fraction"] + "00")[:3]),)
    bounds = (24, 60, 61, 1000)
    return parts if all(part < bound for part, bound in zip(parts, bounds, strict=False)) else None


def _time(match: re.Match[str]) -> Temporal | None:
    parts = _clock(match)
    if not parts or match["year"] is not None or match["zone"] is not None:
        return None
    return Temporal("Time", parts, None, match["fraction"] or "")


def _date_time(match: re.Match[str], kind: str | None) -> Temporal | None:
    day = tuple(int(match[name]) for name in ("year", "month", "day") if match[name] is not None)
    clock = _clock(match)
    if clock is None or not _on_calendar(day) or (clock and (len(day) < 3 or match["t"] is None)):
        return None
    if match["zone"] is not None and not clock:
        return None
    kind = kind or ("DateTime" if match["t"] else "Date")
    if kind == "Date" and match["t"]:
        return None
    return Temporal(kind, day + clock, _offset(match["zone"]), match["fraction"] or "")


def _on_calendar(day: tuple[int, ...]) -> bool:
    if day[0] == 0 or (len(day) > 1 and not 1 <= day[1] <= 12):
        return False
    return len(day) < 3 or 1 <= day[2] <= calendar.monthrange(day[0], day[1])[1]


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def parse_literal(text: str) -> Temporal | None:
    """A literal with its `@`."""
    return parse_temporal(text[2:], "Time") if text.startswith("@T") else parse_temporal(text[1:])


def _seconds(parts: tuple[int, ...], fraction: str) -> tuple[int | Decimal, ...]:
    if len(parts) < 6:
        return parts
    return (*parts[:5], Decimal(f"{parts[5]}.{fraction or format(parts[6], '03d')}") if len(parts) > 6 else parts[5])


def compare(left: Temporal, right: Temporal) -> int | None:
    """-1, 0 or 1; None when the precisions differ and the common part is equal, or the kinds do not mix.

    A time of day with an offset and one without leave the answer open. A date is held against the local day of a
    dateTime.
    """
    if (left.kind == "Time") != (right.kind == "Time"):
        return None
    if (left.zone is None) != (right.zone is None) and left.precision > DAY and right.precision > DAY:
        return None
    first, second = _aligned(left), _aligned(right)
    if min(left.precision, right.precision) <= DAY:
        first, second = left.parts, right.parts
    for one, other in zip(first, second, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(first) == len(second) else None


def identity(value: Temporal) -> tuple[object, ...]:
    """A hashable stand-in: two are equal where `compare` gives 0."""
    open_zone = value.zone is None and value.precision > DAY
    return (value.kind == "Time", open_zone, *_aligned(value))


def _aligned(value: Temporal) -> tuple[int | Decimal, ...]:
    value = value.in_utc()
    if value.kind == "Time":
        return _seconds((0, 0, 0, *value.parts), value.fraction)
    return _seconds(value.parts, value.fraction)
