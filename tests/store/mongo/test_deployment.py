"""What the store refuses to start on, and how it admits work."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect, BulkWriteError, NotPrimaryError, OperationFailure, ServerSelectionTimeoutError

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.search.plan import Plan
from hie.store.mongo import Limits, open_mongo
from hie.store.mongo.client import _weak_defaults, _weak_server, _weak_set, cache_bytes, check_deployment, situation
from hie.store.mongo.schema import SCHEMA, _make
from hie.store.port import Page, Transaction
from hie.store.table import Table
from tests.contract.asking import put
from tests.contract.material import patient
from tests.mongo_store import database_uri, empty_store
from tests.mongod import Member, find_mongod, unusable


@pytest.mark.parametrize("option", ["w=1", "journal=false", "readPreference=secondaryPreferred", "w=0"])
async def test_a_uri_that_weakens_a_guarantee_is_refused(mongodb_uri: str, option: str) -> None:
    with pytest.raises(HieError) as caught:
        await open_mongo(f"{mongodb_uri}&{option}")
    assert caught.value.category in (Category.UNAVAILABLE, Category.INVALID)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("mongodb://:::", "used: "),
        ("mongodb://", "at least one hostname"),
        ("mongodb://u@p@127.0.0.1/hie", "Username and password must be escaped"),
        ("mongodb://u:pa:ss@127.0.0.1/hie", "Username and password must be escaped"),
        ("mongodb://user:77777/secret@127.0.0.1/hie", "Port must be an integer between 0 and 65535.$"),
        ('mongodb://127.0.0.1/a"b', "Bad database name.$"),
    ],
)
async def test_no_uri_is_invalid(uri: str, why: str) -> None:
    with pytest.raises(HieError, match=why) as caught:
        await open_mongo(uri)
    assert caught.value.category is Category.INVALID


@pytest.mark.parametrize(
    ("error", "member", "why"),
    [
        (
            "h:1: [Errno 111] refused (configured timeouts: connectTimeoutMS: 20000.0ms), Timeout: 15s, Topology",
            "Unknown",
            "reached: h:1: [Errno 111] refused.",
        ),
        ("No primary, Timeout: 15s", "RSGhost", "reached: a server waits to be told its replica set (rs.initiate)."),
    ],
)
async def test_a_server_that_is_not_reached_is_told_with_the_reason(error: str, member: str, why: str) -> None:
    class Unreached:
        admin = Mock(command=AsyncMock(side_effect=ServerSelectionTimeoutError(error)))
        topology_description = Mock(server_descriptions=lambda: {1: Mock(server_type_name=member)})

    with pytest.raises(HieError, match=re.escape(why)) as caught:
        await check_deployment(Unreached())  # type: ignore[arg-type]
    assert caught.value.category is Category.UNAVAILABLE


@pytest.mark.parametrize(("code", "word"), [(18, "authSource"), (13, "clusterMonitor")])
def test_a_refused_login_says_what_to_see_to(code: int, word: str) -> None:
    assert word in situation(OperationFailure("x", code)).message


async def test_servers_that_start_at_once_make_a_collection_together(mongodb_uri: str) -> None:
    async with AsyncMongoClient[Any](database_uri(mongodb_uri, "together")) as client:
        database = client.get_default_database()
        await asyncio.gather(*(_make(database, "made", []) for _ in range(3)))
        assert await database.list_collection_names() == ["made"]


@pytest.fixture
def alone(tmp_path: Any) -> Iterator[str]:
    """A server that is no replica set."""
    mongod = find_mongod()
    if mongod is None or unusable(mongod):
        pytest.skip("no mongod")
    member = Member(mongod, tmp_path / "alone", replicated=False)
    member.start()
    try:
        member.wait()
        yield f"mongodb://{member.address}/"
    finally:
        member.kill()


async def test_a_server_without_replica_set_is_refused(alone: str) -> None:
    with pytest.raises(HieError, match="no replica set") as caught:
        await open_mongo(alone)
    assert caught.value.category is Category.UNAVAILABLE


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        (_weak_server({"setName": "a", "maxWireVersion": 9}, False), "older"),
        (_weak_server({"setName": "a", "maxWireVersion": 17}, False), None),
        (_weak_defaults({"defaultWriteConcern": {"w": 1}}), "w:1"),
        (_weak_defaults({"defaultWriteConcern": {"w": "majority"}}), None),
        (_weak_defaults({}), None),
        (_weak_set({"writeConcernMajorityJournalDefault": False}), "journal"),
        (_weak_set({}), None),
    ],
)
def test_what_is_too_weak(reason: str | None, found: str | None) -> None:
    assert (found in reason) if found is not None and reason is not None else reason is found


async def test_a_weaker_default_of_the_server_is_refused(mongodb_uri: str) -> None:
    async with AsyncMongoClient[Any](mongodb_uri) as client:
        await client.admin.command("setDefaultRWConcern", 1, defaultWriteConcern={"w": 1})
        try:
            with pytest.raises(HieError, match="default write concern is w:1"):
                await open_mongo(mongodb_uri)
        finally:
            await client.admin.command("setDefaultRWConcern", 1, defaultWriteConcern={"w": "majority"})


async def test_a_newer_schema_is_refused(mongodb_uri: str) -> None:
    uri = database_uri(mongodb_uri, "newer")
    async with AsyncMongoClient[Any](uri) as client:
        control = client.get_default_database()["control"]
        await control.replace_one({"_id": "schema"}, {"_id": "schema", "version": SCHEMA + 1}, upsert=True)
    with pytest.raises(HieError, match=f"schema version {SCHEMA + 1}"):
        await open_mongo(uri)


async def test_too_many_waiting_writes_are_busy(mongodb_uri: str) -> None:
    store = await empty_store(mongodb_uri, "busy", limits=Limits(waiting=2))
    gate = asyncio.Event()

    async def wait(_: Transaction) -> None:
        await gate.wait()

    jobs = [asyncio.create_task(store.write(wait)) for _ in range(4)]
    done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    assert [task.exception().category for task in done] == [Category.BUSY] * 2
    gate.set()
    await asyncio.gather(*(job for job in jobs if job not in done))
    await store.close()


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ([AutoReconnect("host"), NotPrimaryError("host")], "AutoReconnect"),
        (
            [OperationFailure("taken", 112, {"errorLabels": ["TransientTransactionError"]})],
            "another server holds it, or ended in a write",
        ),
    ],
)
async def test_the_loss_of_the_store_is_logged_and_its_end(
    mongodb_uri: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    errors: list[Exception],
    reason: str,
) -> None:
    caplog.set_level("INFO", "hie.store")
    store = await empty_store(mongodb_uri, "busy")
    attempt, lost = store._writer._attempt, iter(errors)

    async def sometimes(batch: Any) -> Any:
        if (error := next(lost, None)) is not None:
            raise error
        return await attempt(batch)

    monkeypatch.setattr(store._writer, "_attempt", sometimes)
    monkeypatch.setattr(store._writer._turns, "wait", AsyncMock(return_value=False))
    await store.write(lambda transaction: transaction.put(patient("late")))
    await store.close()
    told = [record.message for record in caplog.records]
    assert told == [f"the store does not answer, writes wait reason={reason}", "the store takes writes again"]


@pytest.mark.parametrize(
    ("limits", "reads"), [(Limits(most=1000), False), (Limits(lasts=0.2), False), (Limits(lasts=0.2), True)]
)
async def test_a_transaction_beyond_the_limit_is_refused_as_soon_as_it_is(
    mongodb_uri: str, limits: Limits, reads: bool
) -> None:
    """One that read for long was ended by the server, and run again until its sender was told to come back."""
    store = await empty_store(mongodb_uri, "busy", limits=limits)
    went_on = False

    async def job(transaction: Transaction) -> None:
        nonlocal went_on
        await asyncio.sleep(limits.lasts if limits.lasts < 1 else 0)
        if reads:
            await transaction.read("Patient", "other")
        else:
            await transaction.put(patient("big", text={"status": "generated", "div": "x" * 2000}))
        went_on = True

    with pytest.raises(HieError) as caught:
        await store.write(job)
    assert caught.value.category is Category.TOO_LARGE
    assert not went_on
    assert await store.read("Patient", "big") is None
    await store.write(lambda transaction: transaction.put(patient("small")))
    await store.close()


@pytest.mark.parametrize("lost", [False, True])
async def test_a_search_is_waited_for_while_the_store_is_there(
    mongodb_uri: str, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """A search of a store that was lost was answered after a minute."""
    store = await empty_store(mongodb_uri, "busy")
    found, asked, asked_often = Page([], [], None, None), 0, asyncio.Event()

    async def command(_: str) -> None:
        nonlocal asked
        asked += 1
        if lost:
            raise ServerSelectionTimeoutError
        if asked == 3:
            asked_often.set()

    async def slow(_: Plan) -> Page:
        await asked_often.wait()
        return found

    with monkeypatch.context() as patched:
        patched.setattr("hie.store.mongo.store.SILENT_SECONDS", 0.01)
        patched.setattr(store, "_search", slow)
        patched.setattr(store, "_client", Mock(admin=Mock(command=command)))
        if lost:
            with pytest.raises(HieError) as caught:
                await store.search(Plan(("Patient",)))
            assert caught.value.category is Category.UNAVAILABLE
        else:
            assert await store.search(Plan(("Patient",))) is found
    await store.close()


async def test_a_table_grows_a_column(mongodb_uri: str) -> None:
    old = Table("job", {"id": str}, key=("id",))
    new = Table("job", {"id": str, "tries": int}, key=("id",), indexes=(("tries",),), defaults={"tries": 3})
    store = await empty_store(mongodb_uri, "grows", [old])
    await store.write(lambda transaction: transaction.insert(old, {"id": "a"}))
    await store.close()
    store = await open_mongo(database_uri(mongodb_uri, "grows"), [new])
    assert await store.select(new, {"tries": 3}) == [{"id": "a", "tries": 3}]
    await store.close()


async def test_several_processes_write_one_chain(mongodb_uri: str) -> None:
    """Jobs of several stores on one database are serial in effect: racing counters lose nothing."""
    counter = Table("n", {"id": str, "n": int}, key=("id",))
    first = await empty_store(mongodb_uri, "several", [counter])
    stores = [first, *[await open_mongo(database_uri(mongodb_uri, "several"), [counter]) for _ in range(2)]]

    async def add(transaction: Transaction) -> None:
        row = await transaction.get(counter, "a")
        await transaction.upsert(counter, {"id": "a", "n": (row["n"] if row else 0) + 1})  # type: ignore[operator]
        await transaction.put(patient("a"))

    await asyncio.gather(*(stores[number % 3].write(add) for number in range(60)))
    row = await first.get(counter, "a")
    current = await first.read("Patient", "a")
    assert row == {"id": "a", "n": 60}
    assert current is not None
    assert current.version == 60
    for store in stores:
        await store.close()


async def test_a_store_waits_in_the_server_for_another_that_writes(
    mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking again by chance, it came to its turn after seconds when the other had much to write."""
    first = await empty_store(mongodb_uri, "busy")
    second = await open_mongo(database_uri(mongodb_uri, "busy"))
    gate, holds = asyncio.Event(), asyncio.Event()

    async def hold(transaction: Transaction) -> None:
        await transaction.put(patient("held"))
        holds.set()
        await gate.wait()

    attempt, tries = second._writer._attempt, 0

    async def counted(batch: Any) -> Any:
        nonlocal tries
        tries += 1
        return await attempt(batch)

    monkeypatch.setattr(second._writer, "_attempt", counted)
    holding = asyncio.create_task(first.write(hold))
    await holds.wait()
    waiting = asyncio.create_task(second.write(lambda transaction: transaction.put(patient("next"))))
    await asyncio.sleep(0.3)
    assert tries == 1
    gate.set()
    await asyncio.gather(holding, waiting)
    assert tries == 2
    await first.write(lambda transaction: transaction.put(patient("after")))
    assert first._writer._turns._called
    for store in (first, second):
        await store.close()


@pytest.mark.parametrize(
    ("cache", "lifetime", "size", "most", "lasts"),
    [
        (None, None, 4 << 20, 64 << 20, 50),
        (8 << 30, 60, 4 << 20, (8 << 30) // 20, 50),
        (160 << 20, 300, 5 << 19, 8 << 20, 250),
    ],
)
def test_transactions_are_sized_to_the_server(
    cache: int | None, lifetime: int | None, size: int, most: int, lasts: float
) -> None:
    """A member that lets transactions live longer was of no use for a job that takes long, and one that lets them live
    shorter ended jobs that were then run again and again."""
    assert Limits.of_server(cache, lifetime) == Limits(size=size, most=most, lasts=lasts)


async def test_how_long_a_transaction_may_last_is_asked_of_the_server(mongodb_uri: str) -> None:
    store = await empty_store(mongodb_uri, "busy")
    async with AsyncMongoClient[Any](mongodb_uri) as client:
        found = await client.admin.command("getParameter", 1, transactionLifetimeLimitSeconds=1)
        lifetime = found["transactionLifetimeLimitSeconds"]
        assert store._writer._limits == Limits.of_server(await cache_bytes(client), lifetime)
    await store.close()


async def test_a_job_larger_than_the_servers_cache_bears_is_refused_and_stops_nobody(mongodb_uri: str) -> None:
    rows = Table("rows", {"id": str, "body": bytes}, key=("id",))
    store = await empty_store(mongodb_uri, "cache", [rows])
    async with AsyncMongoClient[Any](mongodb_uri) as client:
        most = Limits.of_server(await cache_bytes(client), None).most

    async def large(tx: Transaction) -> None:
        for number in range(1 + most // (1 << 20)):
            await tx.insert(rows, {"id": str(number), "body": bytes(1 << 20)})

    found = await asyncio.gather(
        store.write(large), store.write(lambda tx: tx.put(patient("p"))), return_exceptions=True
    )
    assert isinstance(found[0], HieError)
    assert found[0].category is Category.TOO_LARGE
    assert await store.count(rows, {}) == 0
    assert await store.read("Patient", "p") is not None
    await store.close()


async def test_a_database_of_the_first_schema_gets_its_main_dates_and_strings(mongodb_uri: str) -> None:
    extract = Extractors(official()).extract
    store = await empty_store(mongodb_uri, "older", extract=extract)
    dated = {"resourceType": "Encounter", "id": "e", "period": {"start": "2025-01-02T03:04:05Z"}}
    ordered = {"resourceType": "MedicationRequest", "id": "m", "authoredOn": "2025-01-01T16:00:00Z"}
    await put(store, dated, ordered, {**patient("p"), "name": [{"family": "Wang"}]})
    await store.close()
    async with AsyncMongoClient[Any](database_uri(mongodb_uri, "older")) as client:
        database = client.get_default_database()
        before = await database["resource"].find({}, {"m": 1, "f": 1}).sort("_id", 1).to_list()
        await database["resource"].update_many({}, {"$unset": {"m": "", "f": ""}})
        await database["control"].update_one({"_id": "schema"}, {"$set": {"version": 1}})
        store = await open_mongo(database_uri(mongodb_uri, "older"), extract=extract)
        await store.close()
        after = await database["resource"].find({}, {"m": 1, "f": 1}).sort("_id", 1).to_list()
    assert [one.get("m") for one in before] == [1_735_787_045_000_000, 1_735_747_200_000_000, None]
    assert [one.get("f") for one in before] == [None, None, "wang"]
    assert [one.get("f") for one in after] == [one.get("f") for one in before]
    assert [one.get("m") for one in after] == [one.get("m") for one in before]


@pytest.mark.parametrize(
    ("code", "message", "category"),
    [
        (2, "object to insert too large. size in bytes: 16777262, max size: 16777216", Category.TOO_LARGE),
        (17419, "Resulting document after update is larger than 16777216", Category.TOO_LARGE),
        (17420, "Document to upsert is larger than 16777216", Category.TOO_LARGE),
        (388, "-31800: transaction is too large and will not fit in the storage engine cache", Category.TOO_LARGE),
        (2, "another bad value", Category.UNAVAILABLE),
    ],
)
def test_what_only_the_server_finds_too_large_is_not_to_be_sent_again(
    code: int, message: str, category: Category
) -> None:
    error = BulkWriteError({"writeErrors": [{"index": 0, "code": code, "errmsg": message}]})
    assert situation(error).category is category


async def test_only_the_job_at_fault_fails_when_the_server_refuses_what_a_batch_wrote(mongodb_uri: str) -> None:
    big = Table("big", {"id": str, "body": bytes}, key=("id",))
    store = await empty_store(mongodb_uri, "fault", [big])

    def job(name: str, size: int) -> Any:
        async def run(tx: Transaction) -> str:
            await tx.upsert(big, {"id": name, "body": bytes(size)})
            await tx.put(patient(name))
            return name

        return store.write(run)

    found = await asyncio.gather(job("a", 9), job("b", 17 << 20), job("c", 9), return_exceptions=True)
    assert [one if isinstance(one, str) else one.category for one in found] == ["a", Category.TOO_LARGE, "c"]  # type: ignore[attr-defined]
    assert [row["id"] for row in await store.select(big, {}, order=["id"])] == ["a", "c"]
    assert [version.id async for version in store.versions("Patient")] == ["a", "c"]
    await store.close()


async def test_what_another_process_wrote_is_not_taken_for_known(mongodb_uri: str) -> None:
    counted = Table("counted", {"id": str, "n": int}, key=("id",))
    first = await empty_store(mongodb_uri, "known", [counted])
    second = await open_mongo(database_uri(mongodb_uri, "known"), [counted])

    async def job(tx: Transaction) -> int:
        row = await tx.get(counted, "a")
        number = int(str(row["n"])) + 1 if row else 1
        await tx.upsert(counted, {"id": "a", "n": number})
        return (await tx.put(patient("p"))).version

    numbers = [await store.write(job) for store in (first, first, second, first, second, second, first)]
    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert await second.get(counted, "a") == {"id": "a", "n": 7}
    for store in (first, second):
        await store.close()
