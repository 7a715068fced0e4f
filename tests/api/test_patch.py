"""patch: JSON Patch on resources, and RFC 6902 itself."""

from typing import Any

import httpx
import pytest

from hie.api.jsonpatch import apply_json_patch
from hie.base.errors import Category, HieError
from tests.api.conftest import PATIENT

PATCH = {"content-type": "application/json-patch+json"}


async def test_a_json_patch_is_taken_as_a_whole_or_not_at_all(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    change = [
        {"op": "test", "path": "/gender", "value": "female"},
        {"op": "replace", "path": "/gender", "value": "male"},
    ]
    answer = await client.request("PATCH", "Patient/p1", json=change, headers=PATCH)
    assert (answer.status_code, answer.json()["gender"], answer.headers["etag"]) == (200, "male", 'W/"2"')
    again = await client.request("PATCH", "Patient/p1", json=change, headers=PATCH)
    assert again.status_code == 422
    assert (await client.get("Patient/p1")).headers["etag"] == 'W/"2"'


async def test_patch_keeps_other_decimals(client: httpx.AsyncClient) -> None:
    body = (
        b'{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"K"},"valueQuantity":{"value":1.10}}'
    )
    await client.put("Observation/o1", content=body)
    change = [{"op": "replace", "path": "/status", "value": "amended"}]
    answer = await client.request("PATCH", "Observation/o1", json=change, headers=PATCH)
    assert '"value":1.10' in answer.text


async def test_what_a_patch_may_not(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    cases: list[tuple[Any, int]] = [
        ([{"op": "replace", "path": "/id", "value": "p2"}], 422),
        ([{"op": "replace", "path": "/resourceType", "value": "Basic"}], 422),
        ([{"op": "replace", "path": "", "value": 1}], 400),
        ([{"op": "remove", "path": "/nothing"}], 422),
        ([{"op": "brew", "path": "/id"}], 400),
        ({}, 400),
    ]
    for change, status in cases:
        answer = await client.request("PATCH", "Patient/p1", json=change, headers=PATCH)
        assert answer.status_code == status, change
    fine = [{"op": "add", "path": "/active", "value": True}]
    stale = await client.request("PATCH", "Patient/p1", json=fine, headers={**PATCH, "If-Match": 'W/"9"'})
    assert stale.status_code == 412
    assert (await client.request("PATCH", "Patient/none", json=fine, headers=PATCH)).status_code == 404
    text = await client.request("PATCH", "Patient/p1", content=b"x", headers={"content-type": "text/plain"})
    assert text.status_code == 415


async def test_a_conditional_patch_changes_the_one_that_matches(client: httpx.AsyncClient) -> None:
    url, fine = "Patient?identifier=urn:test:id|A1", [{"op": "add", "path": "/active", "value": True}]
    assert (await client.request("PATCH", url, json=fine, headers=PATCH)).status_code == 404
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    assert (await client.request("PATCH", url, json=fine, headers=PATCH)).json()["active"] is True


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a/b": 1, "m~n": 2}, [{"op": "test", "path": "/a~1b", "value": 1}], {"a/b": 1, "m~n": 2}),
        ({"m~n": 2}, [{"op": "replace", "path": "/m~0n", "value": 3}], {"m~n": 3}),
        ({"a": None}, [{"op": "test", "path": "/a", "value": None}], {"a": None}),
        ({"a": [1, 2.0]}, [{"op": "test", "path": "/a", "value": [1.0, 2]}], {"a": [1, 2.0]}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/a/b"}], {"a": {"b": 1}}),
    ],
)
def test_a_json_patch_makes_what_rfc6902_says_and_leaves_what_was(document: Any, patch: Any, expected: Any) -> None:
    before = repr(document)
    assert apply_json_patch(document, patch) == expected
    assert repr(document) == before


@pytest.mark.parametrize(
    ("operation", "category"),
    [
        ({"op": "add", "path": "/a/5", "value": 1}, Category.UNPROCESSABLE),
        ({"op": ["add"], "path": "/a/1", "value": 1}, Category.INVALID),
        ({"op": "add", "path": "/a/01", "value": 1}, Category.UNPROCESSABLE),
        ({"op": "remove", "path": "/a/-"}, Category.UNPROCESSABLE),
        ({"op": "test", "path": "/t", "value": 1}, Category.UNPROCESSABLE),
        ({"op": "test", "path": "/a", "value": [True]}, Category.UNPROCESSABLE),
        ({"op": "test", "path": "/a", "value": [1, 2]}, Category.UNPROCESSABLE),
        ({"op": "test", "path": "/o", "value": {"p": 1}}, Category.UNPROCESSABLE),
        ({"op": "remove", "path": ""}, Category.UNPROCESSABLE),
        ({"op": "move", "from": "/none", "path": "/none"}, Category.UNPROCESSABLE),
        ({"op": "move", "from": "/o", "path": "/o/p"}, Category.UNPROCESSABLE),
        ({"op": "add", "path": "a", "value": 1}, Category.INVALID),
        ({"op": "add", "path": "/a"}, Category.INVALID),
        ({"op": "move", "path": "/a"}, Category.INVALID),
    ],
)
def test_a_json_patch_that_cannot_be_applied_names_its_operation(operation: Any, category: Category) -> None:
    with pytest.raises(HieError) as raised:
        apply_json_patch({"a": [1], "t": True, "o": {}}, [operation])
    assert raised.value.category is category
    assert raised.value.expression == "patch[0]"


async def test_a_merge_patch_removes_what_is_null(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    change = {"gender": None, "maritalStatus": {"text": "m"}, "name": [{"family": "Li"}]}
    merge = {"content-type": "application/merge-patch+json"}
    body = (await client.request("PATCH", "Patient/p1", json=change, headers=merge)).json()
    assert ("gender" in body, body["maritalStatus"], body["name"]) == (False, {"text": "m"}, [{"family": "Li"}])
    assert (await client.request("PATCH", "Patient/p1", json={"id": "p2"}, headers=merge)).status_code == 422
    assert (await client.request("PATCH", "Patient/p1", json=[], headers=merge)).status_code == 400
