"""The pure stages of the pipeline: parse, map, check."""

from dataclasses import dataclass

from hie.base.draft import Draft
from hie.base.finding import Finding, Severity, gravest
from hie.base.record import Delivery, Parsed, Record
from hie.pipeline.feed import FeedRuntime


@dataclass(frozen=True, slots=True)
class Prepared:
    """One part after the pure stages."""

    record: Record
    draft: Draft | None
    findings: tuple[Finding, ...]

    @property
    def message_id(self) -> str:
        """The message id with its sender, also of a part that was refused; empty when none could be read."""
        return self.record.sent_id if self.draft is None else self.draft.message_id


def prepare(runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]]:
    """The pure stages: parse, map, check. A reject or quarantine of the whole item leaves no parts."""
    parsed = runtime.parse(delivery)
    if gravest(parsed.findings).rank >= Severity.QUARANTINE.rank:
        return parsed, []
    return parsed, [_prepare(runtime, delivery, record) for record in parsed.records]


def _prepare(runtime: FeedRuntime, delivery: Delivery, record: Record) -> Prepared:
    if record.tree is None or gravest(record.findings) is Severity.REJECT:
        return Prepared(record, None, record.findings)
    draft = runtime.draft(record, delivery)
    draft, found = runtime.check(draft, record, delivery.received)
    return Prepared(record, draft, tuple(dict.fromkeys((*record.findings, *draft.findings, *found))))
