"""FHIR dates as China standard time."""

import pytest

from hie.browse.dates import local


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
