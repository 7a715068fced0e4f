"""update, update as create, preconditions, conditional update."""

import asyncio

import httpx

from tests.api.conftest import BASE, PATIENT, issue


async def test_update_as_create_then_versions_without_gaps(client: httpx.AsyncClient) -> None:
    made = await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    assert (made.status_code, made.headers["location"]) == (201, f"{BASE}/Patient/p1/_history/1")
    changed = await client.put("Patient/p1", json={**PATIENT, "id": "p1", "gender": "male"})
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    await client.delete("Patient/p1")
    back = await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    assert (back.status_code, back.headers["etag"]) == (201, 'W/"4"')


async def test_the_same_content_makes_no_new_version(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    again = await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"1"')


async def test_the_id_must_agree(client: httpx.AsyncClient) -> None:
    for body in ({**PATIENT, "id": "other"}, PATIENT):
        answer = await client.put("Patient/p1", json=body)
        assert (answer.status_code, issue(answer)["expression"]) == (400, ["Patient.id"])
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="}
    assert (await client.put("Binary/b1", json={**binary, "id": "other"})).status_code == 400
    assert (await client.put("Binary/b1", json=binary)).status_code == 201
    assert (await client.put("Patient/a_b", json={**PATIENT, "id": "a_b"})).status_code == 400


async def test_if_match(client: httpx.AsyncClient) -> None:
    body = {**PATIENT, "id": "p1"}
    assert (await client.put("Patient/p1", json=body, headers={"If-Match": 'W/"1"'})).status_code == 412
    await client.put("Patient/p1", json=body)
    changed = {**body, "gender": "male"}
    assert (await client.put("Patient/p1", json=changed, headers={"If-Match": 'W/"2"'})).status_code == 412
    assert (await client.put("Patient/p1", json=changed, headers={"If-Match": 'W/"1"'})).status_code == 200
    assert (await client.put("Patient/p1", json=body, headers={"If-Match": "nonsense"})).status_code == 400
    assert (await client.put("Patient/p1", json=body, headers={"If-None-Match": "*"})).status_code == 412
    await client.delete("Patient/p1")
    assert (await client.put("Patient/p1", json=body, headers={"If-Match": 'W/"3"'})).status_code == 412
    assert (await client.put("Patient/p1", json=body, headers={"If-None-Match": "*"})).status_code == 201


async def test_racing_updates_with_if_match_let_one_win(client: httpx.AsyncClient) -> None:
    body = {**PATIENT, "id": "p1"}
    await client.put("Patient/p1", json=body)
    bodies = [{**body, "birthDate": f"19{year}"} for year in range(50, 70)]
    answers = await asyncio.gather(
        *(client.put("Patient/p1", json=changed, headers={"If-Match": 'W/"1"'}) for changed in bodies)
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19
    assert (await client.get("Patient/p1")).headers["etag"] == 'W/"2"'


async def test_conditional_update(client: httpx.AsyncClient) -> None:
    url = "Patient?identifier=urn:test:id|A1"
    made = await client.put(url, json=PATIENT)
    assert (made.status_code, made.json()["id"]) == (201, "new-1")
    changed = await client.put(url, json={**PATIENT, "gender": "male"})
    assert (changed.status_code, changed.json()["meta"]["versionId"]) == (200, "2")
    assert (await client.put(url, json={**PATIENT, "id": "other"})).status_code == 400
    named = await client.put("Patient?identifier=urn:test:id|B", json={**PATIENT, "id": "p9"})
    assert (named.status_code, named.json()["id"]) == (201, "p9")
    taken = await client.put("Patient?identifier=urn:test:id|C", json={**PATIENT, "id": "p9"})
    assert taken.status_code == 409
    assert (await client.put(url, json=PATIENT)).status_code == 412
    assert (await client.put("Patient", json=PATIENT)).status_code == 412
