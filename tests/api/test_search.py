"""search through the API: Bundles, links, paging, compartments, POST (parameters: tests/search)."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp
from tests.api.conftest import BASE, PATIENT, client_of, issue


def observation(name: str, patient: str, code: str = "K", date: str = "2026-01-01") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "urn:test:code", "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": date,
        "valueQuantity": {"value": 1, "unit": "x"},
    }


@pytest.fixture
async def filled(client: httpx.AsyncClient) -> httpx.AsyncClient:
    for name in ("p1", "p2"):
        await client.put(
            f"Patient/{name}", json={**PATIENT, "id": name, "identifier": [{"system": "urn:i", "value": name}]}
        )
    for number in range(5):
        await client.put(f"Observation/o{number}", json=observation(f"o{number}", "p1", date=f"2026-01-0{number + 1}"))
    await client.put("Observation/other", json=observation("other", "p2"))
    return client


def ids(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == mode]


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((row["url"] for row in bundle["link"] if row["relation"] == relation), None)


async def test_a_searchset_has_full_urls_modes_and_links(filled: httpx.AsyncClient) -> None:
    answer = await filled.get("Patient?identifier=urn:i|p1")
    bundle = answer.json()
    assert (answer.status_code, bundle["resourceType"], bundle["type"]) == (200, "Bundle", "searchset")
    assert bundle["entry"][0]["fullUrl"] == f"{BASE}/Patient/p1"
    assert bundle["entry"][0]["search"] == {"mode": "match"}
    assert link(bundle, "self") == f"{BASE}/Patient?identifier=urn:i|p1"
    assert link(bundle, "next") is None


async def test_bodies_are_spliced_as_they_are_stored(client: httpx.AsyncClient) -> None:
    body = (
        b'{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"K"},"valueQuantity":{"value":1.10}}'
    )
    await client.put("Observation/o1", content=body)
    stored = (await client.get("Observation/o1")).content
    assert stored in (await client.get("Observation?_id=o1")).content


async def test_nothing_found_is_an_empty_bundle(client: httpx.AsyncClient) -> None:
    bundle = (await client.get("Patient?_total=accurate&name=nobody")).json()
    assert (bundle["total"], "entry" in bundle) == (0, False)


async def test_pages_are_followed_to_the_end(filled: httpx.AsyncClient) -> None:
    url: str | None = "Observation?patient=p1&_sort=date&_count=2"
    seen: list[str] = []
    while url:
        bundle = (await filled.get(url)).json()
        seen += ids(bundle)
        url = link(bundle, "next")
    assert seen == ["o0", "o1", "o2", "o3", "o4"]


@pytest.mark.parametrize(
    "path", ["Observation", "Patient/p1/$everything", "Patient/$everything", "Observation/_history"]
)
async def test_the_next_page_has_the_form_of_the_first(filled: httpx.AsyncClient, path: str) -> None:
    page = (await filled.get(f"{path}?_count=2&_format=xml&_pretty=true")).text
    following = re.search('value="next"/>\\s*<url value="([^"]*)"', page)
    assert following
    answer = await filled.get(following[1].replace("&amp;", "&"))
    assert answer.headers["content-type"].startswith("application/fhir+xml")
    assert "\n  <" in answer.text


async def test_a_link_opens_no_other_search(filled: httpx.AsyncClient) -> None:
    bundle = (await filled.get("Observation?patient=p1&_count=2")).json()
    forged = (link(bundle, "next") or "").replace("patient=p1", "patient=p2")
    answer = await filled.get(forged)
    assert (answer.status_code, issue(answer)["severity"]) == (400, "error")
    assert (await filled.get("Observation?patient=p1&_cursor=AAAA")).status_code == 400


async def test_unknown_parameters_modifiers_and_sorts_are_refused(filled: httpx.AsyncClient) -> None:
    for query in (
        "nonsense=1",
        "age=5",
        "_query=x",
        "name:nonsense=x",
        "_sort=nonsense",
        "birthdate=yesterday",
        "_count=-1",
        "_summary=x",
    ):
        answer = await filled.get(f"Patient?{query}")
        assert (answer.status_code, issue(answer)["severity"]) == (400, "error"), query


async def test_lenient_handling_leaves_out_and_says_so(filled: httpx.AsyncClient) -> None:
    answer = await filled.get("Patient?nonsense=1&_id=p1", headers={"Prefer": "handling=lenient"})
    bundle = answer.json()
    assert (answer.status_code, ids(bundle)) == (200, ["p1"])
    assert link(bundle, "self") == f"{BASE}/Patient?_id=p1"
    told = bundle["entry"][-1]
    assert (told["search"], told["resource"]["issue"][0]["expression"]) == ({"mode": "outcome"}, ["http.nonsense"])


async def test_post_search_by_form(filled: httpx.AsyncClient) -> None:
    answer = await filled.post("Observation/_search?_count=1", data={"patient": "p1", "_sort": "-date"})
    bundle = answer.json()
    assert ids(bundle) == ["o4"]
    assert ids((await filled.get(link(bundle, "next") or "")).json()) == ["o3"]


async def test_a_search_of_the_system_finds_several_types(filled: httpx.AsyncClient) -> None:
    assert sorted(ids((await filled.get("?_type=Patient,Observation&_id=p1,o1")).json())) == ["o1", "p1"]
    assert sorted(ids((await filled.post("_search", data={"_id": "p1"})).json())) == ["p1"]


async def test_a_compartment_holds_what_is_about_the_patient(filled: httpx.AsyncClient) -> None:
    assert sorted(ids((await filled.get("Patient/p1/Observation")).json())) == ["o0", "o1", "o2", "o3", "o4"]
    assert ids((await filled.get("Patient/p2/Observation?code=K")).json()) == ["other"]
    assert "other" in ids((await filled.get("Patient/p2/*")).json())
    assert ids((await filled.get("Patient/p2/*?_type=Observation,Medication")).json()) == ["other"]
    assert (await filled.get("Patient/p2/*?_type=Medication")).status_code == 404
    assert ids((await filled.post("Patient/p2/Observation/_search", data={"code": "none"})).json()) == []
    assert (await filled.get("Patient/p1/Organization")).status_code == 404
    assert (await filled.get("Organization/p1/Patient")).status_code == 404


async def test_an_encounter_has_a_compartment_too(client: httpx.AsyncClient) -> None:
    encounter = {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"}}
    await client.put("Encounter/e1", json=encounter)
    await client.put("Observation/in", json={**observation("in", "p1"), "encounter": {"reference": "Encounter/e1"}})
    await client.put("Observation/out", json=observation("out", "p1"))
    assert ids((await client.get("Encounter/e1/Observation")).json()) == ["in"]
    assert sorted(ids((await client.get("Encounter/e1/*")).json())) == ["e1", "in"]


async def test_includes_are_marked(filled: httpx.AsyncClient) -> None:
    bundle = (await filled.get("Observation?_id=o1&_include=Observation:subject")).json()
    assert (ids(bundle), ids(bundle, "include")) == (["o1"], ["p1"])


async def test_a_summary_is_a_count_or_the_elements_asked_for(filled: httpx.AsyncClient) -> None:
    count = (await filled.get("Observation?patient=p1&_summary=count")).json()
    assert (count["total"], "entry" in count) == (5, False)
    elements = (await filled.get("Observation?_id=o1&_elements=valueQuantity")).json()
    assert elements["meta"]["tag"][0]["code"] == "SUBSETTED"
    resource = elements["entry"][0]["resource"]
    assert set(resource) == {"resourceType", "id", "meta", "status", "code", "valueQuantity"}
    by_name = (await filled.get("Observation?_id=o1&_elements=value")).json()["entry"][0]["resource"]
    assert "valueQuantity" in by_name
    text = (await filled.get("Patient?_id=p1&_summary=text")).json()["entry"][0]["resource"]
    assert "name" not in text


async def test_a_golden_patient_covers_all_linked_ones(
    make_app: Callable[..., FhirApp], filled: httpx.AsyncClient
) -> None:
    async def linked(patient: str) -> tuple[str, ...]:
        return ("golden", "p1", "p2") if patient == "golden" else ()

    await filled.put("Patient/golden", json={**PATIENT, "id": "golden"})
    async with client_of(make_app(linked=linked)) as client:
        for url in ("Observation?patient=golden", "Patient/golden/Observation", "Observation?subject=Patient/golden"):
            assert sorted(ids((await client.get(url)).json())) == ["o0", "o1", "o2", "o3", "o4", "other"], url
        assert ids((await client.get("Observation?patient=p2")).json()) == ["other"]
        everything = ids((await client.get("Patient/golden/$everything")).json())
        assert sorted(everything) == ["golden", "o0", "o1", "o2", "o3", "o4", "other", "p1", "p2"]
