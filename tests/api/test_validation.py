"""The validator behind the API: every write is held against the base definitions, `$validate` against profiles too."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp
from hie.fhir.definitions import official
from hie.fhir.validate import Validator

from .conftest import PATIENT, client_of

VALIDATOR = Validator(official())
BP = "http://hl7.org/fhir/StructureDefinition/bp"


@pytest.fixture
async def client(make_app: Callable[..., FhirApp]) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(check=VALIDATOR.write_issues, validate=VALIDATOR.all_issues)
    async with client_of(app) as opened:
        yield opened


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    return body["issue"]


async def test_a_write_that_breaks_the_base_is_refused_with_every_issue(client: httpx.AsyncClient) -> None:
    wrong = {**PATIENT, "birthDate": "2023-02-30", "gender": "M"}
    answer = await client.post("Patient", json=wrong)
    assert answer.status_code == 422
    found = [(row["severity"], row["expression"], row["details"]["coding"][0]["code"]) for row in rows(answer)]
    assert found == [
        ("error", ["Patient.gender"], "binding-required"),
        ("error", ["Patient.birthDate"], "primitive-date"),
    ]


async def test_a_write_that_keeps_the_base_is_stored(client: httpx.AsyncClient) -> None:
    assert (await client.post("Patient", json=PATIENT)).status_code == 201


async def test_profiles_do_not_stop_a_write(client: httpx.AsyncClient) -> None:
    claimed = {**PATIENT, "meta": {"profile": [BP]}}
    assert (await client.post("Patient", json=claimed)).status_code == 201


async def test_validate_tells_everything(client: httpx.AsyncClient) -> None:
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    plain = await client.post("Observation/$validate", json=observation)
    assert (plain.status_code, {row["severity"] for row in rows(plain)} & {"error"}) == (200, set())
    against = await client.post("Observation/$validate", params={"profile": BP}, json=observation)
    keys = {row["details"]["coding"][0]["code"] for row in rows(against) if row["severity"] == "error"}
    assert {"cardinality-min", "slice-min"} <= keys


LINE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
COLUMN = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"
FHIR_JSON = {"Content-Type": "application/fhir+json"}
FHIR_XML = {"Content-Type": "application/fhir+xml", "Accept": "application/fhir+json"}


def place(row: dict[str, Any]) -> tuple[int, int, str]:
    told = {extension["url"]: extension["valueInteger"] for extension in row["extension"]}
    return told[LINE], told[COLUMN], row["details"]["text"]


async def test_findings_about_posted_json_tell_line_and_column(client: httpx.AsyncClient) -> None:
    body = '{\n "resourceType": "Patient",\n  "gender": "M"\n}'
    answer = await client.post("Patient/$validate", content=body, headers=FHIR_JSON)
    row = next(row for row in rows(answer) if row["severity"] == "error")
    assert place(row) == (3, 3, "第 3 行第 3 列 · line 3, column 3")


async def test_findings_about_a_resource_in_parameters_are_placed_in_the_whole_text(client: httpx.AsyncClient) -> None:
    body = (
        '{"resourceType": "Parameters",\n "parameter": [\n  {"name": "mode", "valueCode": "create"},\n'
        '  {"name": "resource",\n   "resource": {"resourceType": "Patient",\n    "gender": "M"}}]}'
    )
    answer = await client.post("Patient/$validate", content=body, headers=FHIR_JSON)
    row = next(row for row in rows(answer) if row["severity"] == "error")
    assert (row["expression"], place(row)[:2]) == (["Patient.gender"], (6, 5))


async def test_findings_about_posted_xml_tell_line_and_column(client: httpx.AsyncClient) -> None:
    inner = '<Patient xmlns="http://hl7.org/fhir">\n  <gender value="M"/>\n</Patient>'
    answer = await client.post("Patient/$validate", content=inner, headers=FHIR_XML)
    assert [place(row)[:2] for row in rows(answer) if row["severity"] == "error"] == [(2, 3)]
    wrapped = (
        '<Parameters xmlns="http://hl7.org/fhir">\n<parameter><name value="resource"/><resource>\n'
        '<Patient>\n <gender value="M"/></Patient></resource></parameter></Parameters>'
    )
    answer = await client.post("Patient/$validate", content=wrapped, headers=FHIR_XML)
    assert [place(row)[:2] for row in rows(answer) if row["severity"] == "error"] == [(4, 2)]


async def test_text_that_is_no_json_tells_where_it_breaks(client: httpx.AsyncClient) -> None:
    answer = await client.post("Patient/$validate", content='{"resourceType": "Patient",\n "a" 1}', headers=FHIR_JSON)
    assert (answer.status_code, place(rows(answer)[0])[:2]) == (400, (2, 6))


@pytest.mark.parametrize(
    ("path", "body", "status", "rule"),
    [
        ("Patient/$validate?mode=create", {}, 200, None),
        ("Patient/$validate?mode=update", {}, 200, "update-id"),
        ("Patient/$validate?mode=update", {"id": "a"}, 200, None),
        ("Patient/a/$validate?mode=update", {"id": "b"}, 200, "update-id"),
        ("Patient/a/$validate?mode=update", {"id": "a"}, 200, None),
        ("Patient/$validate?mode=profile", {}, 400, None),
        ("Patient/$validate?mode=delete", {}, 400, None),
        ("Patient/nobody/$validate?mode=delete", {}, 404, None),
        ("Patient/$validate?mode=x", {}, 400, None),
    ],
)
async def test_mode_asks_about_an_interaction(
    client: httpx.AsyncClient, path: str, body: dict[str, str], status: int, rule: str | None
) -> None:
    answer = await client.post(path, json={**PATIENT, **body})
    errors = [row for row in rows(answer) if row["severity"] == "error"]
    found = [row["details"]["coding"][0]["code"] for row in errors] if status == 200 else []
    assert (answer.status_code, found) == (status, [rule] if rule else [])


async def test_what_exists_may_be_deleted(client: httpx.AsyncClient) -> None:
    created = (await client.post("Patient", json=PATIENT)).json()
    answer = await client.post(f"Patient/{created['id']}/$validate?mode=delete", json={"resourceType": "Parameters"})
    assert (answer.status_code, rows(answer)[0]["severity"]) == (200, "information")


async def test_a_patched_resource_is_held_against_the_base(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})

    def patch(date: str) -> dict[str, Any]:
        parts = [
            {"name": "type", "valueCode": "replace"},
            {"name": "path", "valueString": "Patient.birthDate"},
            {"name": "value", "valueDate": date},
        ]
        return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}

    patched = await client.patch("Patient/p1", json=patch("1990-01-01"))
    assert (patched.status_code, patched.json()["birthDate"]) == (200, "1990-01-01")
    assert (await client.patch("Patient/p1", json=patch("soon"))).status_code == 422
