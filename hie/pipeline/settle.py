"""Settle: what the pure stages made of an item, into the store, inside one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hie.base.clock import instant, micros
from hie.base.finding import Disposition, Finding, finding
from hie.base.outcome import Answer, ItemOutcome, PartOutcome
from hie.base.record import Delivery, Parsed
from hie.pipeline.arrival import NOTHING_KNOWN, Arrivals, arrivals_of
from hie.pipeline.codec import decode_findings, encode_findings
from hie.pipeline.counting import Counting, sender
from hie.pipeline.disposition import item_disposition
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.items import delivery_of, number, part_outcome, part_row, raw_row
from hie.pipeline.judge import REUSED
from hie.pipeline.partial import Partial, contribute, contribute_all, outcome_of_part
from hie.pipeline.persons import Persons
from hie.pipeline.prepare import Prepared, prepare
from hie.pipeline.provenance import provenance, provenance_id
from hie.pipeline.roots import Roots
from hie.pipeline.touched import MENTIONED
from hie.pipeline.work import Work
from hie.pipeline.writing import region_tag
from hie.staging.states import IN_FLIGHT, SETTLES, Event, State, advance
from hie.staging.tables import PART, RAW_ITEM
from hie.store.port import Transaction
from hie.store.table import Row
from hie.wire.safejson import loads_own


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
        runtime = self.feeds[delivery.feed]
        work = self._work(tx, delivery)
        arrivals = await arrivals_of(tx, delivery.id) if again else NOTHING_KNOWN
        if again:
            await work.forget()
        batch = runtime.feed.dialect == "hl7v2"
        partials = await contribute_all(tx, work, delivery, parts, arrivals, batch=batch)
        envelope = (*parsed.findings, *self._about_the_envelope(delivery, partials, row))
        found = runtime.weighed(envelope)
        outcomes = await self._finish(tx, work, delivery, partials, counting, copies=len(parts) > 1, first=not again)
        if any(partial.work is not None and partial.work.waits for partial in partials):
            await counting.flush()
            outcomes = await self._released_by_itself(tx, delivery, parts, outcomes, arrivals)
        if again:
            await self._drop_parts(tx, delivery, frozenset(one.part for one in outcomes), counting)
            if work.left:
                await self._settle_again(tx, dict.fromkeys(work.left))
                outcomes = [part_outcome(row) for row in await tx.select(PART, {"item": delivery.id})]
        outcome = _outcome(delivery, parsed, str(row["sha256"]), found, outcomes)
        how = outcome.disposition
        counting.item(row, found, sender(runtime, parsed))
        counting.ledger("replayed" if again else how.value)
        state = _settled(State(str(row["state"])), how, again=again)
        findings = encode_findings(found)
        row.update(state=state.value, disposition=how.value, findings=findings, maps=runtime.maps, due=0)
        return outcome

    async def _drop_parts(self, tx: Transaction, delivery: Delivery, kept: frozenset[int], counting: Counting) -> None:
        """Remove the rows of parts that an item was said to have before and has not now."""
        for row in await tx.select(PART, {"item": delivery.id}):
            if row["part"] not in kept:
                counting.gone(row)
                await tx.remove(PART, {"item": delivery.id, "part": row["part"]})

    async def _settle_again(self, tx: Transaction, items: Iterable[str]) -> None:
        """Process settled items once more, since something that they hang on is gone."""
        for item in items:
            row = await tx.get(RAW_ITEM, item)
            if row is not None and State(str(row["state"])) not in IN_FLIGHT:
                delivery = delivery_of(row)
                await self.settle(tx, delivery, *prepare(self.feeds[delivery.feed], delivery), row, again=True)
                await tx.upsert(RAW_ITEM, row)

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

    def _about_the_envelope(self, delivery: Delivery, partials: Sequence[Partial], row: Row) -> tuple[Finding, ...]:
        """Findings of rows that are about the envelope: its batch number is the message id (Qingpu §3). `row` has what
        was found when it came."""
        if self.feeds[delivery.feed].feed.dialect != "rows":
            return ()
        reused = finding(REUSED)
        worked = [partial.work for partial in partials if partial.work is not None and reused in partial.work.findings]
        for work in worked:
            work.findings.remove(reused)
        return (reused,) if worked or reused in decode_findings(row["findings"]) else ()

    async def _again(
        self,
        tx: Transaction,
        delivery: Delivery,
        parts: Sequence[Prepared],
        arrivals: Arrivals = NOTHING_KNOWN,
        *,
        waited: bool,
    ) -> list[PartOutcome]:
        """Process quarantined parts of an item that has been worked on."""
        work = self._work(tx, delivery)
        counting = Counting(tx, self.feeds[delivery.feed], delivery, again=True)
        partials = [await contribute(tx, work, delivery, one, arrivals, released=not waited) for one in parts]
        outcomes = await self._finish(tx, work, delivery, partials, counting, copies=True)
        await counting.flush()
        return outcomes

    async def _released_by_itself(
        self,
        tx: Transaction,
        delivery: Delivery,
        parts: Sequence[Prepared],
        outcomes: list[PartOutcome],
        arrivals: Arrivals,
    ) -> list[PartOutcome]:
        """The outcomes after parts of this item were processed again, because rows of other items that it released
        brought their parents (Qingpu §3.1)."""
        while late := await self._with_parent(tx, delivery.id):
            chosen = [one for one in parts if one.record.part in late]
            outcomes += await self._again(tx, delivery, chosen, arrivals, waited=True)
            written = {one.part: one.versions for one in outcomes}
            rows = [part_outcome(row) for row in await tx.select(PART, {"item": delivery.id})]
            outcomes = [replace(one, versions=written.get(one.part, one.versions)) for one in rows]
        return outcomes

    async def _with_parent(self, tx: Transaction, item: str) -> frozenset[int]:
        """The parts of an item that wait for a parent which has come, under this key or the one that it stands for."""
        roots, found = Roots(tx), []
        for row in await tx.select(PART, {"item": item}):
            if row["waits"] is None or row["disposition"] != Disposition.QUARANTINED:
                continue
            parent = str(row["waits"])
            if await roots.exists(parent) or await roots.exists(await roots.redirects.resolve(parent)):
                found.append(number(row["part"]))
        return frozenset(found)

    def _work(self, tx: Transaction, delivery: Delivery) -> Work:
        anything = self.feeds[delivery.feed].feed.dialect == "fhir"
        return Work(
            tx,
            Roots(tx, aliased=anything),
            Persons(tx, micros(delivery.received)),
            item=delivery.id,
            feed=delivery.feed,
            region=self.feeds[delivery.feed].region,
            mentioned=None if anything else MENTIONED,
            profiles=self.feeds[delivery.feed].profiles,
        )

    async def _finish(
        self,
        tx: Transaction,
        work: Work,
        delivery: Delivery,
        partials: Sequence[Partial],
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
        runtime = self.feeds[delivery.feed]
        for partial in partials:
            if partial.twin is not None:
                partial.copy_of = outcomes[partial.twin]
            outcome = await outcome_of_part(partial, work)
            outcomes.append(replace(outcome, findings=runtime.weighed(outcome.findings)))
        received = micros(delivery.received)
        for partial, outcome in zip(partials, outcomes, strict=True):
            if copies or partial.copy_of is None:
                waits = partial.work.waits if partial.work is not None else None
                one = partial.prepared
                organisation = runtime.sender(one.record.organisation)
                row = part_row(delivery, one, outcome, received, waits, organisation, runtime.maps)
                await counting.part(row, outcome.findings, len(outcome.resources))
                await tx.upsert(PART, row)
        if runtime.feed.orphans:
            await tx.foresee(PART, [{"waits": root} for root in work.born])
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


def _outcome(
    delivery: Delivery, parsed: Parsed, sha256: str, found: tuple[Finding, ...], parts: Sequence[PartOutcome]
) -> ItemOutcome:
    """What an item came to, of what was `found` about its envelope and of its parts."""
    return ItemOutcome(
        delivery.id,
        sha256,
        delivery.feed,
        delivery.door,
        item_disposition(found, parts),
        found,
        tuple(sorted(parts, key=lambda part: part.part)),
        parsed.charset,
        parsed.context,
    )


def _settled(before: State, how: Disposition, *, again: bool) -> State:
    """The state of an item after it was settled; one that is leased was claimed already."""
    claimed = before if before is State.LEASED else advance(before, Event.REPLAY if again else Event.CLAIM)
    return advance(claimed, SETTLES[how])
