"""Rows of items and parts: from what came in to what is stored, and back; the items of a feed, page by page."""

from collections.abc import AsyncIterator
from dataclasses import replace

from hie.base.clock import from_micros, micros
from hie.base.finding import Disposition
from hie.base.ids import sha256
from hie.base.outcome import ItemOutcome, PartOutcome
from hie.base.record import Delivery
from hie.pipeline.codec import decode_findings, encode_findings, stored
from hie.pipeline.prepare import Prepared
from hie.staging.states import State
from hie.staging.tables import PART, RAW_ITEM
from hie.store.port import Reader
from hie.store.table import Above, Row, Value, Where
from hie.wire.safejson import dumps

PAGE = 200
"""Raw items read at a time."""


def number(value: Value) -> int:
    """An integer column."""
    assert isinstance(value, int)
    return value


def blob(value: Value) -> bytes:
    """A bytes column."""
    assert isinstance(value, bytes)
    return value


def raw_row(delivery: Delivery) -> Row:
    """The row of an item that was just received."""
    return {
        "id": delivery.id,
        "feed": delivery.feed,
        "door": delivery.door,
        "received": micros(delivery.received),
        "sha256": sha256(delivery.body),
        "size": len(delivery.body),
        "state": State.RECEIVED.value,
        "attempts": 0,
        "due": 0,
        "disposition": "",
        "findings": b"[]",
        "answer": None,
        "answer_type": "",
        "answer_status": 0,
        "organisation": None,
        "maps": "",
        "body": delivery.body,
    }


def delivery_of(row: Row) -> Delivery:
    """A stored raw item as it came in."""
    received = from_micros(number(row["received"]))
    return Delivery(str(row["id"]), str(row["feed"]), str(row["door"]), received, blob(row["body"]))


def part_row(
    delivery: Delivery,
    prepared: Prepared,
    outcome: PartOutcome,
    received: int,
    waits: str | None,
    sender: str,
    maps: str,
) -> Row:
    """The row of a part. A copy of a known part carries neither hash, message id nor sender: the first one keeps
    them."""
    record = prepared.record
    cause = max(outcome.findings, key=lambda f: f.severity.rank, default=None)
    first = outcome.original is None
    return {
        "item": delivery.id,
        "part": record.part,
        "feed": delivery.feed,
        "label": outcome.label,
        "key": outcome.key,
        "sha256": sha256(record.body) if record.body and first else None,
        "message": prepared.message_id or None if first else None,
        "disposition": outcome.disposition.value,
        "cause": cause.code if cause is not None else "",
        "findings": encode_findings(outcome.findings),
        "resources": dumps(list(outcome.resources)),
        "waits": waits,
        "received": received,
        "organisation": sender if first else None,
        "maps": maps,
    }


def part_outcome(row: Row) -> PartOutcome:
    """A stored part as an outcome."""
    return PartOutcome(
        number(row["part"]),
        str(row["label"]),
        str(row["key"]),
        str(row["message"] or ""),
        Disposition(str(row["disposition"])),
        decode_findings(row["findings"]),
        tuple(stored(row["resources"])),
    )


async def outcome_of(reader: Reader, item: Row, door: str) -> ItemOutcome:
    """The outcome of a settled item, from its rows, for an answer through another door or without a saved one."""
    rows = await reader.select(PART, {"item": item["id"]})
    how = Disposition(str(item["disposition"]))
    parts = tuple(
        replace(part_outcome(row), disposition=Disposition.DUPLICATE, original=part_outcome(row).disposition)
        for row in rows
    )
    return ItemOutcome(
        str(item["id"]),
        str(item["sha256"]),
        str(item["feed"]),
        door,
        how,
        decode_findings(item["findings"]),
        parts,
    )


async def pages(reader: Reader, feed: str) -> AsyncIterator[list[Row]]:
    """The raw items of a feed by their moment of reception, bodies included; those of one moment stand on one page."""
    after = -1
    last: int | None = 0
    while last is not None:
        where: Where = {"feed": feed, "received": Above(after)}
        rows = await reader.select(RAW_ITEM, where, order=("received",), limit=PAGE)
        last = number(rows[-1]["received"]) if len(rows) == PAGE else None
        whole = [row for row in rows if row["received"] != last]
        if last is not None and not whole:
            whole = await reader.select(RAW_ITEM, {"feed": feed, "received": last})
        if whole:
            after = number(whole[-1]["received"])
        yield whole
