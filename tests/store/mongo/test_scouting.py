"""Waiting jobs are read ahead for: their reads by key go to the server together, and nothing else changes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from hie.base.errors import Category, HieError
from hie.store.mongo import MongoStore, open_mongo
from hie.store.mongo.schema import CONTROL
from hie.store.port import Transaction
from hie.store.table import Table
from tests.contract.asking import put
from tests.contract.material import patient
from tests.mongo_store import database_uri, empty_store

COUNTER = Table("counter", {"name": str, "value": int}, key=("name",))
PAIR = Table("pair", {"left": str, "right": str, "value": int}, key=("left", "right"))
MANY = 40


class Commands(CommandListener):
    """The names of all commands on data."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command.get(event.command_name) != CONTROL:
            self.names.append(event.command_name)

    def succeeded(self, event: Any) -> None:
        """Not needed."""

    def failed(self, event: Any) -> None:
        """Not needed."""


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
async def store(mongodb_uri: str, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MongoStore]:
    def connect(uri: str, **options: Any) -> AsyncMongoClient[Any]:
        return AsyncMongoClient(uri, event_listeners=[commands], tz_aware=True)

    monkeypatch.setattr("hie.store.mongo.store.connect", connect)
    opened = await empty_store(mongodb_uri, "scouts", [COUNTER, PAIR])
    yield opened
    await opened.close()


async def test_many_small_jobs_cost_few_reads(store: MongoStore, commands: Commands) -> None:
    await put(store, *(patient(f"old{number}") for number in range(0, MANY, 2)))
    commands.names.clear()

    def job(number: int) -> Any:
        async def run(tx: Transaction) -> tuple[int, Any]:
            written = await tx.put(patient(f"old{number}", gender="male"))
            row = await tx.get(PAIR, "left", str(number))
            await tx.upsert(PAIR, {"left": "left", "right": str(number), "value": number})
            return written.version, row

        return store.write(run)

    found = await asyncio.gather(*(job(number) for number in range(MANY)))
    assert found == [(1 if number % 2 else 2, None) for number in range(MANY)]
    assert commands.names.count("find") <= 12
    assert await store.count(PAIR, {"left": "left"}) == MANY


async def test_jobs_that_depend_on_each_other_stay_serial(store: MongoStore) -> None:
    async def count(tx: Transaction) -> int:
        row = await tx.get(COUNTER, "c") or {"value": 0}
        value = int(str(row["value"])) + 1
        await tx.upsert(COUNTER, {"name": "c", "value": value})
        await tx.put(patient("p", name=[{"family": str(value)}]))
        return value

    assert sorted(await asyncio.gather(*(store.write(count) for _ in range(MANY)))) == list(range(1, MANY + 1))
    assert await store.get(COUNTER, "c") == {"name": "c", "value": MANY}
    found = await store.read("Patient", "p")
    assert found is not None
    assert found.version == MANY


async def test_only_one_of_many_inserts_of_a_key_succeeds(store: MongoStore) -> None:
    async def claim(tx: Transaction) -> str:
        if await tx.get(COUNTER, "claim") is not None:
            return "taken"
        await tx.insert(COUNTER, {"name": "claim", "value": 1})
        return "mine"

    answers = await asyncio.gather(*(store.write(claim) for _ in range(MANY)))
    assert sorted(answers) == ["mine"] + ["taken"] * (MANY - 1)


async def test_what_a_scout_cannot_foresee_ends_it_and_not_the_job(store: MongoStore) -> None:
    """A selection ends a scout; the handling of errors in a job does not see that, nor is it told of it."""
    caught: list[str] = []

    def job(number: int) -> Any:
        async def run(tx: Transaction) -> int:
            try:
                rows = await tx.select(PAIR, {"left": "x"})
                await tx.insert(PAIR, {"left": "x", "right": str(number), "value": len(rows)})
                await tx.delete("Patient", "never")
            except HieError as error:
                caught.extend([] if error.category is Category.NOT_FOUND else [str(error)])
            except Exception as error:
                caught.append(type(error).__name__)
            return len(await tx.select(PAIR, {"left": "x"}))

        return store.write(run)

    assert await asyncio.gather(*(job(number) for number in range(8))) == list(range(1, 9))
    assert caught == []


async def test_a_job_that_waits_for_something_else_is_not_waited_for_ahead(store: MongoStore) -> None:
    gate = asyncio.Event()

    def job(number: int) -> Any:
        async def run(tx: Transaction) -> int:
            if number == 0:
                await gate.wait()
            await tx.upsert(COUNTER, {"name": f"g{number}", "value": number})
            return number

        return store.write(run)

    jobs = [asyncio.create_task(job(number)) for number in range(5)]
    await asyncio.sleep(0.05)
    gate.set()
    assert await asyncio.gather(*jobs) == [0, 1, 2, 3, 4]


async def test_one_failing_job_fails_alone(store: MongoStore) -> None:
    def job(number: int) -> Any:
        async def run(tx: Transaction) -> int:
            await tx.put(patient(f"f{number}"))
            if number == 3:
                raise HieError(Category.INVALID, "no")
            return number

        return store.write(run)

    found = await asyncio.gather(*(job(number) for number in range(6)), return_exceptions=True)
    assert [one for one in found if isinstance(one, int)] == [0, 1, 2, 4, 5]
    assert [version.id async for version in store.versions("Patient")] == ["f0", "f1", "f2", "f4", "f5"]


async def test_what_a_selection_found_stays_known_while_nobody_else_writes(
    store: MongoStore, commands: Commands, mongodb_uri: str
) -> None:
    async def add(tx: Transaction, right: str) -> list[object]:
        before = await tx.select(PAIR, {"left": "k"})
        await tx.upsert(PAIR, {"left": "k", "right": right, "value": 1})
        return [row["right"] for row in before]

    assert await store.write(lambda tx: add(tx, "1")) == []
    commands.names.clear()
    assert await store.write(lambda tx: add(tx, "2")) == ["1"]
    assert "find" not in commands.names
    other = await open_mongo(database_uri(mongodb_uri, "scouts"), [COUNTER, PAIR])
    assert sorted(map(str, await other.write(lambda tx: add(tx, "3")))) == ["1", "2"]
    await other.close()
    assert sorted(map(str, await store.write(lambda tx: add(tx, "4")))) == ["1", "2", "3"]


async def test_what_is_foreseen_is_read_by_one_command(
    store: MongoStore, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fill(tx: Transaction) -> None:
        for number in range(4):
            await tx.upsert(PAIR, {"left": str(number % 2), "right": str(number), "value": number})

    async def ask(tx: Transaction) -> list[object]:
        await tx.foresee(PAIR, [*({"left": one} for one in "012"), {"left": "0", "right": "2"}])
        rows = [row for one in "012" for row in await tx.select(PAIR, {"left": one}, limit=9)]
        found = await tx.get(PAIR, "0", "2")
        return [*sorted(str(row["right"]) for row in rows), found and found["value"]]

    async def anew() -> list[object]:
        await store.write(fill)
        store._writer._kept.forget()
        commands.names.clear()
        return await store.write(ask)

    assert await anew() == ["0", "1", "2", "3", 2]
    assert commands.names.count("find") == 1
    monkeypatch.setattr("hie.store.mongo.foreseeing.MOST", 4)  # there may be more: nothing is known of them
    assert await anew() == ["0", "1", "2", "3", 2]
    assert commands.names.count("find") == 5


async def test_resources_that_are_foreseen_are_read_by_few_commands(
    store: MongoStore, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, *(patient(f"old{number}") for number in range(5)))
    monkeypatch.setattr("hie.store.mongo.foreseeing.TOGETHER", 4)
    store._writer._kept.forget()

    async def change(tx: Transaction) -> list[int]:
        names = [*(f"old{number}" for number in range(5)), "new"]
        await tx.foresee_resources([f"Patient/{one}" for one in (*names, *names)])
        return [(await tx.put(patient(one, active=True))).version for one in names]

    commands.names.clear()
    assert await store.write(change) == [2, 2, 2, 2, 2, 1]
    assert commands.names.count("find") == 4


@pytest.mark.parametrize("fails", [False, True])
async def test_a_row_that_is_taken_to_be_new_is_not_looked_for_and_found_all_the_same(
    store: MongoStore, commands: Commands, fails: bool
) -> None:
    seen: list[object] = []

    async def take(tx: Transaction) -> None:
        row = await tx.get_unless_new(PAIR, "a", "b")
        seen.append(row and row["value"])
        if row is None and fails:
            raise HieError(Category.INVALID, "It is not as it was taken to be.")
        await tx.upsert(PAIR, {"left": "a", "right": "b", "value": 7})

    await store.write(lambda tx: tx.upsert(PAIR, {"left": "a", "right": "b", "value": 1}))
    store._writer._kept.forget()
    await store.write(take)
    assert seen == [None, 1]
    await store.write(lambda tx: tx.remove(PAIR, {"left": "a", "right": "b"}))
    store._writer._kept.forget()
    commands.names.clear()
    if not fails:
        await store.write(take)
        assert seen == [None, 1, None]
        assert "find" not in commands.names


async def test_rows_that_change_with_every_job_are_sent_once_for_the_batch(
    store: MongoStore, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resources go in pieces, and the rows went with each."""
    monkeypatch.setattr("hie.store.mongo.batch.PIECE", 1)

    async def job(tx: Transaction) -> None:
        for number in range(4):
            await tx.upsert(COUNTER, {"name": "n", "value": number})
            await tx.put(patient(f"piece{number}"))
            await asyncio.sleep(0.02)

    await put(store, patient("first"))
    commands.names.clear()
    await store.write(job)
    assert commands.names.count("insert") > 2
    assert commands.names.count("update") == 1
    row = await store.get(COUNTER, "n")
    assert row is not None
    assert row["value"] == 3
