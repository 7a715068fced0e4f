"""Bulk $export: kick-off, status, files, cancel."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp
from hie.api.exports import SILENT_SECONDS, Asked, Exports
from hie.search.plan import Plan
from hie.security.principal import Principal, PrincipalKind
from hie.store.port import Cut, Page, Store, Transaction, Version
from tests.api.conftest import PATIENT, SETTINGS, client_of
from tests.api.test_search import observation
from tests.clock import FixedClock

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
async def app(make_app: Callable[..., FhirApp], tmp_path: Path) -> AsyncIterator[FhirApp]:
    made = make_app(replace(SETTINGS, export_folder=tmp_path / "export"))
    yield made
    await made.close()


@pytest.fixture
async def bulk(app: FhirApp) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        for name in ("p1", "p2"):
            await client.put(f"Patient/{name}", json={**PATIENT, "id": name})
            await client.put(f"Observation/o-{name}", json=observation(f"o-{name}", name))
        await client.put("Organization/org", json={"resourceType": "Organization", "id": "org", "name": "H"})
        member = [{"entity": {"reference": "Patient/p1"}}]
        group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": member}
        await client.put("Group/g", json=group)
        yield client


async def exported(client: httpx.AsyncClient, url: str, *, whole: bool = False) -> dict[str, list[Any]]:
    """Type -> ids in order, or the `whole` lines sorted."""
    started = await client.get(url, headers=ASYNC)
    assert started.status_code == 202, started.text
    status = started.headers["content-location"]
    answer = await client.get(status)
    while answer.status_code == 202:
        assert "resources" in answer.headers["x-progress"]
        await asyncio.sleep(0)
        answer = await client.get(status)
    files = {}
    for row in answer.json()["output"]:
        file = await client.get(row["url"])
        assert file.headers["content-type"] == "application/fhir+ndjson"
        lines = file.text.splitlines()
        files[row["type"]] = sorted(lines) if whole else [json.loads(line)["id"] for line in lines]
        assert len(files[row["type"]]) == row["count"]
    return files


async def test_an_export_of_the_system_holds_everything(bulk: httpx.AsyncClient) -> None:
    assert await exported(bulk, "$export") == {
        "Group": ["g"], "Observation": ["o-p1", "o-p2"], "Organization": ["org"], "Patient": ["p1", "p2"],
    }  # fmt: skip
    assert await exported(bulk, "$export?_type=Organization") == {"Organization": ["org"]}
    assert await exported(bulk, "$export?_since=2027-01-01") == {}


class Busy:
    """A store to which something is written after each step of an export."""

    def __init__(self, store: Store, writes: Iterable[dict[str, Any] | tuple[str, str]]) -> None:
        self._store = store
        self._writes = iter(writes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def _disturb(self) -> None:
        written = next(self._writes, None)

        async def job(tx: Transaction) -> None:
            if isinstance(written, tuple):
                await tx.delete(*written)
            elif written is not None:
                await tx.put(written)

        await self._store.write(job)

    async def search(self, plan: Plan) -> Page:
        page = await self._store.search(plan)
        await self._disturb()
        return page

    async def versions(self, resource_type: str | None = None, cut: Cut | None = None) -> AsyncIterator[Version]:
        async for version in self._store.versions(resource_type, cut):
            yield version
            await self._disturb()


@pytest.mark.parametrize("url", ["$export", "Patient/$export", "Group/g/$export", "Patient/$export?_type=Observation"])
async def test_an_export_is_the_state_at_kick_off(
    bulk: httpx.AsyncClient, app: FhirApp, monkeypatch: pytest.MonkeyPatch, url: str, clock: FixedClock
) -> None:
    monkeypatch.setattr(import_module("hie.api.operations.export"), "_PAGE", 1)
    for name in ("changed", "deleted", "moved", "x-moved", "x-deleted", "x-last"):
        await bulk.put(f"Observation/{name}", json=observation(name, "p1"))
    clock.advance(0.5)
    expected = await exported(bulk, url, whole=True)
    writes: list[dict[str, Any] | tuple[str, str]] = [
        observation("moved", "p2"),
        observation("o-p2", "p1"),
        ("Observation", "deleted"),
        {**observation("changed", "p1"), "status": "amended"},
        observation("a-new", "p1"),
        observation("x-moved", "p2"),
        ("Observation", "x-deleted"),
        {**PATIENT, "id": "p0"},
        ("Group", "g"),
        {**PATIENT, "id": "p1", "birthDate": "1999-01-01"},
    ]
    busy: Any = Busy(app.service.store, writes)
    async with client_of(FhirApp(replace(app.service, store=busy), app.authenticate)) as second:
        assert await exported(second, url, whole=True) == expected


async def test_the_time_of_an_export_is_that_of_the_newest_write_in_it(
    bulk: httpx.AsyncClient, clock: FixedClock, tmp_path: Path
) -> None:
    """What is written later, by a transaction that has begun already too, is no older: `_since` misses nothing."""
    clock.advance(60)
    status = (await bulk.get("$export", headers=ASYNC)).headers["content-location"]
    await until(lambda: (tmp_path / "export").glob("*/manifest.json"))
    assert (await bulk.get(status)).json()["transactionTime"] == "2026-01-18T00:30:00.000Z"


async def test_patients_and_group(bulk: httpx.AsyncClient) -> None:
    found = await exported(bulk, "Patient/$export")
    assert {kind: sorted(names) for kind, names in found.items() if kind != "Group"} == {
        "Observation": ["o-p1", "o-p2"], "Patient": ["p1", "p2"],
    }  # fmt: skip
    group = await exported(bulk, "Group/g/$export?_type=Patient,Observation")
    assert group == {"Observation": ["o-p1"], "Patient": ["p1"]}


@pytest.fixture
def other(app: FhirApp, tmp_path: Path) -> FhirApp:
    """Another server on the same store, with the same folder of exports."""
    exports = Exports(tmp_path / "export", lambda error: None, 3600)
    return FhirApp(replace(app.service, exports=exports), app.authenticate)


async def until(found: Callable[[], Iterable[object]]) -> None:
    """Until `found` gives something."""
    async with asyncio.timeout(20):
        while True:
            if list(found()):
                return
            await asyncio.sleep(0.001)


async def test_another_server_tells_of_the_job_and_gives_its_files(
    bulk: httpx.AsyncClient, other: FhirApp, tmp_path: Path
) -> None:
    status = (await bulk.get("$export?_type=Patient", headers=ASYNC)).headers["content-location"]
    async with client_of(other) as second:
        begun = await second.get(status)
        assert begun.status_code == 202
        assert begun.headers["x-progress"] == "0 resources"
        await until(lambda: (tmp_path / "export").glob("*/manifest.json"))
        rows = (await second.get(status)).json()["output"]
        assert [row["count"] for row in rows] == [2]
        assert len((await second.get(rows[0]["url"])).text.splitlines()) == 2
        assert (await second.delete(status)).status_code == 202
    assert (await bulk.get(status)).status_code == 404


async def test_another_server_ends_a_job_that_runs(app: FhirApp, other: FhirApp, tmp_path: Path) -> None:
    version = Version("Patient", "p", 1, 1, b"{}", "PUT")

    async def endless() -> AsyncIterator[Version]:
        while True:
            yield version

    exports = app.service.exports
    assert exports is not None
    assert other.service.exports is not None
    exports.start("long", Asked("url", "owner", "now"), endless())
    await until((tmp_path / "export" / "long").iterdir)
    assert other.service.exports.progress("long") is not None
    other.service.exports.remove("long")
    await until(lambda: ["ended"] if exports.progress("long") is None else [])
    assert list((tmp_path / "export").iterdir()) == []


async def test_a_job_that_is_silent_for_long_is_taken_for_dead(other: FhirApp, tmp_path: Path) -> None:
    folder = tmp_path / "export" / "dead"
    folder.mkdir(parents=True)
    (folder / "progress").write_text("7")
    assert other.service.exports is not None
    assert other.service.exports.progress("dead") == 7
    long_ago = time.time() - SILENT_SECONDS - 1
    os.utime(folder / "progress", (long_ago, long_ago))
    assert other.service.exports.progress("dead") is None


async def test_an_export_that_cannot_be_is_refused(bulk: httpx.AsyncClient) -> None:
    assert (await bulk.get("$export")).status_code == 400
    for query in ("_type=Nonsense", "_since=x", "_outputFormat=csv", "_typeFilter=x"):
        assert (await bulk.get(f"$export?{query}", headers=ASYNC)).status_code == 400, query
    for url in ("$export-status?job=none", "$export-status?job=../x", "$export-file?job=none&file=x"):
        assert (await bulk.get(url)).status_code == 404, url


async def test_cancel_removes_the_files(bulk: httpx.AsyncClient, tmp_path: Path) -> None:
    status = (await bulk.get("$export", headers=ASYNC)).headers["content-location"]
    assert (await bulk.delete(status)).status_code == 202
    assert (await bulk.get(status)).status_code == 404
    assert list((tmp_path / "export").iterdir()) == []


async def test_what_nobody_removes_goes_when_it_is_old(bulk: httpx.AsyncClient, app: FhirApp, tmp_path: Path) -> None:
    exports = app.service.exports
    assert exports is not None
    old, new = [(await bulk.get("$export", headers=ASYNC)).headers["content-location"] for _ in range(2)]
    await asyncio.gather(*(running.task for running in exports.running.values()))
    shown = parsedate_to_datetime((await bulk.get(old)).headers["expires"]).timestamp()
    assert abs(shown - time.time() - SETTINGS.export_seconds) < 60
    (tmp_path / "export" / "of-others").mkdir()
    for path in list((tmp_path / "export").rglob("*")):
        if new.partition("job=")[2] not in path.parts:
            os.utime(path, (0, 0))
    assert exports.sweep() == 1
    assert (await bulk.get(old)).status_code == 404
    assert (await bulk.get(new)).status_code == 200
    assert (tmp_path / "export" / "of-others").is_dir()


async def test_another_principal_sees_nothing(bulk: httpx.AsyncClient, app: FhirApp) -> None:
    async def authenticate(headers: object) -> Principal:
        return Principal("someone", PrincipalKind.SYSTEM)

    status = (await bulk.get("$export", headers=ASYNC)).headers["content-location"]
    async with client_of(FhirApp(app.service, authenticate)) as other:
        assert (await other.get(status)).status_code == 404


async def test_a_job_of_a_dead_process_says_so(bulk: httpx.AsyncClient, tmp_path: Path) -> None:
    folder = tmp_path / "export" / "dead"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text('{"url":"x","owner":"local-operator","began":"x"}')
    assert (await bulk.get("$export-status?job=dead")).status_code == 500
