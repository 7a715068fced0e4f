"""The samples of three regions on SQLite go to MongoDB, through a kill -9, and back; the store is the same."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from typer.testing import CliRunner

from hie.app import open_exchange
from hie.cli import app
from hie.commands.samples import send_all
from hie.commands.serve import running
from hie.config import Config, load_config
from hie.pipeline.verify import verify
from hie.search.query import parse_query
from tests.mongo_store import database_uri

PARAMETER = {
    "resourceType": "SearchParameter",
    "url": "http://example.org/sp/lot",
    "name": "nickname",
    "status": "active",
    "description": "nickname",
    "code": "nickname",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.name.where(use='nickname').given",
}
NAMED = {"resourceType": "Patient", "id": "nick", "name": [{"use": "nickname", "given": ["Mao"]}]}


def config(data: Path, store: str = "") -> Config:
    quiet = {"workers": 0, "drop_poll_seconds": 0.1, "retry_poll_seconds": 0}
    return load_config({"data": data, "store": store, "port": 0, "mllp_port": 0, **quiet}, {})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SQLite store with the samples, a custom search parameter, several versions and a deletion."""
    data = tmp_path_factory.mktemp("source")

    async def fill() -> None:
        async with running(config(data)) as started, httpx.AsyncClient(base_url=f"{started.url}/fhir") as client:
            assert (await client.post("SearchParameter", json=PARAMETER)).status_code == 201
            for gender in ("female", "male"):
                body = {**NAMED, "gender": gender}
                assert (await client.put("Patient/nick", json=body)).status_code in (200, 201)
            assert (await client.put("Patient/gone", json={**NAMED, "id": "gone"})).status_code == 201
            assert (await client.delete("Patient/gone")).is_success
            await send_all(started.exchange, started.url, lambda _: None)

    asyncio.run(fill())
    return f"sqlite:///{data / 'hie.sqlite'}"


def migrate(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["migrate", *words])
    return result.exit_code, " ".join((result.output or "").split())


def killed(source: str, target: str) -> int:
    """`hie migrate` in a process of its own, killed in the middle of the versions; how many it had said."""
    words = [sys.executable, "-m", "hie.cli", "migrate", "--from", source, "--to", target, "--batch", "10"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if " versions " in line:
                done, total = (int(number) for number in line.split()[-1].split("/"))
                if done > total // 3:
                    process.kill()
                    return done
    raise AssertionError("it ended before it was killed")


async def test_there_through_a_kill_and_back(source: str, mongodb_uri: str, tmp_path: Path) -> None:
    target = database_uri(mongodb_uri, f"migrated_{uuid4().hex[:8]}")
    done = await asyncio.to_thread(killed, source, target)

    with pytest.raises(Exception, match="not complete"):
        await open_exchange(config(tmp_path / "early", target))
    code, text = await asyncio.to_thread(migrate, "--from", source, "--to", target, "--verify-only")
    assert code == 1
    assert "not the same" in text

    code, text = await asyncio.to_thread(migrate, "--from", source, "--to", target, "--batch", "10")
    assert code == 0, text
    first = next(word for word in text.split("复制 · copied versions ")[1:])
    assert int(first.partition("/")[0]) >= done, "it began from the start"
    await sound(config(tmp_path / "served", target))

    back = tmp_path / "back" / "hie.sqlite"
    code, text = await asyncio.to_thread(migrate, "--from", target, "--to", f"sqlite:///{back}")
    assert code == 0, text
    code, text = await asyncio.to_thread(migrate, "--from", source, "--to", f"sqlite:///{back}", "--verify-only")
    assert code == 0, text
    await sound(config(back.parent))


async def sound(settings: Config) -> None:
    """The ledger, every hash, and the custom parameter without a re-index."""
    exchange = await open_exchange(settings)
    try:
        result = await verify(exchange.store, exchange.operator())
        assert result.sound, result.problems
        assert result.items > 20
        plan = parse_query("Patient", [("nickname", "mao")], exchange._parameters.definitions, now=0)
        found = await exchange.store.search(plan)
        assert [(one.id, one.version, json.loads(one.body)["gender"]) for one in found.matches] == [("nick", 2, "male")]
        gone = await exchange.store.read("Patient", "gone")
        assert gone is not None
        assert gone.deleted
    finally:
        await exchange.close()


def test_a_target_with_other_data_is_refused(source: str, tmp_path: Path) -> None:
    other = tmp_path / "other" / "hie.sqlite"

    async def start() -> None:
        exchange = await open_exchange(config(other.parent))
        await exchange.start()
        await exchange.close()

    asyncio.run(start())
    code, text = migrate("--from", source, "--to", f"sqlite:///{other}")
    assert code == 2
    assert "holds resources already" in text


def test_what_cannot_be_migrated_is_said(source: str, tmp_path: Path) -> None:
    code, text = migrate("--from", source, "--to", source)
    assert (code, "same store" in text) == (2, True)
    code, text = migrate("--from", f"sqlite:///{tmp_path / 'none.sqlite'}", "--to", source)
    assert (code, "There is no database" in text) == (2, True)
    code, text = migrate("--from", source, "--to", "oracle://x")
    assert (code, "not known" in text) == (2, True)


async def test_a_store_that_is_served_is_refused(tmp_path: Path) -> None:
    served = f"sqlite:///{tmp_path / 'elsewhere' / 'hie.sqlite'}"
    async with running(config(tmp_path, served)):
        words = ("--from", served, "--to", f"sqlite:///{tmp_path / 'to' / 'x.sqlite'}")
        code, text = await asyncio.to_thread(migrate, *words)
    assert code == 2
    assert "Another server, or a command, uses the store" in text
