"""read, vread, conditional read, HEAD, Binary."""

import base64

import httpx
import pytest

from tests.api.conftest import BASE, PATIENT, issue


async def test_read_gives_what_was_written(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    answer = await client.get("Patient/p1")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json; fhirVersion=4.0; charset=utf-8"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"] == "Sun, 18 Jan 2026 00:30:00 GMT"
    assert answer.json() == {
        **PATIENT,
        "id": "p1",
        "meta": {"versionId": "1", "lastUpdated": "2026-01-18T00:30:00.000Z"},
    }


async def test_decimals_come_back_as_written(client: httpx.AsyncClient) -> None:
    body = (
        b'{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"K"},'
        b'"valueQuantity":{"value":1.10,"unit":"mmol/L"},"referenceRange":[{"low":{"value":0.00},"high":{"value":1E2}}]}'
    )
    await client.put("Observation/o1", content=body, headers={"content-type": "application/fhir+json"})
    for url in ("Observation/o1", "Observation/o1?_pretty=true"):
        text = (await client.get(url)).text.replace(" ", "")
        assert '"value":1.10' in text
        assert '"value":0.00' in text


async def test_unknown_deleted_and_malformed(client: httpx.AsyncClient) -> None:
    assert (await client.get("Patient/none")).status_code == 404
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    await client.delete("Patient/p1")
    answer = await client.get("Patient/p1")
    assert (answer.status_code, issue(answer)["code"]) == (410, "deleted")
    assert (await client.get("Patient/p1/_history/1")).status_code == 200
    assert (await client.get("Patient/p1/_history/2")).status_code == 410
    assert (await client.get("Patient/p1/_history/3")).status_code == 404
    assert (await client.get("Patient/p1/_history/x")).status_code == 404
    assert (await client.get("Patient/" + "x" * 65)).status_code == 400
    assert (await client.get("Paitent/p1")).status_code == 404


async def test_a_read_of_what_is_known_is_not_modified(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    same = await client.get("Patient/p1", headers={"If-None-Match": 'W/"1"'})
    assert (same.status_code, same.content) == (304, b"")
    assert (await client.get("Patient/p1", headers={"If-None-Match": '"7", "1"'})).status_code == 304
    assert (await client.get("Patient/p1", headers={"If-None-Match": 'W/"2"'})).status_code == 200
    since = {"If-Modified-Since": "Sun, 18 Jan 2026 00:30:00 GMT"}
    assert (await client.get("Patient/p1", headers=since)).status_code == 304
    before = {"If-Modified-Since": "Sun, 18 Jan 2026 00:29:59 GMT"}
    assert (await client.get("Patient/p1", headers=before)).status_code == 200
    assert (await client.get("Patient/p1", headers={"If-Modified-Since": "soon"})).status_code == 200


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"ifModifiedSince": "2026-01-18T08:30:00+08:00"}, "304 Not Modified"),
        ({"ifModifiedSince": "2026-01-18T00:30:00.000Z"}, "304 Not Modified"),
        ({"ifModifiedSince": "2026-01-18T00:29:59.999Z"}, "200 OK"),
        ({"ifModifiedSince": "soon"}, "200 OK"),
        ({"ifNoneMatch": 'W/"1"'}, "304 Not Modified"),
        ({"ifNoneMatch": 'W/"2"', "ifModifiedSince": "2026-01-18T00:30:00Z"}, "200 OK"),
    ],
)
async def test_conditional_read_in_a_bundle(client: httpx.AsyncClient, asked: dict[str, str], status: str) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    for kind in ("batch", "transaction"):
        entry = {"request": {"method": "GET", "url": "Patient/p1", **asked}}
        answer = (await client.post("", json={"resourceType": "Bundle", "type": kind, "entry": [entry]})).json()
        assert (answer["entry"][0]["response"]["status"], "resource" in answer["entry"][0]) == (
            status,
            status[0] == "2",
        )


async def test_head_has_headers_and_no_body(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    answer = await client.head("Patient/p1")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"", 'W/"1"')
    assert int(answer.headers["content-length"]) > 100


async def test_summary_and_elements_are_subsets_and_say_so(client: httpx.AsyncClient) -> None:
    contact = [{"name": {"family": "Li"}}]
    await client.put("Patient/p1", json={**PATIENT, "id": "p1", "contact": contact, "maritalStatus": {"text": "m"}})
    elements = (await client.get("Patient/p1?_elements=gender,birthDate")).json()
    assert set(elements) == {"resourceType", "id", "meta", "gender", "birthDate"}
    assert elements["meta"]["tag"][0]["code"] == "SUBSETTED"
    summary = (await client.get("Patient/p1?_summary=true")).json()
    assert "name" in summary
    assert "maritalStatus" not in summary
    assert (await client.get("Patient/p1?_summary=nonsense")).status_code == 400


async def test_binary_is_served_raw_when_asked(client: httpx.AsyncClient) -> None:
    data = base64.b64encode(b"%PDF-1.4").decode()
    binary = {"resourceType": "Binary", "id": "b1", "contentType": "application/pdf", "data": data}
    await client.put("Binary/b1", json=binary)
    raw = await client.get("Binary/b1", headers={"accept": "application/pdf"})
    assert (raw.content, raw.headers["content-type"]) == (b"%PDF-1.4", "application/pdf")
    assert raw.headers["x-content-type-options"] == "nosniff"
    await client.put("Binary/b2", json={**binary, "id": "b2", "contentType": "image/png"})
    assert (await client.get("Binary/b2", headers={"accept": "image/*"})).headers["content-type"] == "image/png"
    assert (await client.get("Binary/b1", headers={"accept": "image/*, application/fhir+json"})).json()["data"] == data
    assert (await client.get("Binary/b1")).json()["data"] == data


async def test_raw_binary_is_stored(client: httpx.AsyncClient) -> None:
    made = await client.post("Binary", content=b"hello", headers={"content-type": "text/plain"})
    assert made.headers["location"] == f"{BASE}/Binary/new-1/_history/1"
    raw = await client.get("Binary/new-1", headers={"accept": "text/plain"})
    assert raw.content == b"hello"
