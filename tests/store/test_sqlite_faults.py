"""Faults of the disk: nothing half done, no job left waiting, and the store works again as soon as the disk does."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.store.port import Transaction
from hie.store.sqlite import Limits, SqliteStore, checkpoint
from hie.store.sqlite.database import PAGE_BYTES
from hie.store.sqlite.store import LEAST_ROOM
from hie.store.table import Table
from tests.contract.material import patient


def _note(resource_id: str, size: int) -> dict:
    return patient(resource_id, text={"status": "generated", "div": "x" * size})


async def _put(store: SqliteStore, resource: dict) -> None:
    async def job(transaction: Transaction) -> None:
        await transaction.put(resource)

    await store.write(job)


async def _nothing(_: Transaction) -> None:
    return


@pytest.fixture
async def store(tmp_path: Path):
    opened = await SqliteStore.open(tmp_path / "hie.sqlite")
    yield opened
    await opened.close()


def _pages(store: SqliteStore, most: int) -> None:
    store._writing.execute(f"PRAGMA max_page_count = {most}")


async def test_a_full_disk_fails_the_job_and_the_store_recovers(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    await _put(store, _note("a", 10))
    _pages(store, int(store._writing.pragma("page_count")) + 2)
    results = await asyncio.gather(
        *(_put(store, _note(f"big-{number}", 200_000)) for number in range(3)), return_exceptions=True
    )
    assert {result.category for result in results} == {Category.UNAVAILABLE}
    await store.write(_nothing)
    assert store._writer.failing, "a job that writes nothing tells nothing of the disk"
    await _put(store, _note("a", 10))
    with pytest.raises(HieError):
        await _put(store, _note("big-4", 200_000))
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == [
        "the store does not take writes reason=The disk of the store is full."
    ]
    assert [version.id async for version in store.versions()] == ["a"]
    _pages(store, 1_000_000)
    await _put(store, _note("big-0", 200_000))
    assert [(v.id, v.version) async for v in store.versions()] == [("a", 2), ("big-0", 1)]


async def test_a_failing_commit_fails_every_job_of_the_batch(store: SqliteStore) -> None:
    await _put(store, patient("before"))
    fail = [True]

    def refuse() -> bool:
        return fail[0]

    store._writing.set_commit_hook(refuse)
    results = await asyncio.gather(*(_put(store, patient(f"p{n}")) for n in range(3)), return_exceptions=True)
    assert [getattr(result, "category", None) for result in results] == [Category.UNAVAILABLE] * 3
    assert not await store.ready()
    fail[0] = False
    assert await store.ready()
    await _put(store, patient("p1"))
    assert [(v.id, v.version) async for v in store.versions()] == [("before", 1), ("p1", 1)]


async def test_what_fails_after_a_commit_takes_nothing_back(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The sender was told that nothing was stored, and a POST that is sent again makes a second one."""
    monkeypatch.setattr(store._writer, "_after_commit", lambda: 1 / 0)
    await _put(store, patient("there"))
    assert await store.read("Patient", "there") is not None
    assert "reason=ZeroDivisionError@" in caplog.text
    assert await store.ready()


async def test_a_store_without_room_for_a_large_item_is_not_ready(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = LEAST_ROOM - 1
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert [await store.ready() for _ in range(3)] == [False] * 3
    free = LEAST_ROOM
    assert await store.ready()
    assert len(caplog.records) == 2, "told when it changes"


async def test_what_sqlite_refuses_fails_its_own_job_only(tmp_path: Path) -> None:
    count = Table("count", {"name": str, "n": int}, key=("name",))
    store = await SqliteStore.open(tmp_path / "hie.sqlite", [count])

    def job(name: str, n: int, look: bool):
        async def run(transaction: Transaction) -> int:
            await transaction.upsert(count, {"name": name, "n": n})
            await transaction.put(patient(name))
            return await transaction.count(count, {}) if look else 0

        return store.write(run)

    for looks in ((False,) * 3, (True,) * 3, (False, False, True)):
        names = [f"{name}-{looks}" for name in ("a", "b", "c")]
        numbers = (1, 1 << 70, 3)
        results = await asyncio.gather(
            *(job(*one) for one in zip(names, numbers, looks, strict=True)), return_exceptions=True
        )
        assert [type(result) for result in results] == [int, OverflowError, int]
        assert [(await store.read("Patient", name)) is not None for name in names] == [True, False, True]
        assert await store.get(count, names[1]) is None
    assert await store.count(count, {}) == 6
    await store.close()


@pytest.mark.parametrize("fails", [False, True])
async def test_a_job_changes_what_its_neighbour_made_and_looks(tmp_path: Path, fails: bool) -> None:
    """What was collected as new was made twice: by what its look had written of the neighbour, and by itself."""
    count = Table("count", {"name": str, "n": int}, key=("name",))
    store = await SqliteStore.open(tmp_path / "hie.sqlite", [count], extract=Extractors(official()).extract)

    async def change_and_look(transaction: Transaction) -> None:
        await transaction.put(patient("a", gender="female"))
        await transaction.remove(count, {"name": "a"})
        if fails:
            raise HieError(Category.CONFLICT, "not now")

    made = patient("a", gender="male", active=True)
    results = await asyncio.gather(_put(store, made), store.write(change_and_look), return_exceptions=True)
    assert [getattr(result, "message", result) for result in results] == [None, "not now" if fails else None]
    assert [(v.id, v.version) async for v in store.versions()] == [("a", 1 if fails else 2)]
    codes = "SELECT c.code FROM token t JOIN concept c ON c.pk = t.concept ORDER BY c.code"
    assert [code for (code,) in store._writing.execute(codes)] == [
        "false",
        *(["male", "true"] if fails else ["female"]),
    ]
    await store.close()


async def test_a_concept_that_is_not_in_memory_keeps_its_number(tmp_path: Path) -> None:
    coded = {"identifier": [{"system": "urn:x", "value": "1"}], "gender": "male"}
    for name in ("a", "b"):
        store = await SqliteStore.open(tmp_path / "hie.sqlite", extract=Extractors(official()).extract)
        await asyncio.gather(_put(store, patient(name, **coded)), _put(store, patient(name + "x", active=True)))
        twice = "SELECT 1 FROM concept GROUP BY system, code, text HAVING count(*) > 1"
        assert store._writing.execute(twice).fetchall() == []
        tokens = "SELECT count(DISTINCT resource) FROM token t JOIN concept c ON c.pk = t.concept WHERE code = '1'"
        assert store._writing.execute(tokens).get == (1 if name == "a" else 2)
        await store.close()


async def test_what_nobody_waits_for_any_more_is_not_begun(store: SqliteStore) -> None:
    waiting = asyncio.create_task(_put(store, patient("gone")))
    await asyncio.sleep(0)
    waiting.cancel()
    await store.write(_nothing)
    assert await store.read("Patient", "gone") is None


async def test_too_many_waiting_writes_are_busy(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "hie.sqlite", limits=Limits(waiting=2))
    gate = asyncio.Event()

    async def wait(_: Transaction) -> None:
        await gate.wait()

    jobs = [asyncio.create_task(store.write(wait)) for _ in range(4)]
    done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    assert [task.exception().category for task in done] == [Category.BUSY] * 2
    gate.set()
    await asyncio.gather(*(job for job in jobs if job not in done))
    await store.close()


async def test_closing_finishes_what_waits_and_a_reopened_file_has_it(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "hie.sqlite")
    writes = [asyncio.create_task(_put(store, patient(f"p{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    with pytest.raises(HieError):
        await _put(store, patient("late"))
    again = await SqliteStore.open(tmp_path / "hie.sqlite")
    assert len([v async for v in again.versions("Patient")]) == 20
    await again.close()


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hie.sqlite"
    await (await SqliteStore.open(path)).close()
    file = apsw.Connection(str(path))
    page = int(file.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'version'").get)
    file.close()
    with path.open("r+b") as stream:
        stream.seek((page - 1) * PAGE_BYTES)
        stream.write(b"?" * PAGE_BYTES)
    with pytest.raises(HieError, match="CorruptError"):
        await SqliteStore.open(path)


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hie.sqlite"
    apsw.Connection(str(path)).execute("PRAGMA user_version = 999")
    with pytest.raises(HieError, match="schema version 999"):
        await SqliteStore.open(path)


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """`hie verify` made its tables beside those of the other and found the store sound, with 0 items."""
    path = tmp_path / "hie.sqlite"
    apsw.Connection(str(path)).execute("CREATE TABLE other (a)")
    with pytest.raises(HieError, match="of another program"):
        await SqliteStore.open(path)


def files(folder: Path) -> list[Path]:
    return [*folder.glob("hie.sqlite*")]


async def test_the_files_of_a_store_are_for_their_owner(tmp_path: Path) -> None:
    """Records lay open to every user of the machine."""
    store = await SqliteStore.open(tmp_path / "hie.sqlite")
    await store.write(lambda transaction: transaction.put({"resourceType": "Patient", "id": "a"}))
    modes = {path.name: path.stat().st_mode & 0o777 for path in files(tmp_path)}
    await store.close()
    assert modes.keys() >= {"hie.sqlite", "hie.sqlite-wal", "hie.sqlite-shm", "hie.sqlite-text"}
    assert set(modes.values()) == {0o600}, modes


async def test_a_table_grows_a_column(tmp_path: Path) -> None:
    old = Table("job", {"id": str}, key=("id",))
    new = Table("job", {"id": str, "tries": int}, key=("id",), indexes=(("tries",),), defaults={"tries": 3})
    store = await SqliteStore.open(tmp_path / "hie.sqlite", [old])
    await store.write(lambda transaction: transaction.insert(old, {"id": "a"}))
    await store.close()
    store = await SqliteStore.open(tmp_path / "hie.sqlite", [new])
    assert await store.select(new, {"tries": 3}) == [{"id": "a", "tries": 3}]
    await store.close()


async def test_what_is_written_is_synced(store: SqliteStore) -> None:
    assert store._writing.pragma("synchronous") == 2
    assert store._writing.pragma("journal_mode") == "wal"


async def test_a_reader_that_stays_does_not_hold_up_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a backup read the file, each commit waited five seconds for it once the log was long."""
    monkeypatch.setattr(checkpoint, "STEP", 20)
    monkeypatch.setattr(checkpoint, "LIMIT", 40)
    opened = await SqliteStore.open(tmp_path / "hie.sqlite")
    await _put(opened, patient("before"))
    backup = apsw.Connection(str(tmp_path / "hie.sqlite"))
    backup.execute("BEGIN; SELECT 1 FROM version")
    async with asyncio.timeout(3):
        for number in range(3):
            await _put(opened, _note(f"big-{number}", 300_000))
    log = tmp_path / "hie.sqlite-wal"
    long = log.stat().st_size
    backup.execute("COMMIT")
    for number in range(9):
        await _put(opened, _note(f"big-{number}", 300_001))
    assert log.stat().st_size < 2 * long, "the log begins anew when the reader is gone"
    backup.close()
    await opened.close()
