"""FHIR dates as China standard time."""

import pytest

from hie.browse.dates import lived_until, local
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
