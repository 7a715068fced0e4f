"""The validator with a terminology service: it is asked where the definitions list nothing, and believed."""

from typing import Any

import pytest

from hie.fhir.definitions import official
from hie.fhir.element import Binding
from hie.fhir.validate import Validator
from hie.fhir.validate.bindings import Bindings
from hie.terminology.library import Library
from hie.terminology.service import Terminology
from hie.terminology.shelf import Shelf

TREES = "http://example.org/trees"
OAKS: dict[str, Any] = {
    "resourceType": "CodeSystem", "id": "trees", "url": TREES, "status": "active", "content": "complete",
    "concept": [{"code": "oak", "display": "Oak", "designation": [{"language": "zh", "value": "橡树"}]}],
}  # fmt: skip
PART = {**OAKS, "id": "part", "url": "http://example.org/part", "content": "fragment"}
ALL_TREES = {
    "resourceType": "ValueSet", "id": "v", "url": "http://example.org/ValueSet/trees", "status": "active",
    "compose": {"include": [{"system": TREES}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def validator() -> Validator:
    shelf = Shelf("posted")
    shelf.change([OAKS, PART])
    return Validator(official(), terms=Terminology(Library(official(), posted=shelf)))


def rules(validator: Validator, **coding: str) -> set[tuple[str, str]]:
    basic = {"resourceType": "Basic", "code": {"coding": [coding]}}
    return {(issue.severity, issue.rule) for issue in validator.validate(basic) if issue.rule != "dom-6"}


def test_codes_of_a_complete_code_system_are_checked(validator: Validator) -> None:
    assert rules(validator, system=TREES, code="oak") == set()
    assert rules(validator, system=TREES, code="elm") == {("error", "code-unknown")}
    assert rules(Validator(official()), system=TREES, code="elm") == set()


def test_a_display_in_any_language_is_fine(validator: Validator) -> None:
    assert rules(validator, system=TREES, code="oak", display="橡树") == set()
    assert rules(validator, system=TREES, code="oak", display="OAK") == set()
    assert rules(validator, system=TREES, code="oak", display="Elm") == {("warning", "display")}


def test_of_a_part_of_a_code_system_nothing_is_claimed(validator: Validator) -> None:
    assert rules(validator, system="http://example.org/part", code="elm") == set()
    assert rules(validator, system="http://snomed.info/sct", code="x") == set()


def test_a_required_binding_that_only_the_service_can_tell() -> None:
    shelf = Shelf("posted")
    shelf.change([OAKS, ALL_TREES])
    bindings = Bindings(Terminology(Library(official(), posted=shelf)))
    required = Binding("required", "http://example.org/ValueSet/trees")
    unknown = Binding("required", "http://example.org/ValueSet/nobody-knows")

    def faults(value: Any, kind: str, binding: Binding = required) -> list[str]:
        return [fault[2] for fault in bindings.faults(value, kind, binding)]

    assert faults("oak", "code") == []
    assert faults("elm", "code") == ["binding-required"]
    assert faults("elm", "code", unknown) == []
    assert faults({"coding": [{"system": TREES, "code": "oak"}]}, "CodeableConcept") == []
    assert faults({"coding": [{"system": TREES, "code": "elm"}]}, "CodeableConcept") == ["binding-required"]
    assert faults({"system": "urn:other", "code": "oak"}, "Coding") == ["binding-required"]
    assert faults({"system": "urn:other", "code": "oak"}, "Coding", unknown) == []
