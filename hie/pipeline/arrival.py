"""Arrival: what a part was found to be when it first came, which holds when it is processed again (replay).

Some things depend on what was stored by then: whether something younger was there, whether the row was known, what the
patient was called, what an operator decided. Found anew from what is stored now they would say something else, though
nothing has changed.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from hie.base.draft import Draft
from hie.base.finding import STORED, Disposition, Finding, Severity, gravest
from hie.pipeline.codec import decode_findings, stored
from hie.pipeline.items import number
from hie.pipeline.judge import REUSED
from hie.staging.tables import PART
from hie.store.port import Transaction
from hie.store.table import Row

BY_ARRIVAL = frozenset(
    {"merge-repeat", "merge-stub", "nothing-to-cancel", "retired-id", "stale-update", "visit-created", REUSED}
)
"""Findings that depend on what was stored before the part came."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the row of a part says.

    `worked`: it was processed then; `duplicate`: as the row that was applied last; `released` and `discarded`: an
    operator decided so, in spite of or because of findings that hold a part back.
    """

    findings: tuple[Finding, ...]
    resources: tuple[str, ...]
    worked: bool
    duplicate: bool
    released: bool
    discarded: bool

    def found(self, now: Iterable[Finding]) -> list[Finding]:
        """What is found now, with what depends on the arrival as it was then."""
        lasting = [found for found in now if found.code not in BY_ARRIVAL]
        return [*lasting, *(found for found in self.findings if found.code in BY_ARRIVAL)]

    def judged(self, draft: Draft) -> Draft:
        """What a part that was stored states now, without the claims that did not contradict what was stored then: a
        name that was corrected since makes no report one of somebody else."""
        doubted = {(found.code, found.path) for found in self.findings}
        return replace(draft, claims=tuple(one for one in draft.claims if (one.finding, one.path) in doubted))

    def about(self, now: Iterable[str], own: Container[str]) -> tuple[str, ...]:
        """Of the resources that a part is about now, those that it was about then, in the order of then, and its `own`:
        others have since brought more, or state them in another order."""
        found = dict.fromkeys(now)
        still = dict.fromkeys(one for one in self.resources if one in found)
        return (*still, *(one for one in found if one in own and one not in still))


Arrivals = Mapping[int, Arrival]
"""The arrivals of the parts of an item, by number."""

NOTHING_KNOWN: Arrivals = MappingProxyType({})
"""The arrivals of an item that is processed for the first time."""


async def arrivals_of(tx: Transaction, item: str) -> Arrivals:
    """What the parts of an item were found to be; without those that were copies of others."""
    rows = await tx.select(PART, {"item": item})
    return {number(row["part"]): _arrival(row) for row in rows if row["organisation"] is not None}


def _arrival(row: Row) -> Arrival:
    how = Disposition(str(row["disposition"]))
    findings = decode_findings(row["findings"])
    overruled = [
        found for found in findings if found.row.severity is Severity.QUARANTINE and found.severity is Severity.WARN
    ]
    return Arrival(
        findings,
        tuple(stored(row["resources"])),
        worked=how in STORED,
        duplicate=how is Disposition.DUPLICATE,
        released=how in STORED and bool(overruled),
        discarded=how is Disposition.REJECTED and gravest(findings) is Severity.QUARANTINE,
    )
