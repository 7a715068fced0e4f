"""Stored columns: what was written is read, large or small."""

from decimal import Decimal

import pytest

from hie.base.draft import Contribution, Key
from hie.pipeline.codec import LARGE, decode, encode, packed, stored
from hie.wire.safejson import dumps

KEY = Key("wujiang", "12320509MBHE01015B", "Observation", "observation", "B1:K:1")


def statement(size: int) -> Contribution:
    return Contribution(KEY, "20260101", {"note[]": [{"text": "钾" * size}], "value[x]": {"n": Decimal("4.20")}})


@pytest.mark.parametrize("size", [0, 1, LARGE, 100_000])
def test_a_contribution_is_read_as_it_was_written(size: int) -> None:
    written = encode(statement(size))
    kept = packed(written)
    assert encode(decode(kept)) == encode(decode(written)) == written
    assert len(kept) <= max(len(written), LARGE)


def test_only_what_is_large_is_compressed() -> None:
    assert packed(b"[]") == b"[]"
    assert len(packed(encode(statement(100_000)))) < 2000


def test_columns_written_before_are_read() -> None:
    rows = [["code", "path", "detail", "warn"]] * 200
    assert stored(dumps(rows)) == stored(packed(dumps(rows))) == rows
