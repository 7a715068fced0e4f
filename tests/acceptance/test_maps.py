"""A table is mended while the server runs: rehearsed by what is on disk, linted, put in force, audited, followed by the
worker process."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from hie.app import Exchange, load_adapters, open_exchange
from hie.app.feeds import kept_beside, tables_version
from hie.app.maps import Maps, lint_tables
from hie.base.data import data_path
from hie.cli import app
from hie.config import load_config
from hie.pipeline.verify import verify

FEED = "wujiang-hl7v2"
SAMPLES = next(one.samples for one in load_adapters() if one.region == "wujiang")
GENDER = "codes/wujiang-gender.csv"
VISIT = "fields/wujiang-hl7v2/visit.toml"
PERSON = "fields/wujiang-hl7v2/shared/person.toml"


def settings(folder: Path, workers: int) -> dict[str, Any]:
    return {
        "data": folder / "data", "mappings": str(folder / "mappings"), "mllp_port": -1, "workers": workers,
        "drop_poll_seconds": 0, "retry_poll_seconds": 0, "close_poll_seconds": 0,
    }  # fmt: skip


@pytest.fixture(params=[0, 1])
async def exchange(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Exchange]:
    """An exchange that works by a copy of the tables, without and with a worker process."""
    shutil.copytree(data_path("mappings"), tmp_path / "mappings")
    opened = await open_exchange(load_config(settings(tmp_path, request.param), {}))
    await opened.start()
    yield opened
    await opened.close()


def client(exchange: Exchange) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=exchange.web), base_url="http://localhost")


def edit(exchange: Exchange, file: str, old: str, new: str) -> None:
    path = Path(exchange.config.mappings) / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


async def worker_up(exchange: Exchange) -> None:
    """Wait until the worker process, when there is one, has read the tables in force."""
    for _ in range(600):
        if exchange._workers is None or exchange._workers._alive():
            assert exchange._workers is None or exchange._workers._maps == exchange.maps.version
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the worker did not follow")


async def test_an_unknown_code_is_mended_without_a_restart(exchange: Exchange) -> None:
    body = (SAMPLES / "01-admit-a01.hl7").read_bytes().replace(b"|F|", b"|W|", 1)
    edit(exchange, GENDER, ",F,", ",ZZ,")
    async with client(exchange) as http:
        assert (await http.post("/admin/maps/reload")).json()["before"] != exchange.maps.version
        await worker_up(exchange)
        first = exchange.maps.version
        assert b"code-unknown" in (await exchange.ingest.receive(FEED, body)).body
        [item] = [str(row["id"]) async for row in exchange.operator().items()]

        edit(exchange, GENDER, ",ZZ,", ",W,")
        now = (await http.post(f"/admin/quarantine/{item}/rehearse")).json()
        then = (await http.post(f"/admin/quarantine/{item}/rehearse", params={"edited": True})).json()
        unknown = [{f["code"] for f in found["parts"][0]["findings"]} & {"code-unknown"} for found in (now, then)]
        assert unknown == [{"code-unknown"}, set()]
        assert (await http.get("/admin/maps")).json()["inForce"] == first

        assert (await http.post("/admin/maps/reload")).json() == {"before": first, "after": exchange.maps.version}
        assert (await http.post("/admin/replay", params={"item": item})).json() == {"stored": 1}
        assert (await http.get("/fhir/Patient?gender=female&_summary=count")).json()["total"] >= 1
        translated = await http.get(
            "/fhir/ConceptMap/wujiang-gender/$translate",
            params={"code": "W", "system": "urn:oid:2.16.156.10011.2.3.3.4"},
        )
        assert translated.json()["parameter"][0]["valueBoolean"] is True
        trace = (await http.get("/fhir/Provenance")).json()["entry"][-1]["resource"]
        assert trace["policy"] == [f"https://hie.example.org/feeds/{FEED}/maps/{exchange.maps.version}"]


async def test_what_a_map_held_back_is_mended_reloaded_and_released(exchange: Exchange) -> None:
    sent = (SAMPLES / "01-admit-a01.hl7").read_bytes().decode().replace("J18.900", "J18.900" + "x" * 64)
    async with client(exchange) as http:
        await exchange.ingest.receive(FEED, sent.encode())
        [group] = (await http.get("/admin/quarantine-groups")).json()
        [held] = (await http.get("/admin/quarantine")).json()
        assert (held["cause"], group["maps"]) == ("field-too-long", exchange.maps.version)
        item = held["item"]
        assert (await http.get("/fhir/Encounter?_summary=count")).json()["total"] == 0

        edit(exchange, VISIT, 'codes = "icd-10"', 'codes = "icd-10"\nlimit = "short"')
        then = (await http.post(f"/admin/quarantine/{item}/rehearse", params={"edited": True})).json()
        assert then["disposition"] in ("accepted", "accepted-with-warnings"), then["parts"][0]["findings"]
        assert (await http.get(f"/admin/quarantine/{item}")).json()["state"] == "quarantined"

        await http.post("/admin/maps/reload")
        await worker_up(exchange)
        assert (await http.post("/admin/replay", params={"state": "quarantined", "feed": FEED})).json() == {"stored": 1}
        [visit] = (await http.get("/fhir/Encounter")).json()["entry"]
        assert (await http.post(f"/admin/quarantine/{item}/release")).json()["state"] == "stored"
        assert (await http.post("/admin/replay", params={"item": item})).json() == {"stored": 1}
        assert (await http.get("/fhir/Encounter")).json()["entry"] == [visit]
        assert (await verify(exchange.store, exchange.operator())).sound
        acts = [e["resource"] for e in (await http.get("/fhir/AuditEvent")).json()["entry"]]
        [reload] = [one for one in acts if one["subtype"][0]["code"] == "reload"]
        assert reload["entity"][0]["what"]["identifier"]["value"] == exchange.maps.version


@pytest.mark.parametrize(
    ("file", "old", "new", "where"),
    [
        (GENDER, ",F,", ",F,,", "wujiang-gender.csv:"),
        (GENDER, ",female,", ",femal,", "codes/wujiang-gender.csv:"),
        (PERSON, 'target = "gender"', 'target = "gendre"', "wujiang-hl7v2/shared/person.toml:"),
        (PERSON, "[[", "[[[", "wujiang-hl7v2/shared/person.toml:"),
        ("quality/times.toml", 'dimension = "时序"', 'dimension = "时"', "times.toml:"),
    ],
)
async def test_broken_tables_change_nothing_and_say_where(
    tmp_path: Path, file: str, old: str, new: str, where: str
) -> None:
    shutil.copytree(data_path("mappings"), tmp_path / "mappings")
    exchange = await open_exchange(load_config(settings(tmp_path, 0), {}))
    before = exchange.maps.version
    edit(exchange, file, old, new)
    async with client(exchange) as http:
        answer = await http.post("/admin/maps/reload")
        assert (answer.status_code, exchange.maps.version) == (422, before)
        assert any(where in problem for problem in answer.json()["problems"]), answer.json()
        shown = (await http.get("/admin/maps")).json()
        assert (shown["inForce"], shown["onDisk"]) == (before, "")
        page = (await http.get("/quality/quarantine", params={"lang": "en"})).text
        assert where in page
        assert "Put the edited tables in force" not in page
    assert [version async for version in exchange.store.versions("AuditEvent")] == []
    body = (SAMPLES / "01-admit-a01.hl7").read_bytes()
    assert b"MSA|AA" in (await exchange.ingest.receive(FEED, body)).body
    await exchange.close()


async def test_tables_that_have_not_changed_are_not_put_in_force_again(exchange: Exchange) -> None:
    async with client(exchange) as http:
        found = (await http.post("/admin/maps/reload")).json()
        assert found["before"] == found["after"] == exchange.maps.version
    assert [version async for version in exchange.store.versions("AuditEvent")] == []


async def test_a_map_that_is_gone_is_served_no_longer(exchange: Exchange) -> None:
    folder = Path(exchange.config.mappings) / "codes"
    text = (folder / "wujiang-priority.csv").read_text(encoding="utf-8")
    (folder / "extra.csv").write_text(text.replace("# table: wujiang-priority", "# table: extra"), encoding="utf-8")
    async with client(exchange) as http:
        await http.post("/admin/maps/reload")
        assert (await http.get("/fhir/ConceptMap/extra")).status_code == 200
        (folder / "extra.csv").unlink()
        await http.post("/admin/maps/reload")
        assert (await http.get("/fhir/ConceptMap/extra")).status_code == 410


def test_tables_that_cannot_be_copied_are_one_problem(tmp_path: Path) -> None:
    folder = tmp_path / "mappings"
    folder.mkdir()
    for name in ("a.toml", "b.toml"):
        (folder / name).symlink_to(tmp_path / "gone")
    with pytest.raises(OSError, match=r"^The tables cannot be kept in [^\n]*No such file[^\n(]*$"):
        Maps((), tmp_path / "tables", folder, tmp_path / "terminology.sqlite")


def _own_tables(folder: Path) -> tuple[Path, Path]:
    """The tables of Jiashan as if its adapter brought them, and those of all regions without them."""
    own, shared = folder / "own", folder / "shared"
    for name in ("fields/jiashan-cda", "codes"):
        shutil.copytree(data_path("mappings") / name, own / name)
    shutil.copytree(data_path("mappings", "quality"), shared / "quality")
    return own, shared


def test_what_an_editor_puts_beside_a_table_is_none(tmp_path: Path) -> None:
    """No server started while someone had a map open in Emacs: its lock is a link that leads nowhere."""
    [jiashan] = [one for one in load_adapters() if one.region == "jiashan"]
    own, shared = _own_tables(tmp_path)
    adapter = replace(jiashan, mappings=own)
    version = tables_version([adapter], shared)
    for folder in (own / "fields", own / "fields" / "jiashan-cda", own / "codes", shared, shared / "quality"):
        for name in (".#open.toml", ".#open.csv"):
            (folder / name).symlink_to("someone@host.1234:5678")
        (folder / ".git").mkdir()
        (folder / ".git" / "rules.toml").write_text("no table")
    assert tables_version([adapter], shared) == version
    maps = Maps([adapter], tmp_path / "tables", shared)
    assert maps.version == version
    assert not [path for path in maps.now.folder.rglob("*") if path.name.startswith(".")]
    assert lint_tables(replace(maps.now, folder=shared), [adapter]) == lint_tables(maps.now, [adapter])
    assert maps.read() is maps.now


def test_what_an_adapter_brings_is_kept_with_the_tables_in_force(tmp_path: Path) -> None:
    [jiashan] = [one for one in load_adapters() if one.region == "jiashan"]
    own, empty = _own_tables(tmp_path)
    adapter = replace(jiashan, mappings=own)
    maps = Maps([adapter], tmp_path / "tables", empty)
    assert maps.version == tables_version([adapter], empty)
    for path in own.glob("fields/*/*.toml"):
        path.write_text("edited, and not in force", encoding="utf-8")
    [kept] = kept_beside([adapter], maps.now.folder)
    assert kept.mappings is not None
    assert sorted(p.name for p in kept.mappings.glob("fields/*/*.toml"))
    assert tables_version([adapter], maps.now.folder) == maps.version
    assert tables_version([adapter], empty) != maps.version


def test_the_command_needs_a_server(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["adapters", "reload", "--data", str(tmp_path)])
    assert (found.exit_code, "No server runs" in found.output) == (2, True)
