"""One quality rule, ready to run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from hie.base.finding import Severity
from hie.quality.predicate import Test

DIMENSIONS: Mapping[str, tuple[str, str]] = {
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

STAGES = frozenset({"parse", "mapping", "quality", "pipeline"})
"""Where a rule is kept."""

REGIONS = frozenset({"wujiang", "jiashan", "qingpu"})
"""The regions that rules of the exchange are for; others bring theirs, and share those that are for all of these."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    `finding` is the code it gives, `severity` that of the code or `score`; `zh` and `en` say what must hold; `source`
    is the clause it comes from; `owner` who decides about it; `regions` those it is for. `scope`: whether it looks at a
    `resource`, at a `document` (one message, document or row), or at a `feed`. `path` says where the value stands in
    each region's own terms; the first place is the one that findings show, unless `shown` (region -> kind of part ->
    place) has another for parts of their kind.

    Rules of the stage `quality` have a `test`, made of a `predicate` with `options` or of a FHIRPath `expression`.
    `types` are the resource types they look at, `records` the parts they are for (`ADT^A0*`; empty: all). `once`: not
    repeated when mapping has noted the code. `unless`: finding codes that, noted at the same path, say already why a
    value is not there. `place` is file and line.
    """

    id: str
    finding: str
    dimension: str
    severity: Severity
    scope: str
    stage: str
    zh: str
    en: str
    owner: str
    source: str
    regions: frozenset[str]
    types: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    predicate: str = ""
    expression: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    path: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shown: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    once: bool = False
    unless: tuple[str, ...] = ()
    place: str = ""
    test: Test | None = None

    def holds_for(self, region: str) -> bool:
        """Whether it is for a region: one that it names, or any other when it is for all that ship."""
        return region in self.regions or (region not in REGIONS and self.regions >= REGIONS)

    def covers(self, record_type: str) -> bool:
        """Whether it is asked about parts of that type."""
        return not self.records or any(fnmatchcase(record_type, kind) for kind in self.records)

    def shown_path(self, region: str, record_type: str = "") -> str:
        """Where findings of a region say the value stands in a part of that type; empty when nothing is said."""
        places = self.path.get(region, ())
        return self.shown.get(region, {}).get(record_type, places[0] if places else "")

    @property
    def how(self) -> str:
        """The expression, or the predicate with its options, as text."""
        options = ", ".join(f"{name} = {value!r}" for name, value in self.options.items())
        return self.expression or (f"{self.predicate}({options})" if self.predicate else "")
