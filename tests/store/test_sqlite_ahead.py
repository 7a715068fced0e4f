"""Jobs run ahead on a snapshot of a SQLite file: what they came to is taken as long as it holds, and never after."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.store.effects import Effects, NotAhead
from hie.store.port import Transaction
from hie.store.sqlite import SqliteStore, recent
from hie.store.sqlite.ahead import Snapshots, SqliteAheadTransaction
from hie.store.table import Above, AtMost, Table

PERSON = Table("person", {"id": str, "town": str, "age": int}, ("id",), (("town", "age"),))
TOTAL = Table("total", {"name": str, "n": int}, ("name",))
EXTRACT = Extractors(official()).extract


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "hie.sqlite", (PERSON, TOTAL), extract=EXTRACT)
    yield opened
    await opened.close()


@pytest.fixture
def snapshots(store: SqliteStore, tmp_path: Path) -> Iterator[Snapshots]:
    opened = Snapshots(tmp_path / "hie.sqlite", (PERSON, TOTAL), EXTRACT, (TOTAL,))
    yield opened
    opened.close()


async def ahead(snapshots: Snapshots, job: Callable[[SqliteAheadTransaction], Awaitable[Any]]) -> Effects:
    with snapshots.transaction() as tx:
        await job(tx)
        return tx.effects()


async def taken(store: SqliteStore, effects: Effects) -> bool:
    async def job(tx: Transaction) -> bool:
        return tx.take(effects)

    return await store.write(job)


async def put(store: SqliteStore, id: str, town: str, age: int = 1) -> None:
    await store.write(lambda tx: tx.upsert(PERSON, {"id": id, "town": town, "age": age}))


async def learn(
    store: SqliteStore, snapshots: Snapshots, job: Callable[[SqliteAheadTransaction], Awaitable[Any]]
) -> None:
    """The first look at a place is refused, and teaches where to watch; from the next commit on it is known."""
    assert not await taken(store, await ahead(snapshots, job))
    await put(store, "someone", "elsewhere")
    assert await taken(store, await ahead(snapshots, job))


def patient(name: str, family: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "name": [{"family": family}]}


async def test_what_a_job_came_to_is_written_as_if_it_had_run_here(store: SqliteStore, snapshots: Snapshots) -> None:
    async def job(tx: SqliteAheadTransaction) -> None:
        assert (await tx.put(patient("p", "Li"))).version == 1
        version = await tx.read("Patient", "p")
        assert version is not None
        assert b'"family":"Li"' in version.body
        assert (await tx.put(patient("p", "Wang"))).version == 2
        assert (await tx.put(patient("p", "Wang"), unless_same=True)).version == 2
        await tx.upsert(PERSON, {"id": "a", "town": "青浦", "age": 3})
        assert [row["id"] for row in await tx.select(PERSON, {"town": "青浦"})] == ["a"]
        assert await tx.get(PERSON, "a") == {"id": "a", "town": "青浦", "age": 3}

    await taken(store, await ahead(snapshots, job))
    await put(store, "z", "嘉善")
    assert await taken(store, await ahead(snapshots, job))
    current = await store.read("Patient", "p")
    assert current is not None
    assert (current.version, current.deleted) == (2, False)
    assert b'"versionId":"2"' in current.body
    assert await store.get(PERSON, "a") == {"id": "a", "town": "青浦", "age": 3}


async def looks_at_row(tx: SqliteAheadTransaction) -> None:
    await tx.get(PERSON, "a")


async def looks_at_town(tx: SqliteAheadTransaction) -> None:
    await tx.select(PERSON, {"town": "吴江"})


async def looks_at_range(tx: SqliteAheadTransaction) -> None:
    await tx.select(PERSON, {"town": "吴江", "age": Above(3)})


async def looks_at_patient(tx: SqliteAheadTransaction) -> None:
    await tx.read("Patient", "p")


@pytest.mark.parametrize(
    ("job", "spoils"),
    [
        (looks_at_row, lambda tx: tx.upsert(PERSON, {"id": "a", "town": "x", "age": 9})),
        (looks_at_row, lambda tx: tx.update(PERSON, {"id": "a", "age": 9})),
        (looks_at_row, lambda tx: tx.remove(PERSON, {"id": "a"})),
        (looks_at_town, lambda tx: tx.upsert(PERSON, {"id": "new", "town": "吴江", "age": 9})),
        (looks_at_town, lambda tx: tx.insert(PERSON, {"id": "new", "town": "吴江", "age": 9})),
        (looks_at_town, lambda tx: tx.upsert(PERSON, {"id": "a", "town": "moved away", "age": 5})),
        (looks_at_town, lambda tx: tx.remove(PERSON, {"town": "吴江"})),
        (looks_at_range, lambda tx: tx.upsert(PERSON, {"id": "new", "town": "吴江", "age": 9})),
        (looks_at_patient, lambda tx: tx.put(patient("p", "Chen"))),
        (looks_at_patient, lambda tx: tx.delete("Patient", "p")),
    ],
)
async def test_it_holds_until_something_that_it_looked_at_changes(
    store: SqliteStore,
    snapshots: Snapshots,
    job: Callable[[SqliteAheadTransaction], Awaitable[None]],
    spoils: Callable[[Transaction], Awaitable[Any]],
) -> None:
    await put(store, "a", "吴江", 5)
    await store.write(lambda tx: tx.put(patient("p", "Li")))
    await ahead_once(store, snapshots, job)
    effects = await ahead(snapshots, job)
    await put(store, "b", "青浦")
    await store.write(lambda tx: tx.put(patient("q", "Li")))
    assert await taken(store, effects)
    await store.write(spoils)
    assert not await taken(store, effects)
    assert await taken(store, await ahead(snapshots, job))


async def ahead_once(
    store: SqliteStore, snapshots: Snapshots, job: Callable[[SqliteAheadTransaction], Awaitable[None]]
) -> None:
    await taken(store, await ahead(snapshots, job))
    await put(store, "someone", "elsewhere")


async def test_a_write_of_the_same_batch_and_one_of_a_failed_job_count(
    store: SqliteStore, snapshots: Snapshots
) -> None:
    await learn(store, snapshots, looks_at_row)
    effects = await ahead(snapshots, looks_at_row)

    async def fails(tx: Transaction) -> None:
        await tx.upsert(PERSON, {"id": "other", "town": "x", "age": 1})
        raise ValueError

    with pytest.raises(ValueError):
        await store.write(fails)
    assert await taken(store, effects)
    _, held = await asyncio.gather(put(store, "a", "here"), taken(store, effects))
    assert not held


async def test_another_process_that_wrote_counts_as_everything(
    store: SqliteStore, snapshots: Snapshots, tmp_path: Path
) -> None:
    await learn(store, snapshots, looks_at_row)
    effects = await ahead(snapshots, looks_at_row)
    other = await SqliteStore.open(tmp_path / "hie.sqlite", (PERSON, TOTAL), extract=EXTRACT)
    await put(other, "far", "away")
    await other.close()
    assert not await taken(store, effects)
    assert await taken(store, await ahead(snapshots, looks_at_row))


async def test_what_is_remembered_is_bounded_and_older_snapshots_are_refused(
    store: SqliteStore, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "KEPT", 10)
    await learn(store, snapshots, looks_at_row)
    old = await ahead(snapshots, looks_at_row)
    for n in range(40):
        await put(store, f"n{n}", "town")
        assert await taken(store, await ahead(snapshots, looks_at_row))
    assert not await taken(store, old)
    remembered = store._transaction._recent
    assert len(remembered._young) + len(remembered._old) < 40


@pytest.mark.parametrize(
    "job",
    [
        lambda tx: tx.get(TOTAL, "x"),
        lambda tx: tx.upsert(TOTAL, {"name": "x", "n": 1}),
        lambda tx: tx.select(PERSON, {"town": "x", "age": AtMost(3)}, order=("age",)),
        lambda tx: tx.select(PERSON, {}),
        lambda tx: tx.count(PERSON, {"town": "x"}),
        lambda tx: tx.insert(PERSON, {"id": "x", "town": "y", "age": 1}),
        lambda tx: tx.update(PERSON, {"id": "x", "age": 1}),
        lambda tx: tx.remove(PERSON, {"id": "x"}),
        lambda tx: tx.delete("Patient", "p"),
        lambda tx: tx.vread("Patient", "p", 1),
        lambda tx: tx.reindex("Patient", "p"),
        lambda tx: tx.history(None),
        lambda tx: tx.search(None),
        lambda tx: tx.restore(None),
        lambda tx: tx.take(None),
        lambda tx: tx.memo("Patient"),
    ],
)
async def test_what_cannot_be_handed_over_is_said(
    snapshots: Snapshots, job: Callable[[SqliteAheadTransaction], Awaitable[Any]]
) -> None:
    with pytest.raises(NotAhead):
        await ahead(snapshots, job)


@pytest.mark.parametrize("seed", range(5))
async def test_random_jobs_run_ahead_on_old_snapshots_lose_no_update(
    store: SqliteStore, snapshots: Snapshots, seed: int
) -> None:
    """Each job moves a year from one person to another; on snapshots that are stale the sum would change."""
    random = Random(seed)
    names = [f"p{n}" for n in range(6)]
    for name in names:
        await put(store, name, "town", 100)

    def moves(giver: str, taker: str) -> Callable[[Any], Awaitable[None]]:
        async def job(tx: Any) -> None:
            for name, years in ((giver, -1), (taker, 1)):
                row = await tx.get(PERSON, name)
                await tx.upsert(PERSON, {**row, "age": row["age"] + years})

        return job

    await ahead_once(store, snapshots, moves("p0", "p1"))
    held = 0
    for _ in range(60):
        jobs = [moves(*random.sample(names, 2)) for _ in range(3)]
        found = [await ahead(snapshots, job) for job in jobs]
        for job, holds in zip(jobs, await asyncio.gather(*(taken(store, one) for one in found)), strict=True):
            held += holds
            if not holds:
                await store.write(job)
    ages = [row["age"] for row in await store.select(PERSON, {"town": "town"})]
    assert sum(ages) == 600
    assert 0 < held < 180
