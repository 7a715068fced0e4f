"""`hie serve` stops cleanly on SIGTERM and SIGINT: connections answered, store closed, nothing left running.

Its settings reach the API.
"""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from adapters.wujiang import adapter as wujiang
from hie.app import open_exchange
from hie.base.errors import HieError
from hie.commands.datadir import running_server
from hie.config import load_config
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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HIE_PORT": "99999"}, "'port' must be from 0 to 65535"),
        ({"HIE_PORT": "-1"}, "'port' must be from 0 to 65535"),
        ({"HIE_MLLP_PORT": "65536"}, "'mllp_port' must be from -1 to 65535"),
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


async def test_two_feeds_cannot_share_the_mllp_port(tmp_path: Path) -> None:
    """The messages of one would be taken for those of the other and refused."""
    feed = replace(wujiang.feeds[0], id="x-hl7v2", doors={"x-hl7v2": "application/hl7-v2"})
    further = replace(wujiang, region="x", feeds=(feed,), organisations=())
    config = load_config({"data": tmp_path, "mllp_port": 0, "workers": 0}, {})
    exchange = await open_exchange(config, adapters=(wujiang, further))
    try:
        with pytest.raises(HieError, match="one MLLP port, and wujiang-hl7v2 and x-hl7v2 want it"):
            await exchange.start()
    finally:
        await exchange.close()
