"""Which dimension of quality a finding counts against: that of the rule it comes from."""

from collections.abc import Callable, Iterable

from hie.base.finding import Finding
from hie.quality.rule import DIMENSIONS, Rule

CODED = DIMENSIONS
"""Dimension -> its code in reports, its English name; in the order in which they are shown."""


def dimensions(rules: Iterable[Rule], region: str) -> Callable[[Finding], str]:
    """Finding -> dimension on the feeds of a region, empty for what no rule stands for (`internal-error`).

    The rule that noted it decides. For what a stage noted itself, of several rules with one code, the one at the path
    of the finding; else the first for the region, else the first of all.
    """
    by_rule: dict[str, str] = {}
    by_place: dict[tuple[str, str], str] = {}
    by_code: dict[str, str] = {}
    ordered = sorted(rules, key=lambda rule: region not in rule.regions)
    for rule in ordered:
        by_rule[rule.id] = rule.dimension
        by_code.setdefault(rule.finding, rule.dimension)
        for place in rule.path.get(region, ()):
            by_place.setdefault((rule.finding, place), rule.dimension)

    def dimension(found: Finding) -> str:
        if found.rule in by_rule:
            return by_rule[found.rule]
        return by_place.get((found.code, found.path)) or by_code.get(found.code, "")

    return dimension


def judged(rules: Iterable[Rule], region: str) -> frozenset[str]:
    """The dimensions that any rule for the region belongs to; the others have no score. A region that no rule names is
    held to every rule."""
    every = tuple(rules)
    named = [rule for rule in every if region in rule.regions] or every
    return frozenset(rule.dimension for rule in named)
