"""Hostile input: never a 5xx, always an OperationOutcome."""

import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import PATIENT, issue

BODIES: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"<Patient/>",
    "cut off": b'{"resourceType":"Patient"',
    "deep": b'{"resourceType":"Patient","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "NaN": b'{"resourceType":"Patient","x":NaN}',
    "huge number": b'{"resourceType":"Patient","x":' + b"9" * 10_000 + b"}",
    "huge exponent": b'{"resourceType":"Observation","valueQuantity":{"value":1e999999999}}',
    "half a surrogate": b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}',
    "not UTF-8": b'{"resourceType":"Patient","name":[{"family":"\xff"}]}',
    "UTF-16": '{"resourceType":"Patient"}'.encode("utf-16"),
    "duplicate key": b'{"resourceType":"Patient","resourceType":"Basic"}',
    "number": b"1",
    "null": b"null",
    "type is a list": b'{"resourceType":["Patient"]}',
    "id is a number": b'{"resourceType":"Patient","id":1}',
    "id is a path": b'{"resourceType":"Patient","id":"../x"}',
    "meta is a list": b'{"resourceType":"Patient","meta":[]}',
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_is_the_fault_of_who_sends_it(client: httpx.AsyncClient, name: str) -> None:
    for method, url in (("POST", "Patient"), ("PUT", "Patient/p1"), ("POST", ""), ("PATCH", "Patient/p1")):
        answer = await client.request(method, url, content=BODIES[name], headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500, (method, answer.text)
        assert issue(answer)["severity"] == "error"


WRONG: list[dict[str, Any]] = [
    {"name": "x"},
    {"name": [[]]},
    {"name": [None]},
    {"name": {"family": 1}},
    {"birthDate": {"a": []}},
    {"birthDate": "0000-99-99"},
    {"identifier": [{"system": [], "value": {}}]},
    {"managingOrganization": "x"},
    {"managingOrganization": {"reference": 5}},
    {"managingOrganization": {"reference": "Patient?\x00"}},
    {"meta": {"tag": "x", "profile": 1}},
    {"meta": {"tag": [1], "profile": [{}]}},
    {"extension": {"url": 1}},
    {"contained": "x"},
    {"contained": [1]},
    {"text": {"div": ["href='x'"]}},
    {"gender": True},
    {"multipleBirthInteger": 10**17},
]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
async def test_wrong_types_inside(client: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    body = {**PATIENT, "id": "p1", **wrong}
    entry = {"resource": body, "request": {"method": "PUT", "url": "Patient/p1"}, "fullUrl": "urn:uuid:1"}
    posted = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answers = [
        await client.put("Patient/p1", json=body),
        await client.post("", json=posted),
        await client.get("Patient/p1?_summary=true"),
    ]
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]


PATHS = [
    "Patient/../x", "Patient/%2e%2e/x", "Patient/..%2Fx", "Patient/a%00b", "Patient//x", "Patient/p1/_history/0",
    "Patient/p1/_history/99999999999999999999999", "Patient/p1/Nonsense", "Patient/$nonsense", "$", "$nonsense",
    "Patient/p1/$nonsense", "Patient/p1/_history/1/$nonsense", "%F0%9F%98%80/x", "Patient/'; DROP TABLE x--",
    "metadata/x", "_history/x", "Nonsense", "Nonsense/1", "patient/1", "Resource/1", "DomainResource",
    "Patient/p1/_history/1/2/3/4/5",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_a_hostile_path_is_the_fault_of_who_asks(client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "DELETE", "POST", "PUT", "PATCH"):
        answer = await client.request(method, path, content=json.dumps(PATIENT).encode() if method[0] == "P" else None)
        assert 400 <= answer.status_code < 500, (method, answer.status_code)
        assert issue(answer)["severity"] == "error"


@pytest.mark.parametrize("query", ["%ff", "_count=x", "_since=%00", "=&=&=", "_format=%00", "a=" + "b" * 20_000])
async def test_a_hostile_query_of_a_history_is_the_fault_of_who_asks(client: httpx.AsyncClient, query: str) -> None:
    for path in ("Patient/_history", "_history"):
        answer = await client.get(f"{path}?{query}")
        assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": "\x7f"},
        {"If-None-Match": "W/"},
        {"Prefer": "return=;=;;,"},
        {"Accept": ";;;q=x"},
        {"Accept-Encoding": "gzip;q=x"},
        {"Content-Length": "x"},
        {"If-Modified-Since": "Sun, 99 Jan 2026 99:99:99 GMT"},
        {"Host": "evil/<script>"},
    ],
    ids=repr,
)
async def test_hostile_headers_neither_fail_nor_come_back(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    for method in ("GET", "PUT", "DELETE"):
        answer = await client.request(method, "Patient/p1", json={**PATIENT, "id": "p1"}, headers=headers)
        assert answer.status_code < 500, answer.text
        assert "evil" not in answer.text + str(answer.headers)
