"""Each thing that a profile may say, in a StructureDefinition with a differential: kept by one resource and broken by
another, told by the walk, and never overlooked by the compiled profile."""

from typing import Any

import pytest

from hie.base.resource import Json
from hie.base.systems import CORE
from hie.fhir.definitions import official
from hie.fhir.validate import ProfileSet, Validator

URL = "http://example.org/StructureDefinition/tested"
OTHER = "http://example.org/StructureDefinition/other"
OBSERVATION: Json = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
PATIENT: Json = {"resourceType": "Patient"}
PHONE, MAIL = {"system": "phone", "value": "1"}, {"system": "email", "value": "a@b"}
FAX = {"system": "fax", "value": "1"}


def structure(kind: str, *rows: Json, url: str = URL) -> Json:
    return {
        "resourceType": "StructureDefinition", "url": url, "name": "P", "status": "active", "kind": "resource",
        "abstract": False, "type": kind, "baseDefinition": CORE + kind, "derivation": "constraint",
        "differential": {"element": list(rows)},
    }  # fmt: skip


def row(element: str, **stated: Any) -> Json:
    path = ".".join(step.partition(":")[0] for step in element.split("."))
    sliced = element.rpartition(".")[2].partition(":")[2]
    return {"id": element, "path": path, **({"sliceName": sliced} if sliced else {}), **stated}


def by(how: str, path: str, **more: Any) -> Json:
    return {"discriminator": [{"type": how, "path": path}], "rules": "open", **more}


def telecom(**slicing: Any) -> list[Json]:
    """Patient.telecom: phone 1..1, then email 0..1."""
    return [
        row("Patient.telecom", slicing=by("value", "system", **slicing)),
        row("Patient.telecom:phone", min=1, max="1"),
        row("Patient.telecom:phone.system", min=1, fixedCode="phone"),
        row("Patient.telecom:email", max="1"),
        row("Patient.telecom:email.system", min=1, patternCode="email"),
    ]


CATEGORY = [
    row("Observation.category", slicing=by("pattern", "$this")),
    row("Observation.category:lab", min=1, max="1", patternCodeableConcept={"coding": [{"code": "laboratory"}]}),
]
CHOICE = [
    row("Observation.value[x]", slicing=by("type", "$this")),
    row("Observation.value[x]:valueQuantity", max="1", type=[{"code": "Quantity"}]),
    row("Observation.value[x]:valueQuantity.unit", min=1),
]
SUBJECT = [
    row("Observation.performer", slicing=by("type", "resolve()")),
    row(
        "Observation.performer:who", min=1, max="1",
        type=[{"code": "Reference", "targetProfile": [CORE + "Practitioner"]}],
    ),
]  # fmt: skip
EXISTS = [
    row("Patient.name", slicing=by("exists", "period")),
    row("Patient.name:old", max="1"),
    row("Patient.name:old.period", min=1),
    row("Patient.name:new", min=1),
    row("Patient.name:new.period", max="0"),
]
CONTAINED = [
    row("Patient.contained", slicing=by("profile", "$this")),
    row("Patient.contained:org", min=1, type=[{"code": "Organization", "profile": [OTHER]}]),
]
NESTED = [
    row("Observation.component", slicing=by("pattern", "code")),
    row("Observation.component:a", min=1),
    row("Observation.component:a.code", min=1, patternCodeableConcept={"text": "a"}),
    row("Observation.component:a.interpretation", slicing=by("pattern", "$this")),
    row("Observation.component:a.interpretation:high", max="1", patternCodeableConcept={"text": "H"}),
]
HIGH = {"text": "H"}
RULE = {"key": "t-1", "severity": "error", "human": "A family name", "expression": "family.exists()"}
ADVICE = {**RULE, "key": "t-2", "severity": "warning"}
ORGANIZATION: Json = {"resourceType": "Organization", "id": "a", "name": "x"}
MANAGED = {"managingOrganization": {"reference": "#a"}}

CASES: dict[str, tuple[list[Json], Json, Json, str]] = {
    "slicing by value, min": (telecom(), {"telecom": [PHONE]}, {"telecom": [MAIL]}, "slice-min"),
    "slicing by value, max": (telecom(), {"telecom": [PHONE, MAIL]}, {"telecom": [PHONE, MAIL, MAIL]}, "slice-max"),
    "closed": (telecom(rules="closed"), {"telecom": [PHONE]}, {"telecom": [PHONE, FAX]}, "slice-closed"),
    "open at end": (
        telecom(rules="openAtEnd"), {"telecom": [PHONE, FAX]}, {"telecom": [FAX, PHONE]}, "slice-open-at-end",
    ),
    "ordered": (telecom(ordered=True), {"telecom": [PHONE, MAIL]}, {"telecom": [MAIL, PHONE]}, "slice-order"),
    "default slice": (
        [*telecom(), row("Patient.telecom:@default", max="0")],
        {"telecom": [PHONE]}, {"telecom": [PHONE, FAX]}, "slice-max",
    ),
    "slicing by pattern": (
        CATEGORY,
        {"category": [{"coding": [{"code": "laboratory"}]}, {"text": "x"}]}, {"category": [{"text": "x"}]}, "slice-min",
    ),
    "slicing by type": (
        CHOICE, {"valueQuantity": {"value": 1, "unit": "g"}}, {"valueQuantity": {"value": 1}}, "cardinality-min",
    ),
    "slicing by the type of a target": (
        SUBJECT,
        {"performer": [{"reference": "#a"}], "contained": [{"resourceType": "Practitioner", "id": "a"}]},
        {"performer": [{"reference": "#a"}], "contained": [{"resourceType": "Organization", "id": "a", "name": "x"}]},
        "slice-min",
    ),
    "slicing by existence": (
        EXISTS,
        {"name": [{"text": "a"}, {"text": "b", "period": {"end": "2020"}}]},
        {"name": [{"text": "b", "period": {"end": "2020"}}]},
        "slice-min",
    ),
    "slicing by profile": (
        CONTAINED,
        {"contained": [{**ORGANIZATION, "active": True}], **MANAGED},
        {"contained": [ORGANIZATION], **MANAGED},
        "slice-min",
    ),
    "a slice inside a slice": (
        NESTED,
        {"component": [{"code": {"text": "a"}, "interpretation": [HIGH]}, {"code": {"text": "b"}}]},
        {"component": [{"code": {"text": "a"}, "interpretation": [HIGH, HIGH]}]},
        "slice-max",
    ),
    "an invariant": (
        [row("Patient.name", constraint=[RULE])], {"name": [{"family": "x"}]}, {"name": [{"text": "x"}]}, "t-1",
    ),
    "a required binding": (
        [row("Patient.language", binding={"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/name-use"})],
        {"language": "usual"}, {"language": "zh"}, "binding-required",
    ),
    "a reference target": (
        [row("Observation.subject", type=[{"code": "Reference", "targetProfile": [CORE + "Patient"]}])],
        {"subject": {"reference": "Patient/1"}}, {"subject": {"reference": "Group/1"}}, "reference-target",
    ),
    "a reference target that is a profile": (
        [row("Patient.managingOrganization", type=[{"code": "Reference", "targetProfile": [OTHER]}])],
        {"managingOrganization": {"reference": "http://x.org/Organization/1"}},
        {"managingOrganization": {"reference": "http://x.org/Group/1"}},
        "reference-target",
    ),
    "a fixed value": (
        [row("Patient.maritalStatus", fixedCodeableConcept={"text": "x"})],
        {"maritalStatus": {"text": "x"}}, {"maritalStatus": {"text": "x", "coding": [{"code": "M"}]}}, "fixed",
    ),
    "a pattern": (
        [row("Patient.maritalStatus", patternCodeableConcept={"text": "x"})],
        {"maritalStatus": {"text": "x", "coding": [{"code": "M"}]}}, {"maritalStatus": {"text": "y"}}, "pattern",
    ),
    "a choice narrowed": (
        [row("Patient.deceased[x]", type=[{"code": "boolean"}])],
        {"deceasedBoolean": True}, {"deceasedDateTime": "2024"}, "type",
    ),
    "an element that is not allowed": (
        [row("Patient.photo", max="0")], {}, {"photo": [{"title": "x"}]}, "cardinality-max",
    ),
    "a length": ([row("Patient.language", maxLength=3)], {"language": "zh"}, {"language": "zh-CN"}, "max-length"),
    "a least value": (
        [row("Patient.multipleBirth[x]", minValueInteger=1)],
        {"multipleBirthInteger": 1}, {"multipleBirthInteger": 0}, "min-value",
    ),
    "a greatest value": (
        [row("Patient.multipleBirth[x]", maxValueInteger=9)],
        {"multipleBirthInteger": 9}, {"multipleBirthInteger": 10}, "max-value",
    ),
    "an extension on a primitive": (
        [
            row("Patient.birthDate.extension", slicing=by("value", "url")),
            row(
                "Patient.birthDate.extension:time", min=1,
                type=[{"code": "Extension", "profile": [CORE + "patient-birthTime"]}],
            ),
        ],
        {
            "birthDate": "2024-01-01",
            "_birthDate": {"extension": [{"url": CORE + "patient-birthTime", "valueDateTime": "2024-01-01T10:00:00Z"}]},
        },
        {"birthDate": "2024-01-01"},
        "slice-min",
    ),
    "a modifier extension": (
        [row("Patient.modifierExtension", max="0")],
        {}, {"modifierExtension": [{"url": "http://example.org/x", "valueCode": "a"}]}, "cardinality-max",
    ),
}  # fmt: skip
"""What the profile says, members of a resource that keeps it, of one that does not, and the rule that tells."""


def build(rows: list[Json]) -> tuple[Validator, Json]:
    kind = str(rows[0]["path"]).partition(".")[0]
    active = structure("Organization", row("Organization.active", min=1), url=OTHER)
    known = ProfileSet(official(), [structure(kind, *rows), active])
    return Validator(official(), known), OBSERVATION if kind == "Observation" else PATIENT


@pytest.mark.parametrize("name", CASES)
def test_it_is_kept_and_broken(name: str) -> None:
    rows, kept, broken, rule = CASES[name]
    validator, base = build(rows)
    assert {i.rule for i in validator.validate({**base, **kept}, profiles=[URL]) if i.fails} == set()
    assert rule in {i.rule for i in validator.validate({**base, **broken}, profiles=[URL]) if i.fails}


@pytest.mark.parametrize("name", CASES)
def test_the_compiled_profile_overlooks_nothing(name: str) -> None:
    rows, kept, broken, rule = CASES[name]
    validator, base = build(rows)
    assert not [i for i in validator.profile_issues({**base, **kept}, URL) if i.fails]
    assert rule in {i.rule for i in validator.profile_issues({**base, **broken}, URL) if i.fails}


def test_claimed_with_a_version_it_is_held_too() -> None:
    rows, _, broken, rule = CASES["an invariant"]
    validator, base = build(rows)
    claiming = {**base, **broken, "meta": {"profile": [f"{URL}|1.0.0"]}}
    assert rule in {i.rule for i in validator.validate(claiming) if i.fails}


def test_an_advice_is_a_warning() -> None:
    validator, base = build([row("Patient.name", constraint=[ADVICE])])
    found = {i.rule: i.severity for i in validator.validate({**base, "name": [{"text": "x"}]}, profiles=[URL])}
    assert found["t-2"] == "warning"


def test_entries_of_a_bundle_are_sliced_by_the_type_of_their_resource() -> None:
    rows = [
        row("Bundle.entry", slicing=by("type", "resource")),
        row("Bundle.entry:patient", min=1, max="1"),
        row("Bundle.entry:patient.resource", min=1, type=[{"code": "Patient"}]),
    ]
    validator, _ = build(rows)

    def found(*kinds: str) -> set[str]:
        entries = [{"fullUrl": f"urn:{kind}", "resource": {"resourceType": kind, "name": []}} for kind in kinds]
        for entry in entries:
            entry["resource"].pop("name")  # type: ignore[attr-defined]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        return {i.rule for i in validator.validate(bundle, profiles=[URL]) if i.fails and i.rule.startswith("slice")}

    assert found("Patient", "Binary") == set()
    assert found("Binary") == {"slice-min"}
