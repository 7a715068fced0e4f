"""By which names the server may be asked (DNS rebinding)."""

from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from hie.app.hosts import known_hosts
from hie.config import load_config
from hie.front.passing import App

served = PlainTextResponse("served")


def client(**given: Any) -> httpx.AsyncClient:
    app: App = known_hosts(served, load_config(given, {}))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost")


MINE = {"host": "127.0.0.9", "allowed_hosts": "hie.example.org, [fd00::1]"}


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:81", "localhost.", "127.0.0.1:8080", "127.0.0.9", "[::1]:8080", "HIE.example.org:443",
     "[fd00::1]"],
)  # fmt: skip
async def test_a_name_of_the_server_is_served_with_any_port(host: str) -> None:
    async with client(**MINE) as http:
        assert (await http.get("/fhir/Patient", headers={"host": host})).text == "served"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "hie.example.org.evil", "hieXexample.org",
     "127.0.0.2", "a@localhost", ""],
)  # fmt: skip
async def test_another_name_is_refused_and_told_which_setting_takes_it(host: str) -> None:
    async with client(**MINE) as http:
        fhir = await http.get("/fhir/Patient/1", headers={"host": host})
        door = await http.post("/feeds/a/fhir", content=b"{}", headers={"host": host})
        page = await http.post("/feeds/qingpu-xml", content=b"<x/>", headers={"host": host})
    assert [fhir.status_code, door.status_code, page.status_code] == [421, 421, 421]
    for told in (fhir, door):
        assert told.headers["content-type"].startswith("application/fhir+json")
        assert told.json()["issue"][0]["code"] == "security"
        assert "allowed_hosts" in told.json()["issue"][0]["diagnostics"]
    assert (page.json()["title"], "allowed_hosts" in page.json()["detail"]) == ("misdirected", True)


async def test_probes_ask_by_whatever_address_they_were_given() -> None:
    async with client() as http:
        for path in ("/healthz", "/readyz"):
            assert (await http.get(path, headers={"host": "10.42.0.7:8080"})).text == "served"
        assert (await http.get("/metrics", headers={"host": "10.42.0.7:8080"})).status_code == 421


async def test_two_names_of_which_one_is_another_and_none_at_all() -> None:
    told: list[int] = []

    async def ask(*headers: tuple[bytes, bytes]) -> None:
        async def send(message: Any) -> None:
            told.append(message.get("status", 0))

        async def receive() -> Any:
            return {"type": "http.request"}

        scope = {"type": "http", "method": "GET", "path": "/", "headers": list(headers)}
        await known_hosts(served, load_config({}, {}))(scope, receive, send)

    await ask((b"host", b"localhost"), (b"host", b"evil.example"))
    await ask()
    assert [status for status in told if status] == [421, 200]


async def test_a_star_serves_all() -> None:
    async with client(allowed_hosts="*") as http:
        assert (await http.get("/", headers={"host": "evil.example"})).text == "served"
