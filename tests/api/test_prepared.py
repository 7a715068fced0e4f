"""A transaction prepared by another process does what it would do unprepared; what is to be refused is not prepared."""

import itertools
import json
from collections.abc import Callable, MutableMapping
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp
from hie.api.prepared import prepare, unpacked
from hie.api.searchparameters import SearchParameters
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.search.extract import Extractors
from hie.store.port import Store
from tests.api.conftest import PATIENT, client_of

CHECK = Validator(official()).write_issues
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><a href="urn:uuid:1">p</a></div>'
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "t"},
    "subject": {"reference": "urn:uuid:1"},
    "performer": [{"reference": "Organization?identifier=urn:o|1"}],
    "derivedFrom": [{"reference": "urn:uuid:2"}],
    "text": {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml"><a href="urn:uuid:1">p</a></div>',
    },
}
ORGANIZATION = {"resourceType": "Organization", "identifier": [{"system": "urn:o", "value": "1"}], "name": "O"}


def entry(name: str, resource: dict[str, Any], **request: str) -> dict[str, Any]:
    asked = {"method": "POST", "url": resource["resourceType"], **request}
    return {"fullUrl": f"urn:uuid:{name}", "resource": resource, "request": asked}


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> bytes:
    text = json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)})
    return text.replace('"DECIMAL"', "1.10").encode()


def amount(text: str = "DECIMAL") -> dict[str, Any]:
    return {**OBSERVATION, "valueQuantity": {"value": text, "unit": "mmol/L"}}


WHOLE = bundle(
    entry("1", PATIENT, ifNoneExist="identifier=urn:test:id|A1"),
    entry("2", {**OBSERVATION, "derivedFrom": [{"reference": "urn:uuid:3"}]}),
    entry("3", amount()),
)


def parameters(store: Store) -> SearchParameters:
    """Served from a store by a process of its own, as it were."""
    return SearchParameters(store, official(), Extractors(official()), lambda error: None)


PUT = {"method": "PUT", "url": "Observation/kept"}
ALONE = bundle(
    entry("1", PATIENT),
    entry("2", {key: value for key, value in amount().items() if key != "performer"}),
    entry("3", {**OBSERVATION, "id": "kept", "performer": [{"reference": "urn:uuid:1"}]}, **PUT),
    entry("4", OBSERVATION),
    {"fullUrl": "urn:uuid:5", "resource": {**OBSERVATION, "subject": {"reference": "Patient/other"}, "id": "x"},
     "request": {"method": "PUT", "url": "Observation?code:text=nothing"}},
)  # fmt: skip
"""The first four are ready, the fourth with a stand-in for what the store has; the last is what the store says."""


async def test_resources_are_ready_where_the_store_has_no_say(
    make_app: Callable[..., FhirApp], store: Store, client: httpx.AsyncClient
) -> None:
    assert (await client.post("Organization", json=ORGANIZATION)).status_code == 201
    numbers = itertools.count(100)
    app = make_app(check=CHECK, parameters=parameters(store), new_id=lambda: f"made-{next(numbers)}")
    content = prepare(app.service, ALONE)
    assert content is not None
    _, prepared = unpacked(content)
    assert {place: (one.type, one.id) for place, one in prepared.ready.items()} == {
        0: ("Patient", "made-100"), 1: ("Observation", "made-101"), 2: ("Observation", "kept"),
        3: ("Observation", "made-102"),
    }  # fmt: skip
    assert {place: set(given) for place, given in prepared.stand_ins.items()} == {
        3: {"Organization?identifier=urn:o|1"}
    }
    status, answer = await passed_on(app, content, {})
    assert (status, [row["response"]["status"] for row in answer["entry"]]) == (200, ["201 Created"] * 5)
    again = json.loads(bundle(entry("1", {**OBSERVATION, "id": "kept", "subject": {"reference": "Patient/p"}}, **PUT)))
    del again["entry"][0]["resource"]["performer"], again["entry"][0]["resource"]["text"]
    for version in (2, 2):  # the same content makes no new version
        content = prepare(app.service, json.dumps(again).encode())
        assert content is not None
        _, answer = await passed_on(app, content, {})
        assert answer["entry"][0]["response"]["etag"] == f'W/"{version}"'
    kept = await client.get("Observation/kept")
    assert kept.text.startswith(
        '{"resourceType":"Observation","id":"kept","meta":{"versionId":"2","lastUpdated":"2026-'
    )
    first = await client.get("Observation/kept/_history/1")
    assert first.json()["performer"] == [{"reference": "Patient/made-100"}]
    assert '"value":1.10,' in (await client.get("Observation/made-101")).text
    found = await client.get("Observation?subject=Patient/made-100&_sort=_id&_elements=id")
    assert {row["resource"]["id"] for row in found.json()["entry"]} > {"made-101"}


async def test_index_entries_go_by_the_search_parameters_of_the_process_that_writes(
    make_app: Callable[..., FhirApp], store: Store, client: httpx.AsyncClient
) -> None:
    reading, writing = parameters(store), parameters(store)
    content = prepare(make_app(check=CHECK, parameters=reading).service, bundle(entry("1", PATIENT)))
    assert content is not None
    custom = {
        "resourceType": "SearchParameter", "url": "urn:test:born", "name": "born", "code": "born", "status": "active",
        "description": "d", "base": ["Patient"], "type": "date", "expression": "Patient.birthDate",
    }  # fmt: skip
    assert (await client.post("SearchParameter", json=custom)).status_code == 201
    await writing.serve()
    app = make_app(check=CHECK, parameters=writing)
    status, _ = await passed_on(app, content, {})
    assert status == 200
    async with client_of(app) as asking:
        assert len((await asking.get("Patient?born=1980-05-17")).json()["entry"]) == 1


async def passed_on(app: FhirApp, content: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    """Post a prepared transaction as the front does."""
    got: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        got.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/fhir/", "root_path": "/fhir", "query_string": b"", "scheme": "http",
        "headers": [(b"host", b"test"), *((k.encode(), v.encode()) for k, v in headers.items())], "prepared": True,
    }  # fmt: skip
    await app(scope, receive, send)
    return got[0]["status"], json.loads(got[1]["body"])


@pytest.mark.parametrize("headers", [{}, {"prefer": "return=representation"}])
async def test_it_writes_and_answers_the_same(
    make_app: Callable[..., FhirApp], client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    numbers = itertools.count(100)
    app = make_app(check=CHECK, new_id=lambda: f"new-{next(numbers)}")
    assert (await client.post("Organization", json=ORGANIZATION)).status_code == 201
    content = prepare(app.service, WHOLE)
    assert content is not None
    status, answer = await passed_on(app, content, headers)
    assert status == 200
    assert [row["response"]["status"] for row in answer["entry"]] == ["201 Created"] * 3
    last = await client.get("Observation/new-102")
    assert '"value":1.10,' in last.text
    assert last.json()["subject"] == {"reference": "Patient/new-100"}
    assert last.json()["performer"] == [{"reference": "Organization/new-1"}]
    assert 'href="Patient/new-100"' in last.json()["text"]["div"]
    assert (await client.get("Observation/new-101")).json()["derivedFrom"] == [{"reference": "Observation/new-102"}]
    plain = await client.post("", content=WHOLE, headers={"content-type": "application/fhir+json", **headers})
    shown = [set(row) | set(row["response"]) for row in plain.json()["entry"]]
    assert [set(row) | set(row["response"]) for row in answer["entry"]] == shown


async def test_references_stay_where_they_are_in_the_bundle(make_app: Callable[..., FhirApp]) -> None:
    content = prepare(make_app().service, WHOLE)
    assert content is not None
    posted, prepared = unpacked(content)
    found = {id(slot.owner) for slot in itertools.chain(*prepared.slots.values())}
    assert id(posted["entry"][1]["resource"]["subject"]) in found


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"resourceType":"Patient"}',
        bundle(entry("1", PATIENT), kind="batch"),
        bundle(entry("1", {**PATIENT, "gender": 7})),
        bundle(entry("1", PATIENT, url="Observation")),
        bundle({"resource": PATIENT}),
        bundle(entry("1", {**PATIENT, "id": "no id"})),
    ],
)
async def test_what_is_to_be_refused_is_left_to_the_process_that_writes(
    make_app: Callable[..., FhirApp], body: bytes
) -> None:
    assert prepare(make_app(check=CHECK).service, body) is None


async def test_policy_is_asked_by_the_process_that_writes(make_app: Callable[..., FhirApp]) -> None:
    class Nobody:
        def allows(self, *_: Any) -> bool:
            return False

    content = prepare(make_app().service, WHOLE)
    assert content is not None
    status, answer = await passed_on(make_app(policy=Nobody()), content, {})
    assert status == 403, answer
    async with client_of(make_app()) as client:
        assert "entry" not in (await client.get("Patient")).json()
