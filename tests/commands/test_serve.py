"""`hie serve` stops cleanly on SIGTERM and SIGINT: connections answered, store closed, nothing left running.

Its settings reach the API.
"""

import asyncio
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import cast

import httpx
import pytest

from adapters.wujiang import adapter as wujiang
from hie.app import Exchange, open_exchange
from hie.app.drops import Drops
from hie.app.maps import Maps
from hie.base.data import data_path
from hie.base.errors import HieError
from hie.base.outcome import Answer
from hie.commands.datadir import running_server
from hie.commands.serve import Running, running, serve
from hie.config import load_config
from hie.feeds.filedrop import Step
from hie.front.door import Door
from hie.mapping.problem import BrokenTables
from hie.wire.mllp import wrap
from tests.bench.bench_feeds import wait_ready


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_order(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "hie.cli", "serve", "--data", str(tmp_path), "--port", "0", "--mllp-port", "0"]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url, _ = wait_ready(tmp_path, process)
        assert running_server(tmp_path) == url
        process.send_signal(number)
        assert process.wait(30) == 0
    finally:
        process.kill()
    text = (tmp_path / "server.log").read_text()
    assert "Traceback" not in text
    assert "leaked" not in text
    assert running_server(tmp_path) is None
    assert not (tmp_path / "hie.sqlite-wal").exists(), "the store was closed"


async def test_who_stops_the_server_as_soon_as_it_is_announced_ends_it_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal killed it: nobody listened for one yet."""
    closed = False

    @asynccontextmanager
    async def started(*_: object) -> AsyncIterator[Running]:
        nonlocal closed
        yield Running(cast(Exchange, None), "", cast(Door, None))
        closed = True

    def stop_it(_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("hie.commands.serve.running", started)
    monkeypatch.setattr("hie.commands.serve.settle_memory", lambda: None)
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("nobody listens"))
    try:
        await serve(load_config({"data": tmp_path}, {}), stop_it)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert closed


async def test_the_web_origins_of_the_settings_may_call_the_api(tmp_path: Path) -> None:
    given = {"data": tmp_path, "mllp_port": -1, "workers": 0, "cors_origins": "http://a, http://b"}
    exchange = await open_exchange(load_config(given, {}))
    await exchange.start()
    try:
        transport = httpx.ASGITransport(app=exchange.web)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            allowed = await client.get("/fhir/Patient", headers={"origin": "http://b"})
            other = await client.get("/fhir/Patient", headers={"origin": "http://c"})
    finally:
        await exchange.close()
    assert allowed.headers["access-control-allow-origin"] == "http://b"
    assert "access-control-allow-origin" not in other.headers


async def test_an_end_finishes_the_file_of_a_drop_folder_that_is_under_way(tmp_path: Path) -> None:
    """It is not left to the next start; one that a crash did leave gets the receipt of its item, not of a duplicate."""
    exchange = await open_exchange(load_config({"data": tmp_path, "mllp_port": -1, "workers": 0}, {}))
    folder, receive, taken = tmp_path / "drop" / "qingpu-xml", exchange.ingest.receive, asyncio.Event()

    async def slowly(door: str, body: bytes, *, begun: bool = False) -> Answer:
        answer = await receive(door, body, begun=begun)
        taken.set()
        await asyncio.sleep(0.05)
        return answer

    exchange.ingest.receive = slowly  # type: ignore[method-assign]
    (folder / "incoming").mkdir(parents=True)
    (folder / "incoming" / "a.xml").write_bytes(b"<x/>")
    await _not_taken(exchange)
    await _crash_when_handled(exchange)
    taken.clear()
    await exchange.start()
    async with asyncio.timeout(20):
        await taken.wait()
    await exchange.close()
    assert (folder / "error" / "a.xml").read_bytes() == b"<x/>"
    assert b'status="rejected"' in (folder / "error" / "a.xml.receipt.xml").read_bytes()


class Crash(BaseException):
    """The process ends here."""


async def _not_taken(exchange: Exchange) -> None:
    """A file at which the exchange fails stays where it is."""

    async def fails(*_: object, **__: object) -> Answer:
        return Answer(b"", "application/xml", 503)

    [drop] = exchange.drops.folders
    drop.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange.ingest, "receive", fails)
        assert await drop.scan() == 0


async def _crash_when_handled(exchange: Exchange) -> None:
    """Handle what lies in the drop folder, and forget what is not on the disk."""

    def crash(step: Step) -> None:
        if step is Step.HANDLED:
            raise Crash

    [drop] = exchange.drops.folders
    drop._reached = crash
    with pytest.raises(Crash):
        await drop.scan()
    exchange.drops = Drops(exchange.ingest, exchange.config, {})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HIE_PORT": "99999"}, "'port' must be from 0 to 65535"),
        ({"HIE_PORT": "-1"}, "'port' must be from 0 to 65535"),
        ({"HIE_MLLP_PORT": "65536"}, "'mllp_port' must be from -1 to 65535"),
        ({"HIE_MLLP_PORTS": "x=2576, y"}, "'mllp_ports' must be FEED=PORT, …, one of each: 'y'"),
        ({"HIE_MLLP_PORTS": "x=65536"}, "one of each: 'x=65536'"),
        ({"HIE_MLLP_CONNECTIONS": "0"}, "'mllp_connections' must be from 1 on"),
        ({"HIE_PORT": "8080.5"}, "'port' must be a whole number"),
        ({"HIE_RETRY_POLL_SECONDS": "nan"}, "'retry_poll_seconds' must be from 0 on"),
        ({"HIE_LOG_LEVEL": "LOUD"}, "'log_level' is one of DEBUG, INFO"),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(HieError, match=said):
        load_config({}, given)


def test_numbers_of_a_file_are_whole_and_words_in_any_case(tmp_path: Path) -> None:
    assert load_config({}, {"HIE_LOG_LEVEL": "debug"}).log_level == "DEBUG"
    (tmp_path / "c.toml").write_text("workers = 1.5\n")
    with pytest.raises(HieError, match="'workers' must be a whole number"):
        load_config({}, {}, tmp_path / "c.toml")


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ("", "wujiang-hl7v2 and x-hl7v2 want MLLP.* such as 'wujiang-hl7v2=2576'"),
        ("y-hl7v2=0", "'y-hl7v2', which is no feed with mllp=True: wujiang-hl7v2, x-hl7v2"),
    ],
)
async def test_each_feed_needs_an_mllp_port_of_its_own(tmp_path: Path, ports: str, told: str) -> None:
    """The messages of one would be taken for those of the other and refused."""
    async with two_regions(tmp_path, ports) as exchange:
        with pytest.raises(HieError, match=told):
            await exchange.start()


async def test_a_further_feed_listens_on_the_port_that_it_was_given(tmp_path: Path) -> None:
    async with two_regions(tmp_path, "x-hl7v2=0") as exchange:
        await exchange.start()
        answers = {feed: await _answer(port) for feed, port in exchange.mllp.listening.items()}
    assert {feed: answer.split(b"\r")[1][:6] for feed, answer in answers.items()} == {
        "x-hl7v2": b"MSA|AR",
        "wujiang-hl7v2": b"MSA|AA",
    }, "WJYY is registered in one of the two"


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('target = "name[]"', 'target = "name"', "person.toml:48:10: Patient.name repeats: write []"),
        ('target = "birthDate"', 'target = "birthdate"', "'birthdate'; did you mean 'birthDate'?"),
        ("constant = true", "constant = [true]", "person.toml:42:12: Patient.active does not repeat"),
        ('source = "PID-14"', 'source = "PDI-14"', ""),
    ],
)
async def test_tables_that_would_fail_at_item_after_item_stop_the_start(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    """Each item failed in the search index and was tried again and again; a slip in a source path costs no item."""
    folder = tmp_path / "mappings"
    shutil.copytree(data_path("mappings"), folder)
    person = folder / "fields" / "wujiang-hl7v2" / "shared" / "person.toml"
    text = person.read_text(encoding="utf-8")
    assert right in text
    person.write_text(text.replace(right, wrong), encoding="utf-8")
    maps = Maps([wujiang], tmp_path / "kept", folder)
    with pytest.raises(BrokenTables, match=re.escape(said)) if said else nullcontext():
        maps.must_fit()


async def test_no_server_starts_with_such_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Maps) -> None:
        raise BrokenTables([])

    monkeypatch.setattr(Maps, "must_fit", refuse)
    with pytest.raises(BrokenTables):
        async with running(load_config({"data": tmp_path, "port": 0, "mllp_port": -1, "workers": 0}, {})):
            pytest.fail("it started")


@asynccontextmanager
async def two_regions(folder: Path, ports: str) -> AsyncIterator[Exchange]:
    """An exchange, not started, of Wujiang and of a region that sends the same and has no organisation yet."""
    feed = replace(wujiang.feeds[0], id="x-hl7v2", doors={"x-hl7v2": "application/hl7-v2"})
    further = replace(wujiang, region="x", feeds=(feed,), organisations=())
    config = load_config({"data": folder, "mllp_port": 0, "mllp_ports": ports, "workers": 0}, {})
    exchange = await open_exchange(config, adapters=(wujiang, further))
    try:
        yield exchange
    finally:
        await exchange.close()


async def _answer(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(wrap((wujiang.samples / "01-admit-a01.hl7").read_bytes()))
    answer = await reader.readuntil(b"\x1c\r")
    writer.close()
    return answer
