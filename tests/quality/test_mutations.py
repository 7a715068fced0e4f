"""What the pipeline catches of spoilt samples; with the examples, proof that every rule can fire and stay silent."""

from functools import cache

from tests.quality.examples import RULES
from tools.build_quality import PAGE, page
from tools.mutation import Caught, as_they_are, load_kinds, run

ELSEWHERE = {"fhir-rules-kept": "resource-invalid in tests/adapters/test_fhir_feed.py"}
"""Rules that no sample of the three regions can break, and where they are tested."""


@cache
def caught() -> tuple[Caught, ...]:
    return tuple(run(list(RULES.values())))


def test_there_are_fifty_kinds_in_all_dimensions() -> None:
    kinds = load_kinds()
    assert len(kinds) >= 50
    assert {kind.dimension for kind in kinds} == {rule.dimension for rule in RULES.values()}


def test_nine_of_ten_are_caught_in_their_own_dimension() -> None:
    assert sum(bool(c.right) for c in caught()) >= 0.9 * len(caught())


def test_every_rule_that_is_not_kept_here_fires_and_stays_silent() -> None:
    runs = [{*c.right, *c.other} for c in caught()]
    fired = set().union(*runs) | as_they_are(list(RULES.values()))
    others = {rule.id for rule in RULES.values() if rule.stage != "quality"}
    assert others - fired == set(ELSEWHERE)
    assert all(any(rule not in one for one in runs) for rule in others)


def test_the_page_says_what_is_caught() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(caught()), "run python -m tools.build_quality"
