"""Two real server processes on one replica set: either takes what the other began, and both know the same."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hie.app.store import TABLES
from hie.base.ids import raw_item_id, sha256
from hie.staging.ledger import ledger
from hie.staging.tables import RAW_ITEM
from hie.store.mongo import open_mongo
from hie.store.port import Transaction
from tests.bench.bench_feeds import wait_ready
from tests.bench.messages import adt
from tests.mongo_store import database_uri
from tests.parameters import parameter

DOOR = "wujiang-hl7v2"
SAMPLE = Path(__file__).parents[2] / "adapters" / "qingpu" / "samples" / "01-patient-visit-lab.xml"
COLOUR = parameter("colour")

ORGANIZATION: dict[str, Any] = {"resourceType": "Organization", "name": "H"}


@dataclass
class Server:
    """One process."""

    data: Path
    process: subprocess.Popen[Any]
    client: httpx.Client

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def send(self, message: bytes) -> bytes:
        """The answer to an HL7 message."""
        answer = self.client.post(f"feeds/{DOOR}", content=message, headers={"content-type": "application/hl7-v2"})
        assert answer.is_success, answer.text
        return answer.content

    def find(self, query: str) -> list[str]:
        answer = self.client.get(f"fhir/{query}")
        rows = answer.json().get("entry", ()) if answer.status_code == 200 else ()
        return sorted(row["resource"]["id"] for row in rows if row["search"]["mode"] == "match")


@pytest.fixture(scope="module")
def database(mongodb_uri: str) -> str:
    return database_uri(mongodb_uri, f"two_{uuid4().hex[:8]}")


def start(data: Path, store: str, stack: ExitStack) -> Server:
    """A server on `data`; ended with the stack."""
    data.mkdir(parents=True, exist_ok=True)
    secret = data.parent / "secret"
    secret.write_bytes(b"s" * 32)
    settings = f'drop_poll_seconds = 0.2\nretry_poll_seconds = 0.2\nworkers = 0\nsecret_file = "{secret}"\n'
    settings += f'exports = "{data.parent / "exports"}"\n'
    (data / "hie.toml").write_text(settings)
    words = ["serve", "--data", str(data), "--store", store, "--port", "0", "--mllp-port", "0"]
    with (data / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hie.cli", *words, "--config", str(data / "hie.toml")], stdout=log, stderr=log
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    url, _ = wait_ready(data, process)
    client = stack.enter_context(httpx.Client(base_url=url, timeout=30))
    return Server(data, process, client)


@pytest.fixture(scope="module")
def servers(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        yield start(folder / "a", database, stack), start(folder / "b", database, stack)


def patient(identity: str) -> dict[str, Any]:
    extension = [{"url": "urn:test:colour", "valueCode": "green"}]
    return {"resourceType": "Patient", "id": identity, "extension": extension}


def eventually(found: Any, wanted: Any, seconds: float = 25.0) -> None:
    """Until `found` gives `wanted`."""
    until = time.monotonic() + seconds
    while (seen := found()) != wanted:
        assert time.monotonic() < until, seen
        time.sleep(0.1)


def test_a_search_parameter_of_one_is_used_by_the_other(servers: tuple[Server, Server]) -> None:
    """Also for what the other writes before it has heard of it: the walk comes after that."""
    first, second = servers
    assert first.client.put("fhir/Patient/before", json=patient("before")).status_code == 201
    assert first.client.put("fhir/SearchParameter/colour", json=COLOUR).status_code == 201
    assert second.client.put("fhir/Patient/between", json=patient("between")).status_code == 201
    for server in servers:
        eventually(lambda server=server: server.find("Patient?colour=green"), ["before", "between"])
    assert second.client.put("fhir/Patient/after", json=patient("after")).status_code == 201
    assert first.find("Patient?colour=green") == ["after", "before", "between"]
    assert first.client.delete("fhir/SearchParameter/colour").is_success
    eventually(lambda: second.client.get("fhir/Patient?colour=green").status_code, 400)


def test_a_message_is_known_to_both_and_pages_go_on_at_the_other(servers: tuple[Server, Server]) -> None:
    first, second = servers
    answers = [server.send(adt(1)) for server in (first, second, first)]
    assert b"MSA|AA" in answers[0]
    assert answers[1:] == answers[:1] * 2
    for number in range(2, 6):
        second.send(adt(number))
    page = first.client.get("fhir/Encounter?_count=2").json()
    link = next(link["url"] for link in page["link"] if link["relation"] == "next")
    following = second.client.get("fhir/" + link.partition("/fhir/")[2])
    assert len(following.json()["entry"]) == 2


def test_an_export_of_one_is_told_of_and_given_out_by_the_other(servers: tuple[Server, Server]) -> None:
    first, second = servers
    for number in range(3):
        assert second.client.put(f"fhir/Organization/o{number}", json={**ORGANIZATION, "id": f"o{number}"}).is_success
    begun = first.client.get("fhir/$export?_type=Organization", headers={"prefer": "respond-async"})
    status = "fhir/" + begun.headers["content-location"].partition("/fhir/")[2]
    eventually(lambda: second.client.get(status).status_code, 200)
    rows = second.client.get(status).json()["output"]
    file = second.client.get("fhir/" + rows[0]["url"].partition("/fhir/")[2])
    assert len(file.text.splitlines()) == rows[0]["count"] >= 3
    assert second.client.delete(status).status_code == 202
    assert first.client.get(status).status_code == 404


async def test_what_a_dead_process_had_claimed_is_taken_up_once(servers: tuple[Server, Server], database: str) -> None:
    """Its lease runs out; then one of the others, which both look all the time, brings it to its end."""
    body = adt(77)
    item = raw_item_id(DOOR, body)
    row = {"id": item, "feed": DOOR, "door": DOOR, "received": 1, "sha256": sha256(body), "size": len(body)}
    store = await open_mongo(database, TABLES)
    before = await ledger(store)

    async def claim(tx: Transaction) -> None:
        await tx.insert(RAW_ITEM, {**row, "state": "leased", "attempts": 1, "due": 1, "body": body})

    await store.write(claim)

    async def state() -> Any:
        found = await store.get(RAW_ITEM, item)
        assert found is not None
        return found["state"], found["attempts"]

    async with asyncio.timeout(20):
        while True:
            if (await state())[0] == "stored":
                break
            await asyncio.sleep(0.1)
    assert (await state())[1] == 2
    assert (await ledger(store)).stored == before.stored + 1
    await store.close()


def test_kill_9_of_one_leaves_the_other_and_its_folder_to_the_next(
    servers: tuple[Server, Server], database: str
) -> None:
    first, second = servers
    first.kill()
    drop = first.data / "drop" / "qingpu-xml"
    (drop / "incoming" / "late.xml").write_bytes(SAMPLE.read_bytes())
    answer = second.send(adt(50))
    with ExitStack() as stack:
        third = start(first.data, database, stack)
        eventually(lambda: (drop / "incoming" / "late.xml").exists(), False)
        assert len(list((drop / "done").glob("late*.receipt.xml"))) == 1
        assert third.send(adt(50)) == answer
