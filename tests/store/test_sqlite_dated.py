"""Resources of a code by date in the SQLite store: kept with every write, made for a file that has none."""

from pathlib import Path
from typing import Any

import apsw
import pytest

from hie.fhir.definitions import official
from hie.search.entries import Entries
from hie.search.extract import Extractors
from hie.store.memory import MemoryStore
from hie.store.port import Transaction
from hie.store.sqlite import SqliteStore
from tests.contract.asking import ordered, put

EXTRACT = Extractors(official()).extract


def several(resource: dict[str, Any]) -> Entries:
    """A `date` with an entry for each end of what several events span: a custom parameter may have more than one."""
    entries = EXTRACT(resource)
    if "effectiveTiming" not in resource:
        return entries
    return entries._replace(date=[(name, at, at + 1) for name, low, high in entries.date for at in (low, high - 1)])


def result(number: int, codes: list[str], **more: Any) -> dict[str, Any]:
    """An Observation with these codes and a text."""
    code = {"coding": [{"system": "urn:c", "code": one} for one in codes], "text": "text"}
    return {"resourceType": "Observation", "id": f"o{number:03}", "status": "final", "code": code, **more}


def results() -> list[dict[str, Any]]:
    """One code or two, or a text only; one date, three, a period, or none; many of the same date."""
    dates: list[dict[str, Any]] = [
        {"effectiveDateTime": "2024-01-01"},
        {"effectiveTiming": {"event": ["2024-01-03", "2023-11-01T10:00:00Z", "2024-01-02"]}},
        {"effectivePeriod": {"start": "2023-12", "end": "2024-02"}},
        {},
    ]
    codes = [["a"], ["a", "b"], ["b"], []]
    return [result(n, codes[n % 4], **dates[n // 4 % 4]) for n in range(160)]


def rows(path: Path) -> list[tuple[Any, ...]]:
    """All of the table."""
    connection = apsw.Connection(str(path))
    return connection.execute("SELECT * FROM dated ORDER BY param, concept, low, resource").fetchall()


def taken_back(path: Path) -> None:
    """Take the file back to the schema before the table."""
    connection = apsw.Connection(str(path))
    connection.execute("DROP TABLE dated; DROP TABLE coded; DROP TABLE batch; PRAGMA user_version = 1")


async def test_a_file_without_the_table_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "hie.sqlite"
    store = await SqliteStore.open(path, extract=EXTRACT)
    await put(store, *results())
    await put(store, result(0, ["b"], effectiveDateTime="2024-05-05"), result(1, ["a", "b"]))

    async def remove(transaction: Transaction) -> None:
        await transaction.delete("Observation", "o005")

    await store.write(remove)
    await store.close()
    before = rows(path)
    assert len(before) == 116
    taken_back(path)
    store = await SqliteStore.open(path, extract=EXTRACT)
    await store.close()
    assert rows(path) == before


@pytest.mark.parametrize("query", ["code=a", "code=a,b", "code=a&status=final", "code=a&date=ge2024", "code=zz"])
@pytest.mark.parametrize("sort", ["_sort=date", "_sort=-date"])
@pytest.mark.parametrize("window", [3, 10_000])
async def test_pages_of_a_code_by_date(
    tmp_path: Path, query: str, sort: str, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hie.store.sqlite.paging.WALK", window)
    memory = MemoryStore(extract=several)
    sqlite = await SqliteStore.open(tmp_path / "hie.sqlite", extract=several)
    for store in (memory, sqlite):
        await put(store, *results())
    for count in (7, 500):
        asked = f"{query}&{sort}&_count={count}"
        orders = []
        for few in (2, 1000):  # walked, sorted
            monkeypatch.setattr("hie.store.sqlite.paging.FEW", few)
            orders.append(await ordered(sqlite, "Observation", asked))
        assert orders[0] == orders[1]
        assert sorted(orders[0]) == sorted(await ordered(memory, "Observation", asked))
    await sqlite.close()
