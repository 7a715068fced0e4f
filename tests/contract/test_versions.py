"""Versions, history and jobs: what every store does."""

import asyncio
import json

import pytest

from hie.base.errors import Category, HieError
from hie.store.port import HistoryQuery, Store, Transaction, Version
from tests.clock import FixedClock
from tests.contract.material import patient

START = 1_768_696_200_000_000


async def _put(store: Store, *resources: dict) -> list[Version]:
    async def job(transaction: Transaction) -> list[Version]:
        return [await transaction.put(resource) for resource in resources]

    return await store.write(job)


async def _delete(store: Store, kind: str, name: str) -> Version:
    async def job(transaction: Transaction) -> Version:
        return await transaction.delete(kind, name)

    return await store.write(job)


async def test_body_is_stored_with_id_and_meta(store: Store) -> None:
    given = patient("a", meta={"source": "x", "versionId": "9"}, active=True)
    (written,) = await _put(store, given)
    read = await store.read("Patient", "a")
    assert read == written
    assert read.body == (
        b'{"resourceType":"Patient","id":"a","meta":{"source":"x","versionId":"1",'
        b'"lastUpdated":"2026-01-18T00:30:00.000Z"},"active":true}'
    )
    assert (read.version, read.last_updated, read.method, read.deleted) == (1, START, "PUT", False)
    assert given["meta"] == {"source": "x", "versionId": "9"}


async def test_unknown_resource_is_none(store: Store) -> None:
    await _put(store, patient("a"))
    assert await store.read("Patient", "b") is None
    assert await store.read("Basic", "a") is None
    assert await store.vread("Patient", "a", 2) is None
    assert await store.vread("Patient", "a", 0) is None


async def test_versions_count_from_one_without_gaps(store: Store, clock: FixedClock) -> None:
    for number in (1, 2, 3):
        (version,) = await _put(store, patient("a", active=number == 2))
        assert version.version == number
        clock.advance(1)
    second = await store.vread("Patient", "a", 2)
    assert second is not None
    assert json.loads(second.body)["active"] is True
    assert second.last_updated == START + 1_000_000


async def test_last_updated_never_runs_back(store: Store, clock: FixedClock) -> None:
    (first,) = await _put(store, patient("a"))
    clock.advance(-3600)
    (second,) = await _put(store, patient("b"))
    assert second.last_updated == first.last_updated


async def test_deletion_is_a_version_and_the_resource_can_come_back(store: Store) -> None:
    await _put(store, patient("a"))
    gone = await _delete(store, "Patient", "a")
    assert (gone.version, gone.deleted, gone.method) == (2, True, "DELETE")
    assert await store.read("Patient", "a") == gone
    assert await _delete(store, "Patient", "a") == gone
    (back,) = await _put(store, patient("a"))
    assert back.version == 3
    assert [version.version async for version in store.versions("Patient")] == [3]


async def test_deleting_what_never_was_is_not_found(store: Store) -> None:
    with pytest.raises(HieError) as caught:
        await _delete(store, "Patient", "a")
    assert caught.value.category is Category.NOT_FOUND
    assert await store.read("Patient", "a") is None


async def test_unless_same_writes_only_a_change(store: Store) -> None:
    async def job(transaction: Transaction) -> list[int]:
        same = [await transaction.put(patient("a", active=active), unless_same=True) for active in (True, True, False)]
        return [version.version for version in same]

    assert await store.write(job) == [1, 1, 2]
    assert (await store.history(HistoryQuery())).total == 2


async def test_history_is_newest_first_and_pages(store: Store) -> None:
    await _put(store, patient("a"), patient("b"), {"resourceType": "Basic", "id": "a"})
    await _put(store, patient("a"))
    await _delete(store, "Patient", "b")

    async def walk(query: HistoryQuery) -> list[tuple[str, str, int]]:
        seen, cursor = [], None
        while True:
            page = await store.history(HistoryQuery(query.type, query.id, count=2, cursor=cursor))
            seen += [(version.type, version.id, version.version) for version in page.versions]
            cursor = page.next
            if cursor is None:
                assert page.total == len(seen)
                return seen

    assert await walk(HistoryQuery("Patient", "a")) == [("Patient", "a", 2), ("Patient", "a", 1)]
    everything = [("Patient", "b", 2), ("Patient", "a", 2), ("Basic", "a", 1), ("Patient", "b", 1), ("Patient", "a", 1)]
    assert await walk(HistoryQuery()) == everything
    assert await walk(HistoryQuery("Patient")) == [entry for entry in everything if entry[0] == "Patient"]
    assert await walk(HistoryQuery("Group")) == []


async def test_history_since_and_at(store: Store, clock: FixedClock) -> None:
    await _put(store, patient("a"))
    clock.advance(10)
    await _put(store, patient("a"))
    clock.advance(10)
    await _put(store, patient("b"))

    async def found(**query: int) -> list[tuple[str, int]]:
        page = await store.history(HistoryQuery(**query))
        return [(version.id, version.version) for version in page.versions]

    assert await found(since=START + 10_000_000) == [("b", 1), ("a", 2)]
    assert await found(at=START + 5_000_000) == [("a", 1)]
    assert await found(at=START + 10_000_000) == [("a", 2)]
    assert await found(at=START + 25_000_000) == [("b", 1), ("a", 2)]
    assert await found(at=START + 5_000_000, at_until=START + 11_000_000) == [("a", 2), ("a", 1)]


async def test_a_job_sees_its_own_writes_and_others_do_not(store: Store) -> None:
    inside, outside = asyncio.Event(), asyncio.Event()

    async def job(transaction: Transaction) -> bool:
        await transaction.put(patient("a"))
        inside.set()
        await outside.wait()
        return await transaction.read("Patient", "a") is not None

    writing = asyncio.create_task(store.write(job))
    await inside.wait()
    assert await store.read("Patient", "a") is None
    outside.set()
    assert await writing is True
    assert await store.read("Patient", "a") is not None


async def test_a_failing_job_leaves_no_trace_and_its_neighbours_stay(store: Store) -> None:
    async def good(transaction: Transaction, name: str) -> None:
        await transaction.put(patient(name))

    async def bad(transaction: Transaction) -> None:
        await transaction.put({"resourceType": "Basic", "id": "never"})
        await transaction.put(patient("a"))
        raise HieError(Category.CONFLICT, "no")

    results = await asyncio.gather(
        store.write(lambda transaction: good(transaction, "a")),
        store.write(bad),
        store.write(lambda transaction: good(transaction, "b")),
        return_exceptions=True,
    )
    assert [getattr(result, "category", None) for result in results] == [None, Category.CONFLICT, None]
    assert await store.read("Basic", "never") is None
    await _put(store, {"resourceType": "Basic", "id": "first"})
    assert [(v.type, v.id, v.version) async for v in store.versions()] == [
        ("Basic", "first", 1),
        ("Patient", "a", 1),
        ("Patient", "b", 1),
    ]


async def test_jobs_are_serial(store: Store) -> None:
    async def increment(transaction: Transaction) -> None:
        current = await transaction.read("Basic", "counter")
        count = json.loads(current.body)["code"]["text"] if current else "0"
        await transaction.put({"resourceType": "Basic", "id": "counter", "code": {"text": str(int(count) + 1)}})

    await asyncio.gather(*(store.write(increment) for _ in range(50)))
    current = await store.read("Basic", "counter")
    assert current is not None
    assert (current.version, json.loads(current.body)["code"]["text"]) == (50, "50")


async def test_a_store_that_is_open_is_ready(store: Store) -> None:
    assert await store.ready()


async def test_what_cannot_be_written_leaves_no_trace_in_a_job_that_goes_on(store: Store) -> None:
    async def job(tx: Transaction) -> None:
        with pytest.raises(HieError):
            await tx.put({"resourceType": "Patient", "id": "p", "birthDate": object()})
        await tx.put({"resourceType": "Patient", "id": "q"})

    await store.write(job)
    assert await store.read("Patient", "p") is None
    written = await store.read("Patient", "q")
    assert written is not None
    assert written.version == 1


async def test_a_cut_shows_what_was_there_then(store: Store) -> None:
    """Whatever is written between two steps: changes, deletions, revivals, what is new before and behind."""
    assert await store.cut() == (0, 0)
    names = [f"p{n:03}" for n in range(501)]
    await _put(store, *(patient(name) for name in names), {"resourceType": "Basic", "id": "b"})
    await _put(store, patient("p001", active=True))
    await _delete(store, "Patient", "p002")
    cut = await store.cut()
    assert cut.last_updated == START
    await _put(store, patient("p002"), patient("p003", active=False), patient("a"))

    found, steps = [], store.versions("Patient", cut)
    async for version in steps:
        if not found:
            await _put(store, patient("p500", active=True), patient("q"), patient("p001"))
            await _delete(store, "Patient", "p499")
        found.append((version.id, version.version))
    assert found == [(name, 2 if name == "p001" else 1) for name in names if name != "p002"]
    assert [(v.type, v.id) async for v in store.versions(None, cut)][:2] == [("Basic", "b"), ("Patient", "p000")]
    then = [await store.as_of("Patient", name, cut) for name in ("p001", "p002", "p499", "q")]
    assert [one and (one.version, one.deleted) for one in then] == [(2, False), (2, True), (1, False), None]
    assert [v async for v in store.versions("Device", cut)] == []
    assert await store.as_of("Device", "d", cut) is None
