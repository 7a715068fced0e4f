"""Resources of a patient by code in the SQLite store: kept with every write, made for a file that has none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from hie.fhir.definitions import official
from hie.search.clause import Kind
from hie.search.extract import Extractors
from hie.search.plan import SortKey
from hie.search.query import parse_query
from hie.store.memory import MemoryStore
from hie.store.port import Transaction
from hie.store.sqlite import SqliteStore
from tests.contract.asking import ordered, put

EXTRACT = Extractors(official()).extract
CODES = (["a"], ["a", "b"], ["b"], [])
SUBJECTS = ("Patient/p1", "Patient/p2", "Group/p1", "Patient/p1/_history/2", "http://elsewhere/fhir/Patient/p1")


def result(number: int, codes: list[str], subject: str) -> dict[str, Any]:
    """An Observation with these codes and a text."""
    code = {"coding": [{"system": "urn:c", "code": one} for one in codes], "text": "text"}
    named = {"resourceType": "Observation", "id": f"o{number:03}", "status": "final"}
    return {**named, "code": code, "subject": {"reference": subject}}


def results() -> list[dict[str, Any]]:
    """One code or two, or a text only; of two patients, of others that are no patients, of one elsewhere."""
    return [result(n, CODES[n % 4], SUBJECTS[n // 4 % 5]) for n in range(80)]


def rows(path: Path) -> list[tuple[Any, ...]]:
    """All of the table."""
    connection = apsw.Connection(str(path))
    return connection.execute("SELECT * FROM coded ORDER BY param, target, concept, resource").fetchall()


async def test_a_file_without_the_table_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "hie.sqlite"
    store = await SqliteStore.open(path, extract=EXTRACT)
    await put(store, *results())
    await put(store, result(0, ["b"], "Patient/p2"), result(1, ["a", "b"], "Group/p1"))

    async def remove(transaction: Transaction) -> None:
        await transaction.delete("Observation", "o005")

    await store.write(remove)
    await store.close()
    before = rows(path)
    assert len(before) == 60
    apsw.Connection(str(path)).execute("DROP TABLE coded; DROP TABLE batch; PRAGMA user_version = 2")
    store = await SqliteStore.open(path, extract=EXTRACT)
    await store.close()
    assert rows(path) == before


@pytest.mark.parametrize(
    "query",
    [
        "patient=p1&code=a",
        "patient=p1,p2&code=b",
        "patient=Patient/p1&code=urn:c|a,urn:c|b&status=final",
        "patient=p2&code=a&_id=o005",
        "patient=p1/_history/2&code=a",
        "patient=http://elsewhere/fhir/Patient/p1&code=b",
        "patient=p1&code:text=text",
        "patient=p1&code:not=a",
        "patient=nobody&code=a",
        "patient=p1&code=zz",
        "patient=p1&code=a&code=b",
    ],
)
@pytest.mark.parametrize("few", [2, 1000])
async def test_a_patient_and_a_code(tmp_path: Path, query: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hie.store.sqlite.driving._FEW", few)
    memory = MemoryStore(extract=EXTRACT)
    sqlite = await SqliteStore.open(tmp_path / "hie.sqlite", extract=EXTRACT)
    for store in (memory, sqlite):
        await put(store, *results())
    for count in (3, 500):
        found = await ordered(sqlite, "Observation", f"{query}&_count={count}")
        assert sorted(found) == sorted(await ordered(memory, "Observation", f"{query}&_count={count}"))
    await sqlite.close()


async def test_they_drive_together(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "hie.sqlite", extract=EXTRACT)
    await put(store, *results())
    pairs = [("patient", "p1"), ("code", "a"), ("status", "final"), ("__explain", "true")]
    plan = parse_query("Observation", pairs, official(), strict=True, now=0, base=None, terminology=None)
    explained = (await store.search(plan)).explain
    by_date = (await store.search(replace(plan, sort=(SortKey("date", Kind.DATE),)))).explain
    await store.close()
    assert explained is not None
    assert by_date is not None
    assert explained["steps"][0] == {"step": "drive", "clause": "And(Match(patient), Match(code))", "rows": 16}
    assert explained["steps"][1] == {"step": "probe", "clause": "Match(status)", "rows": 16}
    assert (explained["sort"], by_date["sort"]) == ("number", "sort")
