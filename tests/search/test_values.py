"""Dates, numbers and quantities as ranges."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from hie.base.clock import micros
from hie.search.values import (
    LATEST,
    about,
    canonical,
    date_range,
    number,
    precision_range,
    split_prefix,
)

HOUR = 3_600_000_000


def at(*parts: int) -> int:
    return micros(datetime(*parts, tzinfo=UTC))  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2020", at(2019, 12, 31, 16), at(2020, 12, 31, 16)),
        ("2020-02", at(2020, 1, 31, 16), at(2020, 2, 29, 16)),
        ("2020-02-28", at(2020, 2, 27, 16), at(2020, 2, 28, 16)),
        ("2020-12", at(2020, 11, 30, 16), at(2020, 12, 31, 16)),
        ("2020-01-01T10:00", at(2020, 1, 1, 2), at(2020, 1, 1, 2, 1)),
        ("2020-01-01T10:00:00Z", at(2020, 1, 1, 10), at(2020, 1, 1, 10, 0, 1)),
        ("2020-01-01T10:00:00-05:00", at(2020, 1, 1, 15), at(2020, 1, 1, 15, 0, 1)),
        ("2020-01-01T10:00:00.120+08:00", at(2020, 1, 1, 2, 0, 0, 120_000), at(2020, 1, 1, 2, 0, 0, 121_000)),
        ("2020-01-01T10:00:00.5Z", at(2020, 1, 1, 10, 0, 0, 500_000), at(2020, 1, 1, 10, 0, 0, 600_000)),
    ],
)
def test_a_date_is_the_range_its_precision_leaves_open(text: str, low: int, high: int) -> None:
    assert date_range(text) == (low, high)


@pytest.mark.parametrize(
    "text", ["", "2020-13", "2023-02-30", "2020-1-1", "20200101", "2020-01-01T", "yesterday", "2020-01-01T25:00:00Z"]
)
def test_what_is_no_date_has_no_range(text: str) -> None:
    assert date_range(text) is None


def test_the_last_year_ends_at_the_end_of_time() -> None:
    assert date_range("9999") == (at(9998, 12, 31, 16), LATEST)


def test_number_precision_as_written() -> None:
    assert precision_range(Decimal("100")) == (Decimal("99.5"), Decimal("100.5"))
    assert precision_range(Decimal("1.00")) == (Decimal("0.995"), Decimal("1.005"))
    assert precision_range(Decimal("1e2")) == (Decimal("50"), Decimal("150"))
    assert about(Decimal("100")) == (Decimal("90"), Decimal("110"))


def test_numbers_stay_exact() -> None:
    assert number("1.10") == Decimal("1.10")
    assert number(0.1) == Decimal("0.1")
    assert number(True) is None
    assert number("1,5") is None
    assert number("NaN") is None


def test_canonical_quantities_meet() -> None:
    assert canonical("5400", "ug") == canonical("5.4", "mg") == (0.0054, "g")
    assert canonical("5", "nonsense") is None


def test_a_prefix_is_told_from_its_value() -> None:
    assert split_prefix("ge2020") == ("ge", "2020")
    assert split_prefix("2020") == ("eq", "2020")
