"""No search of the contract suite reads a whole collection, and no value of a search becomes an operator."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from hie.base.errors import Category, HieError
from hie.search.extract import Extractors
from hie.store.mongo import MongoStore
from hie.store.mongo.schema import CONTROL
from hie.store.port import HistoryQuery, Store
from hie.store.table import AtMost
from tests.contract.asking import ids, ordered, plan, put
from tests.contract.material import ITEM, LINK, TABLES
from tests.contract.test_search import CASES, PEOPLE
from tests.mongo_store import database_uri, empty_store

_ASKS = ("find", "aggregate", "count", "distinct")
_OWN = ("lsid", "$db", "$clusterTime", "txnNumber", "readConcern", "$readPreference", "maxTimeMS")


class Listener(CommandListener):
    """Keeps every reading command of the store."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in _ASKS and event.command[event.command_name] != CONTROL:
            self.commands.append({name: value for name, value in event.command.items() if name not in _OWN})

    def succeeded(self, event: Any) -> None:
        """Not needed."""

    def failed(self, event: Any) -> None:
        """Not needed."""


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def store(
    mongodb_uri: str, extractors: Extractors, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MongoStore]:
    def connect(uri: str, **options: Any) -> AsyncMongoClient[Any]:
        return AsyncMongoClient(uri, event_listeners=[listener], tz_aware=True)

    monkeypatch.setattr("hie.store.mongo.store.connect", connect)
    opened = await empty_store(mongodb_uri, "plans", TABLES, extract=extractors.extract)
    await put(opened, *PEOPLE)
    listener.commands.clear()
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def extractors() -> Extractors:
    from hie.fhir.definitions import official

    return Extractors(official())


def stages(explained: Any) -> set[str]:
    """The names of all stages of a plan, wherever they stand in it."""
    if isinstance(explained, list):
        return {name for one in explained for name in stages(one)}
    if not isinstance(explained, dict):
        return set()
    inner = {name for one in explained.values() for name in stages(one)}
    return inner | ({explained["stage"]} if isinstance(explained.get("stage"), str) else set())


async def explained(uri: str, commands: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Command -> stages that the server planned and ran for it."""
    async with AsyncMongoClient[Any](database_uri(uri, "plans")) as client:
        database = client.get_default_database()
        plans = [await database.command({"explain": command, "verbosity": "executionStats"}) for command in commands]
    return {repr(command): stages(plan) for command, plan in zip(commands, plans, strict=True)}


async def no_scans(uri: str, listener: Listener) -> None:
    found = await explained(uri, listener.commands)
    assert len(found) >= 1
    assert [command for command, names in found.items() if "COLLSCAN" in names] == []
    assert any({"IXSCAN", "IDHACK", "COUNT_SCAN", "DISTINCT_SCAN"} & names for names in found.values())


@pytest.mark.parametrize("area", CASES)
async def test_no_search_scans(area: str, store: MongoStore, listener: Listener, mongodb_uri: str) -> None:
    for kind, query, _ in CASES[area]:
        await ids(store, kind, query)
    await no_scans(mongodb_uri, listener)


async def test_no_sort_include_or_total_scans(store: MongoStore, listener: Listener, mongodb_uri: str) -> None:
    for query in ("_sort=birthdate", "_sort=-family,gender", "_sort=-_lastUpdated", "_sort=-_id&_count=1", ""):
        await ordered(store, "Patient", query)
    for query in ("_include=*", "_revinclude=*", "_include=Observation:patient&_include:iterate=Patient:organization"):
        await store.search(plan("Observation", f"patient=wang&_total=accurate&__explain=true&{query}"))
    await no_scans(mongodb_uri, listener)


async def test_no_read_history_or_row_scans(store: MongoStore, listener: Listener, mongodb_uri: str) -> None:
    await store.read("Patient", "wang")
    await store.vread("Patient", "wang", 1)
    for query in (
        HistoryQuery(),
        HistoryQuery("Patient"),
        HistoryQuery("Patient", "wang", since=5),
        HistoryQuery("Patient", at=5),
    ):
        await store.history(query)
    await asyncio.gather(
        store.get(ITEM, "a"),
        store.select(ITEM, {"state": "new", "due": AtMost(2)}, order=["due"]),
        store.select(ITEM, {"feed": "f", "due": None}),
        store.get(LINK, "a", "b"),
        store.select(LINK, {"left_id": "a"}, order=["right_id"]),
        store.count(ITEM, {"state": "new"}),
    )
    assert len([version async for version in store.versions("Patient")]) == 3
    await no_scans(mongodb_uri, listener)


HOSTILE = ['{"$ne":1}', "$where", "$name", "a.b", "[$gt]=1", "^.*", ".*", "\\", "'", "$$ROOT", "\x00", "{}"]


@pytest.mark.parametrize("value", HOSTILE)
async def test_values_are_values(value: str, store: Store) -> None:
    from urllib.parse import quote

    text = quote(value)
    for kind, query in (
        ("Patient", f"name={text}"),
        ("Patient", f"name:contains={text}"),
        ("Patient", f"name:exact={text}"),
        ("Patient", f"identifier={text}"),
        ("Patient", f"identifier={text}|{text}"),
        ("Patient", f"identifier:of-type={text}|{text}|{text}"),
        ("Patient", f"_tag={text}"),
        ("Patient", f"_id={text}"),
        ("Patient", f"general-practitioner:identifier={text}"),
        ("ValueSet", f"url={text}"),
        ("ValueSet", f"url:below={text}"),
        ("Location", f"partof:below={text}"),
        ("Observation", f"code:text={text}"),
        ("Observation", f"subject={text}"),
        ("Observation", f"component-code-value-quantity={text}$1"),
        ("Observation", f"patient.name={text}"),
        ("Patient", f"_has:Observation:patient:code={text}"),
    ):
        try:
            found = await ids(store, kind, query)
        except HieError as error:
            found = "" if error.category is Category.INVALID else str(error.category)
        assert found == "", (kind, query)
    name = {"resourceType": "Patient", "id": "odd", "name": [{"family": value or "x"}]}
    if value != "\x00":
        await put(store, name)
        assert await ids(store, "Patient", f"family:exact={text}") in ("odd", "")
    assert await store.get(ITEM, value) is None
