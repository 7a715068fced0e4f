"""`hie serve --processes 2`: one port, one writer, two readers; for a client it is one server."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from hie.app.reading import reads
from tests.bench.bench_feeds import wait_ready
from tests.parameters import parameter

COLOUR = parameter("colour")
BLUE = {
    "resourceType": "Patient",
    "id": "blue",
    "extension": [{"url": "urn:test:colour", "valueCode": "blue"}],
}
SYSTEM = {
    "resourceType": "CodeSystem",
    "id": "s",
    "url": "urn:test:s",
    "status": "active",
    "content": "complete",
    "concept": [{"code": "a", "display": "Alpha"}],
}


@dataclass
class Served:
    """A server with two readers."""

    data: Path
    process: subprocess.Popen[Any]
    url: str

    def readers(self) -> list[int]:
        """The process ids of the readers."""
        return sorted(child for server in self.fork_servers() for child in children(server))

    def fork_servers(self) -> list[int]:
        """The process ids of what readers are forked from: one, once there are any."""
        return [
            child
            for child in children(self.process.pid)
            if b"forkserver" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]

    @contextlib.contextmanager
    def clients(self) -> Iterator[list[httpx.Client]]:
        """Clients with a connection each: with connections handed out in turn, every reader has some."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(httpx.Client(base_url=self.url)) for _ in range(4)]


def children(process: int) -> list[int]:
    """The process ids of the children of a process."""
    return [int(one) for path in Path(f"/proc/{process}/task").glob("*/children") for one in path.read_text().split()]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("data")) as server:
        yield server


@contextlib.contextmanager
def serving(data: Path) -> Iterator[Served]:
    words = ["serve", "--data", str(data), "--port", "0", "--mllp-port", "0", "--processes", "2"]
    environment = {**os.environ, "HIE_WORKERS": "0"}
    with (data / "server.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "hie.cli", *words], stdout=log, stderr=log, env=environment)
    try:
        url, _ = wait_ready(data, process)
        yield Served(data, process, url)
    finally:
        process.kill()
        process.wait()


def until(check: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.05)


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", [])
    return [entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == "match"]


def test_two_readers_are_up(served: Served) -> None:
    assert len(served.readers()) == 2


def test_what_one_connection_has_written_every_other_reads(served: Served) -> None:
    with served.clients() as clients:
        for number in range(20):
            writer = clients[number % len(clients)]
            patient = {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": f"Wang{number}"}]}
            answer = writer.put(f"/fhir/Patient/p{number}", json=patient)
            assert answer.status_code == 201, answer.text
            for reader in clients:
                assert reader.get(f"/fhir/Patient/p{number}").headers["etag"] == 'W/"1"'
                assert ids(reader.get(f"/fhir/Patient?family=Wang{number}")) == [f"p{number}"]
                found = reader.post("/fhir/Patient/_search", data={"_id": f"p{number}"})
                assert ids(found) == [f"p{number}"]


def test_a_type_that_was_never_there_is_found_at_once(served: Served) -> None:
    with served.clients() as clients:
        for client in clients:
            assert ids(client.get("/fhir/Basic?code=urn:x|1")) == []
        coded = {"resourceType": "Basic", "id": "b", "code": {"coding": [{"system": "urn:x", "code": "1"}]}}
        assert clients[0].put("/fhir/Basic/b", json=coded).status_code == 201
        for client in clients:
            assert ids(client.get("/fhir/Basic?code=urn:x|1")) == ["b"]
            assert client.get("/fhir/Basic/b/_history").json()["total"] == 1


def test_a_custom_search_parameter_is_served_by_all_as_soon_as_it_is_written(served: Served) -> None:
    with served.clients() as clients:
        for client in clients:
            assert client.get("/fhir/Patient?colour=blue").status_code == 400
        assert clients[0].put("/fhir/SearchParameter/colour", json=COLOUR).status_code == 201
        assert clients[1].put("/fhir/Patient/blue", json=BLUE).status_code == 201
        for client in clients:
            assert ids(client.get("/fhir/Patient?colour=blue")) == ["blue"]
            assert "colour" in client.get("/fhir/metadata").text
        assert clients[2].delete("/fhir/SearchParameter/colour").status_code == 204
        for client in clients:
            assert client.get("/fhir/Patient?colour=blue").status_code == 400


def test_a_code_system_is_known_to_all_as_soon_as_it_is_written(served: Served) -> None:
    with served.clients() as clients:
        assert clients[3].put("/fhir/CodeSystem/s", json=SYSTEM).status_code == 201
        for client in clients:
            found = client.get("/fhir/CodeSystem/$lookup?system=urn:test:s&code=a")
            assert found.status_code == 200, found.text
            assert "Alpha" in found.text


def test_a_transaction_that_a_reader_prepared_is_all_or_nothing(served: Served) -> None:
    good = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "t"},
        "subject": {"reference": "urn:uuid:1"},
    }
    entries = [
        {
            "fullUrl": "urn:uuid:1",
            "resource": {"resourceType": "Patient"},
            "request": {"method": "POST", "url": "Patient"},
        },
        {"fullUrl": "urn:uuid:2", "resource": good, "request": {"method": "PUT", "url": "Observation/prepared"}},
    ]
    entries[1]["resource"] = {**good, "id": "prepared"}
    with served.clients() as clients:
        wrong = [entries[0], {**entries[1], "resource": {**good, "id": "prepared", "status": 7}}]
        for client in clients:
            refused = client.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": wrong})
            assert refused.status_code == 422
            assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
            assert client.get("/fhir/Observation/prepared").status_code == 404
        done = clients[0].post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert done.status_code == 200, done.text
        patient = done.json()["entry"][0]["response"]["location"].rpartition("/fhir/")[2].partition("/_history")[0]
        for client in clients:
            assert client.get("/fhir/Observation/prepared").json()["subject"] == {"reference": patient}
        cut = {"content-type": "application/fhir+json", "transfer-encoding": "chunked"}
        chunked = clients[1].post("/fhir", content=iter([b'{"resourceType":', b'"Bundle"']), headers=cut)
        assert chunked.status_code == 400, chunked.text


def test_page_links_hold_whichever_process_made_them(served: Served) -> None:
    with served.clients() as clients:
        first = clients[0].get("/fhir/CodeSystem?_count=2").json()
        link = next(link["url"] for link in first["link"] if link["relation"] == "next")
        pages = [ids(client.get(link)) for client in clients]
        assert len(pages[0]) == 2
        assert all(page == pages[0] for page in pages)


def test_everything_else_is_answered_by_the_owner(served: Served) -> None:
    with served.clients() as clients:
        for client in clients:
            for path in ("healthz", "readyz", "metrics", "admin/ledger", "openapi.json", "quality/"):
                assert client.get(f"/{path}").status_code == 200, path
            answer = client.get("/fhir/Patient", headers={"X-Request-Id": "mine"})
            assert answer.headers["x-request-id"] == "mine"
            assert client.get("/fhir/$reindex-status").status_code == 200
            assert client.get("/fhir/nothing").json()["resourceType"] == "OperationOutcome"


def test_pages_are_answered_while_the_owner_is_busy(served: Served) -> None:
    person = {"resourceType": "Patient", "id": "lin", "name": [{"family": "Lin"}], "birthDate": "1961-04-05"}
    assert httpx.put(f"{served.url}/fhir/Patient/lin", json=person).is_success
    with served.clients() as clients:
        for client in clients:
            assert client.get("/healthz").status_code == 200
        os.kill(served.process.pid, signal.SIGSTOP)
        try:
            for client in clients:
                assert client.get("/browse/").status_code == 200
                found = client.post("/browse/", data={"q": "Lin", "born": "1961-04-05"}, follow_redirects=True)
                assert str(found.url).endswith("/browse/record/lin"), found.text
                assert client.get("/browse", follow_redirects=True).status_code == 200
                assert client.get("/browse/record/nobody").status_code == 404
        finally:
            os.kill(served.process.pid, signal.SIGCONT)


def test_an_export_begun_on_one_connection_is_fetched_on_another(served: Served) -> None:
    with served.clients() as clients:
        began = clients[0].get("/fhir/$export?_type=CodeSystem", headers={"Prefer": "respond-async"})
        assert began.status_code == 202, began.text
        status = began.headers["content-location"]
        until(lambda: clients[1].get(status).status_code == 200)
        file = clients[2].get(status).json()["output"][0]["url"]
        assert b'"CodeSystem"' in clients[3].get(file).content


def test_a_reader_that_is_killed_is_replaced(served: Served) -> None:
    before = served.readers()
    os.kill(before[0], signal.SIGKILL)
    with served.clients() as clients:
        for client in clients:
            assert client.get("/fhir/Patient/p1").status_code == 200
    until(lambda: len(served.readers()) == 2 and before[0] not in served.readers())


def test_what_readers_are_forked_from_is_killed_and_readers_are_replaced_all_the_same(served: Served) -> None:
    readers, fork_servers = served.readers(), served.fork_servers()
    os.kill(fork_servers[0], signal.SIGKILL)
    with served.clients() as clients:
        assert [client.get("/fhir/Patient/p1").status_code for client in clients] == [200] * 4
    for reader in readers:
        os.kill(reader, signal.SIGKILL)
    until(lambda: len(served.readers()) == 2)
    assert not {*readers, *fork_servers} & {*served.readers(), *served.fork_servers()}


def test_readers_end_with_the_owner_however_that_ends(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        readers = server.readers()
        assert len(readers) == 2
        server.process.kill()
        server.process.wait()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in readers), 10)


def test_a_signal_ends_all_in_order(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        readers = server.readers()
        assert httpx.put(f"{server.url}/fhir/Patient/p", json={"resourceType": "Patient", "id": "p"}).is_success
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in readers)
    assert "Traceback" not in (tmp_path / "server.log").read_text()
    assert not (tmp_path / "hie.sqlite-wal").exists(), "every connection was closed"


@pytest.mark.parametrize(
    ("method", "path", "here"),
    [
        ("GET", "/fhir/Patient/1", True),
        ("HEAD", "/fhir/Patient/1", True),
        ("POST", "/fhir/Patient/_search", True),
        ("GET", "/fhir/Patient/1/$everything", True),
        ("GET", "/fhir/metadata", True),
        ("POST", "/fhir", False),
        ("POST", "/fhir/Patient/1/$everything", False),
        ("PUT", "/fhir/Patient/1", False),
        ("DELETE", "/fhir/Patient/_search", False),
        ("GET", "/fhir/$export", False),
        ("GET", "/fhir/Patient/$export/", False),
        ("GET", "/fhir/Composition/1/$document", False),
        ("GET", "/fhir/Patient/1/$validate", False),
    ],
)
def test_what_a_reader_answers_itself(method: str, path: str, here: bool) -> None:
    assert reads(method, path) is here
