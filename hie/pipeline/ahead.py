"""Settling ahead: a worker does all the work on an item on a snapshot of the store, and hands over what it came to.

Settling is most of the work on an item and needs the store, which one process writes. What a worker came to on a
snapshot holds when nothing that it looked at has changed since, and that is cheap to tell; otherwise the item is
settled once more where the store is written. Whatever a worker cannot do this way it hands over as it was prepared.
"""

import logging
import marshal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

from hie.base.errors import where
from hie.base.outcome import Answer
from hie.base.record import Delivery, Parsed
from hie.pipeline.counting import Counted, write_counted
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import Prepared
from hie.pipeline.settle import Settler
from hie.staging.tables import RAW_ITEM
from hie.store.effects import Effects, NotAhead
from hie.store.port import Transaction

T = TypeVar("T")

log = logging.getLogger("hie.pipeline")


class AheadTransaction(Transaction, Protocol):
    """A job's view of a snapshot."""

    def effects(self) -> Effects:
        """What the job came to."""
        ...


Snapshot = Callable[[], AbstractContextManager[AheadTransaction]]
"""Opens the view of one job on the store as it is now."""

IndexedBy = Callable[[], Any]
"""Names the search parameters that index entries are made by."""


class Ahead(NamedTuple):
    """What settling an item came to: for the store, for the counters, and for the sender; `indexed_by` are the search
    parameters that the index entries go by."""

    effects: Effects
    counted: Counted
    answer: Answer
    indexed_by: Any

    async def take(self, tx: Transaction, delivery: Delivery) -> Answer | None:
        """Write it, if it holds; the answer then."""
        if not tx.take(self.effects):
            return None
        await write_counted(tx, delivery, self.counted)
        return self.answer


class SettlesAhead:
    """Settles in a worker, on snapshots."""

    def __init__(self, feeds: Mapping[str, FeedRuntime], snapshot: Snapshot, indexed_by: IndexedBy) -> None:
        self._settler = Settler(feeds)
        self._snapshot = snapshot
        self._indexed_by = indexed_by

    def settle(self, delivery: Delivery, parsed: Parsed, parts: Sequence[Prepared]) -> Ahead | None:
        """What an item comes to that was not known before; None when that has to be found out by whoever writes. A FHIR
        feed is answered with the numbers of versions, which a snapshot cannot promise."""
        if self._settler.feeds[delivery.feed].feed.dialect == "fhir":
            return None
        try:
            with self._snapshot() as tx:
                return _run(self._settle(tx, delivery, parsed, parts))
        except NotAhead:
            return None
        except Exception as error:  # whoever writes finds out whether it is the item's fault
            log.warning("not settled ahead feed=%s item=%s reason=%s", delivery.feed, delivery.id, where(error))
            return None

    async def _settle(
        self, tx: AheadTransaction, delivery: Delivery, parsed: Parsed, parts: Sequence[Prepared]
    ) -> Ahead | None:
        if await tx.get(RAW_ITEM, delivery.id) is not None:
            return None
        answer, counting = await self._settler.take_in(tx, delivery, parsed, parts, None)
        return Ahead(tx.effects(), counting.counted(), answer, self._indexed_by())


def pack_ahead(ahead: Ahead) -> bytes:
    """As bytes, for another process of this server."""
    answer = ahead.answer
    plain = (answer.body, answer.content_type, answer.status, answer.frames)
    return marshal.dumps((tuple(ahead.effects), tuple(ahead.counted), plain, ahead.indexed_by))


def unpack_ahead(content: bytes) -> Ahead:
    """What `pack_ahead` wrote."""
    effects, counted, answer, indexed_by = marshal.loads(content)  # noqa: S302 - from our own worker
    return Ahead(Effects(*effects), Counted(*counted), Answer(*answer), indexed_by)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits: all of a snapshot's methods run inline."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("a job on a snapshot waited")
