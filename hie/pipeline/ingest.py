"""Ingest: one delivery from bytes to answer. Raw bytes, resources and answer become durable in one commit.

Parse, mapping and quality are pure and run first. One store job then keeps the raw item, folds, identifies, writes the
resources and saves the answer. A job that fails leaves nothing behind; the raw bytes are then kept on their own, in
state `retry`, and the sender is told to send again.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from hie.base.clock import Clock, micros
from hie.base.errors import Category, HieError, where
from hie.base.finding import Disposition, disposition, finding
from hie.base.ids import raw_item_id, sha256
from hie.base.outcome import Answer, ItemOutcome
from hie.base.record import Delivery, Parsed
from hie.pipeline.ahead import Ahead, IndexedBy
from hie.pipeline.counting import count_refused, sender
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.items import blob, number, outcome_of, raw_row
from hie.pipeline.prepare import Prepared
from hie.pipeline.retry import give_up, too_much
from hie.pipeline.settle import Settler
from hie.pipeline.worker import Lost
from hie.pipeline.workers import NoWorker, Preparation, Settlement, prepare_here
from hie.staging.ledger import count
from hie.staging.states import IN_FLIGHT, Event, State, advance, backoff_seconds
from hie.staging.tables import RAW_ITEM
from hie.store.port import Reader, Store, Transaction
from hie.store.table import Row
from hie.wire.mllp import HEAD_BYTES

log = logging.getLogger("hie.pipeline")

MOST_HEADER = 2000
"""Bytes that are read for the answer to an item that is not read as a whole."""


class Ingest:
    """The pipeline over one store. `feeds` maps every door to the feed it belongs to."""

    def __init__(
        self,
        store: Store,
        feeds: Sequence[FeedRuntime],
        clock: Clock,
        preparation: Preparation = prepare_here,
        ahead: Settlement | None = None,
        indexed_by: IndexedBy = lambda: None,
    ) -> None:
        """`ahead` settles items elsewhere; `indexed_by` names the search parameters that are served now.

        `settled` counts items since the start: those settled `ahead`, those of which that did not hold so that they
        were settled `again`, and those settled `here`, in the process that writes; the latter count the `again` too.
        """
        self.settled = {"ahead": 0, "again": 0, "here": 0}
        self._store = store
        self._prepare = preparation
        self._ahead = ahead or preparation
        self._indexed_by = indexed_by
        self._clock = clock
        self._feeds: dict[str, FeedRuntime] = {}
        self._doors: dict[str, FeedRuntime] = {}
        self.feeds: Mapping[str, FeedRuntime] = self._feeds
        self.doors: Mapping[str, FeedRuntime] = self._doors
        self.change(feeds)

    def change(self, feeds: Sequence[FeedRuntime]) -> None:
        """Work with these feeds from the next item on, the same ones with other tables; an item under way is settled
        by those that it was mapped by."""
        self._feeds |= {f.feed.id: f for f in feeds}
        self._doors |= {door: f for f in feeds for door in f.feed.doors}
        self.settler = Settler(dict(self._feeds))

    async def knows(self, door: str, body: bytes) -> bool:
        """Whether these bytes have come before, through whatever door of the feed."""
        return await self._store.get(RAW_ITEM, raw_item_id(self.doors[door].feed.id, body)) is not None

    async def receive(self, door: str, body: bytes, *, begun: bool = False) -> Answer:
        """Take in one delivery and return its answer, after everything is durable. `begun`: this very delivery was
        begun before, as new, and may have been taken: it is answered as for the first time.

        Raises `HieError`: NOT_FOUND for an unknown door, BUSY, UNAVAILABLE or TIMEOUT when nothing could be kept.
        """
        runtime = self.doors.get(door)
        if runtime is None:
            raise HieError(Category.NOT_FOUND, "There is no such feed.")
        settler = self.settler
        item = raw_item_id(runtime.feed.id, body)
        known = await self._store.get(RAW_ITEM, item)
        if known is not None and State(str(known["state"])) not in IN_FLIGHT:
            parsed = await self._read_again(runtime, known, self.delivery(door, body))
            return await self._store.write(lambda tx: self._repeat(tx, runtime, known, door, parsed, begun=begun))
        delivery = self.delivery(door, body)
        try:
            if known is not None:
                prepared = await self._prepare(runtime, delivery, suspect=True)
            else:
                found = await self._ahead(runtime, delivery)
                if isinstance(found, Ahead):
                    return await self._take_ahead(settler, delivery, found)
                prepared = found
            return await self._take_here(settler, delivery, *prepared, new=known is None, begun=begun)
        except HieError as error:
            if error.category in (Category.BUSY, Category.UNAVAILABLE, Category.TIMEOUT):
                raise
            return await self._stage(runtime, delivery, error)
        except Exception as error:
            return await self._stage(runtime, delivery, error)

    async def _take_ahead(self, settler: Settler, delivery: Delivery, ahead: Ahead) -> Answer:
        """Write what was settled ahead; settle the item here when that does not hold any more."""

        async def take(tx: Transaction) -> Answer | None:
            return await ahead.take(tx, delivery) if ahead.indexed_by == self._indexed_by() else None

        answer = await self._store.write(take)
        if answer is not None:
            self.settled["ahead"] += 1
            return answer
        self.settled["again"] += 1
        prepared = await self._prepare(settler.feeds[delivery.feed], delivery)
        return await self._take_here(settler, delivery, *prepared, new=True)

    async def _take_here(
        self,
        settler: Settler,
        delivery: Delivery,
        parsed: Parsed,
        parts: Sequence[Prepared],
        *,
        new: bool,
        begun: bool = False,
    ) -> Answer:
        """Settle a prepared item where the store is written; `new`: it was not there a moment ago; `begun`: as in
        `receive`."""
        take_in = partial(self._take_in, new=new, begun=begun)
        answer = await self._store.write(lambda tx: take_in(tx, settler, delivery, parsed, parts))
        self.settled["here"] += 1
        return answer

    def delivery(self, door: str, body: bytes) -> Delivery:
        """Bytes that came in through a door just now."""
        feed = self.doors[door].feed.id
        return Delivery(raw_item_id(feed, body), feed, door, self._clock.now(), body)

    async def _read_again(self, runtime: FeedRuntime, row: Row, delivery: Delivery) -> Parsed:
        """What known bytes say of themselves, for an answer to them that is made anew; nothing where one is saved."""
        if _is_answered(row, delivery.door):
            return Parsed(())
        try:
            parsed, _ = await self._prepare(runtime, delivery, suspect=True)
        except Exception as error:
            return _envelope(runtime, delivery, lost=isinstance(error, Lost | NoWorker))
        return parsed

    async def _repeat(
        self, tx: Transaction, runtime: FeedRuntime, row: Row, door: str, parsed: Parsed, *, begun: bool = False
    ) -> Answer:
        """The saved answer to bytes that are known (common rules §2.2), which is counted; made anew from what is stored
        when there is none: they came through another door, or were given up. `begun`: as in `receive`."""
        if not begun:
            await count(tx, self._clock.now(), runtime.feed.id, "duplicate")
        if _is_answered(row, door):
            saved = Answer(blob(row["answer"]), str(row["answer_type"]), number(row["answer_status"]))
            return saved if begun else runtime.repeat(saved, door)
        return await self._anew(tx, runtime, row, door, parsed)

    async def _anew(self, reader: Reader, runtime: FeedRuntime, row: Row, door: str, parsed: Parsed) -> Answer:
        """The answer to what is settled, from what is stored of it."""
        outcome = replace(await outcome_of(reader, row, door), charset=parsed.charset, context=parsed.context)
        return runtime.answers[door](outcome, self._clock.now())

    async def _take_in(
        self,
        tx: Transaction,
        settler: Settler,
        delivery: Delivery,
        parsed: Parsed,
        parts: Sequence[Prepared],
        *,
        new: bool,
        begun: bool,
    ) -> Answer:
        runtime = settler.feeds[delivery.feed]
        row = await (tx.get_unless_new if new else tx.get)(RAW_ITEM, delivery.id)
        if row is not None and State(str(row["state"])) not in IN_FLIGHT:
            return await self._repeat(tx, runtime, row, delivery.door, parsed, begun=begun)
        answer, counting = await settler.take_in(tx, delivery, parsed, parts, row)
        await counting.flush()
        return answer

    async def _stage(self, runtime: FeedRuntime, delivery: Delivery, error: Exception) -> Answer:
        """Keep the raw bytes of an item that could not be processed, for a retry; answer `internal-error`. One that is
        kept already stays as it is: a sender that sends it again and again neither puts off the tries of the exchange
        nor uses them up; but one that is too much for the store again is given up, and answered as what is in
        quarantine. What the store cannot keep is refused."""
        log.error("processing failed feed=%s item=%s reason=%s", delivery.feed, delivery.id, where(error))

        async def job(tx: Transaction) -> Row | None:
            kept = await tx.get(RAW_ITEM, delivery.id)
            if kept is None:
                await self._keep(tx, delivery)
            elif kept["state"] == State.RETRY and too_much(error):
                return await give_up(tx, runtime, {**kept, "state": advance(State.RETRY, Event.CLAIM).value}, error)
            return None

        try:
            given_up = await self._store.write(job)
        except HieError as full:
            if full.category is not Category.TOO_LARGE:
                raise
            return await self.refuse(delivery.door, len(delivery.body), delivery.body[:HEAD_BYTES])
        lost = isinstance(error, Lost)
        if given_up is None:
            return failure(runtime, delivery, lost=lost)
        return await self._anew(self._store, runtime, given_up, delivery.door, _envelope(runtime, delivery, lost=lost))

    @staticmethod
    async def _keep(tx: Transaction, delivery: Delivery) -> None:
        """Keep an item that failed for its first retry."""
        await count(tx, delivery.received, delivery.feed, "received")
        due = micros(delivery.received) + backoff_seconds(1) * 1_000_000
        state = advance(advance(State.RECEIVED, Event.CLAIM), Event.FAIL)
        await tx.upsert(RAW_ITEM, {**raw_row(delivery), "state": state.value, "attempts": 1, "due": due})

    async def refuse(self, door: str, size: int, head: bytes) -> Answer:
        """The answer to an item that is larger than allowed: of `size` bytes, at the least, of which `head` is the
        beginning. It is not kept, only counted under the sender that its beginning names, and logged. The answer leaves
        even when nothing can be counted."""
        runtime = self.doors[door]
        found, now = finding("too-large"), self._clock.now()
        hl7 = runtime.feed.dialect == "hl7v2"
        parsed = _beginning(runtime, Delivery("", runtime.feed.id, door, now, head)) if hl7 else Parsed(())
        organisation = sender(runtime, parsed) or runtime.named(head)
        told = (runtime.feed.id, organisation, size, found.code)
        log.warning("item refused feed=%s organisation=%s size=%d reason=%s", *told)
        label = next((record.label for record in parsed.records), "")
        with suppress(HieError):
            await self._store.write(lambda tx: count_refused(tx, runtime, now, found, organisation, label))
        outcome = ItemOutcome("", "", runtime.feed.id, door, disposition((found,)), (found,), context=parsed.context)
        return replace(runtime.answers[door](outcome, now), status=413)


def failure(runtime: FeedRuntime, delivery: Delivery, *, lost: bool = False) -> Answer:
    """The answer when the exchange failed: `internal-error`, HL7 AE, HTTP 503 (common rules §9).

    `lost`: as in `_envelope`.
    """
    outcome = ItemOutcome(
        delivery.id,
        sha256(delivery.body),
        delivery.feed,
        delivery.door,
        Disposition.QUARANTINED,
        (finding("internal-error", detail="send it again"),),
        context=_envelope(runtime, delivery, lost=lost).context,
        failed=True,
    )
    return replace(runtime.answers[delivery.door](outcome, delivery.received), status=503)


def _is_answered(row: Row, door: str) -> bool:
    """Whether an item has an answer that was saved for this door."""
    return row["door"] == door and row["answer"] is not None


def _envelope(runtime: FeedRuntime, delivery: Delivery, *, lost: bool) -> Parsed:
    """What an item that cannot be processed says of itself, as far as it can be read.

    `lost`: a worker was lost over the item, or may be and none is there, so that no more than its first line is read
    here, the header of HL7.
    """
    if lost:
        return _beginning(runtime, delivery)
    with suppress(Exception):
        return runtime.parse(delivery)
    return Parsed(())


def _beginning(runtime: FeedRuntime, delivery: Delivery) -> Parsed:
    """What the first line of an item says: the header of HL7, little of other formats."""
    with suppress(Exception):
        return runtime.parse(replace(delivery, body=delivery.body.partition(b"\r")[0][:MOST_HEADER]))
    return Parsed(())
