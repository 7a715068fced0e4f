"""What is loaded comes out again."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from hie.base.errors import HieError
from hie.cli import app
from hie.commands import operate, patience
from hie.commands.export import export
from hie.commands.load import load, requests_of
from hie.commands.serve import running
from hie.config import load_config

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female"}
BUNDLE = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
            "resource": {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                         "subject": {"reference": "Patient/p1"}, "valueQuantity": {"value": 1}},
            "request": {"method": "POST", "url": "Observation"},
        }
    ],
}  # fmt: skip


def write_files(folder: Path) -> list[Path]:
    lines = [json.dumps(PATIENT), json.dumps({**PATIENT, "id": "p2"})]
    (folder / "a.ndjson.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (folder / "b.json").write_text(json.dumps(BUNDLE))
    (folder / "c.json").write_text(json.dumps({**PATIENT, "gender": "wrong"}))
    asked = ({"method": "PUT", "url": "Patient/p3"}, {"method": "GET", "url": "Patient/none"})
    entries = [{"resource": {**PATIENT, "id": "p3"}, "request": asked[0]}, {"request": asked[1]}]
    (folder / "d.json").write_text(json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}))
    return sorted(folder.glob("*.*"))


async def stopped_export(url: str, folder: Path) -> None:
    """An export that is stopped while it is under way, as Ctrl-C does."""

    def stop(_: str) -> None:
        task.cancel()

    task = asyncio.ensure_future(export(url, folder, (), stop))
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_load_and_export(tmp_path: Path) -> None:
    files = write_files(tmp_path)
    settings = {"data": tmp_path / "data", "port": 0, "mllp_port": -1, "workers": 0, "drop_poll_seconds": 0}
    async with running(load_config(settings, {})) as started:
        done = []
        result = await load(started.url, files, 1, lambda: done.append(1))
        assert (result.requests, result.resources, len(done)) == (5, 4, 4)
        assert [line[:35] for line in result.refused] == [
            "c.json: 422 Patient.gender: The cod",
            "d.json: entry 1: 404 There is no su",
        ]
        with pytest.raises(HieError, match=r"refused: 404 http\.type: R4 has no resource type"):
            await export(f"{started.url}/fhir", tmp_path / "wrong", (), lambda _: None)
        saved = await export(started.url, tmp_path / "out", ("Patient", "Observation"), lambda _: None)
        with pytest.raises(HieError, match="holds NDJSON files already"):
            await export(started.url, tmp_path / "out", ("Patient",), lambda _: None)
        await stopped_export(started.url, tmp_path / "stopped")
    assert not any((tmp_path / "data" / "export").iterdir()), "nothing is left of an export on the server"
    assert sum(saved.values()) == 4
    found = [json.loads(line) for name in saved for line in (tmp_path / "out" / name).read_text().splitlines()]
    assert {r["id"] for r in found if r["resourceType"] == "Patient"} == {"p1", "p2", "p3"}


@pytest.mark.parametrize(
    ("resource", "request_"),
    [
        ({"resourceType": "Patient"}, ("POST", "/fhir/Patient")),
        ({"resourceType": "Bundle", "id": "b", "type": "collection"}, ("PUT", "/fhir/Bundle/b")),
        ({"resourceType": "Questionnaire", "id": "q", "type": "batch"}, ("PUT", "/fhir/Questionnaire/q")),
    ],
)
def test_what_is_no_batch_is_put_under_its_id_or_posted(
    tmp_path: Path, resource: dict[str, Any], request_: tuple[str, str]
) -> None:
    [path] = some_files(tmp_path, resource)
    assert [one[:2] for one in requests_of(path)] == [request_]


async def test_a_server_that_does_not_answer_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.0)
    (tmp_path / "a.json").write_text(json.dumps(PATIENT))
    with pytest.raises(HieError, match=r"No answer from http://127\.0\.0\.1:1: does the server run"):
        await export("http://127.0.0.1:1", tmp_path, (), lambda words: None)
    with pytest.raises(HieError, match=r"No answer from http://127\.0\.0\.1:1: does the server run"):
        await load("http://127.0.0.1:1", [tmp_path / "a.json"], 2, lambda: None)
    with pytest.raises(HieError, match=r"'127\.0\.0\.1:8080' is no URL"):
        await export("127.0.0.1:8080", tmp_path, (), lambda words: None)


@pytest.mark.parametrize("entry", [None, 5, {}])
def test_a_bundle_is_posted_whatever_its_entries_are(tmp_path: Path, entry: Any) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entry}))
    assert [(*request[:2], request[3]) for request in requests_of(path)] == [("POST", "/fhir", 0)]


async def test_files_that_hold_no_fhir_are_refused(tmp_path: Path) -> None:
    cut, deep = gzip.compress(b"{}")[:-4], b"[" * 100_000
    bodies = {"a.json": b"no", "b.json": b"[1]", "c.json.gz": b"x", "d.json.gz": cut, "e.json": deep}
    files = [tmp_path / name for name in bodies]
    for path in files:
        path.write_bytes(bodies[path.name])
    (tmp_path / "folder").mkdir()
    found = await load("http://127.0.0.1:1", [tmp_path / "folder", *files], 1, lambda: None)
    assert found.refused.pop(0) == "folder: not sent, it cannot be read (Is a directory)"
    assert [line.partition(" (")[0] for line in found.refused] == [
        f"{name}: not sent, it is no FHIR JSON" for name in bodies
    ]


class Server:
    """Answers as it is told, one step a request, and notes what came; `clock` is what waiting moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *steps: int | type[Exception]) -> None:
        self.came: list[str] = []
        self.now = 0.0
        self._steps = iter(steps)
        client = httpx.AsyncClient
        transport = httpx.MockTransport(self._answer)
        monkeypatch.setattr(httpx, "AsyncClient", lambda **more: client(transport=transport, **more))
        monkeypatch.setattr(patience, "monotonic", lambda: self.now)
        monkeypatch.setattr(patience.asyncio, "sleep", self._sleep)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.came.append(request.method)
        step = next(self._steps)
        if isinstance(step, int):
            return httpx.Response(step, headers={"Retry-After": "7"} if step == 503 else {}, json={})
        raise step("")

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds


def some_files(folder: Path, *resources: dict[str, Any]) -> list[Path]:
    for number, resource in enumerate(resources):
        (folder / f"{number}.json").write_text(json.dumps(resource))
    return sorted(folder.iterdir())


async def test_a_busy_server_is_asked_again_when_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 counted as refused: the resource was left out."""
    server = Server(monkeypatch, 503, 429, 201, httpx.ConnectError, 200)
    told: list[str] = []
    found = await load("http://x", some_files(tmp_path, PATIENT, BUNDLE), 1, lambda: None, told.append)
    assert (found.requests, found.resources, found.refused, found.waited, found.ended) == (2, 2, [], 3, "")
    assert told == ["503", "429", "no answer"]
    assert server.now == pytest.approx(7 + 0.2 + 0.1)


async def test_a_put_is_sent_again_over_a_broken_connection_and_a_post_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = some_files(tmp_path, PATIENT, BUNDLE, PATIENT)
    server = Server(monkeypatch, httpx.ReadError, 502, 200, httpx.RemoteProtocolError, httpx.ReadTimeout)
    found = await load("http://x", files, 1, lambda: None)
    unknown = "the answer did not come; whether it was stored is not known"
    assert (found.resources, found.refused) == (1, [f"1.json: {unknown}", f"2.json: {unknown}"])
    assert server.came == ["PUT", "PUT", "PUT", "POST", "PUT"]


@pytest.mark.parametrize(
    ("last", "said"),
    [(503, "http://x takes no more requests: 503."), (httpx.ConnectError, "No answer from http://x any")],
)
async def test_a_load_that_ends_early_says_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: Any, said: str
) -> None:
    files = some_files(tmp_path, PATIENT, PATIENT, PATIENT)
    server = Server(monkeypatch, 200, *[last] * 500)
    found = await load("http://x", files, 1, lambda: None)
    assert found.ended.startswith(said)
    assert (found.resources, found.left, found.refused) == (1, ["1.json", "2.json"], [])
    assert 300 <= server.now < 320


async def test_an_export_of_an_empty_type_is_refused_and_not_one_of_everything(tmp_path: Path) -> None:
    with pytest.raises(HieError, match="An empty text is no resource type"):
        await export("http://x", tmp_path / "out", ("Patient", ""), lambda _: None)
    assert not (tmp_path / "out").exists()


async def test_other_commands_ask_a_busy_server_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, 503, 404, 503, 200)
    with pytest.raises(HieError, match="The export was refused: 404"):
        await export("http://x", tmp_path, (), lambda _: None)
    monkeypatch.setattr(operate, "running_server", lambda _: "http://x")
    assert await operate.call(load_config({"data": tmp_path}, {}), "POST", "/admin/replay", {}) == {}
    assert (server.came, server.now) == (["GET", "GET", "POST", "POST"], 14.0)


def test_the_command_says_what_it_waited_for_and_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Server(monkeypatch, 503, 200, *[httpx.ConnectError] * 500)
    files = map(str, some_files(tmp_path, PATIENT, PATIENT, PATIENT))
    said = CliRunner().invoke(app, ["load", "--senders", "1", *files])
    assert said.exit_code == 1
    told = " ".join(said.output.split())
    assert "1 requests, 1 resources, 0 refused, waited 66 times" in told
    assert "No answer from http://127.0.0.1:8080 any more. Not sent, or not whole, 2 files: 1.json, 2.json" in told
