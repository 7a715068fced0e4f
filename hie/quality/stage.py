"""The stage: holds one draft against the rules of its region."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from hie.base.draft import Draft
from hie.base.finding import Finding, finding
from hie.base.record import Record
from hie.quality.rules import REGIONS, Rule

_INDEX = re.compile(r"\[\d+\]")


class Checked(NamedTuple):
    """A draft after the rules (amended where a clause leaves a value out), and what they found."""

    draft: Draft
    findings: tuple[Finding, ...]


class Quality:
    """The rules of all regions, ready to run. A region that no rule names gets those that hold for every region."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        checked = [rule for rule in self.rules if rule.stage == "quality"]
        regions = {region for rule in checked for region in rule.scope}
        self._by_region = {region: tuple(r for r in checked if region in r.scope) for region in regions}
        self._common = tuple(rule for rule in checked if rule.scope >= REGIONS)

    def run(self, draft: Draft, record: Record) -> Checked:
        """The findings of every rule that the draft breaks, in order of the rules; each stands once.

        What mapping has noted already is not noted again: `draft.findings` and `record.findings` are left out.
        """
        if not draft.contributions:
            return Checked(draft, ())
        noted = {(f.code, _INDEX.sub("", f.path)) for f in (*draft.findings, *record.findings)}
        codes = {code for code, _ in noted}
        region = draft.contributions[0].target.region
        found: dict[Finding, None] = {}
        for rule in self._by_region.get(region, self._common):
            amended = rule.check(draft)
            if amended is None:
                continue
            draft = amended
            path = rule.path.get(region, "")
            explained = any((code, path) in noted for code in (rule.finding, *rule.unless))
            if not explained and not (rule.once and rule.finding in codes):
                found[finding(rule.finding, path)] = None
        return Checked(draft, tuple(found))


def with_findings(checked: Checked) -> Draft:
    """The draft with the findings of quality after those of mapping."""
    return replace(checked.draft, findings=checked.draft.findings + checked.findings)
