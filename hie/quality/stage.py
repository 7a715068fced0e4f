"""The stage: holds one draft against the rules of its region."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, cast

from hie.base.draft import Draft
from hie.base.finding import Finding, place_of
from hie.base.record import Record
from hie.quality.about import About
from hie.quality.predicate import Amendment, ClaimTest, DocumentTest, ResourceTest
from hie.quality.predicates import PREDICATES
from hie.quality.rule import REGIONS, Rule


class Checked(NamedTuple):
    """A draft after the rules (amended where a clause leaves a value out), and what they found."""

    draft: Draft
    findings: tuple[Finding, ...]


class _Ready(NamedTuple):
    """A rule for one region: where it stands among the rules, the finding it gives, where its value may stand."""

    place: int
    rule: Rule
    finding: Finding
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rules for one kind of part of one region, by what they look at."""

    amendments: tuple[tuple[Amendment, _Ready], ...]
    documents: tuple[tuple[DocumentTest, _Ready], ...]
    claims: tuple[tuple[ClaimTest, _Ready], ...]
    resources: Mapping[str, tuple[tuple[ResourceTest, _Ready], ...]]


class Quality:
    """The rules of all regions, ready to run; which ones a region gets says `Rule.holds_for`."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._plans: dict[tuple[str, str], _Plan] = {}

    def own(self, region: str) -> tuple[Rule, ...]:
        """The rules that the package of a region brings; a region that ships has none beside those of the exchange."""
        return tuple(rule for rule in self.rules if region in rule.regions) if region not in REGIONS else ()

    def run(self, draft: Draft, record: Record, received: datetime | None = None) -> Checked:
        """The findings of every rule that the draft breaks, in order of the rules; each rule is noted once.

        What mapping has noted already is not noted again: `draft.findings` and `record.findings` are left out.
        `received` is when the item came in; without it nothing is late.
        """
        if not draft.contributions:
            return Checked(draft, ())
        region = draft.contributions[0].target.region
        plan = self._plans.get((region, record.type)) or self._plan(region, record.type)
        broken: dict[int, _Ready] = {}
        for amend, ready in plan.amendments:
            amended = amend(draft)
            if amended is not None:
                draft = amended
                broken[ready.place] = ready
        about = About(draft, record, received)
        for stated in about.stated:
            for test, ready in plan.resources.get(stated.key.type, ()):
                if ready.place not in broken and not test(stated, about):
                    broken[ready.place] = ready
        for ask, ready in plan.documents:
            if not ask(about):
                broken[ready.place] = ready
        claims = [
            replace(claim, finding=ready.rule.finding, path=ready.finding.path)
            for ask_stored, ready in plan.claims
            for claim in ask_stored(about)
        ]
        if claims:
            draft = replace(draft, claims=(*draft.claims, *claims))
        return Checked(draft, _new(broken, draft, record) if broken else ())

    def _plan(self, region: str, record_type: str) -> _Plan:
        """The rules for a kind of part, put together when the first one comes."""
        amendments: list[tuple[Amendment, _Ready]] = []
        documents: list[tuple[DocumentTest, _Ready]] = []
        claims: list[tuple[ClaimTest, _Ready]] = []
        resources: dict[str, list[tuple[ResourceTest, _Ready]]] = {}
        for place, rule in enumerate(self.rules):
            if not self._applies(rule, region, record_type):
                continue
            found = Finding(rule.finding, rule.shown_path(region, record_type), "", rule.severity, rule.id)
            ready = _Ready(place, rule, found, rule.path.get(region, ("",)))
            scope = PREDICATES[rule.predicate].scope if rule.predicate else "resource"
            if scope == "amend":
                amendments.append((cast(Amendment, rule.test), ready))
            elif scope == "claims":
                claims.append((cast(ClaimTest, rule.test), ready))
            elif scope == "document":
                documents.append((cast(DocumentTest, rule.test), ready))
            else:
                for name in rule.types:
                    resources.setdefault(name, []).append((cast(ResourceTest, rule.test), ready))
        plan = _Plan(
            tuple(amendments),
            tuple(documents),
            tuple(claims),
            {name: tuple(tests) for name, tests in resources.items()},
        )
        self._plans[region, record_type] = plan
        return plan

    def _applies(self, rule: Rule, region: str, record_type: str) -> bool:
        if rule.stage != "quality" or rule.scope == "feed":
            return False
        return rule.holds_for(region) and rule.covers(record_type)


def _new(broken: Mapping[int, _Ready], draft: Draft, record: Record) -> tuple[Finding, ...]:
    """What is not explained by what mapping has noted."""
    noted = {(f.code, place_of(f.path)) for f in (*draft.findings, *record.findings)}
    codes = {code for code, _ in noted}
    found = []
    for _, (_, rule, finding, paths) in sorted(broken.items()):
        explained = any((code, path) in noted for code in (rule.finding, *rule.unless) for path in paths)
        if not explained and not (rule.once and rule.finding in codes):
            found.append(finding)
    return tuple(found)
