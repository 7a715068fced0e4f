"""FHIR dates as China standard time."""

from datetime import date

import pytest

from hie.browse.dates import lived_until, local, months_old, years_old
from tests.browse.seed import NOW


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026-01-18T00:30:00Z", "2026-01-18T08:30:00"),
        ("2026-01-18T08:30:00", "2026-01-18T08:30:00"),
        ("2026-01", "2026-01"),
        ("9999-12-31T23:59:59-08:00", "9999-12-31T23:59:59-08:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("soon", "soon"),
    ],
)
def test_a_moment_is_local_and_anything_else_stays(sent: str, shown: str) -> None:
    assert local(sent) == shown


@pytest.mark.parametrize(
    ("died", "until"),
    [("2020-03-01T18:00:00Z", "2020-03-02"), ("2020-03", "2026-04-08"), ("true", "2026-04-08"), ("", "2026-04-08")],
)
def test_who_has_died_grows_no_older(died: str, until: str) -> None:
    assert lived_until(died, NOW).isoformat() == until


@pytest.mark.parametrize(
    ("born", "years", "months"),
    [
        ("2024-03-08", 2, 25), ("2024-03-09", 2, 24), ("2025-04-08", 1, 12), ("2025-04-09", 0, 11),
        ("2026-04-08", 0, 0), ("2025-06", 0, 10), ("2024", 2, None), ("2026", 0, None),
        ("2026-04-09", None, None), ("", None, None), ("soon", None, None), ("2024-13", None, None),
    ],
)  # fmt: skip
def test_an_age_counts_what_is_completed(born: str, years: int | None, months: int | None) -> None:
    assert (years_old(born, date(2026, 4, 8)), months_old(born, date(2026, 4, 8))) == (years, months)
