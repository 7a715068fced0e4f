"""Comparing moments of different precision."""

import pytest

from hie.base.moment import read


@pytest.mark.parametrize(
    ("first", "second", "before"),
    [
        ("2026-04-02T08:00:00+08:00", "2026-04-02T08:00:01+08:00", True),
        ("2026-04-02T08:00:00+08:00", "2026-04-02T08:00:00+08:00", False),
        ("2026-04-02T08:00:00.1+08:00", "2026-04-02T08:00:00.2+08:00", True),
        ("2026-04-02T09:00:00+09:00", "2026-04-02T08:00:00+08:00", False),
        ("2026-04-02", "2026-04-02T08:00:00+08:00", False),
        ("2026-04-02T08:00:00+08:00", "2026-04-02", False),
        ("2026-04-01", "2026-04-02", True),
        ("2026-04", "2026-04-30", False),
        ("2026-04", "2026-05-01", True),
        ("2025-12", "2026", True),
        ("2026", "2026-12-31", False),
        ("2026", "2027", True),
        ("9999-12-31", "9999-12-31T08:00:00+08:00", False),
        ("9999-12", "9999", False),
        ("2026", "9999-12-31", True),
        ("0001-01-01", "2026", True),
    ],
)
def test_is_before_only_when_it_is_certain(first: str, second: str, before: bool) -> None:
    left, right = read(first), read(second)
    assert left is not None
    assert right is not None
    assert left.is_before(right) is before
