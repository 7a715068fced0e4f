"""Profiles from StructureDefinition resources: differentials laid over their base, snapshots, profiles on profiles."""

from pathlib import Path
from typing import Any

import orjson

from hie.base.systems import CORE
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.fhir.validate.structures import ProfileSet, load_structures

URL = "http://example.org/patient"
ID_CARD = "http://example.org/id-card"


def structure(*rows: dict[str, Any], url: str = URL, base: str = CORE + "Patient", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition", "url": url, "name": "P", "kind": "resource", "type": "Patient",
        "abstract": False, "baseDefinition": base, "differential": {"element": list(rows)}, **more,
    }  # fmt: skip


def rules(resource: dict[str, Any], *structures: dict[str, Any], url: str = URL) -> list[str]:
    validator = Validator(official(), ProfileSet(official(), structures))
    return [i.rule for i in validator.validate({"resourceType": "Patient", **resource}, profiles=[url]) if i.fails]


def row(element_id: str, **stated: Any) -> dict[str, Any]:
    path = ".".join(step.partition(":")[0] for step in element_id.split("."))
    name = element_id.rpartition(".")[2].partition(":")[2]
    return {"id": element_id, "path": path, **({"sliceName": name} if name else {}), **stated}


IDENTIFIED = structure(
    row("Patient.identifier", min=1, slicing={"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}),
    row("Patient.identifier:idCard", max="1"),
    row("Patient.identifier:idCard.system", min=1, fixedUri=ID_CARD),
    row("Patient.identifier:idCard.value", min=1, maxLength=18),
    row("Patient.gender", min=1),
)


def test_a_differential_adds_to_its_base() -> None:
    card = {"system": ID_CARD, "value": "1" * 18}
    assert rules({"gender": "male", "identifier": [card]}, IDENTIFIED) == []
    assert rules({"identifier": [card]}, IDENTIFIED) == ["cardinality-min"]
    assert rules({"gender": "male"}, IDENTIFIED) == ["cardinality-min"]
    assert rules({"gender": "male", "identifier": [card, card]}, IDENTIFIED) == ["slice-max"]
    assert rules({"gender": "male", "identifier": [{"system": ID_CARD}]}, IDENTIFIED) == ["cardinality-min"]
    assert rules({"gender": "male", "identifier": [{**card, "value": "1" * 19}]}, IDENTIFIED) == ["max-length"]
    assert rules({"gender": "male", "identifier": [{"value": "x"}]}, IDENTIFIED) == []


def test_a_profile_on_a_profile_keeps_both() -> None:
    child = structure(row("Patient.birthDate", min=1), url="http://example.org/child", base=URL)
    card = {"system": ID_CARD, "value": "1"}
    whole = {"gender": "male", "identifier": [card], "birthDate": "2024"}
    assert rules(whole, IDENTIFIED, child, url="http://example.org/child") == []
    assert rules({**whole, "birthDate": "2023-02-30"}, child, IDENTIFIED, url=child["url"]) == ["primitive-date"]
    assert rules({"birthDate": "2024"}, IDENTIFIED, child, url=child["url"]) == ["cardinality-min"] * 2


def test_types_patterns_bindings_and_invariants() -> None:
    rule = {"key": "p-1", "severity": "error", "human": "A name", "expression": "name.exists()"}
    profile = structure(
        row("Patient", constraint=[rule]),
        row("Patient.deceased[x]", type=[{"code": "boolean"}]),
        row("Patient.maritalStatus", patternCodeableConcept={"coding": [{"code": "M"}]}),
        row("Patient.photo", max="0"),
        row("Patient.language", binding={"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/name-use"}),
    )
    named = {"name": [{"text": "x"}]}
    assert rules({**named, "deceasedBoolean": True, "maritalStatus": {"coding": [{"code": "M"}]}}, profile) == []
    assert rules({}, profile) == ["p-1"]
    assert rules({**named, "deceasedDateTime": "2024"}, profile) == ["type"]
    assert rules({**named, "maritalStatus": {"coding": [{"code": "S"}]}}, profile) == ["pattern"]
    assert rules({**named, "photo": [{"title": "x"}]}, profile) == ["cardinality-max"]
    assert rules({**named, "language": "zh"}, profile) == ["binding-required"]


def test_a_snapshot_stands_alone() -> None:
    snapshot = {
        "element": [
            {"id": "Patient", "path": "Patient", "min": 0, "max": "*"},
            row("Patient.active", min=1, max="1", type=[{"code": "boolean"}]),
        ]
    }
    profile = {**structure(), "snapshot": snapshot}
    assert rules({"active": True}, profile) == []
    assert rules({}, profile) == ["cardinality-min"]


def test_an_extension_of_our_own_is_known(tmp_path: Path) -> None:
    extension = {
        "resourceType": "StructureDefinition", "url": "http://example.org/nation", "name": "N", "kind": "complex-type",
        "type": "Extension", "abstract": False, "baseDefinition": CORE + "Extension",
        "context": [{"type": "element", "expression": "Patient"}],
        "differential": {"element": [
            {"id": "Extension.url", "path": "Extension.url", "fixedUri": "http://example.org/nation"},
            {"id": "Extension.value[x]", "path": "Extension.value[x]", "min": 1, "type": [{"code": "code"}]},
        ]},
    }  # fmt: skip
    (tmp_path / "StructureDefinition-nation.json").write_bytes(orjson.dumps(extension))
    validator = Validator(official(), ProfileSet(official(), load_structures(tmp_path)))

    def found(*extensions: dict[str, Any], **more: Any) -> list[str]:
        resource = {"resourceType": "Patient", "extension": list(extensions), **more}
        return [issue.rule for issue in validator.validate(resource) if issue.fails]

    assert found({"url": "http://example.org/nation", "valueCode": "01"}) == []
    assert found({"url": "http://example.org/nation", "valueString": "01"}) == ["type", "cardinality-min"]


def test_unknown_and_circular_bases_are_no_profiles() -> None:
    profiles = ProfileSet(official(), [structure(base="http://example.org/none"), structure(url="u:a", base="u:a")])
    assert profiles.profile(URL) is None
    assert profiles.profile("u:a") is None
    assert profiles.profile(CORE + "bp|4.0.1") is not None
