"""What the official suite does not ask: references, terminology, variables, limits, error positions, exactness."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.fhir.path import Scope, compile, evaluate, resource_node
from tests.clock import FixedClock

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "subject": {"reference": "Patient/1"},
    "performer": [{"reference": "#who"}, {"type": "Organization", "identifier": {"value": "9"}}],
    "contained": [{"resourceType": "Practitioner", "id": "who", "gender": "female"}],
    "component": [
        {"code": {"text": "a"}, "valueQuantity": {"value": 5.4, "unit": "mg"}},
        {"code": {"text": "b"}, "valueCodeableConcept": {"text": "high"}},
    ],
}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "birthDate": "1980-05-01",
    "_birthDate": {"extension": [{"url": "urn:time", "valueDateTime": "1980-05-01T10:00:00+08:00"}]},
    "name": [{"given": ["Ann", None], "_given": [None, {"id": "g2"}]}],
    "multipleBirthInteger": 2,
}


def test_resolve_knows_the_type_without_a_resolver() -> None:
    assert evaluate("subject.resolve() is Patient", OBSERVATION) == [True]
    assert evaluate("performer.where(resolve() is Organization).identifier.value", OBSERVATION) == ["9"]
    assert evaluate("performer.resolve().gender", OBSERVATION) == ["female"]


def test_resolve_asks_the_resolver() -> None:
    scope = Scope(resolver=lambda text: {"resourceType": "Patient", "id": text})
    assert compile("subject.resolve().id").evaluate(OBSERVATION, None, scope) == ["Patient/1"]


def test_bundle_entries_resolve_each_other() -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p"}},
            {"resource": {"resourceType": "Encounter", "subject": {"reference": "urn:uuid:1"}}},
        ],
    }
    assert evaluate("entry.resource.ofType(Encounter).subject.resolve().id", bundle) == ["p"]


def test_as_filters_every_component_of_a_panel() -> None:
    assert evaluate("(Observation.component.value as CodeableConcept).text", OBSERVATION) == ["high"]
    assert evaluate("Observation.component.value.ofType(Quantity).unit", OBSERVATION) == ["mg"]


def test_primitives_have_extensions_and_may_lack_a_value() -> None:
    assert evaluate("birthDate.extension('urn:time').value", PATIENT) == ["1980-05-01T10:00:00+08:00"]
    assert evaluate("name.given.hasValue()", PATIENT) == [False]
    assert evaluate("name.given.select(hasValue())", PATIENT) == [True, False]
    assert evaluate("name.given[1].id", PATIENT) == ["g2"]
    assert evaluate("birthDate.getValue() = @1980-05-01", PATIENT) == [True]


def test_member_of_official_and_pluggable_sets() -> None:
    url = "http://hl7.org/fhir/ValueSet/observation-status"
    assert evaluate(f"status.memberOf('{url}')", OBSERVATION) == [True]
    assert evaluate("status.memberOf('urn:unknown')", OBSERVATION) == []
    scope = Scope(member_of=lambda value, url: url == "urn:mine")
    assert compile("status.memberOf('urn:mine')").evaluate(OBSERVATION, None, scope) == [True]


def test_variables_are_known_by_name() -> None:
    assert evaluate("%age + 1", PATIENT, {"age": 41}) == [42]
    assert evaluate("%names.count()", PATIENT, {"names": ["a", "b"]}) == [2]
    assert evaluate("%other.gender", PATIENT, {"other": {"resourceType": "Patient", "gender": "male"}}) == ["male"]
    with pytest.raises(HieError, match=r"unknown variable %missing at position 1"):
        evaluate("%missing", PATIENT)


def test_an_element_can_be_the_focus() -> None:
    focus = resource_node({"family": "Li", "given": ["Si"]}, "HumanName")
    assert compile("family & given.first()").evaluate(focus, {"resource": PATIENT}) == ["LiSi"]
    assert compile("%resource.birthDate").evaluate(focus, {"resource": PATIENT}) == ["1980-05-01"]


def test_decimals_stay_exact() -> None:
    assert evaluate("0.1 + 0.2", PATIENT) == [Decimal("0.3")]
    resource = {"resourceType": "Observation", "valueQuantity": {"value": Decimal("1.10"), "unit": "g"}}
    assert str(evaluate("value.value", resource)[0]) == "1.10"
    assert evaluate("valueQuantity", resource) == []


def test_the_clock_is_injected() -> None:
    scope = Scope(clock=FixedClock(datetime(2026, 1, 18, 8, 30, tzinfo=UTC)))
    assert compile("today()").evaluate(PATIENT, None, scope) == ["2026-01-18"]
    assert compile("now()").evaluate(PATIENT, None, scope) == ["2026-01-18T08:30:00.000Z"]


def test_quantities_compare_across_units() -> None:
    assert evaluate("5400 'ug' = 5.4 'mg' and 1 'h' > 59 minutes and (1 'cm' = 1 's').empty()", PATIENT) == [True]


@pytest.mark.parametrize(
    ("text", "position"),
    [("name.", 6), ("name.nope()", 6), ("1 +", 4), ("name.where()", 6), ("'a' + 1", 5), ("name[", 6), ("#", 1)],
)
def test_mistakes_are_errors_with_a_position(text: str, position: int) -> None:
    with pytest.raises(HieError, match=rf"position {position}$") as caught:
        evaluate(text, PATIENT)
    assert caught.value.category is Category.INVALID


@pytest.mark.parametrize("text", ["(" * 5000, "-" * 5000 + "1", "((1)" * 300, "1" + "+1" * 5000, "1" + "+1" * 200_000])
def test_deep_or_long_expressions_are_refused_not_fatal(text: str) -> None:
    with pytest.raises(HieError):
        evaluate(text, PATIENT)


def test_work_is_limited() -> None:
    with pytest.raises(HieError) as caught:
        compile("descendants().descendants().select(%resource.descendants())").evaluate(
            OBSERVATION, None, Scope(limit=200)
        )
    assert caught.value.category is Category.TIMEOUT
    assert evaluate("repeat($this)", PATIENT) == [PATIENT]


def test_runaway_patterns_are_refused() -> None:
    resource = {"resourceType": "Patient", "language": "a" * 60}
    with pytest.raises(HieError):
        evaluate("language.matches('(a+)+$')", resource)
    assert evaluate("language.matches('^a+$')", resource) == [True]


def test_strict_mode_refuses_what_has_no_definition() -> None:
    with pytest.raises(HieError, match="no element 'nope' here at position 9"):
        compile("Patient.nope").evaluate(PATIENT, None, Scope(strict=True))
    assert evaluate("Patient.nope", PATIENT) == []


def test_every_official_invariant_and_search_expression_compiles() -> None:
    definitions = official()
    texts = set()
    for name in definitions.resource_types:
        texts |= {p.expression for p in definitions.search_parameters(name).values() if p.expression}
    for name in (*definitions.resource_types, "Element", "Extension", "Quantity", "Timing", "Attachment"):
        definition = definitions.type(name)
        assert definition is not None
        texts |= {c.expression for e in definition.elements.values() for c in e.constraints}
    broken = []
    for text in texts:
        try:
            compile(text)
        except HieError as error:
            broken.append((text, error.message))
    assert broken == []
    assert len(texts) > 1000


def test_the_input_is_never_changed() -> None:
    before = repr(OBSERVATION)
    evaluate("descendants().count()", OBSERVATION)
    assert repr(OBSERVATION) == before


def test_a_node_knows_where_it_stands() -> None:
    found = compile("contained.gender | component.value.ofType(Quantity).unit").nodes(OBSERVATION)
    assert [node.location for node in found] == [
        "Observation.contained[0].gender",
        "Observation.component[0].valueQuantity.unit",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "value.value.toString()",
        "value.value.truncate()",
        "value.toQuantity('h')",
        "value.value div 3",
        "'a'.replace('', %long).replace('', %long)",
        "%long.toChars().select(%long).join(',')",
        "%long.replaceMatches('x', %long)",
        "(1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25).aggregate($total & $total, 'a')",
    ],
)
def test_a_short_expression_cannot_make_gigabytes(text: str) -> None:
    huge = {"value": Decimal("1E+999999999"), "unit": "minute", "system": "http://unitsofmeasure.org", "code": "min"}
    resource = {"resourceType": "Observation", "valueQuantity": huge}
    with pytest.raises(HieError):
        evaluate(text, resource, {"long": "x" * 10_000})


def test_distinct_elements_of_a_big_bundle_take_no_square_time() -> None:
    entries = [
        {"resource": {"resourceType": "Observation", "valueQuantity": {"value": i % 7}, "issued": f"20{i % 90 + 10}"}}
        for i in range(3000)
    ]
    bundle = {"resourceType": "Bundle", "entry": entries}
    assert evaluate("(entry.resource.value | entry.resource.value).count()", bundle) == [7]
    assert evaluate("entry.resource.issued.distinct().count()", bundle) == [90]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("@2020-01-01 = @2020-01-01T00:30:00+08:00", []),
        ("@2020-01-01 < @2020-01-02T00:30:00+08:00", [True]),
        ("@2020-01-01T08:00:00+08:00 = @2020-01-01T00:00:00Z", [True]),
        ("@2020-01-01T08:00:00 = @2020-01-01T00:00:00Z", []),
        ("@2024-02-29 + 1 year = @2025-02-28", [True]),
        ("@2020-01-31 + 1 month = @2020-02-29", [True]),
        ("@2020 + 24 months = @2022", [True]),
        ("@T23:30 + 45 minutes = @T00:15", [True]),
        ("(3 'mg' + 1 'g').value = 1003", [True]),
        ("{} and false", [False]),
        ("(1 | 2 | 3).where($this > 1).select($this * 2)", [4, 6]),
        ("'abc'.replaceMatches('(b)', '[$1]')", ["a[b]c"]),
        ("(1 | 2 | 3 | 4).avg()", [Decimal("2.5")]),
        ("(3 | 1 | 2).sort(-$this)", [3, 2, 1]),
        ("defineVariable('n', 4).select(%n + 1)", [5]),
        ("'中文'.encode('base64').decode('base64')", ["中文"]),
    ],
)
def test_an_expression_gives_its_answer(text: str, answer: list[Any]) -> None:
    assert evaluate(text, PATIENT) == answer
