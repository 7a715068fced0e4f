"""What only the SQLite store has: the time limit, the thread for slow searches, and plans that never scan."""

import asyncio
import errno
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import NoReturn

import apsw
import pytest

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.search.plan import Plan
from hie.store.port import Page, Transaction
from hie.store.sqlite import SqliteStore, text_following, transaction
from hie.store.sqlite import reading as module
from hie.store.sqlite.searching import Searching
from hie.store.sqlite.texts import text_path
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
        await store.search(replace(plan("Observation", "code:not=nowhere&_total=accurate"), seconds=0.0))
    assert caught.value.category is Category.TIMEOUT
    assert await ids(store, "Observation", "_id=o0001") == "o0001"


async def test_a_slow_search_goes_on_in_a_thread(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INLINE", 0.0)
    assert len((await ids(store, "Observation", "code:not=nowhere&_total=accurate")).split()) == 400


async def test_a_slow_search_of_a_job_holds_up_no_reader(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ran on the event loop, for as long as any search may take."""
    searched, was_read = Searching._search, Event()

    def slowly(searching: Searching, of: Plan) -> Page:
        if current_thread() is main_thread():
            raise apsw.InterruptError
        assert was_read.wait(5)
        return searched(searching, of)

    monkeypatch.setattr(Searching, "_search", slowly)
    writing = asyncio.ensure_future(store.write(_put_and_search))
    await asyncio.sleep(0.01)
    assert await store.read("Observation", "new") is None
    was_read.set()
    assert await writing == 401


async def test_all_searches_of_a_job_together_have_one_time_limit(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "SEARCHING", 0.0)
    with pytest.raises(HieError, match="time limit"):
        await store.write(_put_and_search)
    assert await store.read("Observation", "new") is None


async def _put_and_search(tx: Transaction) -> int | None:
    await tx.put({"resourceType": "Observation", "id": "new", "status": "final"})
    return (await tx.search(plan("Observation", "code:not=nowhere&_total=accurate"))).total


async def caught_up(store: SqliteStore) -> None:
    """Wait until the text index has every version."""
    store.text_following.start()
    newest = store._writing.execute("SELECT coalesce(max(seq), 0) FROM version").get
    async with asyncio.timeout(30):
        while store._writing.execute("SELECT seq FROM texts.reached").get != newest:  # noqa: ASYNC110 (a process)
            await asyncio.sleep(0.02)


async def _matches(store: SqliteStore, query: str) -> tuple[str, int]:
    """Ids that a search finds, and how many rows drove it."""
    found = await store.search(replace(plan("Observation", query), explain=True))
    assert found.explain is not None
    return " ".join(match.id for match in found.matches), found.explain["steps"][0]["rows"]


async def test_words_are_found_before_and_after_the_text_index_has_them(store: SqliteStore) -> None:
    await caught_up(store)
    note = {"resourceType": "Observation", "id": "noted", "note": [{"text": "既往高血压 Hypertension"}]}
    await put(store, note)
    for _ in range(2):
        assert await _matches(store, "_content=血压") == ("noted", 1)
        assert await _matches(store, "_content=hyper") == ("noted", 1)
        assert await _matches(store, "_content=血高") == ("", 0)
        await caught_up(store)
    assert store._writing.execute("SELECT count(*) FROM texts.words WHERE words MATCH '\"血压\"'").get == 1
    await put(store, {**note, "note": [{"text": "elsewhere"}]})
    for _ in range(2):
        assert await _matches(store, "_content=血压") == ("", 0)
        assert await _matches(store, "_content=elsewhere") == ("noted", 1)
        await caught_up(store)


async def test_a_text_index_that_is_lost_or_of_another_store_is_made_anew(tmp_path: Path) -> None:
    extract = Extractors(official()).extract
    for name, text in (("one", "sunrise"), ("two", "sunset")):
        store = await SqliteStore.open(tmp_path / name, extract=extract)
        await put(store, {"resourceType": "Basic", "id": "b", "code": {"text": text}})
        await caught_up(store)
        await store.close()
    for spoil in ("", "no database at all"):
        text_path(tmp_path / "two").write_text(spoil) if spoil else text_path(tmp_path / "two").unlink()
        store = await SqliteStore.open(tmp_path / "two", extract=extract)
        await caught_up(store)
        assert await ids(store, "Basic", "_content=sunset") == "b"
        await store.close()
    text_path(tmp_path / "one").replace(text_path(tmp_path / "two"))
    store = await SqliteStore.open(tmp_path / "two", extract=extract)
    await caught_up(store)
    assert (await ids(store, "Basic", "_content=sunset"), await ids(store, "Basic", "_content=sunrise")) == ("b", "")
    await store.close()


def _no_descriptors(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EMFILE, "Too many open files")


async def test_a_process_that_follows_is_started_again_and_ends_with_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_following, "_AGAIN_SECONDS", 0.0)
    store = await SqliteStore.open(tmp_path / "hie.sqlite")
    await caught_up(store)
    first = store.text_following._process
    assert first is not None
    first.kill()
    first.wait()
    with monkeypatch.context() as full:
        full.setattr(subprocess, "Popen", _no_descriptors)
        for number in range(2):  # what is committed is told as committed
            await put(store, {"resourceType": "Basic", "id": f"a{number}", "code": {"text": "sunset"}})
    assert store.text_following._process is None
    for number in range(2):  # the first finds that it is gone, the second commit is told to the next one
        await put(store, {"resourceType": "Basic", "id": f"b{number}", "code": {"text": "sunset"}})
    second = store.text_following._process
    assert second is not None
    assert second.pid != first.pid
    await caught_up(store)
    await store.close()
    assert second.returncode == 0


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
        "_content=word",
        "_content=word&code=c1",
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
