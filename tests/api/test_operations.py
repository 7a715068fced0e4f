"""$everything, $meta, $lastn, $document, $validate."""

import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp
from hie.fhir.outcome import Issue
from tests.api.conftest import PATIENT, client_of, issue
from tests.api.test_search import ids, link, observation


@pytest.fixture
async def chart(client: httpx.AsyncClient) -> httpx.AsyncClient:
    resources: list[dict[str, Any]] = [
        {**PATIENT, "id": "p1", "managingOrganization": {"reference": "Organization/org"}},
        {**PATIENT, "id": "p2"},
        {"resourceType": "Organization", "id": "org", "name": "Hospital"},
        {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Li"}]},
        {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"},
         "subject": {"reference": "Patient/p1"}, "period": {"start": "2026-01-02", "end": "2026-01-03"}},
        {**observation("o1", "p1", "K", "2026-01-02"), "encounter": {"reference": "Encounter/e1"},
         "performer": [{"reference": "Practitioner/doc"}, {"reference": "Patient/p2"}]},
        observation("o2", "p1", "K", "2026-02-01"),
        observation("o3", "p1", "Na", "2026-01-15"),
        observation("stranger", "p2"),
        {"resourceType": "Composition", "id": "c1", "status": "final", "type": {"text": "t"}, "date": "2026-01-03",
         "title": "t", "subject": {"reference": "Patient/p1"}, "author": [{"reference": "Practitioner/doc"}],
         "section": [{"entry": [{"reference": "Observation/o1"}]}]},
    ]  # fmt: skip
    for resource in resources:
        made = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
        assert made.status_code == 201
    return client


async def test_everything_of_a_patient(chart: httpx.AsyncClient) -> None:
    bundle = (await chart.get("Patient/p1/$everything")).json()
    assert bundle["type"] == "searchset"
    found = ids(bundle)
    assert (found[0], sorted(found)) == ("p1", ["c1", "e1", "o1", "o2", "o3", "p1"])
    assert sorted(ids(bundle, "include")) == ["doc", "org"]
    assert (await chart.get("Patient/none/$everything")).status_code == 404


async def test_everything_by_posted_parameters(chart: httpx.AsyncClient) -> None:
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Encounter"}]}
    answer = await chart.post("Patient/p1/$everything", json=parameters)
    assert ids(answer.json()) == ["e1"]


async def test_everything_is_restricted(chart: httpx.AsyncClient) -> None:
    async def found(query: str) -> list[str]:
        return sorted(ids((await chart.get(f"Patient/p1/$everything?{query}")).json()))

    assert await found("_type=Observation") == ["o1", "o2", "o3"]
    assert await found("start=2026-01-10&_type=Observation") == ["o2", "o3"]
    assert await found("start=2026-01-10&end=2026-01-20&_type=Observation") == ["o3"]
    assert await found("_since=2026-01-19&_type=Observation") == []
    for query in ("nonsense=1", "_type=Nonsense", "start=x", "_count=x"):
        assert (await chart.get(f"Patient/p1/$everything?{query}")).status_code == 400, query


@pytest.mark.parametrize(
    ("types", "matches", "included"),
    [
        ("Patient", ["p1"], []),
        ("Practitioner", [], ["doc"]),
        ("Encounter,Practitioner", ["e1"], ["doc"]),
        ("Encounter,Observation", ["e1", "o1", "o2", "o3"], []),
    ],
)
async def test_everything_of_some_types(
    chart: httpx.AsyncClient, types: str, matches: list[str], included: list[str]
) -> None:
    bundle = (await chart.get(f"Patient/p1/$everything?_type={types}")).json()
    assert (sorted(ids(bundle)), sorted(ids(bundle, "include"))) == (matches, included)
    of_all = (await chart.get(f"Patient/$everything?_type={types}")).json()
    assert set(ids(of_all)) == {*matches, *(["p2"] * (types == "Patient")), *(["stranger"] * ("Obs" in types))}


async def test_everything_comes_in_pages(chart: httpx.AsyncClient) -> None:
    url: str | None = "Patient/p1/$everything?_count=2"
    seen: list[str] = []
    while url:
        bundle = (await chart.get(url)).json()
        seen += ids(bundle)
        url = link(bundle, "next")
    assert sorted(seen) == ["c1", "e1", "o1", "o2", "o3", "p1"]


async def test_everything_of_everyone(chart: httpx.AsyncClient) -> None:
    bundle = (await chart.get("Patient/$everything")).json()
    assert sorted(ids(bundle)) == ["c1", "e1", "o1", "o2", "o3", "p1", "p2", "stranger"]
    assert sorted(ids(bundle, "include")) == ["doc", "org"]
    assert link(bundle, "next") is None
    narrow = (await chart.get("Patient/$everything?_type=Observation&start=2026-01-10")).json()
    assert sorted(ids(narrow)) == ["o2", "o3"]
    for query in ("nonsense=1", "_cursor=x", "_cursor=x~y", "_count=x"):
        assert (await chart.get(f"Patient/$everything?{query}")).status_code == 400, query


@pytest.mark.parametrize("count", [1, 2, 3, 5, 50])
async def test_everything_of_everyone_in_pages(chart: httpx.AsyncClient, count: int) -> None:
    url: str | None = f"Patient/$everything?_count={count}"
    seen: list[str] = []
    while url:
        bundle = (await chart.get(url)).json()
        assert len(ids(bundle)) <= count
        seen += ids(bundle)
        url = link(bundle, "next")
    assert sorted(set(seen)) == ["c1", "e1", "o1", "o2", "o3", "p1", "p2", "stranger"]
    assert seen.count("p1") == seen.count("p2") == 1


async def test_everything_of_an_encounter(chart: httpx.AsyncClient) -> None:
    found = ids((await chart.get("Encounter/e1/$everything")).json())
    assert sorted(found) == ["e1", "o1"]


async def test_meta(chart: httpx.AsyncClient) -> None:
    tag = {"system": "urn:t", "code": "a"}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [tag]}}]}
    added = await chart.post("Patient/p1/$meta-add", json=parameters)
    assert (added.status_code, added.headers["etag"]) == (200, 'W/"2"')
    assert added.json()["parameter"][0]["valueMeta"]["tag"] == [tag]
    again = await chart.post("Patient/p1/$meta-add", json=parameters)
    assert again.json()["parameter"][0]["valueMeta"]["tag"] == [tag]
    for url in ("Patient/p1/$meta", "Patient/$meta", "$meta", "Patient/p1/_history/2/$meta"):
        assert (await chart.get(url)).json()["parameter"][0]["valueMeta"]["tag"] == [tag], url
    gone = await chart.post("Patient/p1/$meta-delete", json=parameters)
    assert "tag" not in gone.json()["parameter"][0]["valueMeta"]
    assert "tag" not in (await chart.get("Patient/p1/_history/1/$meta")).json()["parameter"][0]["valueMeta"]
    assert (await chart.post("Patient/p1/$meta-add", json={"resourceType": "Parameters"})).status_code == 400
    assert (await chart.get("Patient/p1/$meta-add")).status_code == 405


async def test_meta_is_validated(make_app: Callable[..., FhirApp]) -> None:
    wrong = [Issue("error", "code-invalid", "A code is a text", ("Patient.meta.tag[0].code",))]
    async with client_of(make_app(check=lambda resource: wrong if "tag" in resource.get("meta", {}) else [])) as client:
        await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
        posted = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": 5}]}}]}
        answer = await client.post("Patient/p1/$meta-add", json=posted)
        assert (answer.status_code, issue(answer)["expression"]) == (422, ["Patient.meta.tag[0].code"])
        assert (await client.get("Patient/p1")).headers["etag"] == 'W/"1"'


async def test_lastn_gives_the_youngest_of_each_code(chart: httpx.AsyncClient) -> None:
    assert sorted(ids((await chart.get("Observation/$lastn?patient=p1")).json())) == ["o2", "o3"]
    both = (await chart.get("Observation/$lastn?patient=p1&code=K&max=2")).json()
    assert ids(both) == ["o2", "o1"]
    for query in ("", "?code=K", "?patient=p1&max=0", "?patient=p1&nonsense=1", "?patient=p1&_sort=date"):
        assert (await chart.get(f"Observation/$lastn{query}")).status_code == 400, query
    assert (await chart.get("Patient/$lastn?patient=p1")).status_code == 404


async def test_lastn_of_many_keeps_the_latest_of_each_page_and_answers_no_more_than_it_may(
    chart: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["hie.api.operations.lastn"]
    monkeypatch.setattr(module, "_PAGE", 1)
    assert sorted(ids((await chart.get("Observation/$lastn?patient=p1")).json())) == ["o2", "o3"]
    monkeypatch.setattr(module, "_MOST", 1)
    many = await chart.get("Observation/$lastn?patient=p1")
    assert (many.status_code, issue(many)["code"]) == (413, "too-costly")


async def test_document_gathers_what_a_composition_refers_to(chart: httpx.AsyncClient) -> None:
    bundle = (await chart.get("Composition/c1/$document")).json()
    assert (bundle["type"], bundle["timestamp"]) == ("document", "2026-01-18T00:30:00.000Z")
    assert bundle["entry"][0]["resource"]["id"] == "c1"
    members = {entry["resource"]["id"] for entry in bundle["entry"]}
    assert members >= {"c1", "p1", "doc", "o1", "e1"}
    assert (await chart.get(f"Bundle/{bundle['id']}")).status_code == 404
    kept = (await chart.get("Composition/c1/$document?persist=true")).json()
    assert (await chart.get(f"Bundle/{kept['id']}")).json()["type"] == "document"


async def test_validate_takes_a_resource_parameters_or_what_is_stored(chart: httpx.AsyncClient) -> None:
    fine = await chart.post("Patient/$validate", json=PATIENT)
    assert (fine.status_code, issue(fine)["severity"]) == (200, "information")
    inside = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": PATIENT}]}
    assert (await chart.post("Patient/$validate", json=inside)).status_code == 200
    assert (await chart.get("Patient/p1/$validate")).status_code == 200
    assert (await chart.get("Patient/$validate")).status_code == 400
    assert (await chart.post("Observation/$validate", json=PATIENT)).status_code == 400


async def test_an_operation_that_is_not_there_is_not_found(chart: httpx.AsyncClient) -> None:
    for url in ("$nonsense", "Encounter/$everything", "Observation/o1/$everything", "$export"):
        assert (await chart.get(url)).status_code == 404, url
