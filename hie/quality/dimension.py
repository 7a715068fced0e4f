"""Which dimension of quality a finding counts against: that of the rule it comes from."""

from collections.abc import Callable, Iterable

from hie.base.finding import Finding
from hie.quality.rules import Rule

CODED: dict[str, tuple[str, str]] = {
    "完整性": ("completeness", "Completeness"),
    "规范性": ("conformity", "Conformity"),
    "一致性": ("consistency", "Consistency"),
    "及时性": ("timeliness", "Timeliness"),
    "关联性": ("reference", "Reference"),
    "唯一性": ("uniqueness", "Uniqueness"),
    "时序": ("time-order", "Order of times"),
    "互认": ("recognition", "Mutual recognition"),
}
"""Dimension -> its code in reports, its English name; in the order in which they are shown."""


def dimensions(rules: Iterable[Rule], region: str) -> Callable[[Finding], str]:
    """Finding -> dimension on the feeds of a region, empty for what no rule stands for (`internal-error`).

    The rule that noted it decides. For what a stage noted itself, of several rules with one code, the one at the path
    of the finding; else the first for the region, else the first of all.
    """
    by_rule: dict[str, str] = {}
    by_place: dict[tuple[str, str], str] = {}
    by_code: dict[str, str] = {}
    ordered = sorted(rules, key=lambda rule: region not in rule.scope)
    for rule in ordered:
        by_rule[rule.id] = rule.dimension
        by_code.setdefault(rule.finding, rule.dimension)
        if region in rule.path:
            by_place.setdefault((rule.finding, rule.path[region]), rule.dimension)

    def dimension(found: Finding) -> str:
        if found.rule in by_rule:
            return by_rule[found.rule]
        return by_place.get((found.code, found.path)) or by_code.get(found.code, "")

    return dimension


def judged(rules: Iterable[Rule], region: str) -> frozenset[str]:
    """The dimensions that any rule for the region belongs to; the others have no score. A region that no rule names is
    held to every rule."""
    every = tuple(rules)
    named = [rule for rule in every if region in rule.scope] or every
    return frozenset(rule.dimension for rule in named)
