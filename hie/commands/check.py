"""`hie check`: a file through parse, mapping and quality, with nothing stored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hie.app import bind_feeds, load_adapters
from hie.base.clock import SystemClock
from hie.base.errors import Category, HieError
from hie.base.finding import Disposition, Finding, disposition
from hie.base.ids import raw_item_id
from hie.base.outcome import PartOutcome
from hie.base.record import Delivery
from hie.pipeline.codec import encode
from hie.pipeline.disposition import item_disposition
from hie.pipeline.prepare import prepare
from hie.wire.safejson import loads


@dataclass(frozen=True)
class CheckedPart:
    """One part: its findings, the source paths that no map mentions, and its draft as JSON."""

    number: int
    label: str
    disposition: Disposition
    findings: tuple[Finding, ...]
    unmapped: tuple[str, ...]
    draft: list[Any]


@dataclass(frozen=True)
class CheckReport:
    """What would become of a file, as far as stored state does not matter."""

    disposition: Disposition
    parts: tuple[CheckedPart, ...]

    @property
    def storable(self) -> bool:
        """Whether it would be stored."""
        return self.disposition in (Disposition.ACCEPTED, Disposition.ACCEPTED_WITH_WARNINGS)


def check_file(file: Path, door: str) -> CheckReport:
    """Check one file; raises NOT_FOUND for a door that no feed has."""
    runtimes = {d: runtime for runtime in bind_feeds(load_adapters()) for d in runtime.feed.doors}
    runtime = runtimes.get(door)
    if runtime is None:
        raise HieError(Category.NOT_FOUND, f"There is no feed {door!r}. Choose one of: {', '.join(sorted(runtimes))}.")
    body = file.read_bytes()
    delivery = Delivery(raw_item_id(runtime.feed.id, body), runtime.feed.id, door, SystemClock().now(), body)
    parsed, prepared = prepare(runtime, delivery)
    parts = []
    for one in prepared:
        draft = one.draft
        parts.append(
            CheckedPart(
                one.record.part,
                one.record.label or one.record.type,
                disposition(one.findings),
                one.findings,
                draft.unmapped if draft is not None else (),
                [loads(encode(c)) for c in draft.contributions] if draft is not None else [],
            )
        )
    if not prepared:
        whole = disposition(parsed.findings)
        parts.append(CheckedPart(0, "", whole, parsed.findings, (), []))
    outcomes = [PartOutcome(p.number, p.label, "", "", p.disposition, p.findings) for p in parts]
    return CheckReport(item_disposition(parsed.findings, outcomes), tuple(parts))
