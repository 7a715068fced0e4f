"""Negotiation, gzip, CORS, request ids, limits, methods, capabilities, errors."""

import asyncio
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp
from hie.base.errors import Category, HieError
from hie.fhir.outcome import Issue
from tests.api.conftest import PATIENT, SETTINGS, client_of, issue


async def test_formats(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    for accept in (
        "application/json",
        "*/*",
        "text/html, application/json;q=0.9",
        "application/fhir+json;fhirVersion=4.0",
    ):
        answer = await client.get("Patient/p1", headers={"accept": accept})
        assert answer.headers["content-type"].startswith("application/fhir+json"), accept
    for accept in ("text/turtle", "application/fhir+json;fhirVersion=3.0", "application/json;q=0"):
        answer = await client.get("Patient/p1", headers={"accept": accept})
        assert (answer.status_code, issue(answer)["code"]) == (406, "not-supported"), accept
    assert (await client.get("Patient/p1?_format=json", headers={"accept": "text/turtle"})).status_code == 200
    assert (await client.get("Patient/p1?_format=ttl")).status_code == 406


async def test_a_resource_sent_as_a_form_is_refused_and_not_repeated(client: httpx.AsyncClient) -> None:
    for method, path in (("POST", "Patient"), ("POST", ""), ("PUT", "Patient/p1")):
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = await client.request(method, path, content='{"resourceType":"Patient","id":"p1"}', headers=form)
        assert (answer.status_code, issue(answer)["code"]) == (415, "not-supported"), path
        assert "p1" not in answer.text
    told = await client.post("Patient/_search", json={"name": "x"})
    assert (told.status_code, issue(told)["code"]) == (415, "not-supported")


async def test_pretty(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    assert '\n  "id": "p1"' in (await client.get("Patient/p1?_pretty=true")).text


async def test_gzip_both_ways(client: httpx.AsyncClient) -> None:
    body = gzip.compress(json.dumps({**PATIENT, "id": "p1", "text": {"status": "empty", "div": "x" * 5000}}).encode())
    made = await client.put("Patient/p1", content=body, headers={"content-encoding": "gzip"})
    assert (made.status_code, made.headers["content-encoding"]) == (201, "gzip")
    assert made.json()["id"] == "p1"
    plain = await client.get("Patient/p1", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for broken in (b"no gzip", body[:-9]):
        answer = await client.put("Patient/p1", content=broken, headers={"content-encoding": "gzip"})
        assert answer.status_code == 400
    bomb = gzip.compress(b" " * (SETTINGS.max_body + 1))
    assert (await client.put("Patient/p1", content=bomb, headers={"content-encoding": "gzip"})).status_code == 413
    assert (await client.put("Patient/p1", content=b"x", headers={"content-encoding": "br"})).status_code == 415


async def test_bodies_that_are_too_large_or_too_slow(make_app: Callable[..., FhirApp]) -> None:
    small = replace(SETTINGS, max_body=100, body_seconds=0.01)
    async with client_of(make_app(small)) as client:
        assert (await client.post("Patient", content=b"x" * 101)).status_code == 413

        async def chunks() -> Any:
            for _ in range(20):
                yield b"x" * 10

        assert (await client.post("Patient", content=chunks())).status_code == 413

        async def never() -> Any:
            yield b"x"
            await asyncio.Event().wait()

        answer = await client.post("Patient", content=never())
        assert (answer.status_code, issue(answer)["code"]) == (503, "timeout")


async def test_request_id_is_echoed_when_it_is_harmless(client: httpx.AsyncClient) -> None:
    answer = await client.get("metadata", headers={"X-Request-Id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    answer = await client.get("metadata", headers={"X-Request-Id": "<script>"})
    assert len(answer.headers["x-request-id"]) == 36


async def test_cors(make_app: Callable[..., FhirApp]) -> None:
    async with client_of(make_app()) as client:
        assert (
            "access-control-allow-origin" not in (await client.get("metadata", headers={"Origin": "http://a"})).headers
        )
    async with client_of(make_app(replace(SETTINGS, cors_origins=("http://a",)))) as client:
        preflight = {"Origin": "http://a", "Access-Control-Request-Method": "PUT"}
        answer = await client.options("Patient/p1", headers=preflight)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "http://a")
        assert "PUT" in answer.headers["access-control-allow-methods"]
        assert (
            "access-control-allow-origin" not in (await client.get("metadata", headers={"Origin": "http://b"})).headers
        )


async def test_methods_that_are_not_allowed(client: httpx.AsyncClient) -> None:
    answer = await client.delete("metadata")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert issue(answer)["code"] == "not-supported"


async def test_capability_statement(client: httpx.AsyncClient) -> None:
    statement = (await client.get("metadata")).json()
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    resources = {row["type"]: row for row in statement["rest"][0]["resource"]}
    assert len(resources) >= 146
    patient = resources["Patient"]
    assert [row["code"] for row in patient["interaction"]] == [
        "create", "delete", "history-instance", "history-type", "patch", "read", "search-type", "update", "vread",
    ]  # fmt: skip
    assert {"name": "birthdate", "type": "date"}.items() <= {
        key: value for row in patient["searchParam"] if row["name"] == "birthdate" for key, value in row.items()
    }.items()
    assert "Observation:subject" in patient["searchRevInclude"]
    assert "age" not in {row["name"] for row in patient["searchParam"]}
    assert [row["code"] for row in statement["rest"][0]["interaction"]] == [
        "batch", "history-system", "search-system", "transaction",
    ]  # fmt: skip


async def test_validation_refuses_with_all_issues(make_app: Callable[..., FhirApp]) -> None:
    def check(resource: dict[str, Any]) -> list[Issue]:
        return [] if "gender" in resource else [Issue("error", "required", "gender is missing", ("Patient.gender",))]

    async with client_of(make_app(check=check)) as client:
        answer = await client.post("Patient", json={"resourceType": "Patient"})
        assert (answer.status_code, issue(answer)["expression"]) == (422, ["Patient.gender"])
        entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
        answer = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
        assert (answer.status_code, issue(answer)["expression"]) == (422, ["Bundle.entry[0].resource.gender"])
        assert (await client.post("Patient", json=PATIENT)).status_code == 201


async def test_an_unexpected_error_shows_and_logs_nothing_inside(
    make_app: Callable[..., FhirApp], caplog: pytest.LogCaptureFixture
) -> None:
    def check(resource: dict[str, Any]) -> list[Issue]:
        raise RuntimeError("Zhang Wei")

    async with client_of(make_app(check=check)) as client:
        answer = await client.post("Patient", json=PATIENT)
    assert (answer.status_code, issue(answer)["code"]) == (500, "exception")
    assert "Zhang" not in answer.text + caplog.text
    assert "RuntimeError at test_transport.py" in caplog.text


async def test_busy_says_when_to_come_back(make_app: Callable[..., FhirApp]) -> None:
    async def authenticate(headers: Any) -> Any:
        raise HieError(Category.BUSY, "Too many requests wait")

    async with client_of(make_app(authenticate=authenticate)) as client:
        answer = await client.get("Patient/p1")
    assert (answer.status_code, answer.headers["retry-after"], issue(answer)["code"]) == (503, "2", "throttled")


async def test_parameters_that_no_interaction_knows_are_refused(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    assert (await client.get("Patient/p1?nonsense=1")).status_code == 400
    assert (await client.get("Patient/p1?nonsense=1", headers={"Prefer": "handling=lenient"})).status_code == 200
    answer = await client.post("Patient?identifier=urn:test:id|A1", json=PATIENT)
    assert (answer.status_code, issue(answer)["expression"]) == (400, ["http.identifier"])


async def test_reading_stops_at_the_time_limit(make_app: Callable[..., FhirApp]) -> None:
    async def linked(patient: str) -> tuple[str, ...]:
        await asyncio.Event().wait()
        return ()

    async with client_of(make_app(replace(SETTINGS, seconds=0.01), linked=linked)) as client:
        answer = await client.get("Observation?patient=p1")
    assert (answer.status_code, issue(answer)["code"]) == (503, "timeout")


async def test_literal_references_are_checked_when_asked(make_app: Callable[..., FhirApp]) -> None:
    pointing = {**PATIENT, "managingOrganization": {"reference": "Organization/none"}}
    async with client_of(make_app()) as client:
        assert (await client.post("Patient", json=pointing)).status_code == 201
    async with client_of(make_app(replace(SETTINGS, check_references=True))) as client:
        answer = await client.post("Patient", json=pointing)
        assert (answer.status_code, issue(answer)["expression"]) == (422, ["Reference.reference"])
        await client.put("Organization/none", json={"resourceType": "Organization", "id": "none", "name": "H"})
        assert (await client.post("Patient", json=pointing)).status_code == 201


async def test_the_statement_has_an_etag_in_every_form(client: httpx.AsyncClient) -> None:
    plain = await client.get("metadata")
    again = await client.get("metadata", headers={"If-None-Match": f'"x", {plain.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", plain.headers["etag"])
    packed = await client.get("metadata", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["content-encoding"], packed.json()) == ("gzip", plain.json())
    bare = await client.get("metadata", headers={"Accept-Encoding": "identity"})
    assert ("content-encoding" in bare.headers, bare.content) == (False, plain.content)
    xml = await client.get("metadata?_format=xml")
    assert xml.headers["content-type"].startswith("application/fhir+xml")
    assert xml.headers["etag"] != plain.headers["etag"]
    assert (await client.get("metadata?_format=xml", headers={"If-None-Match": xml.headers["etag"]})).status_code == 304
    short = (await client.get("metadata?_elements=fhirVersion")).json()
    assert (short["fhirVersion"], "implementation" in short) == ("4.0.1", False)
    other = await client.get("metadata", headers={"Host": "elsewhere"})
    assert other.json()["implementation"]["url"] == "http://elsewhere/fhir"


async def test_the_openapi_document_lists_what_is_served(client: httpx.AsyncClient) -> None:
    document = (await client.get("openapi.json")).json()
    assert (document["openapi"], document["servers"]) == ("3.1.0", [{"url": "http://test/fhir"}])
    methods = {path: sorted(row) for path, row in document["paths"].items()}
    assert methods["/{type}"] == ["delete", "get", "patch", "post", "put"]
    assert methods["/{type}/{id}/_history/{vid}"] == ["get"]
    assert methods["/{type}/{id}/{target}/_search"] == ["get", "post"]
    assert methods["/Patient/$everything"] == ["get", "post"]
    assert "/$export" not in methods
    assert len(document["components"]["schemas"]["ResourceType"]["enum"]) >= 146
