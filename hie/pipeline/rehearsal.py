"""Rehearsal: what would become of an item now, with the maps as they are, found out by doing it and taking it back.

The item is settled in a real job, against what is really stored; the job then raises, and a job that raises leaves no
trace. What comes out may hold patient data in the draft, which is therefore given as shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hie.base.draft import Contribution
from hie.base.finding import Disposition
from hie.base.outcome import Answer, ItemOutcome
from hie.base.record import Delivery, Parsed
from hie.base.shape import shape
from hie.pipeline.codec import encode
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.items import delivery_of, number, part_outcome
from hie.pipeline.prepare import Prepared, prepare
from hie.pipeline.settle import Settler
from hie.staging.states import IN_FLIGHT, State
from hie.staging.tables import PART, RAW_ITEM
from hie.store.port import Store, Transaction
from hie.store.table import Row
from hie.wire.safejson import loads

_PLAIN = frozenset({"system", "code", "url", "use", "display", "unit", "reference", "resourceType", "status"})
"""Keys of which the text comes from tables or is an id made here; every other text is shown as a shape."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would become of an item: the outcome of every part, the answer its sender would get, the unmapped source
    paths and the draft of every part by number."""

    outcome: ItemOutcome
    answer: Answer
    unmapped: Mapping[int, tuple[str, ...]]
    drafts: Mapping[int, list[Any]]

    @property
    def answer_text(self) -> str:
        """The answer as text, with the keys that the sender wrote as shapes."""
        text = self.answer.body.decode(self.outcome.charset, "replace")
        keys = {word for part in self.outcome.parts for word in (part.key, *part.key.split("|")) if len(word) > 2}
        for key in sorted(keys, key=len, reverse=True):
            text = text.replace(key, shape(key))
        return text


class _Over(Exception):
    """Ends the job of a rehearsal with what came out."""

    def __init__(self, outcome: ItemOutcome) -> None:
        super().__init__()
        self.outcome = outcome


async def rehearse(store: Store, feeds: Mapping[str, FeedRuntime], item: Row, *, release: bool) -> Rehearsal:
    """Process an item as a replay would or, with `release`, in spite of its quarantine findings; nothing is stored."""
    delivery = delivery_of(item)
    runtime = feeds[delivery.feed]
    parsed, parts = prepare(runtime, delivery)
    settler = Settler(dict(feeds))

    async def job(tx: Transaction) -> None:
        current = await tx.get(RAW_ITEM, item["id"])
        assert current is not None
        if not release:
            again = State(str(current["state"])) not in IN_FLIGHT
            raise _Over(await settler.settle(tx, delivery, parsed, parts, current, again=again))
        waiting = await tx.select(PART, {"item": item["id"]})
        chosen = frozenset(number(row["part"]) for row in waiting if row["disposition"] == Disposition.QUARANTINED)
        if chosen:
            await settler.release(tx, current, chosen)
        raise _Over(await _as_stored(tx, current, delivery, parsed))

    try:
        await store.write(job)
    except _Over as over:
        return _result(runtime, delivery, over.outcome, parts)
    raise AssertionError("a rehearsal never ends well")


async def _as_stored(tx: Transaction, item: Row, delivery: Delivery, parsed: Parsed) -> ItemOutcome:
    """The outcome of an item from its rows, as a first delivery would be answered."""
    found = await tx.get(RAW_ITEM, item["id"]) or item
    parts = tuple(part_outcome(row) for row in await tx.select(PART, {"item": delivery.id}, order=("part",)))
    how = Disposition(str(found["disposition"]))
    return ItemOutcome(
        delivery.id,
        str(found["sha256"]),
        delivery.feed,
        delivery.door,
        how,
        parsed.findings,
        parts,
        parsed.charset,
        parsed.context,
    )


def _result(runtime: FeedRuntime, delivery: Delivery, outcome: ItemOutcome, parts: list[Prepared]) -> Rehearsal:
    drafted = [(one.record.part, one.draft) for one in parts if one.draft is not None]
    return Rehearsal(
        outcome,
        runtime.shown(runtime.answers[delivery.door](outcome, delivery.received)),
        {part: draft.unmapped for part, draft in drafted},
        {part: [shaped(c) for c in draft.contributions] for part, draft in drafted},
    )


def shaped(contribution: Contribution) -> Any:
    """A contribution as JSON: its structure, codes and references; every other text as its shape."""
    row = loads(encode(contribution))
    key = row.pop("k")
    return {"target": contribution.target.reference, "kind": key[3], **_shaped(row, "")}


def _shaped(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _shaped(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_shaped(one, key) for one in value]
    if value is None or isinstance(value, bool) or key in _PLAIN:
        return value
    return shape(str(value))
