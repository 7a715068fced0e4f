"""Which dimension of quality a finding counts against: that of the rule it comes from."""

from collections.abc import Callable, Iterable

from hie.base.finding import Finding
from hie.quality.resolve import resolver
from hie.quality.rule import Rule


def dimensions(rules: Iterable[Rule], region: str) -> Callable[[Finding], str]:
    """Finding -> dimension on the feeds of a region, empty for what no rule stands for (`internal-error`).

    That of the rule it comes from (`resolver`).
    """
    rule_of = resolver(rules, region)

    def dimension(found: Finding) -> str:
        rule = rule_of(found)
        return rule.dimension if rule is not None else ""

    return dimension


def judged(rules: Iterable[Rule], region: str) -> frozenset[str]:
    """The dimensions that any rule for the region belongs to; the others have no score."""
    return frozenset(rule.dimension for rule in rules if rule.holds_for(region))
