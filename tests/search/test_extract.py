"""What a resource can be found by, entry by entry."""

from time import process_time
from typing import Any

import pytest

from hie.base.errors import Category, HieError
from hie.fhir.definition_rows import search_parameter
from hie.fhir.definitions import official
from hie.search.derived import derived
from hie.search.entries import Entries
from hie.search.extract import Extractors, compile_extractor
from hie.search.values import EARLIEST, HIGHEST, LATEST, LOWEST, date_range

SPECIAL = "http://terminology.hl7.org/CodeSystem/special-values"
GENDER = "http://hl7.org/fhir/administrative-gender"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


UNINDEXED: dict[str, str] = {
    "_text": "answered from the narrative text, not from index entries",
    "_content": "answered from the text of the whole resource, not from index entries",
    "_filter": "a language, not an element; parsed into the plan",
    "_query": "names a query, not an element",
    "age": "the official definition has no expression",
    "birthOrderBoolean": "the official definition has no expression",
}
"""Official parameters that make no entries, and why."""


def extract(resource: dict[str, Any]) -> Entries:
    return Extractors(official()).extract(resource)


def of(entries: list[Any], code: str) -> list[Any]:
    return [entry[1:] for entry in entries if entry[0] == code]


def test_every_official_parameter_compiles_or_has_its_reason() -> None:
    extractors = Extractors(official())
    for name in official().resource_types:
        left = official().search_parameters(name).keys() - set(extractors.of(name).parameters)
        assert left <= UNINDEXED.keys() | derived(official(), name).keys()


def test_a_patient_gives_the_entries_of_its_parameters() -> None:
    entries = extract(
        {
            "resourceType": "Patient",
            "id": "p1",
            "meta": {
                "lastUpdated": "2026-01-18T00:30:00.000Z",
                "tag": [{"system": "urn:t", "code": "a"}],
                "profile": ["urn:p"],
                "source": "urn:s",
            },
            "language": "zh",
            "active": True,
            "identifier": [
                {
                    "type": {"coding": [{"system": "urn:v2", "code": "MR"}], "text": "Record"},
                    "system": "urn:mrn",
                    "value": "007",
                }
            ],
            "telecom": [{"system": "phone", "value": "13900000000"}, {"system": "email", "value": "a@b.cn"}],
            "gender": "female",
            "birthDate": "1980-05",
            "generalPractitioner": [{"reference": "Practitioner/d1"}],
        }
    )
    assert of(entries.token, "_id") == [("", "p1", "")]
    assert of(entries.token, "_tag") == [("urn:t", "a", "")]
    assert of(entries.token, "_language") == [("", "zh", "")]
    assert of(entries.uri, "_profile") == [("urn:p",)]
    assert of(entries.uri, "_source") == [("urn:s",)]
    assert of(entries.date, "_lastUpdated") == [date_range("2026-01-18T00:30:00.000Z")]
    assert of(entries.token, "active") == [(SPECIAL, "true", "")]
    assert of(entries.token, "gender") == [(GENDER, "female", "")]
    assert of(entries.token, "identifier") == [("urn:mrn", "007", "record")]
    assert of(entries.of_type, "identifier") == [("urn:v2", "MR", "007")]
    assert of(entries.token, "phone") == [("", "13900000000", "")]
    assert of(entries.token, "telecom") == [("", "13900000000", ""), ("", "a@b.cn", "")]
    assert of(entries.date, "birthdate") == [date_range("1980-05")]
    assert of(entries.reference, "general-practitioner") == [("Practitioner", "d1", "", "", "", "")]
    assert entries.compartments == [("Patient", "p1"), ("Practitioner", "d1")]


def test_a_chinese_name_is_found_by_pinyin_but_not_exactly() -> None:
    entries = extract({"resourceType": "Patient", "name": [{"text": "单晓东", "family": "单", "given": ["晓东"]}]})
    names = of(entries.string, "name")
    assert ("单晓东", "单晓东") in names
    assert {("shanxiaodong", ""), ("shan xiaodong", ""), ("sxd", "")} <= set(names)
    assert of(entries.string, "family") == [("单", "单"), ("shan", ""), ("s", "")]
    assert ("xiaodong", "") in of(entries.string, "given")


def test_a_name_in_parts_is_found_as_a_whole() -> None:
    entries = extract({"resourceType": "Patient", "name": [{"family": "曾", "given": ["国藩"]}]})
    assert ("zengguofan", "") in of(entries.string, "name")
    entries = extract({"resourceType": "Patient", "name": [{"text": "曾国藩"}]})
    assert {("曾国藩", "曾国藩"), ("zengguofan", "")} <= set(of(entries.string, "name"))


def test_latin_names_fold_and_sound() -> None:
    entries = extract({"resourceType": "Patient", "name": [{"family": "Müller", "given": ["Anna"], "prefix": ["Dr"]}]})
    assert of(entries.string, "name") == [("muller", "Müller"), ("anna", "Anna"), ("dr", "Dr")]
    assert {("muller", "Müller"), ("m460", ""), ("a500", "")} <= set(of(entries.string, "phonetic"))


def test_observation_values_and_composites() -> None:
    entries = extract(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": "8480-6", "display": "Systolic"}], "text": "SBP"},
            "subject": {"reference": "Patient/p1"},
            "performer": [{"reference": "Patient/p1"}, {"reference": "Practitioner/d1"}],
            "effectivePeriod": {"start": "2026-01-01"},
            "valueQuantity": {"value": 5.4, "unit": "mg", "system": UCUM, "code": "mg"},
            "component": [
                {"code": {"text": "Part"}, "valueQuantity": {"value": 5.4, "unit": "mg", "system": UCUM, "code": "mg"}}
            ],
        }
    )
    mine = (5.4, 5.4, UCUM, "mg", "mg", 0.0054, 0.0054, "g")
    assert of(entries.quantity, "value-quantity") == [mine]
    assert of(entries.date, "date") == [(date_range("2026-01-01")[0], LATEST)]  # type: ignore[index]
    assert of(entries.token, "code") == [(LOINC, "8480-6", "systolic"), ("", "", "sbp")]
    assert of(entries.composite, "component-code-value-quantity") == [
        ((("component-code", "", "", "part"), ("component-value-quantity", *mine)),),
    ]
    assert of(entries.reference, "patient") == [("Patient", "p1", "", "", "", "")]
    assert entries.compartments == [("Patient", "p1"), ("Practitioner", "d1")]


def test_references_in_every_form() -> None:
    entries = extract(
        {
            "resourceType": "Provenance",
            "target": [
                {"reference": "Patient/1/_history/3"},
                {"reference": "http://far.example/fhir/Patient/2"},
                {"reference": "urn:uuid:5e1", "type": "Patient"},
                {"reference": "#in"},
                {"type": "Patient", "identifier": {"system": "urn:id", "value": "9"}},
                {"display": "nothing to find"},
            ],
        }
    )
    assert of(entries.reference, "target") == [
        ("Patient", "1", "", "3", "", ""),
        ("Patient", "", "http://far.example/fhir/Patient/2", "", "", ""),
        ("Patient", "", "urn:uuid:5e1", "", "", ""),
        ("", "", "#in", "", "", ""),
        ("Patient", "", "", "", "urn:id", "9"),
    ]
    assert len(of(entries.reference, "patient")) == 4
    assert entries.compartments == [("Patient", "1")]


def test_open_periods_timings_and_bad_dates() -> None:
    period = extract({"resourceType": "Encounter", "period": {"end": "2026"}})
    assert of(period.date, "date") == [(EARLIEST, date_range("2026")[1])]  # type: ignore[index]
    timing = extract(
        {"resourceType": "ServiceRequest", "occurrenceTiming": {"event": ["2026-01-02", "2026-01-01", "2026-01-05"]}}
    )
    low, high = date_range("2026-01-01"), date_range("2026-01-05")
    assert low is not None
    assert high is not None
    assert of(timing.date, "occurrence") == [(low[0], high[1])]
    assert of(extract({"resourceType": "Patient", "birthDate": "1980-02-30"}).date, "birthdate") == []


def test_deceased_is_a_date_a_boolean_or_absent() -> None:
    assert of(extract({"resourceType": "Patient", "deceasedDateTime": "2020"}).token, "deceased") == [
        (SPECIAL, "true", "")
    ]
    assert of(extract({"resourceType": "Patient", "deceasedBoolean": False}).token, "deceased") == [
        (SPECIAL, "false", "")
    ]
    assert of(extract({"resourceType": "Patient"}).token, "deceased") == [(SPECIAL, "false", "")]


def test_near_and_bundle_composition() -> None:
    place = extract({"resourceType": "Location", "position": {"latitude": 31.2, "longitude": 120.9}})
    assert place.near == [("near", 31.2, 120.9)]
    bundle = {
        "resourceType": "Bundle",
        "type": "document",
        "entry": [{"resource": {"resourceType": "Composition", "id": "c"}}],
    }
    assert of(extract(bundle).reference, "composition") == [("Composition", "c", "", "", "", "")]


def test_every_part_of_an_address_is_found() -> None:
    parts = {"text": "1", "line": ["2"], "city": "3", "district": "4", "state": "5", "postalCode": "6", "country": "7"}
    found = of(extract({"resourceType": "Patient", "address": [parts]}).string, "address")
    assert sorted(shown for _, shown in found) == list("1234567")


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        ({"low": {"value": 2}, "high": {"value": 3}}, [(2.0, 3.0)]),
        ({"low": {"value": 2}}, [(2.0, HIGHEST)]),
        ({"high": {"value": 3}}, [(LOWEST, 3.0)]),
        ({}, []),
    ],
)
def test_a_range_without_an_end_reaches_to_infinity(limits: dict[str, Any], found: list[Any]) -> None:
    risk = {"resourceType": "RiskAssessment", "prediction": [{"probabilityRange": limits}]}
    assert of(extract(risk).number, "probability") == found


def ucum(value: float, code: str) -> dict[str, Any]:
    return {"value": value, "system": "http://unitsofmeasure.org", "code": code}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"low": ucum(480, "mo"), "high": ucum(50, "a")}, (480, 600)),
        ({"low": ucum(2, "a"), "high": ucum(3, "a")}, (2, 3)),
        ({"low": ucum(2, "a"), "high": ucum(3, "kg")}, (2, 3)),
        ({"low": ucum(-300, "Cel"), "high": ucum(273.15, "K")}, (-300, 0)),
        ({"low": ucum(2, "a"), "high": {"value": 3, "unit": "years"}}, (2, 3)),
        ({"high": ucum(50, "a")}, (LOWEST, 50)),
        ({"low": {"unit": "a"}, "high": ucum(50, "a")}, (LOWEST, 50)),
        ({"low": {"unit": "a"}}, None),
    ],
)
def test_both_ends_of_a_range_of_quantities_are_in_one_unit(value: dict[str, Any], found: Any) -> None:
    entries = extract({"resourceType": "Condition", "onsetRange": value})
    assert [entry[:2] for entry in of(entries.quantity, "onset-age")] == ([] if found is None else [found])


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"data": "2 -3 E 5 U"}, (4.0, 20.0)),
        ({"data": "1", "factor": -2}, (8.0, 8.0)),
        ({"data": "0 1", "factor": 0.5}, (10.0, 10.5)),
        ({"data": "E L U"}, None),
        ({}, None),
    ],
)
def test_sampled_data_spans_its_samples(more: dict[str, Any], found: Any) -> None:
    sampled = {"origin": ucum(10, "mg"), "factor": 2, "period": 1, "dimensions": 1, **more}
    entries = extract({"resourceType": "Observation", "valueSampledData": sampled})
    assert [entry[:2] for entry in of(entries.quantity, "value-quantity")] == ([] if found is None else [found])


def test_nulls_in_primitive_arrays_are_passed_over() -> None:
    entries = extract({"resourceType": "Patient", "name": [{"given": [None, "Ann"], "_given": [{"id": "x"}, None]}]})
    assert of(entries.string, "given") == [("ann", "Ann")]


def test_a_posted_parameter_is_compiled_like_the_official_ones() -> None:
    posted = search_parameter(
        {
            "code": "nation",
            "type": "string",
            "base": ["Patient"],
            "url": "urn:nation",
            "expression": "Patient.extension('urn:nation').value.as(string)",
        }
    )
    extractor = compile_extractor("Patient", [posted], official())
    resource = {"resourceType": "Patient", "extension": [{"url": "urn:nation", "valueString": "汉族"}]}
    assert extractor.extract(resource).string == [("nation", "汉族", "汉族")]


def test_a_broken_expression_is_refused() -> None:
    posted = search_parameter({"code": "x", "type": "string", "base": ["Patient"], "expression": "Patient.name.where("})
    with pytest.raises(HieError) as caught:
        compile_extractor("Patient", [posted], official())
    assert caught.value.category is Category.INVALID


def test_malformed_structure_is_an_error_not_a_crash() -> None:
    with pytest.raises(HieError) as caught:
        extract({"resourceType": "Patient", "name": "x", "identifier": [5]})
    assert caught.value.category is Category.UNPROCESSABLE


def test_a_group_of_many_is_read_in_time_that_grows_with_its_members() -> None:
    members = [{"entity": {"reference": f"Patient/{number % 8000}"}} for number in range(8001)]
    before = process_time()
    entries = extract({"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": members})
    assert process_time() - before < 2
    assert entries.compartments == [("Patient", str(number)) for number in range(8000)]
