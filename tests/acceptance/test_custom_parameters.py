"""A search parameter posted to a whole exchange: validated, served, still there after a restart."""

from pathlib import Path
from typing import Any

import httpx

from hie.app import Exchange, open_exchange
from hie.config import load_config
from tests.parameters import parameter

EYES = parameter("eyes")


def patient(identity: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": identity,
        "extension": [{"url": "urn:test:eyes", "valueCode": "green"}],
    }


async def start(folder: Path) -> Exchange:
    settings = {"data": folder, "mllp_port": -1, "workers": 0, "drop_poll_seconds": 0, "retry_poll_seconds": 0}
    exchange = await open_exchange(load_config(settings, {}))
    await exchange.start()
    return exchange


def client(exchange: Exchange) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=exchange.web), base_url="http://test/fhir/")


async def found(http: httpx.AsyncClient) -> list[str]:
    answer = await http.get("Patient?eyes=green")
    assert answer.status_code == 200, answer.text
    return sorted(row["resource"]["id"] for row in answer.json()["entry"] if row["search"]["mode"] == "match")


async def test_a_posted_parameter_outlives_a_restart(tmp_path: Path) -> None:
    exchange = await start(tmp_path)
    async with client(exchange) as http:
        assert (await http.put("Patient/old", json=patient("old"))).status_code == 201
        assert (await http.put("SearchParameter/eyes", json={**EYES, "base": []})).status_code in (400, 422)
        assert (await http.put("SearchParameter/eyes", json=EYES)).status_code == 201
        assert (await http.put("Patient/new", json=patient("new"))).status_code == 201
        assert "new" in await found(http)
    await exchange.close()
    exchange = await start(tmp_path)
    async with client(exchange) as http:
        await exchange._parameters.reindex.finished()
        assert await found(http) == ["new", "old"]
        assert (await http.delete("SearchParameter/eyes")).status_code == 204
        assert (await http.get("Patient?eyes=green")).status_code == 400
    await exchange.close()
