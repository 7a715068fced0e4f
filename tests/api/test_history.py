"""history of an instance, a type, the system; paging, _since, _at."""

import httpx
import pytest

from tests.api.conftest import BASE, PATIENT
from tests.clock import FixedClock


async def _some(client: httpx.AsyncClient, clock: FixedClock) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    clock.advance(60)
    await client.put("Patient/p1", json={**PATIENT, "id": "p1", "gender": "male"})
    clock.advance(60)
    await client.delete("Patient/p1")
    await client.put("Basic/b1", json={"resourceType": "Basic", "id": "b1", "code": {"text": "x"}})


async def test_the_history_of_a_resource_holds_every_version_the_youngest_first(
    client: httpx.AsyncClient, clock: FixedClock
) -> None:
    await _some(client, clock)
    bundle = (await client.get("Patient/p1/_history")).json()
    assert (bundle["type"], bundle["total"]) == ("history", 3)
    assert [entry["request"]["method"] for entry in bundle["entry"]] == ["DELETE", "PUT", "PUT"]
    assert [entry["response"]["status"] for entry in bundle["entry"]] == ["204 No Content", "200 OK", "201 Created"]
    assert bundle["entry"][0].get("resource") is None
    assert bundle["entry"][1]["resource"]["gender"] == "male"
    assert bundle["entry"][2]["response"] == {
        "status": "201 Created",
        "etag": 'W/"1"',
        "lastModified": "2026-01-18T00:30:00.000Z",
    }
    assert (await client.get("Patient/none/_history")).status_code == 404


@pytest.mark.parametrize("query", ["", "?_count=1", "?_since=2026-01-18T00:32:30Z"])
async def test_what_was_deleted_and_is_put_again_was_created(
    client: httpx.AsyncClient, clock: FixedClock, query: str
) -> None:
    """FHIR R4 http §3.1.0.6: the write had answered 201, its history said 200."""
    await _some(client, clock)
    clock.advance(60)
    assert (await client.put("Patient/p1", json={**PATIENT, "id": "p1"})).status_code == 201
    entry = (await client.get(f"Patient/p1/_history{query}")).json()["entry"][0]
    assert (entry["request"]["method"], entry["response"]["status"]) == ("PUT", "201 Created")


async def test_type_and_system(client: httpx.AsyncClient, clock: FixedClock) -> None:
    await _some(client, clock)
    assert (await client.get("Patient/_history")).json()["total"] == 3
    system = (await client.get("_history")).json()
    assert system["total"] == 4
    assert system["entry"][0]["fullUrl"] == f"{BASE}/Basic/b1"


async def test_since_and_at(client: httpx.AsyncClient, clock: FixedClock) -> None:
    await _some(client, clock)
    since = (await client.get("Patient/p1/_history", params={"_since": "2026-01-18T00:31:00Z"})).json()
    assert [entry["response"]["etag"] for entry in since["entry"]] == ['W/"3"', 'W/"2"']
    at = (await client.get("Patient/p1/_history", params={"_at": "2026-01-18T08:30:30+08:00"})).json()
    assert [entry["response"]["etag"] for entry in at["entry"]] == ['W/"1"']
    assert (await client.get("_history?_since=yesterday")).status_code == 400


async def test_pages_follow_next_and_forged_links_are_refused(client: httpx.AsyncClient, clock: FixedClock) -> None:
    await _some(client, clock)
    url, seen = "_history?_count=1", []
    while url:
        bundle = (await client.get(url)).json()
        seen += [entry["fullUrl"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert len(seen) == 4
    first = (await client.get("_history?_count=1")).json()
    token = next(link["url"] for link in first["link"] if link["relation"] == "next").partition("_cursor=")[2]
    assert (await client.get(f"Patient/_history?_count=1&_cursor={token}")).status_code == 400
    assert (await client.get("_history?_count=1&_cursor=AAAA")).status_code == 400


async def test_unknown_parameters_are_refused_unless_lenient(client: httpx.AsyncClient, clock: FixedClock) -> None:
    await _some(client, clock)
    assert (await client.get("Patient/p1/_history?_snice=1")).status_code == 400
    lenient = await client.get("Patient/p1/_history?_snice=1", headers={"Prefer": "handling=lenient"})
    assert "_snice" not in lenient.json()["link"][0]["url"]
