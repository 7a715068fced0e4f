"""Every form of common rules §5.2, and what becomes of values that are no date."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hie.mapping.transforms import dates
from tests.mapping.transforms.notebook import Notebook

RECEIVED = datetime(2026, 4, 2, 14, 0, tzinfo=UTC)

DATE_TIMES = [
    ("2026", "2026", ["date-partial"]),
    ("202604", "2026-04", ["date-partial"]),
    ("2026-04", "2026-04", ["date-partial"]),
    ("20260402", "2026-04-02", []),
    ("2026-04-02", "2026-04-02", []),
    ("202604020815", "2026-04-02T08:15:00+08:00", []),
    ("20260402081530", "2026-04-02T08:15:30+08:00", []),
    ("2026-04-02 08:15:30", "2026-04-02T08:15:30+08:00", []),
    ("2026-04-02 08:15", "2026-04-02T08:15:00+08:00", []),
    ("2026-04-02T08:15:30", "2026-04-02T08:15:30+08:00", []),
    ("20260402081530.1234", "2026-04-02T08:15:30.1234+08:00", []),
    ("20260402081530+0900", "2026-04-02T08:15:30+09:00", []),
    ("2026-04-02T08:15:30Z", "2026-04-02T08:15:30Z", []),
    (" 2026-04-02 08:15:30 ", "2026-04-02T08:15:30+08:00", []),
    ("２０２６０４０２", "2026-04-02", []),
    ("20240229", "2024-02-29", []),
    ("20260229", None, ["date-invalid"]),
    ("20260431", None, ["date-invalid"]),
    ("20261301", None, ["date-invalid"]),
    ("2026040225", None, ["date-invalid"]),
    ("99991231", "9999-12-31", ["date-future"]),
    ("00010101000000", "0001-01-01T00:00:00+08:00", []),
    ("20260402250000", None, ["date-invalid"]),
    ("2026-0405", None, ["date-invalid"]),
    ("2026-4-2", None, ["date-invalid"]),
    ("20260402081530+9900", None, ["date-invalid"]),
    ("20260402081530+1500", None, ["date-invalid"]),
    ("20260402081530+0860", None, ["date-invalid"]),
    ("20260402081530-1400", "2026-04-02T08:15:30-14:00", []),
    ("00000000", None, ["date-invalid"]),
    ("昨天", None, ["date-invalid"]),
    ("19000101", None, ["date-sentinel"]),
    ("1900-01-01", None, ["date-sentinel"]),
    ("19000101000000", None, ["date-sentinel"]),
    ("1900-01-01 00:00:00", None, ["date-sentinel"]),
    ("1900-01-01 23:59:59", None, ["date-sentinel"]),
    ("19000102", "1900-01-02", []),
    ("1900", "1900", ["date-partial"]),
    ("-", None, ["null-text"]),
    ("", None, []),
    (None, None, []),
]


@pytest.mark.parametrize(("sent", "expected", "codes"), DATE_TIMES)
def test_a_date_time_is_as_exact_as_it_was_sent(sent: str | None, expected: str | None, codes: list[str]) -> None:
    notes = Notebook(RECEIVED)
    assert dates.date_time(sent, notes) == expected
    assert notes.codes == codes


@pytest.mark.parametrize(
    ("sent", "expected", "codes"),
    [
        ("19881002000000", "1988-10-02", []),
        ("1988-10-02 23:59:59", "1988-10-02", []),
        ("19881002", "1988-10-02", []),
        ("199003", "1990-03", ["date-partial"]),
        ("1990", "1990", ["date-partial"]),
        ("19000101", None, ["date-sentinel"]),
        ("19903", None, ["date-invalid"]),
    ],
)
def test_birth_dates_drop_the_time(sent: str, expected: str | None, codes: list[str]) -> None:
    notes = Notebook(RECEIVED)
    assert dates.date(sent, notes) == expected
    assert notes.codes == codes


@pytest.mark.parametrize(
    ("sent", "expected", "codes"),
    [
        ("20260402093000", "2026-04-02T09:30:00+08:00", []),
        ("202604020930", "2026-04-02T09:30:00+08:00", []),
        ("20260402", None, ["date-partial"]),
        ("202604", None, ["date-partial"]),
        ("2026", None, ["date-partial"]),
        ("x", None, ["date-invalid"]),
    ],
)
def test_instants_need_a_full_time(sent: str, expected: str | None, codes: list[str]) -> None:
    notes = Notebook(RECEIVED)
    assert dates.instant(sent, notes) == expected
    assert notes.codes == codes


@pytest.mark.parametrize(
    ("sent", "codes"),
    [
        ("2026-04-03 22:00:00", []),
        ("2026-04-03 22:00:01", ["date-future"]),
        ("20260403", []),
        ("20260404", ["date-future"]),
        ("2027", ["date-future", "date-partial"]),
    ],
)
def test_more_than_a_day_ahead_is_kept_and_noted(sent: str, codes: list[str]) -> None:
    notes = Notebook(RECEIVED)
    assert dates.date_time(sent, notes) is not None
    assert notes.codes == codes


@pytest.mark.parametrize("transform", [dates.date, dates.date_time, dates.instant])
def test_what_is_planned_may_lie_ahead(transform: Any) -> None:
    """Every appointment was `date-future`."""
    found = []
    for options in ({}, {"planned": True}):
        note = Notebook(RECEIVED)
        assert transform("20260501090000", note, **options).startswith("2026-05-01")
        found.append(note.codes)
    assert found == [["date-future"], []]


@pytest.mark.parametrize(
    ("sent", "stated"),
    [
        ("2026年3月7日", "2026-03-07"),
        ("２０２６年０３月０７日", "2026-03-07"),
        ("2026年3月7日 8:05", "2026-03-07T08:05:00+08:00"),
        ("2026年3月", "2026-03"),
        ("46088", "2026-03-07"),
        ("46088.5", "2026-03-07T12:00:00+08:00"),
        ("46088.99999999", "2026-03-08T00:00:00+08:00"),
        ("2026-03-07 08:05", "2026-03-07T08:05:00+08:00"),
        ("2026", "2026"),
        ("202603", "2026-03"),
        ("昨天", None),
        ("2026年2月30日", None),
        ("00046", None),
    ],
)
def test_a_date_in_a_form_that_was_agreed(sent: str, stated: str | None) -> None:
    forms = ["%Y年%m月%d日 %H:%M", "%Y年%m月%d日", "%Y年%m月", "excel"]
    notes = Notebook(RECEIVED)
    assert dates.date_time(sent, notes, forms=forms) == stated
    assert ("date-invalid" in notes.codes) is (stated is None)


@pytest.mark.parametrize("form", ["%d日", "%Y年%q", "%A %Y"])
def test_what_is_no_form_of_a_date(form: str) -> None:
    with pytest.raises(ValueError, match="is no form of a date"):
        dates.date("2026", Notebook(RECEIVED), forms=[form])
