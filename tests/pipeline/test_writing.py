"""Resources are written where they differ from what is stored, and parents are read once."""

from typing import Any

import pytest

from hie.pipeline.feed import no_profiles
from hie.pipeline.writing import Writing, stored_bytes_say
from hie.store.body import stamped, unstamped
from hie.store.memory import MemoryStore
from hie.store.port import Transaction
from hie.wire.safejson import ExactDecimal

NAME = {"resourceType": "Patient", "id": "1"}
FEED = {"source": "s#i", "tag": [{"code": "wujiang"}]}


@pytest.mark.parametrize(
    ("meta", "before", "now", "same"),
    [
        ({}, {"active": True, "n": ExactDecimal("1.10")}, {"active": True, "n": ExactDecimal("1.10")}, True),
        ({}, {"active": True}, {"active": False}, False),
        ({}, {"active": True}, {}, False),
        ({}, {"n": ExactDecimal("1.10")}, {"n": ExactDecimal("1.1")}, False),
        ({}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ({}, {"text": '"lastUpdated":""}'}, {"text": '"lastUpdated":""}'}, True),
        ({"profile": ["p"]}, {"active": True}, {"active": True}, False),
        ({"security": [{"code": "R"}]}, {"active": True}, {"active": True}, False),
    ],
)
def test_bytes_that_say_the_same(meta: dict[str, Any], before: Any, now: Any, same: bool) -> None:
    body = stamped(unstamped({**NAME, "meta": {**FEED, **meta}, **before}), 3, 1_700_000_000_000_000)
    assert stored_bytes_say(body, {**NAME, **now}) is same


def test_a_resource_of_nothing_is_read() -> None:
    body = stamped(unstamped({**NAME, "meta": FEED}), 1, 0)
    assert not stored_bytes_say(body, dict(NAME))


async def test_members_in_another_order_are_no_new_version_and_a_parent_is_the_one_written_last() -> None:
    async def job(tx: Transaction) -> None:
        writing = Writing(tx, "s#i", "wujiang", no_profiles)
        assert await writing.parent("Patient/1") is None
        assert await writing.put({**NAME, "active": True, "gender": "male"})
        assert (await writing.parent("Patient/1") or {})["active"] is True
        assert not await writing.put({**NAME, "gender": "male", "active": True})
        assert await writing.put({**NAME, "active": False, "gender": "male"})
        assert (await writing.parent("Patient/1") or {})["active"] is False
        assert await writing.delete("Patient/1")
        assert await writing.parent("Patient/1") is None

    await MemoryStore().write(job)
