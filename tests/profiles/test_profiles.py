"""Our profiles: valid definitions, valid examples, and every rule noticed when one thing is broken."""

from hie.base.resource import Json
import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hie.base.data import data_path
from hie.fhir.validate import Validator
from hie.fhir.validate.writing import profile_of
from tests.fhir.validate.test_shape import broken

Example = Callable[[str], Json]
FOLDER = data_path("profiles", "hie")
EXAMPLES = sorted(path.stem for path in (FOLDER / "examples").glob("*.json"))
PROFILE = "https://hie.example.org/fhir/StructureDefinition/hie-"
DEFINED = sorted(path.stem.removeprefix("StructureDefinition-hie-") for path in FOLDER.glob("*-hie-*.json"))


def errors(validator: Validator, resource: Json) -> set[str]:
    return {issue.rule for issue in validator.validate(resource) if issue.fails}


def test_every_profile_has_an_example() -> None:
    named = {json.loads((FOLDER / "examples" / f"{name}.json").read_bytes())["meta"]["profile"][0] for name in EXAMPLES}
    assert len(DEFINED) == 13
    assert {url.removeprefix(PROFILE) for url in named} == set(DEFINED)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("StructureDefinition-*.json")), ids=lambda path: path.stem[20:])
def test_a_definition_is_valid_and_has_a_snapshot(validator: Validator, path: Path) -> None:
    definition = json.loads(path.read_bytes())
    assert validator.validate(definition) == []
    ids = [row["id"] for row in definition["snapshot"]["element"]]
    stated = [row["id"] for row in definition["differential"]["element"]]
    assert len(set(ids)) == len(ids)
    assert [one for one in ids if one in set(stated)] == stated


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_conforms(validator: Validator, example: Example, name: str) -> None:
    assert errors(validator, example(name)) == set()


def without(*path: str | int) -> Callable[[Json], None]:
    def change(resource: Json) -> None:
        here: Any = resource
        for step in path[:-1]:
            here = here[step]
        del here[path[-1]]

    return change


def setting(value: Any, *path: str | int) -> Callable[[Json], None]:
    def change(resource: Json) -> None:
        here: Any = resource
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = value

    return change


def again(*path: str | int) -> Callable[[Json], None]:
    """The first item of an array once more."""

    def change(resource: Json) -> None:
        here: Any = resource
        for step in path:
            here = here[step]
        here.append(copy.deepcopy(here[0]))

    return change


def national_id_first(resource: Json) -> None:
    national = [one for one in resource["identifier"] if one["system"] == "urn:oid:2.16.156.10011.1.3"]
    others = [one for one in resource["identifier"] if one not in national]
    resource["identifier"] = [*national, *others]
    resource["identifier"][0]["type"] = {"coding": [{"system": "urn:x", "code": "y"}]}


BREAKS: list[tuple[str, Callable[[Json], None], str]] = [
    ("patient", setting("chang'an", "meta", "tag", 0, "code"), "binding-required"),
    ("patient", again("meta", "tag"), "slice-max"),
    ("patient", without("identifier", 0, "system"), "cardinality-min"),
    ("patient", without("identifier", 0, "value"), "cardinality-min"),
    ("patient", without("name", 0, "text"), "cardinality-min"),
    ("patient", national_id_first, "pattern"),
    ("patient", setting({"display": "x"}, "managingOrganization"), "cardinality-min"),
    ("patient", lambda r: r["_gender"].update(extension=r["_gender"]["extension"] * 2), "slice-max"),
    ("patient", lambda r: r["extension"].append(copy.deepcopy(r["extension"][0])), "slice-max"),
    ("encounter", without("identifier"), "cardinality-min"),
    ("encounter", without("subject"), "cardinality-min"),
    ("encounter", setting("Group/1", "subject", "reference"), "reference-target"),
    ("encounter", setting("VR", "class", "code"), "binding-required"),
    ("encounter", without("class", "system"), "cardinality-min"),
    ("encounter", without("serviceProvider"), "cardinality-min"),
    ("encounter", again("location", 0, "extension"), "slice-max"),
    ("observation-lab", without("identifier"), "cardinality-min"),
    ("observation-lab", without("code", "text"), "cardinality-min"),
    ("observation-lab", setting("vital-signs", "category", 0, "coding", 0, "code"), "slice-min"),
    ("observation-lab", without("valueQuantity"), "hie-obs-1"),
    ("observation-lab", without("valueQuantity", "value"), "cardinality-min"),
    ("observation-lab", lambda r: (r.pop("valueQuantity"), r.update(valueBoolean=True)), "type"),
    (
        "observation-lab",
        lambda r: (r.pop("effectiveDateTime"), r.update(effectiveInstant="2026-03-02T10:10:00Z")),
        "type",
    ),
    ("observation-lab", setting("Device/1", "subject", "reference"), "reference-target"),
    ("observation-lab", without("referenceRange", 0, "text"), "cardinality-min"),
    ("observation-lab-word", without("valueCodeableConcept", "text"), "cardinality-min"),
    ("report-lab", setting("RAD", "category", 0, "coding", 0, "code"), "slice-min"),
    ("report-lab", without("code", "text"), "cardinality-min"),
    ("report-lab", without("identifier", 0, "value"), "cardinality-min"),
    ("report-lab", without("subject"), "cardinality-min"),
    ("report-imaging", lambda r: r["category"][0].update(coding=r["category"][0]["coding"][:1]), "binding-required"),
    ("report-imaging", without("category"), "cardinality-min"),
    ("report-imaging", again("extension"), "slice-max"),
    ("condition", without("category"), "cardinality-min"),
    ("condition", setting("problem-list-item", "category", 0, "coding", 0, "code"), "slice-min"),
    ("condition", without("code"), "cardinality-min"),
    ("condition", without("code", "text"), "cardinality-min"),
    ("condition", without("code", "coding", 0, "code"), "cardinality-min"),
    ("medication-request", setting("plan", "intent"), "fixed"),
    ("medication-request", without("groupIdentifier"), "cardinality-min"),
    ("medication-request", without("medicationCodeableConcept", "text"), "cardinality-min"),
    (
        "medication-request",
        lambda r: (r.pop("medicationCodeableConcept"), r.update(medicationReference={"reference": "Medication/1"})),
        "type",
    ),
    ("document-reference", setting("urn:oid:2.16.156.10011.1.2", "masterIdentifier", "system"), "fixed"),
    ("document-reference", setting("C0099", "type", "coding", 0, "code"), "binding-required"),
    ("document-reference", without("type", "coding", 0, "system"), "slice-min"),
    ("document-reference", without("content", 0, "attachment", "url"), "cardinality-min"),
    ("document-reference", again("content"), "cardinality-max"),
    ("document-reference", without("custodian"), "cardinality-min"),
    ("composition", without("identifier"), "cardinality-min"),
    ("composition", without("section", 0, "title"), "cardinality-min"),
    ("composition", without("type", "coding"), "cardinality-min"),
    ("organization", setting("12320509MBHE01015I", "identifier", 0, "value"), "hie-org-1"),
    ("organization", setting("urn:x", "identifier", 0, "system"), "slice-min"),
    ("organization", without("name"), "cardinality-min"),
    ("practitioner", setting("https://hie.example.org/id/staff", "identifier", 0, "system"), "hie-pra-1"),
    ("practitioner", without("name"), "cardinality-min"),
    ("location", without("managingOrganization"), "cardinality-min"),
    ("location", without("identifier"), "cardinality-min"),
    ("provenance", setting("verifier", "agent", 0, "type", "coding", 0, "code"), "pattern"),
    ("provenance", setting("revision", "entity", 0, "role"), "fixed"),
    ("provenance", setting("urn:x", "entity", 0, "what", "identifier", "system"), "fixed"),
    ("provenance", setting("Patient/1", "agent", 0, "who", "reference"), "reference-target"),
    ("provenance", without("policy"), "cardinality-min"),
]
"""Example, what is broken, the rule that must say so."""


@pytest.mark.parametrize(("name", "change", "rule"), BREAKS, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(BREAKS)])
def test_one_broken_thing_is_found(
    validator: Validator, example: Example, name: str, change: Callable[[Json], Any], rule: str
) -> None:
    resource = example(name)
    change(resource)
    profile = resource["meta"]["profile"][0]
    assert rule in errors(validator, resource)
    assert rule in {issue.rule for issue in validator.profile_issues(resource, profile)}


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("patient", without("birthDate"), "hie-pat-2"),
        ("patient", lambda r: r.pop("name"), "hie-pat-2"),
        ("encounter", without("period", "end"), "hie-enc-1"),
    ],
)
def test_what_only_should_be_is_a_warning(
    validator: Validator, example: Example, name: str, change: Callable[[Json], Any], rule: str
) -> None:
    resource = example(name)
    change(resource)
    found = {issue.rule: issue for issue in validator.validate(resource)}
    assert found[rule].severity == "warning"
    assert errors(validator, resource) == set()


def test_a_national_id_of_another_shape_is_a_warning(validator: Validator, example: Example) -> None:
    resource = example("patient")
    national = next(one for one in resource["identifier"] if one["system"] == "urn:oid:2.16.156.10011.1.3")
    assert "hie-pat-1" not in {issue.rule for issue in validator.validate(resource)}
    national["value"] = "12345"
    assert "hie-pat-1" in {issue.rule for issue in validator.validate(resource)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_compiled_profile_says_what_the_walk_says(validator: Validator, example: Example, name: str) -> None:
    chance = random.Random(name)
    profile = example(name)["meta"]["profile"][0]
    fast = validator._conforming
    assert fast.conforms(example(name), profile)
    agreed = 0
    for _ in range(150):
        changed = broken(example(name), chance)
        base = [issue for issue in validator.validate(changed, base_only=True) if issue.fails]
        if base or not isinstance(changed, dict):
            continue
        walked = [issue for issue in validator.profile_walk(changed, profile) if issue.fails]
        assert fast.conforms(changed, profile) == (not walked), [issue.diagnostics for issue in walked]
        agreed += 1
    assert agreed > 10


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_profile_meant_for_an_example_is_the_one_it_claims(example: Example, name: str) -> None:
    resource = example(name)
    assert profile_of(resource) == resource["meta"]["profile"][0]


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Observation", "category": [{"coding": [{"code": "vital-signs"}]}]},
        {"resourceType": "DocumentReference", "type": {"coding": [{"system": "http://loinc.org", "code": "1"}]}},
        {"resourceType": "Provenance", "meta": {"source": "https://example.org"}},
        {"resourceType": "Condition", "category": ["x", {"coding": "y"}]},
        {"resourceType": "Coverage"},
    ],
)
def test_other_resources_have_no_profile_of_ours(resource: Json) -> None:
    assert profile_of(resource) is None
