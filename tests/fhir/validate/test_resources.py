"""Rules beyond the definitions: Bundles, conformance resources, data types, claimed profiles."""

from typing import Any

import pytest

from hie.fhir.validate import Options, Validator

PATIENT = {"resourceType": "Patient", "id": "1"}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}
SEARCH: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
COLLECTION: dict[str, Any] = {"resourceType": "Bundle", "type": "collection"}
PARAMETER: dict[str, Any] = {
    "resourceType": "SearchParameter", "url": "http://example.org/p", "name": "P", "status": "draft",
    "description": "x", "code": "name", "base": ["Organization"], "type": "string",
}  # fmt: skip
DERIVED = "http://hl7.org/fhir/SearchParameter/Organization-name"
STATEMENT: dict[str, Any] = {
    "resourceType": "CapabilityStatement", "status": "draft", "date": "2024", "kind": "requirements",
    "fhirVersion": "4.0.1", "format": ["json"], "description": "x",
}  # fmt: skip
SET: dict[str, Any] = {"resourceType": "ValueSet", "status": "draft"}
ATTACHMENT: dict[str, Any] = {
    "resourceType": "Media", "status": "completed", "content": {"contentType": "text/plain", "data": "QUJD", "size": 3},
}  # fmt: skip
GENDER = "http://hl7.org/fhir/administrative-gender"


def linked(*relations: str) -> dict[str, Any]:
    return {**SEARCH, "link": [{"relation": relation, "url": "http://x.org"} for relation in relations]}


def entry(resource: dict[str, Any], url: str = "http://x.org/fhir/Patient/1", **more: Any) -> dict[str, Any]:
    return {"fullUrl": url, "resource": resource, **more}


def stated(kind: str) -> dict[str, Any]:
    row = {"name": "name", "type": kind, "definition": DERIVED}
    return {**STATEMENT, "rest": [{"mode": "server", "resource": [{"type": "Organization", "searchParam": [row]}]}]}


def filtered(language: str, expression: str) -> dict[str, Any]:
    value = {"language": language, "expression": expression}
    extension = {"url": "http://hl7.org/fhir/StructureDefinition/cqf-expression", "valueExpression": value}
    row = {"property": "inactive", "op": "=", "_value": {"extension": [extension]}}
    return {**SET, "compose": {"include": [{"system": "http://x.org", "filter": [row]}]}}


def coded(**coding: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "code": {"coding": [coding]}}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bundle-link": (linked("self", "next"), linked("self", "self")),
    "bundle-full-url": (
        {**COLLECTION, "entry": [entry(PATIENT)]},
        {**COLLECTION, "entry": [entry({**PATIENT, "id": "2"})]},
    ),
    "bundle-search": (
        {**SEARCH, "entry": [entry(PATIENT), entry(OUTCOME, "urn:x", search={"mode": "outcome"})]},
        {**SEARCH, "entry": [entry({"resourceType": "Patient"}, "urn:y")]},
    ),
    "search-derived": ({**PARAMETER, "derivedFrom": DERIVED}, {**PARAMETER, "derivedFrom": DERIVED, "type": "token"}),
    "fhirpath": ({**PARAMETER, "expression": "Organization.name"}, {**PARAMETER, "expression": "Organization.name("}),
    "capability-parameter": (stated("string"), stated("token")),
    "valueset-expression": (filtered("text/fhirpath", "%x"), filtered("text/cql", "x")),
    "attachment-size": (ATTACHMENT, {**ATTACHMENT, "content": {**ATTACHMENT["content"], "size": 4}}),
    "coding-system": (coded(system="http://x.org", code="x"), coded(system="local", code="x")),
    "reference-type": (
        {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "Patient/1", "type": "Patient"}},
        {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "Patient/1", "type": "Group"}},
    ),
    "reference-form": (
        {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "Patient/1/_history/2"}},
        {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "Patiant/1"}},
    ),
    "code-unknown": (coded(system=GENDER, code="male"), coded(system=GENDER, code="M")),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_is_kept_and_broken(validator: Validator, rule: str) -> None:
    kept, broken = CASES[rule]
    assert [issue for issue in validator.validate(kept) if issue.fails] == []
    assert [issue.rule for issue in validator.validate(broken) if issue.fails] == [rule]
    assert [issue for issue in validator.validate(broken, base_only=True) if issue.fails] == []


def test_a_profile_on_a_type_is_for_that_type(validator: Validator) -> None:
    def structure(profile: str) -> dict[str, Any]:
        kind = {"code": "Quantity", "profile": [profile]}
        element = {"id": "Observation.value[x]", "path": "Observation.value[x]", "type": [kind]}
        return {
            "resourceType": "StructureDefinition", "url": "http://example.org/s", "name": "S", "status": "draft",
            "kind": "resource", "abstract": False, "type": "Observation", "derivation": "constraint",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
            "differential": {"element": [{"id": "Observation", "path": "Observation"}, element]},
        }  # fmt: skip

    core = "http://hl7.org/fhir/StructureDefinition/"
    assert [i.rule for i in validator.validate(structure(core + "SimpleQuantity")) if i.fails] == []
    assert [i.rule for i in validator.validate(structure(core + "Count")) if i.fails] == ["profile-type"]


def test_links_of_a_document_lead_to_entries(validator: Validator) -> None:
    composition = {
        "resourceType": "Composition", "status": "final", "type": {"text": "x"}, "date": "2024", "title": "x",
        "author": [{"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239521"}],
    }  # fmt: skip
    author = {"resourceType": "Practitioner"}
    document = {
        "resourceType": "Bundle", "type": "document", "timestamp": "2024-01-01T00:00:00Z",
        "identifier": {"system": "http://x.org", "value": "1"},
        "entry": [
            entry(composition, "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
            entry(author, "urn:uuid:c757873d-ec9a-4326-a141-556f43239521"),
        ],
    }  # fmt: skip
    assert [i.rule for i in validator.validate(document) if i.fails] == []
    lost = {**document, "entry": document["entry"][:1]}
    found = [i for i in validator.validate(lost) if i.fails]
    assert [(i.rule, i.expression) for i in found] == [
        ("bundle-reference", ("Bundle.entry[0].resource.author[0].reference",))
    ]


def test_options_make_html_examples_and_lost_references_errors(validator: Validator) -> None:
    strict = Options(html_in_text="error", example_urls=False, resolve_references=True, markdown_html="error")

    def both(resource: dict[str, Any]) -> tuple[list[str], list[str]]:
        plain = [i.rule for i in validator.validate(resource) if i.fails]
        return plain, [i.rule for i in validator.validate(resource, options=strict) if i.fails]

    assert both({**PATIENT, "name": [{"text": "<b>x</b>"}]}) == ([], ["string-html"])
    assert both({**PATIENT, "name": [{"text": "a < b and c > d"}]}) == ([], [])
    assert both({**ATTACHMENT, "content": {"contentType": "a/b", "url": "http://example.org/x"}}) == (
        [],
        ["example-url"],
    )
    assert both({**SET, "description": "<b>x</b>"}) == ([], ["markdown-html"])
    member = {"resourceType": "Basic", "id": "2", "code": {"text": "x"}, "subject": {"reference": "Patient/1"}}
    alone = {**COLLECTION, "entry": [entry(member, "http://x.org/fhir/Basic/2")]}
    assert both(alone) == ([], ["reference-unresolved"])
    assert both({**COLLECTION, "entry": [*alone["entry"], entry(PATIENT)]}) == ([], [])


def test_claimed_profiles_are_held(validator: Validator) -> None:
    observation: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    vital = {**observation, "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/vitalsigns"]}}
    assert {i.rule for i in validator.validate(vital) if i.fails} >= {"cardinality-min", "slice-min"}
    assert [i for i in validator.validate(vital, base_only=True) if i.fails] == []
    other = {**PATIENT, "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/bp"]}}
    assert [i.rule for i in validator.validate(other) if i.fails] == ["profile-type"]
    unknown = {**PATIENT, "meta": {"profile": ["http://x.org/none"]}}
    assert [(i.rule, i.severity) for i in validator.validate(unknown) if "profile" in i.rule] == [
        ("profile-unknown", "warning")
    ]
    assert [i.rule for i in validator.validate(PATIENT, profiles=["http://x.org/none"]) if i.fails] == [
        "profile-unknown"
    ]


def test_a_logical_reference_tells_by_its_type(validator: Validator) -> None:
    def managed(kind: str) -> dict[str, Any]:
        return {**PATIENT, "managingOrganization": {"type": kind, "identifier": {"value": "1"}}}

    assert validator.is_valid(managed("Organization"))
    assert [issue.rule for issue in validator.write_issues(managed("Practitioner"))] == ["reference-target"]


def test_a_reference_inside_a_bundle_is_judged_by_the_entry_it_leads_to(validator: Validator) -> None:
    managed = {
        "resourceType": "Patient",
        "managingOrganization": {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239521"},
    }
    place = "urn:uuid:c757873d-ec9a-4326-a141-556f43239521"

    def bundle(kind: str) -> dict[str, Any]:
        return {**COLLECTION, "entry": [entry(managed, "urn:x"), entry({"resourceType": kind, "name": "x"}, place)]}

    assert [i.rule for i in validator.validate(bundle("Organization")) if i.fails] == []
    assert [i.rule for i in validator.validate(bundle("Location")) if i.fails] == ["reference-target"]


def test_a_ucum_code_that_is_no_unit_warns(validator: Validator) -> None:
    def measured(code: str) -> list[str]:
        quantity = {"value": 1, "system": "http://unitsofmeasure.org", "code": code}
        resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueQuantity": quantity}
        return [issue.severity for issue in validator.validate(resource) if issue.rule == "ucum"]

    assert measured("mmol/L") == []
    assert measured("mmols") == ["warning"]
