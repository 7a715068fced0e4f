"""A FHIR door over HTTP: formats, reads that are answered, one resource at its type."""

import json
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from hie.app import Exchange
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.fhir.xml import from_xml, to_xml
from hie.plugin import Adapter
from hie.staging.tables import PART
from tests.adapters.fhir_exchange import (
    BASE,
    FEED,
    asked,
    bundle,
    codes,
    item,
    observation,
    patient,
    post,
    read,
    running,
    stored,
)


def http(exchange: Exchange) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=exchange.web), base_url="http://127.0.0.1")


@pytest.mark.parametrize("path", [f"/feeds/{FEED}", f"/feeds/{FEED}/fhir", f"/feeds/{FEED}/fhir/"])
@pytest.mark.parametrize("content_type", ["application/fhir+json; charset=utf-8", "application/json"])
async def test_a_door_answers_fhir_and_leads_on_to_what_it_stored(
    adapter: Adapter, tmp_path: Path, path: str, content_type: str
) -> None:
    async with running(adapter, tmp_path) as exchange, http(exchange) as client:
        done = await client.post(path, content=item(adapter, "01"), headers={"Content-Type": content_type})
        assert (done.status_code, done.headers["content-type"]) == (200, "application/fhir+json")
        place = done.json()["entry"][0]["response"]["location"]
        read = await client.get(f"/feeds/{FEED}/fhir/{place}", follow_redirects=True)
        assert (read.status_code, read.json()["resourceType"]) == (200, "Patient")


async def test_over_http_in_xml(adapter: Adapter, tmp_path: Path) -> None:
    body = to_xml(json.loads(item(adapter, "01")), official())
    async with running(adapter, tmp_path) as exchange, http(exchange) as client:
        done = await client.post(f"/feeds/{FEED}", content=body, headers={"Content-Type": "application/fhir+xml"})
        (one,) = await stored(exchange, "Encounter")
    assert done.status_code == 200
    assert one["identifier"][0]["value"] == "V0001"


async def test_a_read_is_answered_when_the_others_are_stored(adapter: Adapter, tmp_path: Path) -> None:
    """As MHD has it: a copy of the patient, with the method `GET`, says whom the others mean."""
    known, subject = f"Patient?identifier={BASE}/id/patient|P1", f"urn:uuid:{UUID(int=1)}"
    door, kind = f"/feeds/{FEED}/fhir", {"Content-Type": "application/fhir+json"}
    async with running(adapter, tmp_path) as exchange, http(exchange) as client:
        await post(exchange, bundle([asked(patient(id="7"), "PUT", "Patient/7")]))
        (person,) = await stored(exchange, "Patient")
        sent = [
            read("Patient/8", fullUrl=subject, resource=patient(name=[{"text": "别人"}])),
            read("Observation?code:text=葡萄糖"),
            asked(observation("1", {"reference": subject}, 1.5)),
            read("Patient/7"),
            read(f"http://10.0.0.1{door}/Patient/{person['id']}"),
            read(known, "HEAD"),
            read("Patient?nonsense=1"),
            read("Patient/8"),
        ]
        for _ in range(2):
            answer = await client.post(door, content=bundle(sent), headers=kind)
            entries = answer.json()["entry"]
            assert [e["response"]["status"][:3] for e in entries[3:]] == ["200", "200", "200", "400", "404"]
            assert [e["resource"]["id"] for e in entries[1]["resource"]["entry"]] == [
                entries[2]["response"]["location"].split("/")[1]
            ]
            assert b'"value":1.5,' in answer.content
            assert [entries[n]["resource"] for n in (0, 3, 4)] == [person] * 3
            assert entries[3]["response"]["location"] == f"Patient/{person['id']}/_history/1"
            assert entries[3]["fullUrl"] == f"http://127.0.0.1/fhir/Patient/{person['id']}"
            assert "resource" not in entries[5]
        (result,) = await stored(exchange, "Observation")
        assert await stored(exchange, "Patient") == [person]
        only = bundle([read("Patient/7"), asked(patient(gender="girl")), read(known)], kind="batch")
        told = (await client.post(door, content=only, headers=kind)).json()
        entries = told["entry"]
        rehearsal = await exchange.operator().rehearse(told["identifier"]["value"])
        parts = await exchange.store.select(PART, {})
        dropped = json.loads((await exchange.drops.taken(FEED, bundle([read("Patient/7")]), begun=False)).receipt)
    assert result["subject"]["reference"] == f"Patient/{person['id']}"
    assert [e["response"]["status"][:3] for e in entries] == ["200", "202", "200"]
    assert (len(parts), "P1" in rehearsal.answer_text) == (3, False)
    assert dropped["entry"][0]["resource"] == person
    assert entries[2]["resource"]["entry"][0]["resource"] == person


async def test_a_fhir_door_answers_as_it_is_asked(adapter: Adapter, tmp_path: Path) -> None:
    door, kind = f"/feeds/{FEED}/fhir", {"Content-Type": "application/fhir+json"}
    sent = bundle([asked(patient())])
    async with running(adapter, tmp_path) as exchange, http(exchange) as client:
        for path, accept in (
            (door, "text/html"),
            (f"/feeds/{FEED}", "application/pdf"),
            (f"{door}?_format=csv", "*/*"),
        ):
            refused = await client.post(path, content=sent, headers={**kind, "Accept": accept})
            assert (refused.status_code, refused.json()["resourceType"]) == (406, "OperationOutcome")
        assert await stored(exchange) == []
        shown = {}
        for prefer in ("return=minimal", "return=representation", "return=OperationOutcome"):
            told = await client.post(door, content=sent, headers={**kind, "Prefer": prefer})
            (entry,) = told.json()["entry"]
            shown[prefer] = (entry.get("resource", {}).get("gender"), "outcome" in entry["response"])
        xml = await client.post(door, content=sent, headers={**kind, "Accept": "application/fhir+xml"})
        assert xml.headers["content-type"].startswith("application/fhir+xml")
        assert from_xml(xml.content, official())["type"] == "transaction-response"
        said = (await client.get(f"{door}/metadata")).json()
        other = await client.get(f"{door}/metadata", headers={"Accept": "text/csv"})
    assert (other.status_code, Validator(official()).write_issues(said)) == (406, [])
    assert said["implementation"]["url"] == f"http://127.0.0.1{door}"
    assert said["instantiates"] == ["https://profiles.ihe.net/ITI/MHD/CapabilityStatement/IHE.MHD.DocumentRecipient"]
    (rest,) = said["rest"]
    assert [one["code"] for one in rest["interaction"]] == ["transaction", "batch"]
    assert {one["code"] for row in rest["resource"] for one in row["interaction"]} == {"create"}
    assert "Bundle" not in {row["type"] for row in rest["resource"]}
    assert shown == {
        "return=minimal": (None, False),
        "return=representation": ("female", False),
        "return=OperationOutcome": (None, True),
    }


async def test_one_resource_may_be_posted_to_its_type(adapter: Adapter, tmp_path: Path) -> None:
    door, kind = f"/feeds/{FEED}/fhir", {"Content-Type": "application/fhir+json"}
    sent = json.dumps({**patient(), "meta": {"lastUpdated": "2026-03-01T00:00:00Z"}}).encode()
    async with running(adapter, tmp_path) as exchange, http(exchange) as client:
        refused = [
            ("POST", "Observation", {}, 400),
            ("POST", "Bundle", {}, 405),
            ("POST", "Patient/1", {}, 405),
            ("PUT", "Patient", {}, 405),
            ("DELETE", "", {}, 405),
            ("POST", "Patient", {"If-None-Exist": "identifier=1"}, 501),
        ]
        for method, path, headers, status in refused:
            told = await client.request(method, f"{door}/{path}", content=sent, headers={**kind, **headers})
            assert (told.status_code, told.json()["resourceType"]) == (status, "OperationOutcome"), path
            assert ("POST" in told.headers.get("allow", "")) == (status == 405 and path in ("", "Patient")), path
        assert await stored(exchange) == []
        made = await client.post(f"{door}/Patient", content=sent, headers=kind)
        again = await client.post(f"{door}/Patient", content=sent, headers={**kind, "Prefer": "return=minimal"})
        (person,) = await stored(exchange, "Patient")
        held = await client.post(f"{door}/Patient", content=json.dumps(patient("P2", gender="girl")), headers=kind)
        search = await client.post(f"{door}/Patient/_search", data={"gender": "female"}, follow_redirects=True)
    assert (made.status_code, made.json(), made.headers["etag"]) == (201, person, 'W/"1"')
    assert made.headers["location"] == f"http://127.0.0.1{door}/Patient/{person['id']}/_history/1"
    assert (again.status_code, again.content, again.headers["location"]) == (200, b"", made.headers["location"])
    assert (held.status_code, codes(held.json())) == (202, ["resource-invalid", "value-missing"])
    assert [entry["resource"] for entry in search.json()["entry"]] == [person]


async def test_over_http_something_else(adapter: Adapter, tmp_path: Path) -> None:
    async with running(adapter, tmp_path) as exchange, http(exchange) as client:
        done = await client.post(f"/feeds/{FEED}", content=b"MSH|", headers={"Content-Type": "application/hl7-v2"})
        assert done.status_code == 415
        assert (await client.get(f"/feeds/{FEED}-not/fhir/Patient/1")).status_code == 404
        body = bundle([asked(patient(text={"status": "generated", "div": "x" * 17_000_000}))])
        done = await client.post(f"/feeds/{FEED}", content=body, headers={"Content-Type": "application/fhir+json"})
    assert (done.status_code, codes(done.json())) == (413, ["too-large"])
