"""Coverage from traffic: which populated source fields a feed uses, ignores or never heard of, per record type."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hie.base.draft import Draft
from hie.base.finding import Finding, Severity

WHOLE = "-"
"""The type under which an item is counted of which no record was read."""


@dataclass
class TypeCoverage:
    """What records of one type carried: `used`, `ignored` on purpose and `unknown` count records per source path;
    `refused` counts records by what they were refused for (finding and place)."""

    records: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """The part of populated fields that is used, 0 to 1; 1 when nothing was populated."""
        used, unknown = sum(self.used.values()), sum(self.unknown.values())
        return used / (used + unknown) if used + unknown else 1.0


def measure(parts: Iterable[tuple[str, Iterable[Finding], Draft | None, Iterable[str]]]) -> dict[str, TypeCoverage]:
    """Count what drafts say of records, by record type; with each the type, what was found wrong, and the fields that
    are left out on purpose. A record that is refused before it is mapped has no draft."""
    found: dict[str, TypeCoverage] = {}
    for type, findings, draft, ignored in parts:
        one = found.setdefault(type, TypeCoverage())
        one.records += 1
        one.refused.update({f"{f.code} {f.path}".rstrip() for f in findings if f.severity is Severity.REJECT})
        if draft is not None:
            one.used.update(draft.used)
            one.unknown.update(draft.unmapped)
            one.ignored.update(ignored)
    return dict(sorted(found.items()))
