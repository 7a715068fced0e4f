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
