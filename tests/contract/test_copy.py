"""One store into another: every version, every row, in order; resumed, compared, refused."""

from collections.abc import Sequence
from typing import Any

import pytest

from hie.base.errors import Category, HieError
from hie.search.extract import Extractors
from hie.store.copy import MIGRATION, compare, copy, rows, unfinished
from hie.store.memory import MemoryStore
from hie.store.port import HistoryQuery, Store, Transaction, Version
from tests.clock import FixedClock
from tests.contract.asking import ids
from tests.contract.material import ITEM, LINK, TABLES, patient


@pytest.fixture
def other(extractors: Extractors) -> MemoryStore:
    return MemoryStore((*TABLES, MIGRATION), extract=extractors.extract)


async def fill(store: Store, clock: FixedClock, times: int = 3) -> None:
    """Versions of some patients, a deletion, rows of both tables."""

    async def job(tx: Transaction) -> None:
        for number in range(times):
            for name in ("b", "a", "c"):
                await tx.put(patient(name, name=[{"family": f"F{number}"}]))
        await tx.delete("Patient", "c")
        for number in range(7):
            await tx.upsert(ITEM, {"id": f"i{number}", "feed": "f", "state": "new", "due": number, "body": b"\x00x"})
            await tx.upsert(LINK, {"left_id": f"l{number % 2}", "right_id": f"r{number}"})

    await store.write(job)


async def log_of(store: Store) -> list[Version]:
    return [version for _, version in await store.log()]


async def test_the_log_is_in_order_of_writing_and_pages(store: Store, clock: FixedClock) -> None:
    await fill(store, clock)
    log = await store.log()
    assert [(v.id, v.version) for _, v in log] == [
        ("b", 1), ("a", 1), ("c", 1), ("b", 2), ("a", 2), ("c", 2), ("b", 3), ("a", 3), ("c", 3), ("c", 4),
    ]  # fmt: skip
    numbers = [number for number, _ in log]
    assert numbers == sorted(set(numbers))
    assert [v for _, v in await store.log(numbers[3], 2)] == [v for _, v in log[4:6]]
    assert await store.log(numbers[-1]) == []


async def test_rows_are_walked_in_order_of_the_key(store: Store, clock: FixedClock) -> None:
    await fill(store, clock)
    walked = [row async for chunk in rows(store, LINK, limit=2) for row in chunk]
    assert [(row["left_id"], row["right_id"]) for row in walked] == [
        ("l0", "r0"), ("l0", "r2"), ("l0", "r4"), ("l0", "r6"), ("l1", "r1"), ("l1", "r3"), ("l1", "r5"),
    ]  # fmt: skip
    behind = [row["right_id"] async for chunk in rows(store, LINK, ("l0", "r4")) for row in chunk]
    assert behind == ["r6", "r1", "r3", "r5"]


async def test_a_copy_holds_the_same(store: Store, other: MemoryStore, clock: FixedClock) -> None:
    await fill(other, clock)
    told: list[tuple[str, int]] = []
    await copy(other, store, TABLES, "other", lambda part, n: told.append((part, n)), batch=4)
    assert await log_of(store) == await log_of(other)
    assert [one.same for one in await compare(other, store, TABLES)] == [True] * (len(TABLES) + 1)
    assert told[-3:] == [("versions", 4), ("versions", 8), ("versions", 10)]
    assert await ids(store, "Patient", "family=f2") == "a b"
    assert await ids(store, "Patient", "family=f1") == ""
    deleted = await store.read("Patient", "c")
    assert deleted is not None
    assert deleted.deleted
    assert (await store.history(HistoryQuery("Patient", "b"))).total == 3
    assert not await unfinished(store)


async def test_times_go_on_behind_what_was_restored(store: Store, other: MemoryStore, clock: FixedClock) -> None:
    ahead = MemoryStore(TABLES, clock=FixedClock(clock.now().replace(year=2031)))
    await fill(ahead, clock)
    await copy(ahead, store, TABLES, "ahead")
    last = (await log_of(store))[-1].last_updated

    async def job(tx: Transaction) -> Version:
        return await tx.put(patient("late"))

    assert (await store.write(job)).last_updated >= last


class _Killed(Exception):
    pass


class _Cut:
    """A source that ends after some readings."""

    def __init__(self, store: Store, readings: int) -> None:
        self._store = store
        self._left = readings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def log(self, after: int = 0, limit: int = 500) -> list[tuple[int, Version]]:
        return await self._count(self._store.log(after, limit))

    async def select(self, *given: Any, **options: Any) -> Any:
        return await self._count(self._store.select(*given, **options))

    async def _count(self, answer: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            answer.close()
            raise _Killed
        return await answer


@pytest.mark.parametrize("readings", [0, 1, 3, 5, 8, 9])
async def test_a_copy_goes_on_where_it_was(store: Store, other: MemoryStore, clock: FixedClock, readings: int) -> None:
    await fill(other, clock)
    with pytest.raises(_Killed):
        await copy(_Cut(other, readings), store, TABLES, "other", batch=3)  # type: ignore[arg-type]
    assert await unfinished(store)
    await copy(other, store, TABLES, "other", batch=3)
    assert [one for one in await compare(other, store, TABLES) if not one.same] == []
    assert not await unfinished(store)


async def test_a_second_copy_brings_what_is_new(store: Store, other: MemoryStore, clock: FixedClock) -> None:
    await fill(other, clock)
    await copy(other, store, TABLES, "other")
    await other.write(_one_more)
    found = {one.part: one.same for one in await compare(other, store, TABLES)}
    assert not found["versions"]
    await copy(other, store, TABLES, "other")
    assert all(one.same for one in await compare(other, store, TABLES))


async def _one_more(tx: Transaction) -> None:
    await tx.put(patient("new"))


async def refused(source: Store, target: Store, named: str) -> str:
    with pytest.raises(HieError) as caught:
        await copy(source, target, TABLES, named)
    assert caught.value.category is Category.CONFLICT
    return caught.value.message


async def test_a_target_with_data_of_its_own_is_refused(store: Store, other: MemoryStore, clock: FixedClock) -> None:
    await fill(other, clock)
    await store.write(_one_more)
    assert "holds resources already" in await refused(other, store, "other")


async def test_a_target_with_rows_of_its_own_is_refused(store: Store, other: MemoryStore) -> None:
    async def job(tx: Transaction) -> None:
        await tx.upsert(LINK, {"left_id": "a", "right_id": "b"})

    await store.write(job)
    assert "rows of link" in await refused(other, store, "other")


async def test_a_target_from_another_source_is_refused(store: Store, other: MemoryStore, clock: FixedClock) -> None:
    await fill(other, clock)
    await copy(other, store, TABLES, "other")
    assert "another source" in await refused(other, store, "another")


async def test_one_byte_is_found(store: Store, other: MemoryStore, clock: FixedClock) -> None:
    """The control of comparing: a row, a version."""
    await fill(other, clock)
    await copy(other, store, TABLES, "other")

    async def job(tx: Transaction) -> None:
        await tx.update(ITEM, {"id": "i3", "body": b"\x00y"})

    await other.write(job)
    found: Sequence[str] = [one.part for one in await compare(other, store, TABLES) if not one.same]
    assert found == ["item"]


@pytest.mark.parametrize(("number", "older"), [(1, 0), (3, 0), (2, 1)])
async def test_a_version_that_does_not_follow_is_refused(
    store: Store, clock: FixedClock, number: int, older: int
) -> None:
    first = await store.write(_put_a)
    wrong = Version("Patient", "a", number, first.last_updated - older, first.body)

    async def job(tx: Transaction) -> None:
        await tx.restore(wrong)

    with pytest.raises(HieError) as caught:
        await store.write(job)
    assert caught.value.category is Category.CONFLICT
    assert len(await store.log()) == 1


async def _put_a(tx: Transaction) -> Version:
    return await tx.put(patient("a"))
