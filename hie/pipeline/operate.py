"""What operators do with items: list quarantine, rehearse, release, discard, replay; all but looking is audited."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol, TypeVar

from hie.base.clock import Clock
from hie.base.errors import Category, HieError, where
from hie.base.finding import Disposition
from hie.base.record import Parsed
from hie.pipeline.audit import audit, audit_tables
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.items import blob, delivery_of, number, pages
from hie.pipeline.prepare import Prepared, prepare
from hie.pipeline.quarantine import Ground, Held, held
from hie.pipeline.rehearsal import Rehearsal, rehearse
from hie.pipeline.settle import Settler
from hie.staging.states import IN_FLIGHT, Event, State, advance
from hie.staging.tables import PART, RAW_ITEM
from hie.store.port import Store, Transaction
from hie.store.table import Above, Row

T = TypeVar("T")

log = logging.getLogger("hie.pipeline")

TOGETHER, TOGETHER_BYTES = 10, 256 << 10
"""Items that are replayed together, for the store to commit them at once, and bytes of them."""

SHORTEST_ID = 6
"""How many characters of the id of an item name it at the least."""

FAILED = "failed"
"""How an act ended at which the exchange failed; the item is as it was."""

_OF_ITEM = (Category.UNPROCESSABLE, Category.TOO_LARGE)
"""What fails an act at one item, and may go well at the next one."""


class TablesAtWork(Protocol):
    """Field maps, code maps and rules: those in force, and those on disk."""

    @property
    def version(self) -> str:
        """The version of those in force."""
        ...

    async def on_disk(self) -> Mapping[str, FeedRuntime]:
        """The feeds bound to the tables as they are on disk; raises UNPROCESSABLE with file, line and column."""
        ...

    async def reload(self, record: Callable[[str, str], Awaitable[None]]) -> str:
        """Put the tables on disk in force, after `record` was told the versions before and after; returns the version.

        Tables that have not changed are not put in force again. Raises UNPROCESSABLE as `on_disk` does; nothing has
        changed then.
        """
        ...


class Operator:
    """Operator actions on a store; `principal` names who acts."""

    def __init__(
        self,
        store: Store,
        feeds: dict[str, FeedRuntime],
        clock: Clock,
        principal: str,
        tables: TablesAtWork | None = None,
    ) -> None:
        self._tables = tables
        self._store = store
        self._feeds = feeds
        self._settler = Settler(feeds)
        self._clock = clock
        self._principal = principal

    @property
    def feeds(self) -> tuple[str, ...]:
        """The feeds whose items can be processed."""
        return tuple(sorted(self._feeds))

    async def held(self, **wanted: str | None) -> list[Held]:
        """What lies in quarantine, oldest first; narrowed by fields of `Held`."""
        return await held(self._store, wanted)

    async def item(self, item: str) -> Row:
        """The row of an item; raises NOT_FOUND. The first characters of the id, 6 or more, are enough where they fit
        one item only; raises INVALID where they fit several."""
        row = await self._store.get(RAW_ITEM, item)
        if row is not None:
            return row
        if len(item) < SHORTEST_ID:
            least = f"give at least the first {SHORTEST_ID} characters of one, as answers and the quarantine name it"
            raise HieError(Category.NOT_FOUND, f"There is no raw item with this id: {least}.")
        rows = await self._store.select(RAW_ITEM, {"id": Above(item)}, order=("id",), limit=2)
        fitting = [row for row in rows if str(row["id"]).startswith(item)]
        if not fitting:
            raise HieError(Category.NOT_FOUND, "There is no raw item with this id.")
        if len(fitting) > 1:
            raise HieError(Category.INVALID, "More than one raw item has an id that begins so: give more of it.")
        return fitting[0]

    async def parts(self, row: Row) -> list[Row]:
        """The rows of the parts of an item, in their order."""
        return await self._store.select(PART, {"item": row["id"]}, order=("part",))

    async def _processable(self, item: str) -> Row:
        """See `item`; raises UNPROCESSABLE for one of a feed whose adapter is not there."""
        row = await self.item(item)
        if row["feed"] not in self._feeds:
            what = f"Item {row['id']!s} is of the feed {row['feed']!s}, whose adapter is not installed here."
            raise HieError(Category.UNPROCESSABLE, what)
        return row

    async def waits(self, item: str, part: int | None = None) -> bool:
        """Whether an item, or that part of it, is in quarantine: only such a one is released or discarded. Raises as
        `item`."""
        row = await self.item(item)
        held = [one["part"] for one in await self.parts(row) if one["disposition"] == Disposition.QUARANTINED]
        whole = row["state"] == State.QUARANTINED and not held and part in (None, 0)
        return whole or any(part in (None, one) for one in held)

    async def release(self, item: str, part: int | None = None) -> str:
        """Process a quarantined item, or one part of it, in spite of its quarantine findings; returns the new state.

        An item that was given up before it had parts is tried again. Releasing what is not in quarantine changes
        nothing; raises NOT_FOUND for a part that the item does not have.
        """
        row = await self._processable(item)

        async def job(tx: Transaction) -> str:
            current = await _fresh(tx, row)
            held = await tx.select(PART, {"item": current["id"]})
            _has_part(held, part)
            parts = frozenset(
                number(r["part"])
                for r in held
                if r["disposition"] == Disposition.QUARANTINED and part in (None, r["part"])
            )
            if parts:
                await self._audit(tx, "release", current, part)
                await self._settler.release(tx, current, parts)
            elif not held and current["state"] == State.QUARANTINED and part in (None, 0):
                await self._audit(tx, "release", current, None)
                await self._again(tx, current, *self._prepared(current))
            return str((await _fresh(tx, current))["state"])

        return await _told(str(row["id"]), self._store.write(job))

    async def discard(self, item: str, reason: str, part: int | None = None) -> str:
        """Decide that a quarantined item, or one part of it, will never be processed; the bytes stay.

        Discarding what is not in quarantine changes nothing; raises NOT_FOUND for a part that the item does not have.
        """
        row = await self.item(item)
        if not reason.strip():
            raise HieError(Category.INVALID, "Discarding needs a reason.")

        async def job(tx: Transaction) -> str:
            current = await _fresh(tx, row)
            rows = await tx.select(PART, {"item": current["id"]})
            _has_part(rows, part)
            left = [row for row in rows if row["disposition"] == Disposition.QUARANTINED]
            held = [row for row in left if part in (None, row["part"])]
            whole = current["state"] == State.QUARANTINED and len(held) == len(left)
            if not held and not (whole and part in (None, 0)):
                return str(current["state"])
            await self._audit(tx, "discard", current, part, reason)
            for one in held:
                await tx.upsert(PART, {**one, "disposition": Disposition.REJECTED.value, "waits": None})
            if whole:
                state = advance(State.QUARANTINED, Event.DISCARD)
                current = {**current, "state": state.value, "disposition": Disposition.REJECTED.value}
                await tx.upsert(RAW_ITEM, current)
            return str(current["state"])

        return await self._store.write(job)

    async def release_group(self, ground: Ground) -> dict[str, int]:
        """Release every part that is held on one ground; returns how many items ended in which state. Each item is a
        transaction of its own, so an interrupted release is gone on with by asking for it again."""
        return await self._each(ground, self.release)

    async def discard_group(self, ground: Ground, reason: str) -> dict[str, int]:
        """Discard every part that is held on one ground; returns how many items ended in which state."""
        return await self._each(ground, lambda item, part: self.discard(item, reason, part))

    async def _each(self, ground: Ground, act: Callable[[str, int | None], Awaitable[str]]) -> dict[str, int]:
        held = await self.held(**asdict(ground))
        return dict(Counter([await _ended(act(one.item, one.part)) for one in held]))

    async def rehearse(self, item: str, *, release: bool = False, edited: bool = False) -> Rehearsal:
        """What would become of an item now, replayed or released; nothing is stored. `edited`: by the tables as they
        are on disk, before they are in force; raises UNPROCESSABLE when these are broken."""
        row = await self._processable(item)
        feeds = await self._at_work().on_disk() if edited else self._feeds
        return await _told(str(row["id"]), rehearse(self._store, feeds, row, release=release))

    async def reload(self) -> dict[str, str]:
        """Put the tables on disk in force; returns the versions before and after. Raises UNPROCESSABLE with file, line
        and column of every mistake, and then nothing has changed."""
        tables = self._at_work()
        before = tables.version

        async def record(was: str, now: str) -> None:
            await self._store.write(lambda tx: audit_tables(tx, self._clock.now(), self._principal, was, now))

        return {"before": before, "after": await tables.reload(record)}

    async def tables(self) -> dict[str, str | list[str]]:
        """The versions of the tables in force and on disk, and what is wrong with the latter."""
        tables = self._at_work()
        try:
            found = await tables.on_disk()
        except HieError as error:
            return {"inForce": tables.version, "onDisk": "", "problems": list(getattr(error, "problems", ()))}
        return {"inForce": tables.version, "onDisk": next(iter(found.values())).maps, "problems": []}

    def _at_work(self) -> TablesAtWork:
        if self._tables is None:
            raise HieError(Category.NOT_SUPPORTED, "The tables of this exchange cannot be read again.")
        return self._tables

    async def replay(self, item: str) -> str:
        """Run an item again from its bytes: what it stated before is taken back first. The saved answer stays; an item
        that had failed gets its first."""
        return await self._replay(await self._processable(item))

    async def replay_all(self, *, feed: str | None = None, states: tuple[State, ...] = tuple(State)) -> dict[str, int]:
        """Run all items of a feed, or in some states, again, in order; returns how many ended in which state."""
        found: Counter[str] = Counter()
        sizes = [(str(row["id"]), len(blob(row["body"]))) async for row in self.items(feed=feed, states=states)]
        for names in _some(sizes):
            rows = [await self._processable(name) for name in names]
            found.update(await asyncio.gather(*(_ended(self._replay(row)) for row in rows)))
        return dict(found)

    async def _replay(self, row: Row) -> str:
        async def act() -> str:
            prepared = self._prepared(row)

            async def job(tx: Transaction) -> str:
                current = await _fresh(tx, row)
                await self._audit(tx, "replay", current, None)
                await self._again(tx, current, *prepared)
                return str(current["state"])

            return await self._store.write(job)

        return await _told(str(row["id"]), act())

    def _prepared(self, item: Row) -> tuple[Parsed, list[Prepared]]:
        delivery = delivery_of(item)
        return prepare(self._feeds[delivery.feed], delivery)

    async def _again(self, tx: Transaction, item: Row, parsed: Parsed, parts: Sequence[Prepared]) -> None:
        delivery = delivery_of(item)
        again = State(str(item["state"])) not in IN_FLIGHT
        outcome = await self._settler.settle(tx, delivery, parsed, parts, item, again=again)
        if item["answer"] is None:
            answer = self._feeds[delivery.feed].answers[delivery.door](outcome, delivery.received)
            item.update(answer=answer.body, answer_type=answer.content_type, answer_status=answer.status)
        await tx.upsert(RAW_ITEM, item)

    async def items(self, *, feed: str | None = None, states: tuple[State, ...] = tuple(State)) -> AsyncIterator[Row]:
        """Raw items in order of reception per feed, in pages; bodies included."""
        wanted = {state.value for state in states}
        for name in sorted(self._feeds) if feed is None else [feed]:
            async for page in pages(self._store, name):
                for row in (row for row in page if row["state"] in wanted):
                    yield row

    async def _audit(self, tx: Transaction, action: str, item: Row, part: int | None, reason: str = "") -> None:
        await audit(tx, self._clock.now(), self._principal, action, str(item["id"]), part, reason)


async def _told(item: str, act: Awaitable[T]) -> T:
    """What comes of an act on an item. A failure inside is told as one: UNPROCESSABLE, with its place in the code and
    no data; TOO_LARGE where the item is too much for the store."""
    try:
        return await act
    except HieError as error:
        if error.category is Category.TOO_LARGE:
            raise HieError(error.category, f"Item {item} is too much for the store: {error.message}") from error
        raise
    except Exception as error:
        raise HieError(Category.UNPROCESSABLE, f"The exchange fails at item {item}: {where(error)}.") from error


async def _ended(act: Awaitable[str]) -> str:
    """The state in which an act ended; a failure at one item is told in the log and keeps no other from its turn."""
    try:
        return await act
    except HieError as error:
        if error.category not in _OF_ITEM:
            raise
        log.error("%s", error)
        return FAILED


def _some(sizes: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Items of these sizes, in order, as many together as are replayed so."""
    names: list[str] = []
    room = TOGETHER_BYTES
    for name, size in sizes:
        if names and (size > room or len(names) == TOGETHER):
            yield names
            names, room = [], TOGETHER_BYTES
        names.append(name)
        room -= size
    if names:
        yield names


async def _fresh(tx: Transaction, row: Row) -> Row:
    current = await tx.get(RAW_ITEM, row["id"])
    assert current is not None
    return current


def _has_part(rows: Sequence[Row], part: int | None) -> None:
    """Raises NOT_FOUND where an item with these parts has none of that number; 0 may be the item as a whole."""
    numbers = sorted(number(row["part"]) for row in rows) or [0]
    if part not in (None, 0, *numbers):
        has = f"its parts are {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"its only part is {numbers[0]}"
        raise HieError(Category.NOT_FOUND, f"The item has no part {part}: {has}.")
