"""What a router of shards would see: which commands name the place `p` that the data is sharded by, and which do not.

There is no `mongos` for tests, so the commands that the store sends are looked at: one that names `p` is sent to the
shards of these Patients, one that does not to all. The table is that of `docs/operate/mongodb.md`.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from hie.fhir.definitions import official
from hie.search.clause import InCompartment
from hie.search.extract import Extractors
from hie.search.plan import Plan
from hie.store.mongo import MongoStore
from hie.store.mongo.placing import SHARED
from hie.store.mongo.schema import RESOURCE, VERSION
from hie.store.port import HistoryQuery, Transaction
from tests.contract.asking import plan, put
from tests.contract.test_search import PEOPLE
from tests.mongo_store import empty_store

NEXT_CODE = {"system": "http://loinc.org", "code": "8310-5"}


def observation(identity: str, patient: str, **more: Any) -> dict[str, Any]:
    subject = {"reference": f"Patient/{patient}"}
    return {"resourceType": "Observation", "id": identity, "status": "final", "subject": subject, **more}


class Router(CommandListener):
    """Sorts every command on the sharded collections by whether it names the place."""

    def __init__(self) -> None:
        self.local: list[str] = []
        self.scattered: list[str] = []
        self.placed: list[tuple[Any, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        command = event.command
        if command.get(event.command_name) not in (RESOURCE, VERSION):
            return
        for condition in _conditions(event.command_name, command):
            (self.local if "p" in condition else self.scattered).append(f"{event.command_name} {sorted(condition)}")
        self.placed += [(row["z"], row["p"]) for row in command.get("documents", ())]

    def succeeded(self, event: Any) -> None:
        """Not needed."""

    def failed(self, event: Any) -> None:
        """Not needed."""

    def forget(self) -> None:
        self.local, self.scattered, self.placed = [], [], []


def _conditions(name: str, command: Any) -> list[dict[str, Any]]:
    match name:
        case "find":
            return [command["filter"]]
        case "aggregate":
            return [command["pipeline"][0].get("$match", {})]
        case "update":
            return [one["q"] for one in command["updates"]]
        case "delete":
            return [one["q"] for one in command["deletes"]]
        case "count" | "distinct":
            return [command.get("query", {})]
    return []


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.fixture
async def store(mongodb_uri: str, router: Router, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MongoStore]:
    def connect(uri: str, **options: Any) -> AsyncMongoClient[Any]:
        return AsyncMongoClient(uri, event_listeners=[router], tz_aware=True)

    monkeypatch.setattr("hie.store.mongo.store.connect", connect)
    opened = await empty_store(mongodb_uri, "shards", extract=Extractors(official()).extract)
    await put(opened, *PEOPLE, observation("one", "wang"), observation("two", "wang"), observation("three", "li"))
    router.forget()
    yield opened
    await opened.close()


ONE_PATIENT = (
    ("Observation", "patient=Patient/wang", {"one", "two"}),
    ("Observation", "patient=wang", {"one", "two"}),
    ("Observation", "patient=wang,li", {"one", "two", "three"}),
    ("Observation", "subject=Patient/wang&status=final", {"one", "two"}),
    ("Observation", "patient=wang&_sort=-date&_count=1", {"o2"}),
    ("Observation", "patient=wang&_id=one", {"one"}),
    ("Patient", "_id=wang", {"wang"}),
)


@pytest.mark.parametrize(("kind", "query", "wanted"), ONE_PATIENT, ids=[query for _, query, _ in ONE_PATIENT])
async def test_a_search_on_one_patient_stays(
    kind: str, query: str, wanted: set[str], store: MongoStore, router: Router
) -> None:
    page = await store.search(plan(kind, query))
    assert {version.id for version in page.matches} >= wanted
    assert router.scattered == []
    assert router.local != []


async def test_a_compartment_and_the_reading_of_a_patient_stay(store: MongoStore, router: Router) -> None:
    page = await store.search(Plan(types=("Observation", "Patient"), clause=InCompartment(("wang",))))
    assert {"one", "two"} <= {version.id for version in page.matches}
    assert await store.read("Patient", "wang") is not None
    assert await store.vread("Patient", "wang", 1) is not None
    assert router.scattered == []


SCATTERED = (
    ("Patient", "name=wang"),
    ("Patient", "identifier=1"),
    ("Observation", "status=final"),
    ("Observation", "patient.name=wang"),
    ("Device", "patient=wang"),
)
"""`Device` is in no compartment of FHIR R4: a reference to a Patient does not tell where it lies."""


@pytest.mark.parametrize(("kind", "query"), SCATTERED, ids=lambda value: str(value))
async def test_what_is_about_many_patients_goes_to_all(
    kind: str, query: str, store: MongoStore, router: Router
) -> None:
    await store.search(plan(kind, query))
    assert router.scattered != []


async def test_reading_by_id_and_history_go_to_all(store: MongoStore, router: Router) -> None:
    await store.read("Observation", "one")
    await store.history(HistoryQuery("Observation"))
    assert len(router.scattered) >= 2


async def test_every_write_names_the_place_of_what_it_changes(store: MongoStore, router: Router) -> None:
    """Also when a resource moves to another Patient, in one job and over several."""

    async def moves(tx: Transaction) -> None:
        await tx.put(observation("one", "li", code={"coding": [NEXT_CODE]}))
        await tx.put(observation("one", "zhao"))
        await tx.put(observation("new", "li"))
        await tx.delete("Observation", "two")

    await store.write(moves)
    written = [one for one in router.local + router.scattered if one.startswith("update")]
    assert written != []
    assert all("'p'" in one and "'z'" in one for one in written)
    assert {place for _, place in router.placed} == {"li", "zhao", "wang"}
    router.forget()
    await store.write(lambda tx: tx.put(observation("one", "wang")))
    assert not [one for one in router.scattered if one.startswith("update")]
    for patient, wanted in (("wang", ["one"]), ("li", ["three", "new"]), ("zhao", [])):
        page = await store.search(plan("Observation", f"patient={patient}"))
        assert [version.id for version in page.matches if version.id in ("one", "two", "three", "new")] == wanted


async def test_what_is_about_several_patients_is_found_from_each(store: MongoStore) -> None:
    both = observation("both", "wang", performer=[{"reference": "Patient/li"}])
    await store.write(lambda tx: tx.put(both))
    for query in ("patient=wang", "performer=Patient/li"):
        page = await store.search(plan("Observation", query))
        assert "both" in [version.id for version in page.matches]
    found = await store._database[RESOURCE].find_one({"_id": "Observation/both"})
    assert found is not None
    assert found["p"] == SHARED
