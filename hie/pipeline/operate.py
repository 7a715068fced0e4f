"""What operators do with items: list quarantine, release, discard, replay. Every action leaves an audit row."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

from hie.base.clock import Clock, micros
from hie.base.errors import Category, HieError
from hie.base.finding import Disposition, Finding
from hie.pipeline.codec import decode_findings
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.items import delivery_of, number, part_outcome
from hie.pipeline.prepare import prepare
from hie.pipeline.settle import Settler
from hie.staging.states import Event, State, advance
from hie.staging.tables import AUDIT, PART, RAW_ITEM
from hie.store.port import Store, Transaction
from hie.store.table import Above, Row, Where

PAGE = 200
"""Raw items read at a time."""


@dataclass(frozen=True, slots=True)
class Held:
    """One quarantined part: which item and part, since when (microseconds), its cause and findings; no patient data."""

    item: str
    part: int
    feed: str
    label: str
    received: int
    cause: str
    findings: tuple[Finding, ...]


class Operator:
    """Operator actions on a store; `principal` names who acts."""

    def __init__(self, store: Store, feeds: dict[str, FeedRuntime], clock: Clock, principal: str) -> None:
        self._store = store
        self._feeds = feeds
        self._settler = Settler(feeds)
        self._clock = clock
        self._principal = principal

    async def held(self, *, feed: str | None = None, cause: str | None = None) -> list[Held]:
        """What lies in quarantine, oldest first: parts, and items that were quarantined as a whole."""
        rows = await self._store.select(PART, {"disposition": Disposition.QUARANTINED.value}, order=("received",))
        found = [_held(row) for row in rows]
        seen = {one.item for one in found}
        for item in await self._store.select(RAW_ITEM, {"state": State.QUARANTINED.value}):
            if item["id"] not in seen:
                found.append(_held_item(item))
        found.sort(key=lambda one: (one.received, one.item, one.part))
        return [one for one in found if feed in (None, one.feed) and cause in (None, one.cause)]

    async def item(self, item: str) -> Row:
        """The row of an item; raises NOT_FOUND. A prefix of the id that fits only one item is enough."""
        row = await self._store.get(RAW_ITEM, item)
        if row is None and len(item) >= 6:
            rows = await self._store.select(RAW_ITEM, {"id": Above(item)}, limit=2)
            fitting = [r for r in rows if str(r["id"]).startswith(item)]
            row = fitting[0] if len(fitting) == 1 else None
        if row is None:
            raise HieError(Category.NOT_FOUND, "There is no raw item with this id.")
        return row

    async def release(self, item: str, part: int | None = None) -> str:
        """Process a quarantined item, or one part of it, in spite of its quarantine findings; returns the new state.

        Releasing what is not in quarantine changes nothing.
        """
        row = await self.item(item)

        async def job(tx: Transaction) -> str:
            current = await _fresh(tx, row)
            held = await tx.select(PART, {"item": current["id"]})
            parts = frozenset(
                number(r["part"])
                for r in held
                if r["disposition"] == Disposition.QUARANTINED and part in (None, r["part"])
            )
            if parts:
                await self._audit(tx, "release", _target(current, part), "")
                await self._settler.release(tx, current, parts)
            return str((await _fresh(tx, current))["state"])

        return await self._store.write(job)

    async def discard(self, item: str, reason: str, part: int | None = None) -> str:
        """Decide that a quarantined item, or one part of it, will never be processed; the bytes stay."""
        row = await self.item(item)
        if not reason.strip():
            raise HieError(Category.INVALID, "Discarding needs a reason.")

        async def job(tx: Transaction) -> str:
            current = await _fresh(tx, row)
            held = [
                r
                for r in await tx.select(PART, {"item": current["id"]})
                if r["disposition"] == Disposition.QUARANTINED and part in (None, r["part"])
            ]
            whole = current["state"] == State.QUARANTINED
            if not held and not whole:
                return str(current["state"])
            await self._audit(tx, "discard", _target(current, part), reason)
            for one in held:
                await tx.upsert(PART, {**one, "disposition": Disposition.REJECTED.value, "waits": None})
            left = await tx.select(PART, {"item": current["id"]})
            if whole and not any(r["disposition"] == Disposition.QUARANTINED for r in left):
                state = advance(State.QUARANTINED, Event.DISCARD)
                current = {**current, "state": state.value, "disposition": Disposition.REJECTED.value}
                await tx.upsert(RAW_ITEM, current)
            return str(current["state"])

        return await self._store.write(job)

    async def replay(self, item: str) -> str:
        """Run an item again from its bytes: what it stated before is taken back first. The saved answer stays."""
        row = await self.item(item)

        async def job(tx: Transaction) -> str:
            current = await _fresh(tx, row)
            delivery = delivery_of(current)
            parsed, parts = prepare(self._feeds[delivery.feed], delivery)
            await self._audit(tx, "replay", delivery.id, "")
            again = State(str(current["state"])) in (State.STORED, State.QUARANTINED, State.REJECTED)
            await self._settler.settle(tx, delivery, parsed, parts, current, again=again)
            await tx.upsert(RAW_ITEM, current)
            return str(current["state"])

        return await self._store.write(job)

    async def items(self, *, feed: str | None = None, states: tuple[State, ...] = tuple(State)) -> AsyncIterator[Row]:
        """Raw items in order of reception per feed, in pages; bodies included."""
        for name in sorted(self._feeds) if feed is None else [feed]:
            after = -1
            while True:
                where: Where = {"feed": name, "received": Above(after)}
                rows = await self._store.select(RAW_ITEM, where, order=("received",), limit=PAGE)
                last = number(rows[-1]["received"]) if len(rows) == PAGE else None
                whole = [row for row in rows if row["received"] != last]
                if last is not None and not whole:
                    rows = whole = await self._store.select(RAW_ITEM, {"feed": name, "received": last})
                    after = last
                elif whole:
                    after = number(whole[-1]["received"])
                for row in whole:
                    if row["state"] in {state.value for state in states}:
                        yield row
                if last is None:
                    break

    async def _audit(self, tx: Transaction, action: str, target: str, reason: str) -> None:
        at = micros(self._clock.now())
        await tx.insert(
            AUDIT,
            {
                "id": str(uuid4()),
                "at": at,
                "action": action,
                "target": target,
                "principal": self._principal,
                "reason": reason,
            },
        )


def _target(row: Row, part: int | None) -> str:
    return f"{row['id']!s}/{'*' if part is None else part}"


async def _fresh(tx: Transaction, row: Row) -> Row:
    current = await tx.get(RAW_ITEM, row["id"])
    assert current is not None
    return current


def _held(row: Row) -> Held:
    outcome = part_outcome(row)
    return Held(
        str(row["item"]),
        outcome.part,
        str(row["feed"]),
        outcome.label,
        number(row["received"]),
        str(row["cause"]),
        outcome.findings,
    )


def _held_item(row: Row) -> Held:
    findings = decode_findings(row["findings"])
    cause = max(findings, key=lambda f: f.severity.rank).code if findings else "internal-error"
    return Held(str(row["id"]), 0, str(row["feed"]), "", number(row["received"]), cause, findings)
