"""References that mean what the store says, in resources that are ready before: nothing of the stand-ins remains."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp
from hie.api.prepared import prepare, unpacked
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.store.port import Store
from tests.api.conftest import PATIENT, client_of
from tests.api.test_prepared import CHECK, ORGANIZATION, bundle, entry, parameters, passed_on

WHERE = "Organization?identifier=urn:o|1"
REPORT = {
    "resourceType": "DiagnosticReport",
    "status": "final",
    "code": {"text": "t"},
    "subject": {"reference": "urn:uuid:1"},
    "performer": [{"reference": WHERE}, {"reference": WHERE, "display": WHERE}],
    "conclusion": WHERE,
}
BY = {
    "resourceType": "SearchParameter", "url": "urn:test:by", "name": "by", "code": "by", "status": "active",
    "description": "d", "base": ["DiagnosticReport"], "type": "string",
    "expression": "DiagnosticReport.performer.reference",
}  # fmt: skip
"""A search parameter that shows references as they are written."""
CONDITIONAL = {"ifNoneExist": "identifier=urn:test:id|A1"}


async def written(app: FhirApp, body: bytes) -> list[dict[str, Any]]:
    """What a prepared Bundle made, as it is read."""
    content = prepare(app.service, body)
    assert content is not None
    status, answer = await passed_on(app, content, {})
    assert status == 200
    async with client_of(app) as asking:
        where = [row["response"]["location"].partition("/fhir/")[2] for row in answer["entry"]]
        return [(await asking.get(one)).json() for one in where]


async def test_they_are_replaced_in_content_and_index(
    make_app: Callable[..., FhirApp], store: Store, client: httpx.AsyncClient
) -> None:
    place = (await client.post("Organization", json=ORGANIZATION)).json()["id"]
    app = make_app(check=CHECK, parameters=parameters(store))
    body = bundle(entry("1", PATIENT, **CONDITIONAL), entry("2", REPORT))
    patient, report = await written(app, body)
    assert report["performer"] == [
        {"reference": f"Organization/{place}"}, {"reference": f"Organization/{place}", "display": WHERE},
    ]  # fmt: skip
    assert (report["subject"], report["conclusion"]) == ({"reference": f"Patient/{patient['id']}"}, WHERE)
    async with client_of(app) as asking:
        for query in (
            f"DiagnosticReport?performer=Organization/{place}",
            f"DiagnosticReport?patient={patient['id']}",
            f"Patient/{patient['id']}/DiagnosticReport",
            "DiagnosticReport?performer:Organization.name=O",
        ):
            found = (await asking.get(query)).json()["entry"]
            assert [row["resource"]["id"] for row in found] == [report["id"]], query
    again = await written(app, body)
    assert (again[0]["id"], again[0]["meta"]["versionId"]) == (patient["id"], "1")


async def test_one_that_shows_elsewhere_in_the_index_is_left_to_the_process_that_writes(
    make_app: Callable[..., FhirApp], store: Store, client: httpx.AsyncClient
) -> None:
    place = (await client.post("Organization", json=ORGANIZATION)).json()["id"]
    assert (await client.post("SearchParameter", json=BY)).status_code == 201
    served = parameters(store)
    await served.serve()
    app = make_app(check=CHECK, parameters=served)
    content = prepare(app.service, bundle(entry("1", PATIENT), entry("2", REPORT)))
    assert content is not None
    assert set(unpacked(content)[1].ready) == {0}
    _, report = await written(app, bundle(entry("1", PATIENT), entry("2", REPORT)))
    assert report["performer"][0] == {"reference": f"Organization/{place}"}


async def test_a_link_to_what_is_found_out_later_is_left_to_the_process_that_writes(
    make_app: Callable[..., FhirApp], store: Store, client: httpx.AsyncClient
) -> None:
    await client.post("Organization", json=ORGANIZATION)
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><a href="urn:uuid:1">p</a></div>'
    told = {**REPORT, "text": {"status": "generated", "div": div}}
    app = make_app(check=CHECK, parameters=parameters(store))
    patient, report = await written(app, bundle(entry("1", PATIENT, **CONDITIONAL), entry("2", told)))
    assert f'href="Patient/{patient["id"]}"' in report["text"]["div"]


@pytest.mark.parametrize(
    ("reference", "status"), [("Organization?identifier=urn:o|nobody", 412), ("Nothing?identifier=urn:o|1", 400)]
)
async def test_one_without_a_meaning_is_refused(
    make_app: Callable[..., FhirApp], store: Store, reference: str, status: int
) -> None:
    app = make_app(check=CHECK, parameters=parameters(store))
    content = prepare(app.service, bundle(entry("1", {**REPORT, "subject": {"reference": reference}})))
    assert content is not None
    answered, outcome = await passed_on(app, content, {})
    assert answered == status
    assert outcome["issue"][0]["expression"] == ["Bundle.entry[0]"]


async def test_entries_are_made_anew_with_the_meanings(
    make_app: Callable[..., FhirApp], store: Store, client: httpx.AsyncClient
) -> None:
    """Search parameters that came between preparing and writing see what the stand-ins became."""
    place = (await client.post("Organization", json=ORGANIZATION)).json()["id"]
    content = prepare(
        make_app(check=CHECK, parameters=parameters(store)).service,
        bundle(entry("1", PATIENT), entry("2", REPORT)),
    )
    assert content is not None
    writing = parameters(store)
    assert (await client.post("SearchParameter", json=BY)).status_code == 201
    await writing.serve()
    app = make_app(check=CHECK, parameters=writing)
    status, _ = await passed_on(app, content, {})
    assert status == 200
    async with client_of(app) as asking:
        found = (await asking.get(f"DiagnosticReport?by=Organization/{place}")).json()["entry"]
    assert len(found) == 1


def test_an_extraction_is_the_same_whatever_the_id_of_a_target() -> None:
    extract = Extractors(official()).extract
    one, other = (
        extract({**REPORT, "id": "r", "subject": {"reference": f"Patient/{name}"}}) for name in ("stand-in", "real")
    )
    assert json.loads(json.dumps(one).replace("stand-in", "real")) == json.loads(json.dumps(other))
