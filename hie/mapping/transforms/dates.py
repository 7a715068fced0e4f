"""Dates and times of the feeds as FHIR date, dateTime and instant, with the findings of common rules §5.2."""

from collections.abc import Sequence
from typing import Any

from hie.base.moment import SENTINEL, Moment, Precision, read, read_as
from hie.base.text import NULL_TEXT, half_width, trimmed
from hie.mapping.transforms import texts
from hie.mapping.transforms.notes import Notes


def moment(value: Any, context: Notes, *, planned: bool = False, forms: Sequence[str] = ()) -> Moment | None:
    """The moment that `value` states, with the findings of common rules §5.2; None when it states none. Of something
    `planned` it may lie ahead; `forms` as in `read_as`."""
    text = texts.present(value, context)
    if text is None:
        return None
    found = read_as(half_width(text), forms) if forms else read(half_width(text))
    if found is None:
        context.note("date-invalid")
        return None
    if found.date == SENTINEL:
        context.note("date-sentinel")
        return None
    if not planned and found.is_future(context.received):
        context.note("date-future")
    if found.precision < Precision.DAY:
        context.note("date-partial")
    return found


def date(value: Any, context: Notes, *, planned: bool = False, forms: Sequence[str] = ()) -> str | None:
    """A FHIR `date`: a time part is dropped, a partial date stays partial (`Patient.birthDate`). `planned`: it may lie
    ahead (an appointment, the end of a prescription), else that is `date-future`. `forms` are those that the sender
    uses beside the usual ones, `["%Y年%m月%d日", "%Y/%m/%d %H:%M", "excel"]`: the last for numbers of a spreadsheet."""
    found = moment(value, context, planned=planned, forms=forms)
    return found.date if found else None


def date_time(value: Any, context: Notes, *, planned: bool = False, forms: Sequence[str] = ()) -> str | None:
    """A FHIR `dateTime` in the precision that was sent; minutes without seconds get `:00`. `planned` and `forms` as for
    `date`."""
    found = moment(value, context, planned=planned, forms=forms)
    return found.text if found else None


def presence(value: Any, context: Notes, *, present: str, absent: str) -> str:
    """`present` when a date was sent, `absent` when there is none or one that means "no value" (Qingpu CYSJ, SHSJ)."""
    text = trimmed(value)
    if text is None or text in NULL_TEXT:
        return absent
    found = read(half_width(text))
    return absent if found is not None and found.date == SENTINEL else present


def instant(value: Any, context: Notes, *, planned: bool = False, forms: Sequence[str] = ()) -> str | None:
    """A FHIR `instant`: a value without a time of day is left out and noted as `date-partial`. `planned` and
    `forms` as for `date`."""
    found = moment(value, context, planned=planned, forms=forms)
    if found is None or found.precision is Precision.TIME:
        return found.text if found else None
    if found.precision is Precision.DAY:
        context.note("date-partial")
    return None


def order_time(value: str, context: Notes, *, forms: Sequence[str] = ()) -> str | None:
    """A time stamp as text that sorts by time, whatever its precision and offset; None when it states no time. `forms`
    as for `date`."""
    found = read_as(half_width(value).strip(), forms)
    if found is None or found.date == SENTINEL:
        return None
    return f"{found.utc.year:04}{found.utc:%m%d%H%M%S%f}"
