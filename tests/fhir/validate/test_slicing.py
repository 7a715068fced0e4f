"""Slicing by every kind of discriminator, with order, closure, default and counts, on small made-up profiles."""

from typing import Any

import pytest

from hie.fhir.definitions import Definitions, official
from hie.fhir.element import Element, ElementType, TypeDefinition
from hie.fhir.validate import Issue, Validator

URL = "http://example.org/profile"


def profile(kind: str, *rows: Element) -> TypeDefinition:
    """A profile on `kind` that says only what `rows` say, beside the base."""
    base = official().type(kind)
    assert base is not None
    elements = {element.id: element for element in base.elements.values()} | {row.id: row for row in rows}
    return TypeDefinition("P", URL, "resource", False, kind, kind, elements)


def row(path: str, element_id: str, kind: str, low: int = 0, high: int | None = None, **more: Any) -> Element:
    name = element_id.rpartition(".")[2].partition(":")[2] or None
    return Element(path, low, high, (ElementType(kind),), id=element_id, slice_name=name, **more)


class Only:
    """Profiles of one test, and the official ones."""

    def __init__(self, definition: TypeDefinition) -> None:
        self.definition = definition

    def profile(self, url: str) -> TypeDefinition | None:
        return self.definition if url == URL else official().profile(url)


def rules(definition: TypeDefinition, resource: dict[str, Any]) -> list[str]:
    known: Definitions = official()
    issues: list[Issue] = Validator(known, Only(definition)).validate(resource, profiles=[URL])
    return [issue.rule for issue in issues if issue.fails]


def telecom(**slicing: Any) -> TypeDefinition:
    """Patient.telecom sliced by system: phone 1..1, email 0..1."""
    return profile(
        "Patient",
        row(
            "Patient.telecom",
            "Patient.telecom",
            "ContactPoint",
            slicing={"discriminator": [{"type": "value", "path": "system"}], "rules": "open", **slicing},
        ),
        row("Patient.telecom", "Patient.telecom:phone", "ContactPoint", 1, 1),
        row("Patient.telecom.system", "Patient.telecom:phone.system", "code", 1, 1, fixed=("Code", "phone")),
        row("Patient.telecom.value", "Patient.telecom:phone.value", "string", 1, 1),
        row("Patient.telecom", "Patient.telecom:email", "ContactPoint", 0, 1),
        row("Patient.telecom.system", "Patient.telecom:email.system", "code", 1, 1, pattern=("Code", "email")),
    )


def patient(*systems: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "telecom": [{"system": system, "value": "1"} for system in systems]}


def test_slices_by_value_are_counted() -> None:
    assert rules(telecom(), patient("phone", "email", "fax")) == []
    assert rules(telecom(), patient("email")) == ["slice-min"]
    assert rules(telecom(), patient("phone", "phone")) == ["slice-max"]
    assert rules(telecom(), {"resourceType": "Patient"}) == ["slice-min"]


def test_an_item_keeps_the_rules_of_its_slice() -> None:
    bare = {"resourceType": "Patient", "telecom": [{"system": "phone", "rank": 1}]}
    assert rules(telecom(), bare) == ["cardinality-min"]


def test_closed_slicing_allows_no_others() -> None:
    assert rules(telecom(rules="closed"), patient("phone", "email")) == []
    assert rules(telecom(rules="closed"), patient("phone", "fax")) == ["slice-closed"]


def test_open_at_end_wants_others_last() -> None:
    assert rules(telecom(rules="openAtEnd"), patient("phone", "fax")) == []
    assert rules(telecom(rules="openAtEnd"), patient("fax", "phone")) == ["slice-open-at-end"]


def test_ordered_slices_keep_their_order() -> None:
    assert rules(telecom(ordered=True), patient("phone", "email")) == []
    assert rules(telecom(ordered=True), patient("email", "phone")) == ["slice-order"]


def test_the_default_slice_takes_the_rest() -> None:
    base = telecom()
    rest = row("Patient.telecom", "Patient.telecom:@default", "ContactPoint", 0, 1)
    definition = profile("Patient", *[e for e in base.elements.values() if "telecom" in e.id], rest)
    assert rules(definition, patient("phone", "fax")) == []
    assert rules(definition, patient("phone", "fax", "pager")) == ["slice-max"]


def test_slices_by_type() -> None:
    definition = profile(
        "Observation",
        Element(
            "Observation.value[x]", 0, 1, (ElementType("Quantity"), ElementType("string")), id="Observation.value[x]",
            slicing={"discriminator": [{"type": "type", "path": "$this"}], "rules": "closed"},
        ),
        row("Observation.value[x]", "Observation.value[x]:valueQuantity", "Quantity", 0, 1),
        row("Observation.value[x].unit", "Observation.value[x]:valueQuantity.unit", "string", 1, 1),
    )  # fmt: skip
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    assert rules(definition, {**observation, "valueQuantity": {"value": 1, "unit": "g"}}) == []
    assert rules(definition, {**observation, "valueQuantity": {"value": 1}}) == ["cardinality-min"]
    assert rules(definition, {**observation, "valueString": "x"}) == ["slice-closed"]
    assert rules(definition, {**observation, "valueBoolean": True}) == ["type"]


def test_slices_by_existence() -> None:
    definition = profile(
        "Patient",
        row(
            "Patient.name", "Patient.name", "HumanName",
            slicing={"discriminator": [{"type": "exists", "path": "period"}], "rules": "open"},
        ),
        row("Patient.name", "Patient.name:current", "HumanName", 1, 1),
        row("Patient.name.period", "Patient.name:current.period", "Period", 0, 0),
        row("Patient.name", "Patient.name:former", "HumanName", 0, 1),
        row("Patient.name.period", "Patient.name:former.period", "Period", 1, 1),
    )  # fmt: skip
    now, then = {"text": "x"}, {"text": "y", "period": {"end": "2020"}}
    assert rules(definition, {"resourceType": "Patient", "name": [now, then]}) == []
    assert rules(definition, {"resourceType": "Patient", "name": [then]}) == ["slice-min"]
    assert rules(definition, {"resourceType": "Patient", "name": [now, now]}) == ["slice-max"]


def test_slices_by_the_type_of_an_inner_resource() -> None:
    definition = profile(
        "Bundle",
        row(
            "Bundle.entry", "Bundle.entry", "BackboneElement",
            slicing={"discriminator": [{"type": "type", "path": "resource"}], "rules": "open"},
        ),
        row("Bundle.entry", "Bundle.entry:patient", "BackboneElement", 1, 1),
        row("Bundle.entry.resource", "Bundle.entry:patient.resource", "Patient", 1, 1),
    )  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection"}
    whole = {"fullUrl": "urn:x", "resource": {"resourceType": "Patient"}}
    other = {"fullUrl": "urn:y", "resource": {"resourceType": "Basic", "code": {"text": "x"}}}
    assert rules(definition, {**bundle, "entry": [other, whole]}) == []
    assert rules(definition, {**bundle, "entry": [other]}) == ["slice-min"]


def test_slices_by_profile() -> None:
    definition = profile(
        "Bundle",
        row(
            "Bundle.entry", "Bundle.entry", "BackboneElement",
            slicing={"discriminator": [{"type": "profile", "path": "resource"}], "rules": "open"},
        ),
        row("Bundle.entry", "Bundle.entry:vital", "BackboneElement", 1, 1),
        Element(
            "Bundle.entry.resource", 1, 1,
            (ElementType("Observation", ("http://hl7.org/fhir/StructureDefinition/heartrate",)),),
            id="Bundle.entry:vital.resource",
        ),
    )  # fmt: skip
    category = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]
    }
    rate = {
        "resourceType": "Observation", "status": "final", "category": [category], "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}, "effectiveDateTime": "2024-01-01",
        "valueQuantity": {"value": 60, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection"}
    plain = {**rate, "code": {"text": "x"}}
    assert rules(definition, {**bundle, "entry": [{"fullUrl": "urn:x", "resource": rate}]}) == []
    assert rules(definition, {**bundle, "entry": [{"fullUrl": "urn:x", "resource": plain}]}) == ["slice-min"]


@pytest.mark.parametrize(("code", "expected"), [("8480-6", []), ("1-1", ["slice-min"])])
def test_the_official_blood_pressure_profile(code: str, expected: list[str]) -> None:
    def component(loinc: str) -> dict[str, Any]:
        quantity = {"value": 1, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        return {"code": {"coding": [{"system": "http://loinc.org", "code": loinc}]}, "valueQuantity": quantity}

    category = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]
    }
    pressure = {
        "resourceType": "Observation", "status": "final", "category": [category], "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}, "effectiveDateTime": "2024-01-01",
        "component": [component(code), component("8462-4")],
        "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/bp"]},
    }  # fmt: skip
    found = Validator(official()).validate(pressure)
    assert [issue.rule for issue in found if issue.fails] == expected
