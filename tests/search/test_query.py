"""URL -> plan: what is honoured, what is refused, and with which words."""

import re
from urllib.parse import parse_qsl

import pytest

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.search.clause import (
    And,
    Chain,
    Compare,
    Has,
    Hierarchy,
    IdIs,
    InCompartment,
    Kind,
    Match,
    Near,
    Not,
    Op,
    Or,
    Present,
    QuantityTest,
    RangeTest,
    ReferenceTest,
    StringTest,
    TokenTest,
)
from hie.search.page import digest
from hie.search.plan import Include, Plan, SortKey, Summary, Total
from hie.search.query import parse_query


def parse(kind: str | None, query: str, **options: object) -> Plan:
    return parse_query(kind, parse_qsl(query, keep_blank_values=True), official(), **options)  # type: ignore[arg-type]


def clause(kind: str, query: str, **options: object) -> object:
    found = parse(kind, query, **options).clause
    assert isinstance(found, And)
    assert len(found.clauses) == 1
    return found.clauses[0]


WITHIN = Hierarchy("partof", up=False)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("gender=male", Match("gender", Kind.TOKEN, (TokenTest(None, "male"),))),
        ("identifier=urn:a|1,|2", Match("identifier", Kind.TOKEN, (TokenTest("urn:a", "1"), TokenTest("", "2")))),
        ("identifier=urn:a|", Match("identifier", Kind.TOKEN, (TokenTest("urn:a", None),))),
        (r"identifier=a\,b\|c", Match("identifier", Kind.TOKEN, (TokenTest(None, "a,b|c"),))),
        ("gender:not=male", Not(Match("gender", Kind.TOKEN, (TokenTest(None, "male"),)))),
        ("gender:missing=true", Not(Present("gender", Kind.TOKEN))),
        ("name=MÜ", Match("name", Kind.STRING, (StringTest("mu"),))),
        ("name:exact=MÜ", Match("name", Kind.STRING, (StringTest("MÜ", Compare.EXACT),))),
        ("organization=1", Match("organization", Kind.REFERENCE, (ReferenceTest("Organization", "1"),))),
        (
            "organization:below=1",
            Match("organization", Kind.REFERENCE, (ReferenceTest("Organization", "1", hierarchy=WITHIN),)),
        ),
        ("_id=a,b", IdIs(("a", "b"))),
        ("_list=l1", Has("List", "item", IdIs(("l1",)))),
    ],
)
def test_a_parameter_of_a_patient_becomes_its_clause(query: str, expected: object) -> None:
    assert clause("Patient", query) == expected


@pytest.mark.parametrize("query", ["date=ap2026", "_lastUpdated=ap2026", "code-value-date=x$ap2026"])
def test_the_pages_of_an_approximate_date_are_of_one_search(query: str) -> None:
    """Its range had grown since the first page, whose link to the second was refused."""
    first, second = (digest(parse("Observation", query, now=now)) for now in (0, 10**15))
    assert first == second
    assert first != digest(parse("Observation", query.replace("2026", "2025"), now=0))


def test_references_to_our_own_base_are_local() -> None:
    asked = "subject=http://here/fhir/Patient/1"
    local = Match("subject", Kind.REFERENCE, (ReferenceTest("Patient", "1"),))
    assert clause("Observation", asked, base="http://here/fhir") == local
    elsewhere = Match("subject", Kind.REFERENCE, (ReferenceTest(url="http://here/fhir/Patient/1"),))
    assert clause("Observation", asked) == elsewhere


def test_numbers_have_the_precision_they_are_written_with() -> None:
    def tested(text: str) -> object:
        found = clause("RiskAssessment", f"probability={text}")
        assert isinstance(found, Match)
        return found.tests[0]

    assert tested("100") == RangeTest(Op.EQ, 99.5, 100.5)
    assert tested("100.00") == RangeTest(Op.EQ, 99.995, 100.005)
    assert tested("1e2") == RangeTest(Op.EQ, 50.0, 150.0)
    assert tested("gt100") == RangeTest(Op.GT, 100.0, 100.0)
    assert tested("ap100") == RangeTest(Op.AP, 90.0, 110.0)


def test_quantities_are_compared_in_canonical_units() -> None:
    found = clause("Observation", "value-quantity=gt5|http://unitsofmeasure.org|mg")
    test = QuantityTest(
        RangeTest(Op.GT, 5.0, 5.0), "http://unitsofmeasure.org", "mg", RangeTest(Op.GT, 0.005, 0.005), "g"
    )
    assert found == Match("value-quantity", Kind.QUANTITY, (test,))


def test_a_date_without_zone_is_that_of_china() -> None:
    found = clause("Observation", "date=2026-01-18")
    assert found == Match("date", Kind.DATE, (RangeTest(Op.EQ, 1_768_665_600_000_000, 1_768_752_000_000_000),))


def test_chains_go_to_the_types_that_have_the_parameter() -> None:
    name = Match("name", Kind.STRING, (StringTest("wang"),))
    assert clause("Observation", "subject:Patient.name=wang") == Chain("subject", ("Patient",), name)
    assert clause("Observation", "subject.name=wang") == Chain("subject", ("Patient", "Location"), name)


def test_has_can_be_nested() -> None:
    code = Match("code", Kind.TOKEN, (TokenTest(None, "x"),))
    nested = "_has:Observation:patient:_has:Provenance:target:agent=Device/1"
    found = clause("Patient", nested)
    assert isinstance(found, Has)
    assert isinstance(found.clause, Has)
    assert (found.type, found.param, found.clause.type, found.clause.param) == (
        "Observation",
        "patient",
        "Provenance",
        "target",
    )
    assert clause("Patient", "_has:Observation:patient:code=x") == Has("Observation", "patient", code)


@pytest.mark.parametrize(
    ("distance", "km"), [("", 10.0), ("||km", 10.0), ("|5", 5.0), ("|500|m", 0.5), ("|5|[mi_i]", 8.04672), ("|0", 0.0)]
)
def test_near_takes_a_distance_with_its_unit(distance: str, km: float) -> None:
    assert clause("Location", f"near=31.2|120.9{distance}") == Near(31.2, 120.9, km)


def test_what_controls_the_search() -> None:
    found = parse(
        "Observation",
        "_count=7&_sort=-date,code&_include=Observation:subject:Patient&_revinclude:iterate=Provenance:target"
        "&_total=accurate&_summary=data&_elements=code,status&__explain=true",
    )
    assert (found.types, found.count, found.total, found.summary) == (
        ("Observation",),
        7,
        Total.ACCURATE,
        Summary.DATA,
    )
    assert found.sort == (SortKey("date", Kind.DATE, True), SortKey("code", Kind.TOKEN))
    assert found.includes == (
        Include("Observation", "subject", "Patient"),
        Include("Provenance", "target", None, iterate=True, reverse=True),
    )
    assert (found.elements, found.explain) == (("code", "status"), True)
    for counted in (
        "_summary=count",
        "_summary=count&_count=5",
        "_total=none&_summary=count",
        "_summary=count&_total=none",
    ):
        assert (parse("Patient", counted).count, parse("Patient", counted).total) == (0, Total.ACCURATE)
    assert parse("Patient", "_count=99999").count == 1000


@pytest.mark.parametrize(
    ("kind", "query", "expression"),
    [
        ("Patient", "nonsense=1", "nonsense"),
        ("Patient", "gender:below-or-so=1", "gender:below-or-so"),
        ("Patient", "name:not=x", "name:not"),
        ("Patient", "birthdate=soon", "birthdate"),
        ("Patient", "birthdate=2024-02-30", "birthdate"),
        ("Patient", "birthdate=xx2024", "birthdate"),
        ("Patient", "link:below=Patient/1", "link:below"),
        ("Location", "partof:above=http://else/Location/1", "partof:above"),
        ("Location", "partof:below=Location/1/_history/2", "partof:below"),
        ("Patient", "_content=--", "_content"),
        ("Patient", "_elements=,", "_elements"),
        ("Patient", "__explain=maybe", "__explain"),
        ("Location", "near=31|120|-5", "near"),
        ("Location", "near=31|120|inf", "near"),
        ("Location", "near=nan|120", "near"),
        ("Location", "near=91|120", "near"),
        ("Location", "near=31|120|5|furlong", "near"),
        ("Location", "near=31|120|5|km|x", "near"),
        ("Patient", "identifier=urn:a|1|2", "identifier"),
        ("Patient", "identifier=|", "identifier"),
        ("Patient", "identifier:of-type=urn:v2|MR", "identifier:of-type"),
        ("Patient", "identifier:of-type=urn:v2||1", "identifier:of-type"),
        ("Patient", "identifier:of-type=urn:v2|MR|1|2", "identifier:of-type"),
        ("Patient", "gender=", "gender"),
        ("Patient", "gender:missing=maybe", "gender:missing"),
        ("Patient", "_sort=nonsense", "_sort"),
        ("Patient", "_count=-1", "_count"),
        ("Patient", "_list:not=l1", "_list:not"),
        ("Patient", "_list=", "_list"),
        ("Patient", "_sort:desc=birthdate", "_sort:desc"),
        ("Patient", "_include=Patient:name", "_include"),
        ("Patient", "_include=Nothing:x", "_include"),
        ("Patient", "_include:deep=Patient:organization", "_include:deep"),
        ("Patient", "_total=roughly", "_total"),
        ("Patient", "name.given=x", "name"),
        ("Patient", "organization:Device.type=x", "organization:Device"),
        ("Patient", "organization.nonsense=x", "nonsense"),
        ("Patient", "_has:Observation:code:status=final", "_has:Observation:code:status"),
        ("Patient", "_has:Observation:patient", "_has:Observation:patient"),
        ("Patient", "_has:Observation:encounter:code=x", "_has:Observation:encounter:code"),
        ("Patient", "_filter=gender", "_filter"),
        ("Patient", "_filter=(gender eq male", "_filter"),
        ("Patient", "_filter=gender eq male)", "_filter"),
        ("Patient", "_filter=gender sa male", "_filter"),
        ("Patient", '_filter=name eq "x', "_filter"),
        ("Patient", "_filter=_id pr true", "_filter"),
        ("Patient", "_filter=" + "not (" * 30 + "gender eq male" + ")" * 30, "_filter"),
        ("RiskAssessment", "probability=1,x", "probability"),
        ("Observation", "value-quantity=5|mg", "value-quantity"),
        ("Observation", "code-value-quantity=1", "code-value-quantity"),
        ("Observation", "subject:Practitioner=1", "subject:Practitioner"),
        ("Observation", "subject:Patient=Group/1", "subject:Patient"),
        ("Location", "near=a|b", "near"),
        ("Patient", "_type=Patient", "_type"),
        (None, "_type=Nothing", "_type"),
        (None, "gender=male", "gender"),
        (None, "_type=Patient,Observation&code=x", "code"),
    ],
)
def test_what_is_refused(kind: str | None, query: str, expression: str) -> None:
    with pytest.raises(HieError) as caught:
        parse(kind, query)
    assert (caught.value.category, caught.value.expression) == (Category.INVALID, expression)
    assert re.search(r"Search parameter \S+ (takes|has|is|names|goes|lacks) ", caught.value.message)


def test_messages_have_no_values() -> None:
    with pytest.raises(HieError) as caught:
        parse("Patient", "birthdate=320581199001011234")
    assert "3205" not in caught.value.message


@pytest.mark.parametrize("query", ["code:in=http://vs", "code:below=http://s|1", "code:not-in=http://vs"])
def test_terminology_needs_a_service(query: str) -> None:
    with pytest.raises(HieError) as caught:
        parse("Observation", query)
    assert caught.value.category is Category.NOT_SUPPORTED

    def expand(modifier: str, value: str) -> list[tuple[str, str]]:
        return [(modifier, value)]

    found = clause("Observation", "code:in=http://vs", terminology=expand)
    assert found == Match("code", Kind.TOKEN, (TokenTest("in", "http://vs"),))


def test_lenient_leaves_out_and_says_so() -> None:
    found = parse("Patient", "gender=male&nonsense=1&name:not=x&_sort=zzz", strict=False)
    assert found.clause == And((Match("gender", Kind.TOKEN, (TokenTest(None, "male"),)),))
    assert found.applied == (("gender", "male"),)
    assert [name for name, _ in found.ignored] == ["nonsense", "name:not", "_sort"]


def test_narrowing_and_linked_patients() -> None:
    found = parse("Observation", "patient=g&encounter.patient=g").narrowed(InCompartment(("g",)))

    def linked(kind: str, name: str) -> list[tuple[str, str]]:
        return [(kind, name), (kind, name + "1")]

    tests = (ReferenceTest("Patient", "g"), ReferenceTest("Patient", "g1"))
    whole = found.with_references(linked).clause
    assert isinstance(whole, And)
    direct, chained, compartment = whole.clauses
    assert isinstance(direct, Match)
    assert set(tests) <= set(direct.tests)
    assert isinstance(chained, Chain)
    assert isinstance(chained.clause, Match)
    assert set(tests) <= set(chained.clause.tests)
    assert compartment == InCompartment(("g", "g1"))


def test_alternatives_in_a_filter() -> None:
    found = clause("Patient", "_filter=gender eq male or birthdate gt 2000")
    assert isinstance(found, Or)
    assert len(found.clauses) == 2


@pytest.mark.parametrize(
    ("filtered", "plain"),
    [
        ("code eq http://loinc.org|1234-5", "code=http://loinc.org|1234-5"),
        ("(date ge 2014-10-10T10:00:00.5Z)", "date=ge2014-10-10T10:00:00.5Z"),
        ("value-quantity gt 1.5|http://unitsofmeasure.org|m", "value-quantity=gt1.5|http://unitsofmeasure.org|m"),
        ('value-quantity gt "3|http://unitsofmeasure.org|[lb_av]"', "value-quantity=gt3|http://unitsofmeasure.org|[lb_av]"),
        ("performer eq http://a.org/fhir/Practitioner/1", "performer=http://a.org/fhir/Practitioner/1"),
        ("combo-code pr true", "combo-code:missing=false"),
    ],
)  # fmt: skip
def test_values_in_a_filter(filtered: str, plain: str) -> None:
    assert clause("Observation", f"_filter={filtered}") == clause("Observation", plain)
