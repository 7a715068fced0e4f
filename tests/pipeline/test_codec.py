"""Stored columns: what was written is read, large or small."""

from dataclasses import fields
from decimal import Decimal

import pytest

from hie.base.draft import Contribution, Event, Key, Member
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


def test_nothing_that_a_contribution_states_is_lost() -> None:
    """Each field of it has another value than where nothing is stated."""
    part = Key("wujiang", "12320509MBHE01015B", "Observation", "observation", "B1:NA:1")
    members = (
        Member(part, {"status": "final"}, listed="result[]"),
        Member(part, {}, gone=True),
        Member(part, {"note[]": []}, adds=True),
        Member(part, {}, aside=True),
    )
    texts = {"source": "d", "subject": "Patient/p", "encounter": "Encounter/e", "digest": "x"}
    flags = dict.fromkeys(("seed", "only_new", "complete", "correcting", "revoke", "withdraw", "whole"), True)
    event = Event("admit", "2026-01-01T08:00:00+08:00", {"location": {"display": "一病区"}})
    one = Contribution(
        KEY, "20260101", {"status": "final"}, members, (event,), 2, exists=False, parent=part, mentions=("Patient/q",),
        **texts, **flags,
    )  # fmt: skip
    nothing = Contribution(part, "", {})
    assert [field.name for field in fields(one) if getattr(one, field.name) == getattr(nothing, field.name)] == [
        "creates"
    ], "it is asked of a statement as it comes only"
    assert decode(encode(one)) == one


def test_only_what_is_large_is_compressed() -> None:
    assert packed(b"[]") == b"[]"
    assert len(packed(encode(statement(100_000)))) < 2000


def test_columns_written_before_are_read() -> None:
    rows = [["code", "path", "detail", "warn"]] * 200
    assert stored(dumps(rows)) == stored(packed(dumps(rows))) == rows
