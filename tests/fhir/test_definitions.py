"""The official definitions answer what the standard's tables say."""

import subprocess
import sys
from dataclasses import replace

from hie.fhir.definition_rows import search_parameter
from hie.fhir.definitions import load_definitions, official


def test_every_concrete_resource_type_is_there() -> None:
    types = official().resource_types
    assert len(types) == 146
    assert {"Patient", "MedicinalProduct", "SubstanceSpecification", "Parameters"} <= set(types)
    assert "DomainResource" not in types


def test_a_choice_element_has_one_member_per_type() -> None:
    members = official().children("Observation")["value"]
    assert [m.key for m in members][:3] == ["valueQuantity", "valueCodeableConcept", "valueString"]
    assert [m.is_primitive for m in members][:3] == [False, False, True]


def test_an_inline_backbone_and_a_content_reference_lead_to_their_children() -> None:
    definitions = official()
    assert definitions.properties("Patient")["contact"].node == "Patient.contact"
    assert definitions.properties("Questionnaire.item")["item"].node == "Questionnaire.item"
    assert definitions.properties("Timing")["repeat"].node == "Timing.repeat"


def test_cardinality_binding_and_targets() -> None:
    definitions = official()
    status = definitions.element("Observation", "status")
    assert status is not None
    assert (status.min, status.max, status.is_modifier) == (1, 1, True)
    assert status.binding is not None
    assert definitions.codes(status.binding.value_set) == frozenset(
        ("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown")
    )
    assert definitions.reference_targets("Observation", "subject") == ("Patient", "Group", "Device", "Location")
    assert definitions.reference_targets("Provenance", "target") == ()


def test_a_type_is_a_subtype_of_those_it_derives_from() -> None:
    definitions = official()
    assert definitions.is_subtype("code", "string")
    assert definitions.is_subtype("Age", "Quantity")
    assert definitions.is_subtype("Patient", "DomainResource")
    assert not definitions.is_subtype("string", "code")


def test_invariants_keep_their_expression() -> None:
    contact = official().element("Patient", "contact")
    assert contact is not None
    assert {c.key: c.expression for c in contact.constraints}["pat-1"] == (
        "name.exists() or telecom.exists() or address.exists() or organization.exists()"
    )


def test_search_parameters_and_compartments() -> None:
    definitions = official()
    parameters = definitions.search_parameters("Observation")
    assert parameters["code"].type == "token"
    assert set(parameters["subject"].target) == {"Device", "Group", "Location", "Patient"}
    assert len(parameters["code-value-quantity"].components) == 2
    assert {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_language"} <= set(parameters)
    assert definitions.patient_params("Observation") == ("subject", "performer")


def test_a_posted_parameter_joins_and_replaces() -> None:
    mine = search_parameter(
        {"code": "shoe", "type": "number", "base": ["Patient"], "url": "urn:shoe", "expression": "Patient.shoe"}
    )
    once = load_definitions().with_parameters([mine])
    assert once.search_parameters("Patient")["shoe"] == mine
    twice = once.with_parameters([replace(mine, type="string")])
    assert twice.search_parameters("Patient")["shoe"].type == "string"
    assert "shoe" not in load_definitions().search_parameters("Patient")


def test_summary_and_mandatory_elements() -> None:
    definitions = official()
    assert "name" in definitions.summary_keys("Patient")
    assert "photo" not in definitions.summary_keys("Patient")
    assert definitions.mandatory_keys("Observation") == {"status", "code"}


def test_licensed_code_systems_are_not_shipped() -> None:
    assert official().code_system("http://snomed.info/sct") is None
    assert official().codes("http://hl7.org/fhir/ValueSet/encounter-reason") is None


def test_the_only_required_bindings_without_a_list_are_open_ended() -> None:
    definitions = official()
    names = [*definitions.resource_types, "Attachment", "Quantity", "HumanName", "Identifier", "Timing", "Dosage"]
    elements = [e for n in names if (d := definitions.type(n)) is not None for e in d.elements.values()]
    open_sets = {
        e.binding.value_set
        for e in elements
        if e.binding and e.binding.strength == "required" and definitions.codes(e.binding.value_set) is None
    }
    assert open_sets == {
        "http://hl7.org/fhir/ValueSet/mimetypes",
        "http://hl7.org/fhir/ValueSet/ucum-units",
        "http://loinc.org/vs/LL379-9",
    }


def test_official_profiles_are_read_by_url() -> None:
    bmi = official().profile("http://hl7.org/fhir/StructureDefinition/bmi|4.0.1")
    assert bmi is not None
    assert (bmi.type, bmi.base) == ("Observation", "vitalsigns")


def test_loading_imports_no_other_stage() -> None:
    code = "import sys, hie.fhir.definitions; print(sorted(m for m in sys.modules if m.startswith('hie.')))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "hie.store" not in out
    assert "hie.search" not in out
