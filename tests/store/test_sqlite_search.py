"""What only the SQLite store has: the time limit, the thread for slow searches, and plans that never scan."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.store.sqlite import SqliteStore
from hie.store.sqlite import reading as module
from tests.contract.asking import ids, plan, put


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "hie.sqlite", extract=Extractors(official()).extract)
    await put(
        opened,
        {"resourceType": "Patient", "id": "p1", "gender": "male"},
        *(
            {
                "resourceType": "Observation",
                "id": f"o{number:04}",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": f"c{number % 2}"}], "text": "word " * 20},
                "subject": {"reference": f"Patient/p{number % 20}"},
                "effectiveDateTime": f"2024-01-{number % 28 + 1:02}",
                "valueQuantity": {"value": number, "unit": "mg"},
            }
            for number in range(400)
        ),
    )
    yield opened
    await opened.close()


async def test_a_search_past_its_time_limit_says_so(store: SqliteStore) -> None:
    with pytest.raises(HieError) as caught:
        await store.search(replace(plan("Observation", "_content=nowhere"), seconds=0.0))
    assert caught.value.category is Category.TIMEOUT
    assert await ids(store, "Observation", "_id=o0001") == "o0001"


async def test_a_slow_search_goes_on_in_a_thread(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INLINE", 0.0)
    assert len((await ids(store, "Observation", "_content=word")).split()) == 400


@pytest.mark.parametrize(
    "query",
    [
        "patient=Patient/p1&code=c1",
        "code=c1&_sort=-date",
        "code=c0,c1",
        "date=ge2024-01-05",
        "date=ge2024-01-05&status=final",
        "value-quantity=gt7||mg",
        "patient.gender=male",
        "_sort=-_lastUpdated",
        "_lastUpdated=ge2020",
        "_include=Observation:patient",
        "_include=*",
        "",
    ],
)
async def test_no_search_scans_a_table(store: SqliteStore, query: str) -> None:
    seen: list[tuple[str, object]] = []

    def trace(cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
        seen.append((sql, bindings))
        return True

    store._reading.exec_trace = trace
    await store.search(plan("Observation", query))
    store._reading.exec_trace = None
    steps = [row[3] for sql, values in seen for row in store._reading.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert steps
    # SCAN of a subquery, or of given numbers (j), reads what the steps above found; of a table it would read all of it.
    assert [step for step in steps if step.startswith("SCAN") and step.split()[1] not in ("w", "d", "s", "i", "e", "j")
            and not step.startswith("SCAN (subquery")] == []  # fmt: skip
