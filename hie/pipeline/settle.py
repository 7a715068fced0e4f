"""Settle: what the pure stages made of an item, into the store, inside one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hie.base.clock import instant, micros
from hie.base.finding import Disposition, Finding, Severity, disposition, finding, gravest
from hie.base.outcome import Answer, ItemOutcome, PartOutcome
from hie.base.record import Delivery, Parsed
from hie.pipeline.codec import decode_findings, encode_findings
from hie.pipeline.copies import firsts, known_part
from hie.pipeline.counting import Counting, sender
from hie.pipeline.disposition import STORED, item_disposition
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.items import delivery_of, number, part_outcome, part_row, raw_row
from hie.pipeline.judge import REUSED
from hie.pipeline.persons import Persons
from hie.pipeline.prepare import Prepared, prepare
from hie.pipeline.provenance import provenance, provenance_id
from hie.pipeline.roots import Roots
from hie.pipeline.work import MENTIONED, PartWork, Work, region_tag
from hie.staging.states import SETTLES, Event, State, advance
from hie.staging.tables import PART, RAW_ITEM
from hie.store.port import Transaction
from hie.store.table import Row
from hie.wire.safejson import loads_own


@dataclass(slots=True)
class _Partial:
    """A part under way inside the transaction: worked on, or recognised as a copy of a known one, or of an earlier part
    of the item (`twin`, its place)."""

    prepared: Prepared
    work: PartWork | None = None
    copy_of: PartOutcome | None = None
    twin: int | None = None


class Settler:
    """Settles items of the given feeds (feed id -> runtime) in transactions that callers open."""

    def __init__(self, feeds: Mapping[str, FeedRuntime]) -> None:
        self.feeds = feeds

    async def settle(
        self,
        tx: Transaction,
        delivery: Delivery,
        parsed: Parsed,
        parts: Sequence[Prepared],
        row: Row,
        *,
        again: bool = False,
    ) -> ItemOutcome:
        """Process a prepared item; writes its parts, and state and disposition into `row`.

        `again`: what the item stated before is taken back first (replay).
        """
        counting = Counting(tx, self.feeds[delivery.feed], delivery, again=again)
        outcome = await self._settle(tx, delivery, parsed, parts, row, counting, again=again)
        await counting.flush()
        return outcome

    async def take_in(
        self, tx: Transaction, delivery: Delivery, parsed: Parsed, parts: Sequence[Prepared], row: Row | None
    ) -> tuple[Answer, Counting]:
        """Take in an item whose `row` is in flight, or that was not known before: settle it and save its answer. What
        was counted is for the caller to write."""
        counting = Counting(tx, self.feeds[delivery.feed], delivery, again=False)
        if row is None:
            counting.ledger("received")
            row = raw_row(delivery)
        outcome = await self._settle(tx, delivery, parsed, parts, row, counting)
        answer = self.feeds[delivery.feed].answers[delivery.door](outcome, delivery.received)
        row.update(answer=answer.body, answer_type=answer.content_type, answer_status=answer.status)
        await tx.upsert(RAW_ITEM, row)
        return answer, counting

    async def _settle(
        self,
        tx: Transaction,
        delivery: Delivery,
        parsed: Parsed,
        parts: Sequence[Prepared],
        row: Row,
        counting: Counting,
        *,
        again: bool = False,
    ) -> ItemOutcome:
        work = self._work(tx, delivery)
        if again:
            await work.forget()
        partials = await self._contribute_all(tx, work, delivery, parts)
        found = (*parsed.findings, *self._about_the_envelope(delivery, partials, row))
        outcomes = await self._finish(tx, work, delivery, partials, counting, copies=len(parts) > 1, first=not again)
        if any(partial.work is not None and partial.work.waits for partial in partials):
            await counting.flush()
            outcomes = await self._released_by_itself(tx, delivery, parts, outcomes)
        how = item_disposition(found, outcomes)
        claimed = State(str(row["state"]))
        if claimed is not State.LEASED:
            claimed = advance(claimed, Event.REPLAY if again else Event.CLAIM)
        counting.item(row, found, sender(self.feeds[delivery.feed], parsed))
        counting.ledger(how.value)
        row.update(
            state=advance(claimed, SETTLES[how]).value,
            disposition=how.value,
            findings=encode_findings(found),
            maps=self.feeds[delivery.feed].maps,
            due=0,
        )
        return ItemOutcome(
            delivery.id,
            str(row["sha256"]),
            delivery.feed,
            delivery.door,
            how,
            found,
            tuple(sorted(outcomes, key=lambda o: o.part)),
            parsed.charset,
            parsed.context,
        )

    async def release(self, tx: Transaction, item: Row, parts: frozenset[int], *, waited: bool = False) -> None:
        """Process single quarantined parts of an item again: by an operator, in spite of quarantine findings, or
        because the parent they `waited` for came."""
        delivery = delivery_of(item)
        parsed, prepared = prepare(self.feeds[delivery.feed], delivery)
        chosen = [one for one in prepared if one.record.part in parts]
        await self._again(tx, delivery, chosen, waited=waited)
        rows = await tx.select(PART, {"item": delivery.id})
        found = (*parsed.findings, *self._about_the_envelope(delivery, (), item))
        how = item_disposition(found, [part_outcome(row) for row in rows])
        state = advance(advance(State(str(item["state"])), Event.RELEASE), SETTLES[how])
        await tx.upsert(RAW_ITEM, {**item, "state": state.value, "disposition": how.value})

    def _about_the_envelope(self, delivery: Delivery, partials: Sequence[_Partial], row: Row) -> tuple[Finding, ...]:
        """Findings of rows that are about the envelope: its batch number is the message id (Qingpu §3). `row` has what
        was found when it came."""
        if self.feeds[delivery.feed].feed.dialect != "rows":
            return ()
        reused = finding(REUSED)
        worked = [partial.work for partial in partials if partial.work is not None and reused in partial.work.findings]
        for work in worked:
            work.findings.remove(reused)
        return (reused,) if worked or reused in decode_findings(row["findings"]) else ()

    async def _again(self, tx: Transaction, delivery: Delivery, parts: Sequence[Prepared], *, waited: bool) -> None:
        """Process quarantined parts of an item that has been worked on."""
        work = self._work(tx, delivery, held=waited)
        counting = Counting(tx, self.feeds[delivery.feed], delivery, again=True)
        partials = [await self._contribute(tx, work, delivery, one, released=not waited) for one in parts]
        await self._finish(tx, work, delivery, partials, counting, copies=True)
        await counting.flush()

    async def _released_by_itself(
        self, tx: Transaction, delivery: Delivery, parts: Sequence[Prepared], outcomes: list[PartOutcome]
    ) -> list[PartOutcome]:
        """The outcomes after parts of this item were processed again, because rows of other items that it released
        brought their parents (Qingpu §3.1)."""
        while late := await self._with_parent(tx, delivery.id):
            await self._again(tx, delivery, [one for one in parts if one.record.part in late], waited=True)
            outcomes = [part_outcome(row) for row in await tx.select(PART, {"item": delivery.id})]
        return outcomes

    async def _with_parent(self, tx: Transaction, item: str) -> frozenset[int]:
        """The parts of an item that wait for a parent which has come."""
        roots, found = Roots(tx), []
        for row in await tx.select(PART, {"item": item}):
            waits = row["waits"]
            if waits is not None and row["disposition"] == Disposition.QUARANTINED and await roots.exists(str(waits)):
                found.append(number(row["part"]))
        return frozenset(found)

    def _work(self, tx: Transaction, delivery: Delivery, *, held: bool = True) -> Work:
        anything = self.feeds[delivery.feed].feed.dialect == "fhir"
        return Work(
            tx,
            Roots(tx, aliased=anything),
            Persons(tx, micros(delivery.received)),
            item=delivery.id,
            feed=delivery.feed,
            region=self.feeds[delivery.feed].region,
            held=held,
            mentioned=None if anything else MENTIONED,
            profiles=self.feeds[delivery.feed].profiles,
        )

    async def _contribute_all(
        self, tx: Transaction, work: Work, delivery: Delivery, parts: Sequence[Prepared]
    ) -> list[_Partial]:
        """The parts of an item one after the other. In a batch of messages the same bytes a second time are a copy, the
        same message id with other bytes is noted (Wujiang §8.3, common rules §2.2)."""
        if len(parts) == 1 or self.feeds[delivery.feed].feed.dialect != "hl7v2":
            return [await self._contribute(tx, work, delivery, one, released=False) for one in parts]
        partials: list[_Partial] = []
        sent: set[str] = set()
        for place, (one, first) in enumerate(zip(parts, firsts(parts), strict=True)):
            if first != place:
                partials.append(_Partial(one, twin=first))
                continue
            partial = await self._contribute(tx, work, delivery, one, released=False)
            _note_reuse(partial, sent)
            partials.append(partial)
        return partials

    async def _contribute(
        self, tx: Transaction, work: Work, delivery: Delivery, prepared: Prepared, *, released: bool
    ) -> _Partial:
        known = await known_part(tx, delivery, prepared, released=released)
        if known is not None:
            return _Partial(prepared, copy_of=known)
        worst = gravest(prepared.findings)
        if prepared.draft is None or worst is Severity.REJECT or (worst is Severity.QUARANTINE and not released):
            return _Partial(prepared)
        if released:
            prepared = replace(prepared, findings=tuple(_lowered(f) for f in prepared.findings))
        assert prepared.draft is not None
        done = await work.contribute(prepared.record.part, prepared.draft)
        if released:
            done.findings = [_lowered(f) for f in done.findings]
        return _Partial(prepared, done)

    async def _finish(
        self,
        tx: Transaction,
        work: Work,
        delivery: Delivery,
        partials: Sequence[_Partial],
        counting: Counting,
        *,
        copies: bool,
        first: bool = False,
    ) -> list[PartOutcome]:
        """Complete the work, write Provenance and part rows, release what waited; `copies` get rows as well; `first`:
        the item wrote nothing before."""
        await work.complete()
        await self._trace(tx, delivery, work, first=first)
        outcomes: list[PartOutcome] = []
        for partial in partials:
            if partial.twin is not None:
                partial.copy_of = outcomes[partial.twin]
            outcomes.append(_outcome(partial, work))
        received = micros(delivery.received)
        runtime = self.feeds[delivery.feed]
        for partial, outcome in zip(partials, outcomes, strict=True):
            if copies or partial.copy_of is None:
                waits = partial.work.waits if partial.work is not None else None
                one = partial.prepared
                organisation = runtime.sender(one.record.organisation)
                row = part_row(delivery, one.record, one.draft, outcome, received, waits, organisation, runtime.maps)
                await counting.part(row, outcome.findings, len(outcome.resources))
                await tx.upsert(PART, row)
        if runtime.feed.orphans:
            for root in work.born:
                await self._release_waiting(tx, root)
        return outcomes

    async def _release_waiting(self, tx: Transaction, root: str) -> None:
        """Process the orphans that waited for `root`, in order of arrival; each may release further ones (Qingpu
        §3.1)."""
        waiting = await tx.select(PART, {"waits": root})
        for part in sorted(waiting, key=lambda row: (number(row["received"]), str(row["item"]), number(row["part"]))):
            item = await tx.get(RAW_ITEM, part["item"])
            if item is not None and part["disposition"] == Disposition.QUARANTINED:
                await self.release(tx, item, frozenset({number(part["part"])}), waited=True)

    async def _trace(self, tx: Transaction, delivery: Delivery, work: Work, *, first: bool) -> None:
        """Write or extend the Provenance of the item."""
        if not work.written:
            return
        runtime = self.feeds[delivery.feed]
        targets = list(work.written)
        before = None if first else await tx.read("Provenance", provenance_id(delivery.id))
        if before is not None and not before.deleted:
            targets = [target["reference"] for target in loads_own(before.body)["target"]] + targets
        made = provenance(
            item=delivery.id,
            feed=delivery.feed,
            region_tag=region_tag(runtime.region),
            recorded=instant(delivery.received),
            targets=dict.fromkeys(targets),
            agent=work.agent,
            maps=runtime.maps,
        )
        profiles = runtime.profiles(made)
        if profiles:
            made["meta"] = {"profile": list(profiles), **made["meta"]}
        await tx.put(made, new=first)


def _outcome(partial: _Partial, work: Work) -> PartOutcome:
    record, draft = partial.prepared.record, partial.prepared.draft
    if partial.copy_of is not None:
        known = partial.copy_of
        first = known.original or known.disposition
        return replace(known, part=record.part, disposition=Disposition.DUPLICATE, original=first)
    findings = partial.prepared.findings
    resources: tuple[str, ...] = ()
    how = disposition(findings)
    if partial.work is not None:
        late = [f for root in partial.work.roots for f in work.findings.get(root, ())]
        findings = tuple(dict.fromkeys((*findings, *partial.work.findings, *late)))
        how = disposition(findings)
        if partial.work.duplicate and how in STORED:
            how = Disposition.DUPLICATE
        resources = work.resources_of(partial.work) if how in STORED else ()
    key = draft.key if draft is not None else record.key
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


def _note_reuse(partial: _Partial, sent: set[str]) -> None:
    """Note a message id that stood in the batch before; `sent` are those so far."""
    message = partial.prepared.draft.message_id if partial.prepared.draft is not None else ""
    reused = finding(REUSED)
    if message in sent and partial.work is not None and reused not in partial.work.findings:
        partial.work.findings.append(reused)
    if message:
        sent.add(message)


def _lowered(found: Finding) -> Finding:
    """A quarantine finding that an operator has overruled."""
    return replace(found, severity=Severity.WARN) if found.severity is Severity.QUARANTINE else found
