"""Parts under way inside a transaction, and what becomes of them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace

from hie.base.draft import Draft
from hie.base.finding import STORED, Disposition, Finding, Severity, disposition, finding, gravest
from hie.base.outcome import PartOutcome
from hie.base.record import Delivery
from hie.pipeline.arrival import NOTHING_KNOWN, Arrival, Arrivals
from hie.pipeline.copies import firsts, foresee_parts, known_part
from hie.pipeline.judge import REUSED
from hie.pipeline.prepare import Prepared
from hie.pipeline.work import PartWork, Work
from hie.store.port import Transaction


@dataclass(slots=True)
class Partial:
    """A part under way: worked on, or recognised as a copy of a known one, or of an earlier part of the item (`twin`,
    its place). `arrival` is what the part was found to be when it first came, if that was before."""

    prepared: Prepared
    work: PartWork | None = None
    copy_of: PartOutcome | None = None
    twin: int | None = None
    arrival: Arrival | None = None


async def contribute_all(
    tx: Transaction,
    work: Work,
    delivery: Delivery,
    parts: Sequence[Prepared],
    arrivals: Arrivals = NOTHING_KNOWN,
    *,
    batch: bool,
) -> list[Partial]:
    """Contribute the parts of an item one after the other. In a `batch` of messages the same bytes a second time are a
    copy, the same message id with other bytes is noted (Wujiang §8.3, common rules §2.2)."""
    await foresee_parts(tx, delivery, parts)
    await work.foresee(one.draft for one in parts if one.draft is not None)
    if len(parts) == 1 or not batch:
        ordered = _parents_first(work, parts, arrivals)
        made = {one.record.part: await contribute(tx, work, delivery, one, arrivals) async for one in ordered}
        return [made[one.record.part] for one in parts]
    partials: list[Partial] = []
    sent: set[str] = set()
    for place, (one, first) in enumerate(zip(parts, firsts(parts), strict=True)):
        if first != place:
            partials.append(Partial(one, twin=first))
            continue
        partial = await contribute(tx, work, delivery, one, arrivals)
        _note_reuse(partial, sent)
        partials.append(partial)
    return partials


async def contribute(
    tx: Transaction,
    work: Work,
    delivery: Delivery,
    prepared: Prepared,
    arrivals: Arrivals = NOTHING_KNOWN,
    *,
    released: bool = False,
) -> Partial:
    """Contribute one part, unless it is a copy or may not be processed; `released`: in spite of quarantine findings."""
    arrival = arrivals.get(prepared.record.part)
    released = released or (arrival is not None and arrival.released)
    known = await known_part(tx, delivery, prepared, released=released)
    if known is not None:
        return Partial(prepared, copy_of=known)
    if prepared.draft is None or _holds_back(prepared.findings, released=released):
        return Partial(prepared, arrival=arrival)
    before = arrival if arrival is not None and arrival.worked else None
    draft = await work.under_our_keys(prepared.draft)
    prepared = replace(prepared, draft=draft)
    draft = draft if before is None else before.judged(draft)
    done = await work.contribute(prepared.record.part, draft, held=not released)
    if released:
        prepared = replace(prepared, findings=tuple(map(_lowered, prepared.findings)))
        done.findings = list(map(_lowered, done.findings))
    if before is not None and done.waits is None:
        done.findings, done.duplicate = before.found(done.findings), before.duplicate
    return Partial(prepared, done, arrival=arrival)


def _holds_back(findings: Iterable[Finding], *, released: bool) -> bool:
    """Whether a part may not be processed; what is `released` may in spite of quarantine findings."""
    worst = gravest(findings)
    return worst is Severity.REJECT or (worst is Severity.QUARANTINE and not released)


async def _parents_first(work: Work, parts: Sequence[Prepared], arrivals: Arrivals) -> AsyncIterator[Prepared]:
    """The parts of an item in order; when they came before, those whose parent is still to be stated by others last."""
    waiting, before = list(parts), -1
    while arrivals and len(waiting) != before:
        later, before = [], len(waiting)
        for one in waiting:
            arrival = arrivals.get(one.record.part)
            needs = one.draft.needs if one.draft is not None and not (arrival and arrival.released) else ()
            if await work.would_wait(needs):
                later.append(one)
            else:
                yield one
        waiting = later
    for one in waiting:
        yield one


async def outcome_of_part(partial: Partial, work: Work) -> PartOutcome:
    """What becomes of a part, after the work on its item is complete."""
    record, draft = partial.prepared.record, partial.prepared.draft
    if partial.copy_of is not None:
        known = partial.copy_of
        first = known.original or known.disposition
        return replace(known, part=record.part, disposition=Disposition.DUPLICATE, original=first)
    findings = partial.prepared.findings
    resources: tuple[str, ...] = ()
    how = disposition(findings)
    if partial.work is not None:
        findings = tuple(dict.fromkeys((*findings, *partial.work.findings, *await _late(partial, work))))
        how = disposition(findings)
        if partial.work.duplicate and how in STORED:
            how = Disposition.DUPLICATE
        resources = _resources(partial, work) if how in STORED else ()
    if how is Disposition.QUARANTINED and partial.arrival is not None and partial.arrival.discarded:
        how = Disposition.REJECTED
    key = record.key if draft is None else draft.key if partial.work is None else await work.written_as(draft.key)
    return PartOutcome(
        record.part,
        record.label or record.type,
        key,
        record.message_id,
        how,
        findings,
        resources,
        versions=work.written,
    )


async def _late(partial: Partial, work: Work) -> list[Finding]:
    """What showed only in the fold. When a part is processed again, what came with a later part stays with that one."""
    assert partial.work is not None
    arrival = partial.arrival
    found = []
    for root in partial.work.roots:
        for late in work.findings.get(root, ()):
            again = arrival is not None and arrival.worked and late not in arrival.findings
            if not again or not await work.is_found_elsewhere(root, late):
                found.append(late)
    return found


def _resources(partial: Partial, work: Work) -> tuple[str, ...]:
    assert partial.work is not None
    resources = work.resources_of(partial.work)
    if partial.arrival is None or not partial.arrival.worked or partial.prepared.draft is None:
        return resources
    return partial.arrival.about(resources, _own(partial.prepared.draft))


def _own(draft: Draft) -> set[str]:
    """The resources that a part itself asserts: they are there since it came."""
    asserted = [one for one in draft.contributions if one.exists and not one.revoke and not one.withdraw]
    members = {member.key.reference for one in asserted for member in one.members if not member.aside}
    return {one.target.reference for one in asserted} | members


def _note_reuse(partial: Partial, sent: set[str]) -> None:
    """Note a message id that stood in the batch before; `sent` are those so far."""
    message = partial.prepared.message_id
    reused = finding(REUSED)
    if message in sent and partial.work is not None and reused not in partial.work.findings:
        partial.work.findings.append(reused)
    if message:
        sent.add(message)


def _lowered(found: Finding) -> Finding:
    """A quarantine finding that an operator has overruled."""
    return replace(found, severity=Severity.WARN) if found.severity is Severity.QUARANTINE else found
