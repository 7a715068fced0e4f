"""Each structural rule with one resource that keeps it and one that breaks it; both readers of the rules agree."""

from typing import Any

import pytest

from hie.fhir.validate import Validator

PATIENT: dict[str, Any] = {"resourceType": "Patient"}
OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
EMPTY_DIV = '<div xmlns="http://www.w3.org/1999/xhtml"> </div>'
HOLD = {"id": "a", "resourceType": "Organization", "name": "x"}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown-element": ({**PATIENT, "active": True}, {**PATIENT, "aktiv": True}, "Patient.aktiv"),
    "cardinality-min": (OBSERVATION, {k: v for k, v in OBSERVATION.items() if k != "code"}, "Observation"),
    "choice": ({**OBSERVATION, "valueString": "x"}, {**OBSERVATION, "valueString": "x", "valueInteger": 1}, ""),
    "json-type": ({**PATIENT, "name": [{"text": "x"}]}, {**PATIENT, "name": {"text": "x"}}, "Patient.name"),
    "json-empty": ({**PATIENT, "name": [{"text": "x"}]}, {**PATIENT, "name": []}, "Patient.name"),
    "json-null": (
        {
            **PATIENT,
            "name": [
                {
                    "given": [None, "x"],
                    "_given": [{"extension": [ext := {"url": "http://x.org", "valueCode": "x"}]}, None],
                }
            ],
        },
        {**PATIENT, "name": [{"given": [None, "x"], "_given": [None, {"extension": [ext]}]}]},
        "Patient.name[0].given[0]",
    ),
    "ele-1": ({**PATIENT, "name": [{"id": "a", "text": "x"}]}, {**PATIENT, "name": [{"id": "a"}]}, "Patient.name[0]"),
    "ext-1": (
        {**PATIENT, "extension": [ext]},
        {**PATIENT, "extension": [{**ext, "extension": [ext]}]},
        "Patient.extension[0]",
    ),
    "primitive-boolean": ({**PATIENT, "active": True}, {**PATIENT, "active": "true"}, "Patient.active"),
    "primitive-decimal": (
        {**OBSERVATION, "valueQuantity": {"value": 7}},
        {**OBSERVATION, "valueQuantity": {"value": "7"}},
        "Observation.value.value",
    ),
    "primitive-date": (
        {**PATIENT, "birthDate": "2024-02-29"},
        {**PATIENT, "birthDate": "2023-02-30"},
        "Patient.birthDate",
    ),
    "binding-required": ({**PATIENT, "gender": "male"}, {**PATIENT, "gender": "M"}, "Patient.gender"),
    "binding-required of a grammar": (
        {"resourceType": "Binary", "contentType": "text/plain; charset=utf-8"},
        {"resourceType": "Binary", "contentType": "text"},
        "Binary.contentType",
    ),
    "reference-target": (
        {**PATIENT, "managingOrganization": {"reference": "Organization/1"}},
        {**PATIENT, "managingOrganization": {"reference": "Patient/1"}},
        "Patient.managingOrganization",
    ),
    "contained-id": (
        {**PATIENT, "contained": [HOLD], "managingOrganization": {"reference": "#a"}},
        {**PATIENT, "contained": [{"resourceType": "Organization", "name": "x", "partOf": {"reference": "#"}}]},
        "Patient.contained[0]",
    ),
    "ref-1": (
        {**PATIENT, "contained": [HOLD], "managingOrganization": {"reference": "#a"}},
        {**PATIENT, "managingOrganization": {"reference": "#a"}},
        "Patient.managingOrganization",
    ),
    "resource-type": (
        {**PATIENT, "contained": [HOLD], "managingOrganization": {"reference": "#a"}},
        {**PATIENT, "contained": [{"resourceType": "Clinic", "id": "a"}], "managingOrganization": {"reference": "#a"}},
        "Patient.contained[0]",
    ),
    "txt-1": (
        {**PATIENT, "text": {"status": "generated", "div": DIV}},
        {**PATIENT, "text": {"status": "generated", "div": DIV.replace("x<", "<script/>x<")}},
        "Patient.text.div",
    ),
    "txt-2": (
        {**PATIENT, "text": {"status": "generated", "div": DIV}},
        {**PATIENT, "text": {"status": "generated", "div": EMPTY_DIV}},
        "Patient.text.div",
    ),
    "pat-1": (
        {**PATIENT, "contact": [{"name": {"text": "x"}}]},
        {**PATIENT, "contact": [{"gender": "male"}]},
        "Patient.contact[0]",
    ),
    "obs-6": (
        {**OBSERVATION, "dataAbsentReason": {"text": "x"}},
        {**OBSERVATION, "dataAbsentReason": {"text": "x"}, "valueString": "x"},
        "Observation",
    ),
    "sqty-1": (
        {**OBSERVATION, "referenceRange": [{"low": {"value": 1}}]},
        {**OBSERVATION, "referenceRange": [{"low": {"value": 1, "comparator": "<"}}]},
        "Observation.referenceRange[0].low",
    ),
    "rng-2": (
        {**OBSERVATION, "valueRange": {"low": {"value": 1}, "high": {"value": 2}}},
        {**OBSERVATION, "valueRange": {"low": {"value": 3}, "high": {"value": 2}}},
        "Observation.value",
    ),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_is_kept_and_broken(validator: Validator, rule: str) -> None:
    kept, broken, expression = CASES[rule]
    assert [issue for issue in validator.validate(kept, base_only=True) if issue.fails] == []
    assert validator.is_valid(kept)
    issues = validator.write_issues(broken)
    found = [issue for issue in issues if issue.rule == rule.partition(" ")[0]]
    assert len(found) == 1, issues
    assert found[0].expression[0].startswith(expression)
    assert found[0].fails
    assert not validator.is_valid(broken)


def test_max_is_counted(validator: Validator) -> None:
    group = {"resourceType": "Patient", "text": {"status": "generated", "div": DIV, "_div": {"extension": []}}}
    assert {issue.rule for issue in validator.write_issues(group)} == {"json-empty"}


@pytest.mark.parametrize("resource", [None, [], "x", 7, {}, {"resourceType": "Foo"}, {"resourceType": 7}])
def test_what_is_no_resource_is_told_and_not_raised(validator: Validator, resource: Any) -> None:
    assert [issue.rule for issue in validator.write_issues(resource)] == ["resource-type"]


@pytest.mark.parametrize("resource", ["x", 7, True])
def test_what_is_no_resource_in_an_entry_is_told_and_not_raised(validator: Validator, resource: Any) -> None:
    """The server failed (500) at such a Bundle."""
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}
    (issue,) = validator.write_issues(bundle)
    assert (issue.rule, issue.expression) == ("resource-type", ("Bundle.entry[0].resource",))


def test_messages_carry_no_values(validator: Validator) -> None:
    secret = "张三丰-SECRET"
    resource = {**PATIENT, "birthDate": secret, "gender": secret, "id": secret, "name": [{"use": secret}], "x": secret}
    issues = validator.validate(resource)
    assert len([issue for issue in issues if issue.fails]) == 5
    assert [issue for issue in issues if "SECRET" in issue.diagnostics + "".join(issue.expression)] == []


def test_an_extensible_binding_warns(validator: Validator) -> None:
    system = "http://terminology.hl7.org/CodeSystem/v2-0131"
    resource = {
        **PATIENT,
        "contact": [{"name": {"text": "x"}, "relationship": [{"coding": [{"system": "http://x.org", "code": "x"}]}]}],
    }
    known = {
        **PATIENT,
        "contact": [{"name": {"text": "x"}, "relationship": [{"coding": [{"system": system, "code": "N"}]}]}],
    }
    condition = {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/1"},
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
    }
    assert not any(issue.fails for issue in validator.validate(resource))
    assert "binding-extensible" not in {issue.rule for issue in validator.validate(known)}
    severity = {**condition, "category": [{"coding": [{"system": "http://x.org", "code": "x"}]}]}
    assert [i.severity for i in validator.validate(severity) if i.rule == "binding-extensible"] == ["warning"]
    assert [i for i in validator.validate(condition) if i.rule == "binding-extensible"] == []
