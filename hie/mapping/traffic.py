"""Coverage from traffic: which populated source fields a feed uses, ignores or never heard of, per record type."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hie.base.draft import Draft
from hie.base.record import Record


@dataclass
class TypeCoverage:
    """What records of one type carried: `used`, `ignored` on purpose and `unknown` count records per source path."""

    records: int = 0
    used: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """The part of populated fields that is used, 0 to 1; 1 when nothing was populated."""
        used, unknown = sum(self.used.values()), sum(self.unknown.values())
        return used / (used + unknown) if used + unknown else 1.0


def measure(drafts: Iterable[tuple[Record, Draft, Iterable[str]]]) -> dict[str, TypeCoverage]:
    """Count what drafts say of their records, by record type; with each the fields that are left out on purpose."""
    found: dict[str, TypeCoverage] = {}
    for record, draft, ignored in drafts:
        one = found.setdefault(record.type, TypeCoverage())
        one.records += 1
        one.used.update(draft.used)
        one.unknown.update(draft.unmapped)
        one.ignored.update(ignored)
    return dict(sorted(found.items()))
