"""create, Prefer, conditional create."""

import asyncio

import httpx

from tests.api.conftest import BASE, PATIENT, issue


async def test_create_gives_an_id_and_a_location(client: httpx.AsyncClient) -> None:
    answer = await client.post("Patient", json={**PATIENT, "id": "mine"})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{BASE}/Patient/new-1/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.json()["id"] == "new-1"
    assert (await client.get("Patient/mine")).status_code == 404


async def test_client_meta_does_not_set_the_version(client: httpx.AsyncClient) -> None:
    meta = {"versionId": "7", "lastUpdated": "1999-01-01T00:00:00Z", "tag": [{"code": "t"}]}
    made = (await client.post("Patient", json={**PATIENT, "meta": meta})).json()
    assert made["meta"] == {"tag": [{"code": "t"}], "versionId": "1", "lastUpdated": "2026-01-18T00:30:00.000Z"}


async def test_an_answer_holds_what_prefer_asks_for(client: httpx.AsyncClient) -> None:
    minimal = await client.post("Patient", json=PATIENT, headers={"Prefer": "return=minimal"})
    assert (minimal.status_code, minimal.content) == (201, b"")
    told = await client.post("Patient", json=PATIENT, headers={"Prefer": "return=OperationOutcome"})
    assert issue(told)["severity"] == "information"


async def test_wrong_type_and_no_resource(client: httpx.AsyncClient) -> None:
    assert (await client.post("Observation", json=PATIENT)).status_code == 400
    assert (await client.post("Patient", json=[1])).status_code == 400
    assert (await client.post("Patient", content=b"")).status_code == 400
    answer = await client.post("Patient", content=b"a=b", headers={"content-type": "text/csv"})
    assert (answer.status_code, issue(answer)["code"]) == (415, "not-supported")


async def test_a_conditional_create_makes_one_only_where_none_matches(client: httpx.AsyncClient) -> None:
    condition = {"If-None-Exist": "identifier=urn:test:id|A1"}
    assert (await client.post("Patient", json=PATIENT, headers=condition)).status_code == 201
    again = await client.post("Patient", json=PATIENT, headers=condition)
    assert (again.status_code, again.json()["id"]) == (200, "new-1")
    await client.post("Patient", json=PATIENT)
    many = await client.post("Patient", json=PATIENT, headers=condition)
    assert (many.status_code, issue(many)["code"]) == (412, "multiple-matches")
    assert (await client.post("Patient", json=PATIENT, headers={"If-None-Exist": ""})).status_code == 412
    for query, status in (("nonsense=1", 400), ("identifier=urn:test:id|A2&_count=1", 400), ("identifier=", 412),
                          ("_format=json", 412), ("_contained=false", 400)):  # fmt: skip
        refused = await client.post("Patient", json=PATIENT, headers={"If-None-Exist": query})
        assert refused.status_code == status, query


async def test_racing_conditional_creates_make_one(client: httpx.AsyncClient) -> None:
    condition = {"If-None-Exist": "identifier=urn:test:id|A1"}
    answers = await asyncio.gather(*(client.post("Patient", json=PATIENT, headers=condition) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
