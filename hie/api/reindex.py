"""Background re-index: brings the index entries of stored resources up to changed search parameters.

One row a resource type says which custom parameters its index is complete for and how far the walk under way is, so
a restart goes on where it was. A walk rewrites entries in small jobs between those of the clients; no versions arise.
Of several processes on a store the one that leads walks; the others read how far it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hie.base.errors import Category, HieError
from hie.base.tasks import end
from hie.search.plan import Plan, Total
from hie.store.port import Page, Store, Transaction
from hie.store.table import Row, Table

TABLE = Table(
    "reindex",
    {"type": str, "ready": str, "wanted": str, "complete": int, "reached": str, "done": int, "total": int},
    key=("type",),
)
"""`ready`, `wanted`: parameters as `code:fingerprint`, separated by spaces; `reached` the cursor of the walk."""

Log = Callable[[BaseException], None]
Pause = Callable[[], Awaitable[None]]
Leads = Callable[[], Awaitable[bool]]
Valid = Callable[[Transaction], Awaitable[bool]]
_AGAIN_SECONDS = 5.0
_FOLLOW_SECONDS = 1.0


async def breathe() -> None:
    """The pause between two jobs: whatever else waits comes first."""
    await asyncio.sleep(0.001)


async def alone() -> bool:
    """A process that shares its store with nobody leads."""
    return True


async def always(_: Transaction) -> bool:
    """What is wanted is what the store says."""
    return True


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the index of one type is: `done` of `total` resources; `pending` the codes that are not complete."""

    type: str
    complete: bool
    done: int
    total: int
    codes: tuple[str, ...]
    pending: frozenset[str]


class Reindex:
    """The walks, one at a time. `batch` resources a job; `pause` is awaited before each; `leads` tells whether this
    process is the one to walk. A walk begins `delay` seconds after it was wanted, when all processes write by the new
    parameters, so that it meets everything that was written by the old ones.
    """

    def __init__(
        self,
        store: Store,
        failed: Log,
        *,
        batch: int = 50,
        pause: Pause = breathe,
        leads: Leads = alone,
        delay: float = 0.0,
    ) -> None:
        self._store = store
        self._failed = failed
        self._batch = batch
        self._pause = pause
        self._leads = leads
        self._delay = delay
        self._rows: dict[str, Row] = {}
        self._task: asyncio.Task[None] | None = None

    async def want(self, wanted: Mapping[str, frozenset[str]], valid: Valid = always) -> None:
        """Bring each type to exactly these parameters (`code:fingerprint`), and see to it in the background.

        `valid` tells, inside the job, whether they are still what the store holds; if not, nothing is changed.
        """
        rows = await self._read()
        changed = [row for kind in {*rows, *wanted} if (row := _changed(kind, rows.get(kind), wanted.get(kind)))]
        if changed:
            rows |= await self._store.write(lambda tx: _put(tx, changed, valid))
        self._rows = rows
        if self._next() is not None and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._work(), name="hie-reindex")

    async def follow(self) -> None:
        """See how far another process is that walks."""
        self._rows = await self._read()

    def progress(self) -> list[Progress]:
        """Every type that has, or had, custom parameters."""
        return [_progress(self._rows[kind]) for kind in sorted(self._rows)]

    def pending(self) -> frozenset[str]:
        """Codes of parameters that are not complete on some type."""
        return frozenset(code for row in self._rows.values() if not row["complete"] for code in _progress(row).pending)

    async def finished(self) -> None:
        """Wait until no walk is under way."""
        if self._task is not None:
            await self._task

    async def close(self) -> None:
        """Stop; what was done stays done."""
        if self._task is not None:
            await end(self._task)

    async def _read(self) -> dict[str, Row]:
        return {str(row["type"]): row for row in await self._store.select(TABLE, {})}

    def _next(self) -> str | None:
        return next((kind for kind in sorted(self._rows) if not self._rows[kind]["complete"]), None)

    async def _work(self) -> None:
        await asyncio.sleep(self._delay)
        while (kind := self._next()) is not None:
            try:
                await self._pause()
                if await self._leads():
                    await self._step(kind)
                else:
                    await asyncio.sleep(_FOLLOW_SECONDS)
                    self._rows = await self._read()
            except HieError as error:
                self._failed(error)
                await asyncio.sleep(_AGAIN_SECONDS)
            except Exception as error:
                self._failed(error)
                return

    async def _step(self, kind: str) -> None:
        """One job: the next resources of a type."""
        row = self._rows[kind]
        page = await self._page(row)
        total = row["total"] if page.total is None else page.total

        async def job(tx: Transaction) -> Row | None:
            current = await tx.get(TABLE, kind)
            if current is None or current["wanted"] != row["wanted"] or current["reached"] != row["reached"]:
                return current
            for version in page.matches:
                await _reindexed(tx, version.type, version.id)
            done = int(row["done"] or 0) + len(page.matches)
            after = {**current, "reached": page.next or "", "done": done, "total": max(int(total or 0), done)}
            if page.next is None:
                after |= {"complete": 1, "ready": current["wanted"]}
            await tx.upsert(TABLE, after)
            return after

        after = await self._store.write(job)
        if after is not None and self._rows[kind] is row:
            self._rows[kind] = after

    async def _page(self, row: Row) -> Page:
        plan = Plan(types=(str(row["type"]),), count=self._batch, cursor=str(row["reached"]) or None)
        if plan.cursor is not None:
            try:
                return await self._store.search(plan)
            except HieError as error:
                if error.category is not Category.INVALID:
                    raise
        first = Plan(types=plan.types, count=0, total=Total.ACCURATE)
        total = (await self._store.search(first)).total
        page = await self._store.search(Plan(types=plan.types, count=self._batch))
        return Page(page.matches, page.included, page.next, total)


async def _reindexed(tx: Transaction, kind: str, identity: str) -> None:
    try:
        await tx.reindex(kind, identity)
    except HieError as error:
        if error.category is not Category.UNPROCESSABLE:
            raise


async def _put(tx: Transaction, rows: list[Row], valid: Valid) -> dict[str, Row]:
    if not await valid(tx):
        return {}
    for row in rows:
        await tx.upsert(TABLE, row)
    return {str(row["type"]): row for row in rows}


def _changed(kind: str, row: Row | None, wanted: frozenset[str] | None) -> Row | None:
    """The row of a type that is to be walked from the start; None when what is wanted has not changed."""
    keys = wanted or frozenset()
    text = " ".join(sorted(keys))
    if (row["wanted"] if row else "") == text:
        return None
    ready = " ".join(sorted(keys & _keys(row["ready"] if row else "")))
    return {"type": kind, "ready": ready, "wanted": text, "complete": 0, "reached": "", "done": 0, "total": 0}


def _keys(text: Any) -> frozenset[str]:
    return frozenset(str(text).split())


def _codes(keys: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(key.partition(":")[0] for key in keys))


def _progress(row: Row) -> Progress:
    pending = _codes(_keys(row["wanted"]) - _keys(row["ready"]))
    return Progress(
        str(row["type"]),
        bool(row["complete"]),
        int(row["done"] or 0),
        int(row["total"] or 0),
        _codes(_keys(row["wanted"])),
        frozenset(pending),
    )
