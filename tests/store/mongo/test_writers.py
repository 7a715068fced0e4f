"""Who has the clock and gives no sign of life loses it, who lives keeps it; what a store says of itself meanwhile."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect

from hie.base.errors import Category, HieError
from hie.store.mongo import MongoStore, open_mongo, proof, turns, writers
from hie.store.mongo.proof import Proof
from hie.store.mongo.running import Limits
from hie.store.port import Transaction
from hie.store.table import Table
from tests.mongo_store import database_uri, empty_store

COUNTED = Table("counted", {"id": str, "n": int}, key=("id",))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs and looks every twentieth of a second."""
    monkeypatch.setattr(writers, "SIGN_SECONDS", 0.05)
    monkeypatch.setattr(turns, "_CALL_SECONDS", 0.05)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of a proof, to be set."""
    time = [1000.0]
    monkeypatch.setattr(proof, "monotonic", lambda: time[0])
    monkeypatch.setattr(proof, "TRIAL_SECONDS", 0.01)
    return time


async def add(tx: Transaction) -> int:
    row = await tx.get(COUNTED, "a")
    number = int(str(row["n"])) + 1 if row else 1
    await tx.upsert(COUNTED, {"id": "a", "n": number})
    return number


class Held:
    """A job of a store that holds the clock until it is let go; `runs` counts how often it had to run."""

    def __init__(self, store: MongoStore) -> None:
        self.runs = 0
        self.go_on, self._holds = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(store.write(self._job))

    async def _job(self, tx: Transaction) -> int:
        self.runs += 1
        number = await add(tx)
        self._holds.set()
        await self.go_on.wait()
        return number

    async def holds(self) -> "Held":
        await self._holds.wait()
        return self


async def test_a_server_that_gives_no_sign_loses_the_clock_and_writes_again_when_it_goes_on(mongodb_uri: str) -> None:
    """A transaction without its process held up all writers for 60 to 90 s."""
    first = await empty_store(mongodb_uri, "silent", [COUNTED])
    second = await open_mongo(database_uri(mongodb_uri, "silent"), [COUNTED])
    held = await Held(first).holds()
    first._writer._writers._task.cancel()
    async with asyncio.timeout(5):
        assert await second.write(add) == 1
        assert await second.write(add) == 2
    held.go_on.set()
    assert await held.task == 3
    assert held.runs == 2
    for store in (first, second):
        await store.close()


async def test_a_slow_server_that_gives_signs_keeps_the_clock_and_others_stay_ready(
    mongodb_uri: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(proof, "STALL_SECONDS", 0.4)
    first = await empty_store(mongodb_uri, "silent", [COUNTED])
    second = await open_mongo(database_uri(mongodb_uri, "silent"), [COUNTED])
    held = await Held(first).holds()
    waiting = asyncio.create_task(second.write(add))
    for _ in range(3):
        await asyncio.sleep(0.3)
        assert await second.ready()
    held.go_on.set()
    assert (await held.task, held.runs, await waiting) == (1, 1, 2)
    assert [record.message for record in caplog.records] == []
    for store in (first, second):
        await store.close()


async def test_a_server_whose_sign_is_not_taken_is_not_ready_while_its_batch_waits(
    mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A primary that is paused answers nothing: the operation on its way to it is given up only after 8 s."""
    monkeypatch.setattr(proof, "STALL_SECONDS", 0.2)
    store = await empty_store(mongodb_uri, "silent", [COUNTED])
    held = await Held(store).holds()
    assert await store.ready()
    monkeypatch.setattr(store._writer._writers, "_sign", AsyncMock(side_effect=AutoReconnect("paused")))
    for _ in range(100):
        if not await store.ready():
            break
        await asyncio.sleep(0.02)
    assert not await store.ready()
    held.go_on.set()
    await held.task
    assert await store.ready()
    await store.close()


async def test_a_transaction_that_could_not_be_ended_does_not_hold_up_its_own_server(
    mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next in the same session ends it: nobody is waited for."""
    monkeypatch.setattr(writers, "_ABORT_SECONDS", 1e-9)
    store = await empty_store(mongodb_uri, "silent", [COUNTED])
    attempt = store._writer._attempt
    waited: list[int] = []

    async def told(batch: Any) -> Any:
        waited.append(1)
        return await attempt(batch)

    monkeypatch.setattr(store._writer, "_attempt", told)
    session = await store._writer._writers._noted_session()
    async with store._writer._writers.transaction() as opened:
        await store._writer._turns.take(b"lost", 1, opened)
    assert await store.write(add) == 1
    assert waited == [1]
    assert await store._writer._writers._noted_session() is session
    await store.close()


async def test_all_who_wait_for_a_store_that_is_lost_are_refused_in_time(
    mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each was refused after the one before, so that the tenth of them waited ten times as long."""
    store = await empty_store(mongodb_uri, "silent", [COUNTED], limits=Limits(patience=0.2))
    take = store._writer._turns.take
    monkeypatch.setattr(store._writer._turns, "take", AsyncMock(side_effect=AutoReconnect("lost")))
    waiting = [asyncio.create_task(store.write(add)) for _ in range(10)]
    async with asyncio.timeout(1.5):
        refused = await asyncio.gather(*waiting, return_exceptions=True)
    assert [error.category for error in refused if isinstance(error, HieError)] == [Category.UNAVAILABLE] * 10
    monkeypatch.setattr(store._writer._turns, "take", take)
    assert await store.write(add) == 1
    await store.close()


async def test_a_lost_store_is_closed_without_writes_that_nobody_waits_for(
    mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was told to stop tried for 75 s what requests had left that were cut off, or its own probe."""
    monkeypatch.setattr(proof, "TRIAL_SECONDS", 0.01)
    store = await empty_store(mongodb_uri, "silent", [COUNTED])
    monkeypatch.setattr(store._writer._turns, "take", AsyncMock(side_effect=AutoReconnect("lost")))
    cut = [asyncio.create_task(store.write(add)) for _ in range(3)]
    assert not await store.ready()
    for task in cut:
        task.cancel()
    async with asyncio.timeout(3):
        await store.close()


async def test_who_closes_leaves_no_sign(mongodb_uri: str) -> None:
    store = await empty_store(mongodb_uri, "silent", [COUNTED])
    async with AsyncMongoClient[Any](database_uri(mongodb_uri, "silent")) as client:
        noted = client.get_default_database()["writer"]
        await store.write(add)
        assert [one["_id"] async for one in noted.find()] == [store._writer._writers.process]
        await store.close()
        assert await noted.count_documents({}) == 0


async def test_a_probe_writes_only_when_no_write_was_seen_of_late(mongodb_uri: str) -> None:
    store = await empty_store(mongodb_uri, "silent", [COUNTED])
    async with AsyncMongoClient[Any](database_uri(mongodb_uri, "silent")) as client:
        control = client.get_default_database()["control"]
        numbers = []
        for _ in range(3):
            assert await store.ready()
            numbers.append((await control.find_one({"_id": "clock"}) or {})["seq"])
    assert numbers[0] > 0
    assert numbers == numbers[:1] * 3
    await store.close()


async def test_what_is_said_of_a_store_that_writes_do_not_get_through_to(now: list[float]) -> None:
    shown, gate = Proof(), asyncio.Event()

    async def refused() -> None:
        raise HieError(Category.UNAVAILABLE, "no")

    assert not await shown.holds(refused)
    assert not await shown.holds(gate.wait), "a trial that waits holds up no probe"
    shown.commit()
    now[0] += 9
    assert await shown.holds(refused), "one that was seen 9 s ago is enough"
    shown.stall()
    assert await shown.holds(refused)
    now[0] += 4
    shown.see()
    now[0] += 4
    assert await shown.holds(refused), "another server writes"
    now[0] += 1
    assert not await shown.holds(refused)
    shown.commit()
    assert await shown.holds(refused)
    shown.lose()
    gate.set()
    assert await shown.holds(gate.wait)
