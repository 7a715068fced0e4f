"""Parameters derived from others: which, and what becomes of a search by them."""

from hie.fhir.definition_rows import search_parameter
from hie.fhir.definitions import official
from hie.search.clause import And, CompositeMatch, Kind, Match, Not, Or, Present, TokenTest, TypeIs
from hie.search.derived import Both, Either, derived
from hie.search.plan import SortKey
from hie.search.query import parse_query

NOW = 1_750_000_000_000_000


def clause_of(query: str, kind: str | None = "Observation") -> object:
    pairs = [tuple(part.split("=", 1)) for part in query.split("&")]
    (found,) = parse_query(kind, pairs, official(), now=NOW).clause.clauses  # type: ignore[arg-type, union-attr]
    return found


def test_only_observation_has_derived_parameters_among_the_official_ones() -> None:
    found = {name: rules for name in official().resource_types if (rules := derived(official(), name))}
    assert found == {
        "Observation": {
            "code-value-concept": Both(("code", "value-concept")),
            "code-value-date": Both(("code", "value-date")),
            "code-value-quantity": Both(("code", "value-quantity")),
            "combo-code": Either(("code", "component-code")),
            "combo-code-value-concept": Either(("code-value-concept", "component-code-value-concept")),
            "combo-code-value-quantity": Either(("code-value-quantity", "component-code-value-quantity")),
            "combo-data-absent-reason": Either(("component-data-absent-reason", "data-absent-reason")),
            "combo-value-concept": Either(("component-value-concept", "value-concept")),
            "combo-value-quantity": Either(("component-value-quantity", "value-quantity")),
        }
    }


def test_a_union_becomes_or() -> None:
    test = (TokenTest(None, "x"),)
    either = Or((Match("code", Kind.TOKEN, test), Match("component-code", Kind.TOKEN, test)))
    assert clause_of("combo-code=x") == either
    assert clause_of("combo-code:not=x") == Not(either)


def test_missing_asks_for_all_of_them() -> None:
    both = Or((Present("code", Kind.TOKEN), Present("component-code", Kind.TOKEN)))
    assert clause_of("combo-code:missing=true") == Not(both)
    assert clause_of("code-value-concept:missing=false") == And(
        (Present("code", Kind.TOKEN), Present("value-concept", Kind.TOKEN))
    )


def test_a_composite_over_the_resource_becomes_and() -> None:
    code, value = TokenTest(None, "x"), TokenTest(None, "y")
    both = And((Match("code", Kind.TOKEN, (code,)), Match("value-concept", Kind.TOKEN, (value,))))
    assert clause_of("code-value-concept=x$y") == both
    component = CompositeMatch("component-code-value-concept", (Kind.TOKEN, Kind.TOKEN), ((code, value),))
    assert clause_of("combo-code-value-concept=x$y") == Or((both, component))


def test_over_several_types_each_is_asked_in_its_own_way() -> None:
    definitions = official().with_parameters(
        [search_parameter({"url": "http://here.example/c", "code": "combo-code", "type": "token", "base": ["Patient"],
                           "expression": "Patient.maritalStatus"})]
    )  # fmt: skip
    plan = parse_query(None, [("_type", "Patient,Observation"), ("combo-code", "x")], definitions, now=NOW)
    test = (TokenTest(None, "x"),)
    assert plan.clause == And(
        (
            Or(
                (
                    And((TypeIs(("Patient",)), Match("combo-code", Kind.TOKEN, test))),
                    And(
                        (
                            TypeIs(("Observation",)),
                            Or((Match("code", Kind.TOKEN, test), Match("component-code", Kind.TOKEN, test))),
                        )
                    ),
                )
            ),
        )
    )


def test_sorting_goes_by_the_parts_in_turn() -> None:
    plan = parse_query("Observation", [("_sort", "-combo-code")], official(), now=NOW)
    assert plan.sort == (SortKey("code", Kind.TOKEN, True), SortKey("component-code", Kind.TOKEN, True))
