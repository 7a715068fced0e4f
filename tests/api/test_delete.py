"""delete and conditional delete."""

import httpx
import pytest

from tests.api.conftest import PATIENT, issue


async def test_delete_once_or_twice(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    first = await client.delete("Patient/p1")
    assert (first.status_code, first.headers["etag"], first.content) == (204, 'W/"2"', b"")
    assert (await client.delete("Patient/p1")).status_code == 204
    assert (await client.delete("Patient/never")).status_code == 204
    assert (await client.get("Patient/p1/_history")).json()["total"] == 2


async def test_delete_with_if_match(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    assert (await client.delete("Patient/p1", headers={"If-Match": 'W/"9"'})).status_code == 412
    assert (await client.delete("Patient/p1", headers={"If-Match": 'W/"1"'})).status_code == 204


async def test_a_conditional_delete_takes_the_one_that_matches(client: httpx.AsyncClient) -> None:
    url = "Patient?identifier=urn:test:id|A1"
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    assert (await client.delete(url)).status_code == 204
    assert (await client.get("Patient/p1")).status_code == 410
    assert (await client.delete(url)).status_code == 204
    await client.put("Patient/p2", json={**PATIENT, "id": "p2"})
    unsaid = await client.delete("Patient?identifier=&gender=female")
    assert (unsaid.status_code, issue(unsaid)["expression"]) == (400, ["identifier"])
    await client.put("Patient/p3", json={**PATIENT, "id": "p3"})
    assert (await client.delete(url)).status_code == 412
    assert (await client.delete("Patient")).status_code == 412


@pytest.mark.parametrize("query", ["_format=json", "_pretty=true", "_contained=false", "identifier=", "_summary=true"])
async def test_what_is_no_criterion_deletes_nothing(client: httpx.AsyncClient, query: str) -> None:
    """However few there are of the type."""
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    assert (await client.delete(f"Patient?{query}")).status_code in (400, 412)
    entry = {"request": {"method": "DELETE", "url": f"Patient?{query}"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert (await client.post("", json=bundle)).status_code in (400, 412)
    assert (await client.get("Patient/p1")).status_code == 200
