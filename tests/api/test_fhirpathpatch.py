"""FHIRPath Patch: each operation, and what does not fit (FHIR R4 fhirpatch)."""

from typing import Any

import httpx
import pytest

from hie.api.fhirpathpatch import apply_fhirpath_patch
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.definitions import official
from tests.api.conftest import PATIENT


def operation(**parts: Any) -> Json:
    """An operation; `index` and the like are integers, `value` a value[x] or parts, the rest strings."""
    rows: list[Json] = []
    for name, given in parts.items():
        if name == "value":
            rows.append({"name": "value", **given})
        elif isinstance(given, int):
            rows.append({"name": name, "valueInteger": given})
        else:
            rows.append({"name": name, "valueCode" if name == "type" else "valueString": given})
    return {"name": "operation", "part": rows}


def patched(resource: Json, *operations: Json) -> Json:
    before = repr(resource)
    parameters = {"resourceType": "Parameters", "parameter": list(operations)}
    result = apply_fhirpath_patch({"resourceType": "Patient", **resource}, parameters, official())
    assert repr(resource) == before
    return {key: value for key, value in result.items() if key != "resourceType"}


GIVEN = {"name": [{"given": ["A", "B", "C"]}]}
CONTACT = {
    "part": [
        {"name": "name", "valueHumanName": {"text": "X"}},
        {"name": "telecom", "valueContactPoint": {"value": "1"}},
        {"name": "telecom", "valueContactPoint": {"value": "2"}},
    ]
}


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({}, operation(type="add", path="Patient", name="birthDate", value={"valueDate": "1930-01-01"}),
         {"birthDate": "1930-01-01"}),
        (GIVEN, operation(type="add", path="Patient.name[0]", name="given", value={"valueString": "D"}),
         {"name": [{"given": ["A", "B", "C", "D"]}]}),
        ({}, operation(type="add", path="Patient", name="contact", value=CONTACT),
         {"contact": [{"name": {"text": "X"}, "telecom": [{"value": "1"}, {"value": "2"}]}]}),
        ({}, operation(type="add", path="Patient", name="deceased", value={"valueBoolean": True}),
         {"deceasedBoolean": True}),
        ({}, operation(type="add", path="Patient", name="extension",
                       value={"part": [{"name": "url", "valueUri": "urn:x"}, {"name": "value", "valueString": "v"}]}),
         {"extension": [{"url": "urn:x", "valueString": "v"}]}),
        ({"birthDate": "1920"}, operation(type="replace", path="Patient.birthDate", value={"valueDate": "1930"}),
         {"birthDate": "1930"}),
        ({"active": True}, operation(type="replace", path="Patient.active", value={"valueBoolean": False}),
         {"active": False}),
        (GIVEN, operation(type="replace", path="Patient.name.given[1]", value={"valueString": "X"}),
         {"name": [{"given": ["A", "X", "C"]}]}),
        (GIVEN, operation(type="replace", path="Patient.name.given.where($this = 'C')", value={"valueString": "X"}),
         {"name": [{"given": ["A", "B", "X"]}]}),
        ({"deceasedBoolean": True},
         operation(type="replace", path="Patient.deceased", value={"valueDateTime": "2020"}),
         {"deceasedDateTime": "2020"}),
        ({"multipleBirthInteger": 2},
         operation(type="replace", path="Patient.multipleBirth", value={"valueInteger": 3}),
         {"multipleBirthInteger": 3}),
        ({"birthDate": "1920"}, operation(type="delete", path="Patient.birthDate"), {}),
        ({"active": True}, operation(type="delete", path="Patient.active"), {}),
        ({}, operation(type="delete", path="Patient.birthDate"), {}),
        (GIVEN, operation(type="delete", path="Patient.name[0]"), {}),
        ({"name": [{"family": "A"}, {"family": "B"}]},
         operation(type="delete", path="Patient.name.where(family = 'A')"), {"name": [{"family": "B"}]}),
        ({"name": [{"given": ["A", "B"], "_given": [None, {"id": "b"}]}]},
         operation(type="delete", path="Patient.name.given[0]"), {"name": [{"given": ["B"], "_given": [{"id": "b"}]}]}),
        (GIVEN, operation(type="insert", path="Patient.name.given", index=0, value={"valueString": "X"}),
         {"name": [{"given": ["X", "A", "B", "C"]}]}),
        (GIVEN, operation(type="insert", path="Patient.name.given", index=3, value={"valueString": "X"}),
         {"name": [{"given": ["A", "B", "C", "X"]}]}),
        (GIVEN, operation(type="move", path="Patient.name.given", source=2, destination=0),
         {"name": [{"given": ["C", "A", "B"]}]}),
    ],
)  # fmt: skip
def test_each_operation_changes_what_its_path_names(before: Json, change: Json, after: Json) -> None:
    assert patched(before, change) == after


def test_operations_run_in_order_on_what_the_one_before_left() -> None:
    first = operation(type="add", path="Patient", name="name", value={"valueHumanName": {"family": "A"}})
    second = operation(type="add", path="Patient.name[0]", name="given", value={"valueString": "B"})
    assert patched({}, first, second) == {"name": [{"family": "A", "given": ["B"]}]}


@pytest.mark.parametrize(
    ("change", "category"),
    [
        ({"name": "nonsense"}, Category.INVALID),
        (operation(type="brew", path="Patient"), Category.INVALID),
        (operation(type=["add"], path="Patient"), Category.INVALID),
        (operation(type="add", path="Patient", value={"valueString": "x"}), Category.INVALID),
        (operation(type="add", path="Patient", name="gender"), Category.INVALID),
        (operation(type="insert", path="Patient.name", value={"valueString": "x"}), Category.INVALID),
        (operation(type="delete", path="Patient.("), Category.INVALID),
        (operation(type="add", path="Patient", name="gender", value={"valueCode": "male"}), Category.UNPROCESSABLE),
        (operation(type="add", path="Patient", name="nonsense", value={"valueCode": "x"}), Category.UNPROCESSABLE),
        (operation(type="add", path="Patient.photo", name="url", value={"valueUrl": "x"}), Category.UNPROCESSABLE),
        (operation(type="replace", path="Patient.birthDate", value={"valueDate": "1930"}), Category.UNPROCESSABLE),
        (operation(type="delete", path="Patient.name.given"), Category.UNPROCESSABLE),
        (operation(type="insert", path="Patient.name.given", index=9, value={"valueId": "x"}), Category.UNPROCESSABLE),
        (operation(type="insert", path="Patient.gender", index=0, value={"valueString": "x"}), Category.UNPROCESSABLE),
        (operation(type="move", path="Patient.name.given", source=9, destination=0), Category.UNPROCESSABLE),
        (operation(type="replace", path="Patient.name.count()", value={"valueInteger": 1}), Category.UNPROCESSABLE),
        (operation(type="replace", path="Patient", value={"valueInteger": 1}), Category.UNPROCESSABLE),
    ],
)  # fmt: skip
def test_a_refusal_names_the_operation(change: Json, category: Category) -> None:
    with pytest.raises(HieError) as raised:
        patched({**GIVEN, "gender": "female"}, change)
    assert raised.value.category is category
    assert raised.value.expression == "Parameters.parameter[0]"


async def test_a_fhirpath_patch_is_taken_over_http(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1"})
    change = operation(type="replace", path="Patient.gender", value={"valueCode": "male"})
    body = {"resourceType": "Parameters", "parameter": [change]}
    fhir = {"content-type": "application/fhir+json"}
    answer = await client.request("PATCH", "Patient/p1", json=body, headers=fhir)
    assert (answer.status_code, answer.json()["gender"]) == (200, "male")
    assert (await client.request("PATCH", "Patient/p1", json=PATIENT, headers=fhir)).status_code == 400
    entry = {"request": {"method": "PATCH", "url": "Patient?identifier=urn:test:id|A1"}, "resource": body}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert (await client.post("", json=bundle)).json()["entry"][0]["response"]["status"] == "200 OK"
