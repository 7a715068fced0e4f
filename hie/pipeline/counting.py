"""Counting: keeps the ledger's counters and the tallies of quality in step with the rows of one item, in the job that
writes them.

What an item changes in them is collected and written at the end, as differences, so that it can be found out in another
process and written here (`hie/pipeline/ahead.py`): every item changes the same few rows.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from hie.base.finding import Finding
from hie.base.record import Delivery, Parsed
from hie.pipeline.codec import decode_findings, stored
from hie.pipeline.feed import FeedRuntime
from hie.staging.ledger import count
from hie.staging.tables import PART
from hie.staging.tallies import Counts, Tallying, counts_of_item, counts_of_part
from hie.store.port import Transaction
from hie.store.table import Row


class Counted(NamedTuple):
    """What one item changes, as plain values: ledger counters to add one to, and the changes to tallies."""

    ledger: list[str]
    changes: dict[str, Counts]
    samples: dict[str, str]


class Counting:
    """Counts one item. `again`: its rows may be there from before, and what they stand for is taken back first."""

    def __init__(self, tx: Transaction, runtime: FeedRuntime, delivery: Delivery, *, again: bool) -> None:
        self._tx = tx
        self._runtime = runtime
        self._delivery = delivery
        self._again = again
        self._ledger: list[str] = []
        self._tallying = Tallying(delivery.feed, delivery.received)

    def ledger(self, what: str) -> None:
        """Add one to a counter of the ledger."""
        self._ledger.append(what)

    def gone(self, row: Row) -> None:
        """Take back what was counted of a part that is no more."""
        if row["organisation"] is not None:
            found, about = decode_findings(row["findings"]), len(stored(row["resources"]))
            counts = counts_of_part(found, about, self._runtime.dimension, str(row["label"]))
            self._tallying.take_back(str(row["organisation"]), counts)

    async def part(self, row: Row, findings: Sequence[Finding], resources: int) -> None:
        """Count a part that is about to become `row`; a copy is not counted."""
        dimension = self._runtime.dimension
        before = await self._tx.get(PART, row["item"], row["part"]) if self._again else None
        if before is not None:
            self.gone(before)
        if row["organisation"] is not None:
            counts = counts_of_part(findings, resources, dimension, str(row["label"]))
            self._tallying.add(str(row["organisation"]), counts, f"{self._delivery.id}/{row['part']!s}")

    def item(self, row: Row, findings: Sequence[Finding], organisation: str) -> None:
        """Count an item that is settled with `findings` about it as a whole; says so in `row`, which still holds the
        findings from before."""
        received, dimension = self._delivery.received, self._runtime.dimension
        if row["organisation"] is not None:
            before = counts_of_item(received, decode_findings(row["findings"]), dimension)
            self._tallying.take_back(str(row["organisation"]), before)
        row["organisation"] = organisation
        counts = counts_of_item(received, findings, dimension)
        self._tallying.add(organisation, counts, f"{self._delivery.id}/0")

    def counted(self) -> Counted:
        """What was counted and is not written yet."""
        return Counted(self._ledger, self._tallying.changes, self._tallying.samples)

    async def flush(self) -> None:
        """Write what was counted."""
        await write_counted(self._tx, self._delivery, self.counted())
        self._ledger = []
        self._tallying.clear()


async def write_counted(tx: Transaction, delivery: Delivery, counted: Counted) -> None:
    """Write what an item changes."""
    for what in counted.ledger:
        await count(tx, delivery.received, delivery.feed, what)
    await Tallying(delivery.feed, delivery.received, counted.changes, counted.samples).flush(tx)


def sender(runtime: FeedRuntime, parsed: Parsed) -> str:
    """The organisation that an item comes from: that of its first record, else what its envelope says."""
    first = next((record.organisation for record in parsed.records if record.organisation), parsed.organisation)
    return runtime.sender(first)


async def count_refused(
    tx: Transaction, runtime: FeedRuntime, received: datetime, found: Finding, organisation: str, label: str
) -> None:
    """Count an item that was refused without being kept, each time that it comes; `label` is its type, if known."""
    await count(tx, received, runtime.feed.id, found.code)
    arrived = counts_of_item(received, (), runtime.dimension)
    tallying = Tallying(runtime.feed.id, received)
    tallying.add(organisation, {**arrived, **counts_of_part(runtime.weighed((found,)), 0, runtime.dimension, label)})
    await tallying.flush(tx)
