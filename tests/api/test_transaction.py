"""transaction: order, atomicity, references, conditions; batch."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from hie.api.app import FhirApp
from hie.api.references import slots_of
from tests.api.conftest import BASE, PATIENT, SETTINGS, client_of, issue

MOTHER, CHILD = "urn:uuid:0b8d3c6e-0000-4000-8000-000000000001", "urn:uuid:0b8d3c6e-0000-4000-8000-000000000002"


def entry(method: str, url: str, resource: Any = None, full_url: str | None = None, **request: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url is not None:
        made["fullUrl"] = full_url
    return made


def bundle(*entries: Any, kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def observation(subject: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "K"},
        "subject": {"reference": subject},
    }


async def test_references_are_rewritten_everywhere(client: httpx.AsyncClient) -> None:
    observed = {
        **observation(MOTHER),
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{MOTHER}">m</a></div>',
        },
        "extension": [{"url": "urn:x", "valueUri": MOTHER}],
        "note": [{"text": f"[her mother]({MOTHER}), not {MOTHER}"}],
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": MOTHER}],
        "contained": [{"resourceType": "Basic", "id": "c", "code": {"text": "x"}, "subject": {"reference": MOTHER}}],
    }
    posted = bundle(entry("POST", "Observation", observed, CHILD), entry("POST", "Patient", PATIENT, MOTHER))
    answer = await client.post("", json=posted)
    assert answer.status_code == 200
    body = answer.json()
    assert body["type"] == "transaction-response"
    assert [e["response"]["status"] for e in body["entry"]] == ["201 Created", "201 Created"]
    assert body["entry"][0]["response"]["location"] == f"{BASE}/Observation/new-1/_history/1"
    stored = (await client.get("Observation/new-1")).json()
    assert stored["subject"]["reference"] == "Patient/new-2"
    assert stored["extension"][0]["valueUri"] == "Patient/new-2"
    assert stored["contained"][0]["subject"]["reference"] == "Patient/new-2"
    assert 'href="Patient/new-2"' in stored["text"]["div"]
    assert stored["note"][0]["text"] == f"[her mother](Patient/new-2), not {MOTHER}"
    assert stored["identifier"][0]["value"] == MOTHER


def test_references_are_found_in_lists_and_nowhere_that_only_names_a_thing() -> None:
    link = f"[her mother]({MOTHER})"
    resource = {"instantiatesUri": ["urn:x", MOTHER], "value": [MOTHER, link], "title": MOTHER, "note": [[link]]}
    assert {(slot.key, slot.text, slot.links) for slot in slots_of(resource, {MOTHER})} == {
        (1, MOTHER, ""),
        (0, link, "markdown"),
    }


async def test_restful_full_urls_are_rewritten_too(client: httpx.AsyncClient) -> None:
    posted = bundle(
        entry("POST", "Patient", PATIENT, "http://elsewhere/fhir/Patient/77"),
        entry("POST", "Observation", observation("Patient/77")),
        entry("POST", "Observation", observation("http://elsewhere/fhir/Patient/77")),
    )
    await client.post("", json=posted)
    for made in ("new-2", "new-3"):
        assert (await client.get(f"Observation/{made}")).json()["subject"]["reference"] == "Patient/new-1"


async def test_absolute_references_to_this_server_are_made_relative(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    here, elsewhere = observation(f"{BASE}/Patient/p1/_history/1"), observation("http://else/fhir/Patient/p1")
    kept = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"{BASE}/Observation/1", "resource": here}],
    }
    await client.put("Observation/alone", json={**here, "id": "alone"})
    await client.put("Bundle/alone", json={**kept, "id": "alone"})
    await client.post("", json=bundle(*(entry("POST", one["resourceType"], one) for one in (here, elsewhere, kept))))
    for path, expected in (
        ("Observation/alone", "Patient/p1/_history/1"),
        ("Observation/new-1", "Patient/p1/_history/1"),
        ("Observation/new-2", "http://else/fhir/Patient/p1"),
    ):
        assert (await client.get(path)).json()["subject"]["reference"] == expected, path
    for path in ("Bundle/alone", "Bundle/new-3"):
        assert (await client.get(path)).json()["entry"] == kept["entry"], path
    assert (await client.get("Observation?patient=p1&_summary=count")).json()["total"] == 2


async def test_entries_of_two_servers_keep_their_patients_apart(client: httpx.AsyncClient) -> None:
    posted = bundle(
        entry("POST", "Patient", PATIENT, "http://a/fhir/Patient/1"),
        entry("POST", "Patient", PATIENT, "http://b/fhir/Patient/1"),
        entry("POST", "Observation", observation("Patient/1"), "http://a/fhir/Observation/1"),
        entry("POST", "Observation", observation("Patient/1"), "http://b/fhir/Observation/1"),
        entry("POST", "Observation", observation("Patient/1"), MOTHER),
    )
    await client.post("", json=posted)
    found = [(await client.get(f"Observation/new-{made}")).json()["subject"]["reference"] for made in (3, 4, 5)]
    assert found == ["Patient/new-1", "Patient/new-2", "Patient/1"]


async def test_two_resources_under_one_full_url_are_refused(client: httpx.AsyncClient) -> None:
    posted = bundle(
        entry("POST", "Patient", PATIENT, MOTHER), entry("POST", "Patient", {**PATIENT, "active": True}, MOTHER)
    )
    answer = await client.post("", json=posted)
    assert (answer.status_code, issue(answer)["expression"]) == (400, ["Bundle.entry[1].fullUrl"])
    twins = [entry("POST", "Patient", PATIENT, MOTHER, ifNoneExist="identifier=urn:test:id|A1") for _ in "ab"]
    assert (await client.post("", json=bundle(*twins))).status_code == 200


async def test_what_a_bundle_deletes_is_no_match_of_its_creates(client: httpx.AsyncClient) -> None:
    await client.put("Patient/old", json={**PATIENT, "id": "old"})
    posted = bundle(
        entry("POST", "Patient", PATIENT, MOTHER, ifNoneExist="identifier=urn:test:id|A1"),
        entry("POST", "Observation", observation(MOTHER)),
        entry("DELETE", "Patient?identifier=urn:test:id|A1"),
    )
    answer = (await client.post("", json=posted)).json()
    assert [row["response"]["status"][:3] for row in answer["entry"]] == ["201", "201", "204"]
    assert (await client.get("Patient/old")).status_code == 410
    assert (await client.get("Observation?subject:Patient.gender=female")).json()["entry"][0]["search"][
        "mode"
    ] == "match"


async def test_all_or_nothing_and_the_entry_at_fault_is_named(client: httpx.AsyncClient) -> None:
    posted = bundle(
        entry("POST", "Patient", PATIENT),
        entry("PUT", "Patient/p2", {**PATIENT, "id": "p2"}, ifMatch='W/"3"'),
    )
    answer = await client.post("", json=posted)
    assert answer.status_code == 412
    assert issue(answer)["expression"] == ["Bundle.entry[1]"]
    assert (await client.get("_history")).json()["total"] == 0


async def test_the_order_is_delete_post_put_get(client: httpx.AsyncClient) -> None:
    await client.put("Patient/old", json={**PATIENT, "id": "old"})
    posted = bundle(
        entry("GET", "Patient/p1"),
        entry("GET", "Patient/old"),
        entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"}),
        entry("DELETE", "Patient/old"),
    )
    failed = await client.post("", json=posted)
    assert (failed.status_code, issue(failed)["expression"]) == (410, ["Bundle.entry[1]"])
    del posted["entry"][1]
    body = (await client.post("", json=posted)).json()
    assert body["entry"][0]["resource"]["id"] == "p1"
    assert [e["response"]["status"] for e in body["entry"]] == ["200 OK", "201 Created", "204 No Content"]


async def test_one_resource_is_written_once(client: httpx.AsyncClient) -> None:
    posted = bundle(
        entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"}),
        entry("DELETE", "Patient/p1"),
    )
    answer = await client.post("", json=posted)
    assert (answer.status_code, issue(answer)["code"]) == (400, "duplicate")


async def test_a_deleted_id_can_come_back(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    await client.delete("Patient/p1")
    body = (await client.post("", json=bundle(entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"})))).json()
    assert body["entry"][0]["response"]["etag"] == 'W/"3"'


async def test_a_conditional_entry_is_made_once_and_referred_to(client: httpx.AsyncClient) -> None:
    criteria = "identifier=urn:test:id|A1"
    posted = bundle(
        entry("POST", "Patient", PATIENT, MOTHER, ifNoneExist=criteria),
        entry("POST", "Observation", observation(MOTHER)),
        entry("POST", "Observation", observation(f"Patient?{criteria}")),
    )
    first = (await client.post("", json=posted)).json()
    again = (await client.post("", json=posted)).json()
    assert [e["response"]["status"] for e in first["entry"]] == ["201 Created"] * 3
    assert [e["response"]["status"] for e in again["entry"]] == ["200 OK", "201 Created", "201 Created"]
    patient = first["entry"][0]["response"]["location"].split("/")[-3]
    for made in (*first["entry"][1:], *again["entry"][1:]):
        stored = (await client.get(made["response"]["location"])).json()
        assert stored["subject"]["reference"] == f"Patient/{patient}"


async def test_twin_conditional_creates_in_one_bundle_make_one(client: httpx.AsyncClient) -> None:
    twin = entry("POST", "Patient", PATIENT, ifNoneExist="identifier=urn:test:id|A1")
    body = (await client.post("", json=bundle(twin, twin))).json()
    assert [e["response"]["status"] for e in body["entry"]] == ["201 Created", "200 OK"]
    assert (await client.get("Patient/_history")).json()["total"] == 1


async def test_twin_conditional_updates_in_one_bundle_are_refused(client: httpx.AsyncClient) -> None:
    twin = entry("PUT", "Patient?identifier=urn:test:id|A1", PATIENT)
    answer = await client.post("", json=bundle(twin, twin))
    assert (answer.status_code, issue(answer)["code"]) == (400, "duplicate")


async def test_a_conditional_reference_leads_to_the_one_that_matches(client: httpx.AsyncClient) -> None:
    posted = bundle(entry("POST", "Observation", observation("Patient?identifier=urn:test:id|A1")))
    missing = await client.post("", json=posted)
    assert (missing.status_code, issue(missing)["code"]) == (412, "not-found")
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    made = (await client.post("", json=posted)).json()["entry"][0]["response"]["location"]
    assert (await client.get(made)).json()["subject"]["reference"] == "Patient/p1"


async def test_a_conditional_reference_follows_its_identifier(client: httpx.AsyncClient) -> None:
    known = {"resourceType": "Practitioner", "identifier": [{"system": "urn:s", "value": "1"}]}

    async def refers(text: str = "Practitioner?identifier=urn:s|1") -> str:
        posted = bundle(entry("POST", "Observation", {**observation("Patient/x"), "performer": [{"reference": text}]}))
        answer = await client.post("", json=posted)
        if answer.status_code != 200:
            return f"{answer.status_code}"
        (made,) = answer.json()["entry"]
        stored = await client.get(made["response"]["location"])
        return str(stored.json()["performer"][0]["reference"])

    assert await refers() == "412"
    await client.put("Practitioner/a", json={**known, "id": "a"})
    assert [await refers(), await refers(), await refers("Practitioner?identifier=urn:s%7C1")] == ["Practitioner/a"] * 3
    await client.put("Practitioner/b", json={**known, "id": "b"})
    assert await refers() == "412"
    await client.delete("Practitioner/a")
    assert [await refers(), await refers()] == ["Practitioner/b"] * 2
    await client.put("Practitioner/b", json={"resourceType": "Practitioner", "id": "b"})
    assert await refers() == "412"


async def test_conditional_references_to_what_the_bundle_makes(client: httpx.AsyncClient) -> None:
    """Through two steps: the Observation names a Patient that names an Organization, all made here."""
    hospital = {"resourceType": "Organization", "name": "First", "identifier": [{"system": "urn:o", "value": "1"}]}
    patient = {**PATIENT, "managingOrganization": {"reference": "Organization?identifier=urn:o|1"}}
    answer = await client.post("", json=bundle(
        entry("POST", "Observation", observation("Patient?identifier=urn:test:id|A1")),
        entry("POST", "Patient", patient),
        entry("POST", "Organization", hospital),
    ))  # fmt: skip
    made = [(await client.get(row["response"]["location"])).json() for row in answer.json()["entry"]]
    assert made[0]["subject"]["reference"] == f"Patient/{made[1]['id']}"
    assert made[1]["managingOrganization"]["reference"] == f"Organization/{made[2]['id']}"


async def test_conditional_references_that_wait_for_each_other_are_refused(client: httpx.AsyncClient) -> None:
    each = [
        {
            "resourceType": "Organization",
            "identifier": [{"value": own}],
            "partOf": {"reference": f"Organization?identifier={other}"},
        }
        for own, other in (("1", "2"), ("2", "1"))
    ]
    answer = await client.post("", json=bundle(*(entry("POST", "Organization", one) for one in each)))
    assert (answer.status_code, issue(answer)["code"]) == (412, "not-found")


async def test_a_patch_refers_to_what_the_bundle_makes(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "managingOrganization"},
        {"name": "value", "valueReference": {"reference": MOTHER}},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    hospital = {"resourceType": "Organization", "name": "First"}
    answer = await client.post("", json=bundle(
        entry("PATCH", "Patient/p1", patch), entry("POST", "Organization", hospital, MOTHER)
    ))  # fmt: skip
    assert answer.status_code == 200
    patched = (await client.get("Patient/p1")).json()
    assert patched["managingOrganization"]["reference"] == "Organization/new-1"


async def test_conditional_update_and_delete(client: httpx.AsyncClient) -> None:
    url = "Patient?identifier=urn:test:id|A1"
    posted = bundle(entry("PUT", url, PATIENT, MOTHER), entry("POST", "Observation", observation(MOTHER)))
    await client.post("", json=posted)
    body = (await client.post("", json=bundle(entry("DELETE", url)))).json()
    assert body["entry"][0]["response"]["status"] == "204 No Content"
    assert (await client.get("Patient/new-1")).status_code == 410


async def test_prefer_representation_sends_the_resources(client: httpx.AsyncClient) -> None:
    posted = bundle(entry("POST", "Patient", PATIENT))
    assert "resource" not in (await client.post("", json=posted)).json()["entry"][0]
    whole = await client.post("", json=posted, headers={"Prefer": "return=representation"})
    [told] = whole.json()["entry"]
    assert told["resource"]["name"] == PATIENT["name"]
    assert told["fullUrl"] == f"{BASE}/Patient/{told['resource']['id']}"


async def test_a_bundle_has_no_more_entries_than_the_operator_allows(make_app: Callable[..., FhirApp]) -> None:
    async with client_of(make_app(replace(SETTINGS, max_entries=2))) as client:
        for kind in ("batch", "transaction"):
            posted = [entry("POST", "Patient", PATIENT)] * 3
            assert (await client.post("", json=bundle(*posted[:2], kind=kind))).status_code == 200
            answer = await client.post("", json=bundle(*posted, kind=kind))
            assert (answer.status_code, issue(answer)["expression"]) == (413, ["Bundle.entry"])


async def test_patch_in_a_transaction(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    change = "W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9nZW5kZXIiLCJ2YWx1ZSI6Im1hbGUifV0="
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": change}
    answer = await client.post("", json=bundle(entry("PATCH", "Patient/p1", binary)))
    assert answer.status_code == 200
    assert (await client.get("Patient/p1")).json()["gender"] == "male"


async def test_a_malformed_bundle_is_refused(client: httpx.AsyncClient) -> None:
    for posted in (
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle", "type": "transaction", "entry": {}},
        bundle(1),
        bundle({}),
        bundle({"request": {"method": "BREW", "url": "Patient"}}),
        bundle({"request": {"method": "GET"}}),
        bundle(entry("POST", "Patient")),
        bundle(entry("POST", "Patient", {"resourceType": "Nonsense"})),
        bundle(entry("PUT", "Patient/p1", {**PATIENT, "id": "p2"})),
        bundle(entry("GET", "http://elsewhere/Patient/1")),
        bundle(entry("POST", "", bundle())),
        bundle(entry("GET", "metadata")),
        PATIENT,
    ):
        answer = await client.post("", json=posted)
        assert answer.status_code == 400, posted
        assert issue(answer)["severity"] == "error"


async def test_an_empty_transaction_is_empty(client: httpx.AsyncClient) -> None:
    answer = await client.post("", json={"resourceType": "Bundle", "type": "transaction"})
    assert answer.json() == {"resourceType": "Bundle", "type": "transaction-response"}


async def test_entries_of_a_batch_stand_alone(client: httpx.AsyncClient) -> None:
    posted = bundle(
        entry("GET", "Patient/p1"),
        entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"}),
        entry("PUT", "Patient/p2", {**PATIENT, "id": "no"}),
        entry("GET", "Patient/none"),
        entry("POST", "", bundle()),
        1,
        entry("GET", "?_type=Patient"),
        kind="batch",
    )
    body = (await client.post("", json=posted)).json()
    statuses = [e["response"]["status"][:3] for e in body["entry"]]
    assert statuses == ["200", "201", "400", "404", "400", "400", "200"]
    assert body["entry"][0]["resource"]["id"] == "p1"
    assert body["entry"][6]["resource"]["type"] == "searchset"
    assert body["entry"][2]["response"]["outcome"]["issue"][0]["expression"] == ["Patient.id"]


async def test_operations_of_a_transaction_join_it(client: httpx.AsyncClient) -> None:
    """What an operation writes is written with the rest; it once waited for the transaction that waited for it."""
    await client.put("Patient/p", json={**PATIENT, "id": "p"})
    composition = {
        "resourceType": "Composition",
        "id": "c",
        "status": "final",
        "type": {"text": "x"},
        "date": "2026",
        "author": [{"reference": "Patient/p"}],
        "title": "x",
    }
    tag = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "t"}]}}]}
    checked = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": PATIENT}]}
    entries = [
        entry("PUT", "Composition/c", composition),
        entry("POST", "Patient/p/$meta-add", tag),
        entry("POST", "Patient/$validate", checked),
        entry("GET", "Composition/c/$document?persist=true"),
    ]
    async with asyncio.timeout(20):
        failed = await client.post("", json=bundle(*entries, entry("GET", "Patient/nobody")))
    assert failed.status_code == 404
    assert (await client.get("Bundle")).json().get("total", 0) == 0
    assert "tag" not in (await client.get("Patient/p")).json()["meta"]
    answer = (await client.post("", json=bundle(*entries))).json()
    assert [one["response"]["status"] for one in answer["entry"]] == ["201 Created", "200 OK", "200 OK", "200 OK"]
    stored = (await client.get("Bundle")).json()
    assert [one["resource"]["type"] for one in stored["entry"]] == ["document"]
    assert (await client.get("Patient/p")).json()["meta"]["tag"] == [{"code": "t"}]


async def test_an_operation_without_a_body_is_no_failure_of_the_server(client: httpx.AsyncClient) -> None:
    answer = await client.post("", json=bundle(entry("POST", "Patient/$validate")))
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Bundle.entry[0]"]
