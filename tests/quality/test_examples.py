"""Every rule can fire and can stay silent, on examples kept as data."""

from collections import Counter

import pytest

from hie.base.finding import finding
from hie.quality.resolve import resolver
from hie.quality.stage import Quality
from tests.quality.examples import RECEIVED, RULES, given, known, resources

QUALITY = Quality(RULES.values())
EXAMPLES = resources()
RUN = {rule.id for rule in RULES.values() if rule.stage == "quality" and rule.scope != "feed"}


def found(rule: str, text: str) -> set[str]:
    draft, record = given(RULES[rule], text)
    checked = QUALITY.run(draft, record, RECEIVED)
    rule_of = resolver(RULES.values(), next(iter(RULES[rule].regions)))
    broken = [finding(one.finding, one.path) for one in checked.draft.claims if not one.holds(known(text))]
    return {found.rule for found in checked.findings} | {made.id for one in broken if (made := rule_of(one))}


def test_there_are_at_least_120_rules_in_all_dimensions() -> None:
    assert len(RULES) >= 200
    assert min(Counter(rule.dimension for rule in RULES.values()).values()) >= 8


def test_every_rule_that_runs_on_drafts_has_its_examples() -> None:
    assert set(EXAMPLES) == RUN


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_a_rule_stays_silent(rule: str) -> None:
    assert rule not in found(rule, EXAMPLES[rule][0])


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_a_rule_fires(rule: str) -> None:
    assert rule in found(rule, EXAMPLES[rule][1])
