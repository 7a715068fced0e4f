"""Which rule a finding comes from: the one that noted it, or the one that stands for what a stage noted itself."""

from collections.abc import Callable, Iterable

from hie.base.finding import Finding, place_of
from hie.quality.rule import Rule


def resolver(rules: Iterable[Rule], region: str) -> Callable[[Finding], Rule | None]:
    """Finding -> rule on the feeds of a region, None for what no rule stands for (`internal-error`).

    For what a stage noted itself: of several rules with one code, the one at the path of the finding; else the first
    for the region that has no path or is kept by that stage; else the first of all.
    """
    by_id: dict[str, Rule] = {}
    by_place: dict[tuple[str, str], Rule] = {}
    by_code: dict[str, Rule] = {}
    ordered = sorted(rules, key=lambda rule: (not rule.holds_for(region), rule.stage == "quality"))
    for rule in ordered:
        by_id[rule.id] = rule
        by_code.setdefault(rule.finding, rule)
        for place in rule.path.get(region, ()):
            by_place.setdefault((rule.finding, place), rule)

    def rule_of(found: Finding) -> Rule | None:
        if found.rule in by_id:
            return by_id[found.rule]
        return by_place.get((found.code, place_of(found.path))) or by_code.get(found.code)

    return rule_of
