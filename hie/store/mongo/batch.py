"""What the jobs of one batch have written and read, before it goes to the server in one piece.

Writes are collected here and sent together, so a job that fails is undone by forgetting, and many small jobs cost few
round trips. Resources go to the server in large pieces while the jobs run, so that both work at the same time; rows, of
which counters and tallies change with every job, go once, at the end, unless they are many. A batch begins by taking
the clock (`control`): it is the only one that writes until it ends, so what it read stays true, and what it knows it
need not read again.
"""

import asyncio
from collections.abc import Iterable
from time import monotonic
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from hie.base.errors import Category, HieError
from hie.store.mongo.altered import Altered
from hie.store.mongo.client import OVER_CACHE, OVER_TIME
from hie.store.mongo.kept import Kept
from hie.store.mongo.layer import Document, Layer
from hie.store.mongo.placing import placed
from hie.store.mongo.schema import CLOCK, CONTROL
from hie.store.mongo.sending import Line, Piece, pieces
from hie.store.mongo.tables import Found, Key, Laid, Look
from hie.store.table import Row, Table

WRITES = 1 << 20
"""Numbers of writes that a batch reserves; how many it may hold."""

PIECE = 128 << 10
"""Bytes, roughly, that are worth a message to the server while jobs still run."""

_MANY = 1 << 20
"""Bytes of rows, roughly, that do not wait for the end of the batch."""

_TURN = 8
"""Resources that are written between two turns of the sending."""

_HELD_SECONDS = 0.02
"""How long a job that finds here all that it asks for goes on before others have a turn: requests, signs of life."""

_REPLACED = 2
"""How much more a resource weighs in the server's cache that is written again: what was there is kept as well."""

_COLUMN = 4
"""Bytes counted for the name and type of a column, roughly."""


class Batch:
    """The jobs of one transaction: `done` below, the running job's `job` on top.

    With `careful` keys are looked up before they are inserted; without, the server's unique indexes find out, and the
    batch is run again with care. `kept` is what is known from the batches before. `most` and `lasts` as in `Limits`: a
    job is refused as soon as it goes beyond, before it has kept the others waiting for long.
    """

    def __init__(
        self,
        database: AsyncDatabase[Any],
        session: AsyncClientSession,
        first: int,
        now: int,
        kept: Kept,
        *,
        most: int,
        lasts: float,
        careful: bool,
    ) -> None:
        self._kept = kept
        self.session = session
        self._next = first
        self._end = first + WRITES
        self.now = now
        self.careful = careful
        self._most = most
        self._until = monotonic() + lasts
        self.done = Layer()
        self.job = Layer()
        self.sent = False
        """Whether something of the running job is at the server already, so that forgetting does not undo it."""
        self.line = Line(database, session)
        """By which writes go to the server."""
        self.wrote = False
        self._turns = 0
        self._gave_way = monotonic()
        self._altered = Altered()

    def begin(self) -> None:
        """A job starts."""
        self.job = Layer()
        self.sent = False

    def keep(self) -> None:
        """The job is done."""
        self.done.take(self.job)
        self.job = Layer()

    def forget(self) -> None:
        """The job failed; what it read stays known, but only what it did not write."""
        self.job = Layer()

    def number(self) -> int:
        """The number of a write; raises TOO_LARGE when the batch has too many."""
        if self._next >= self._end:
            raise HieError(Category.TOO_LARGE, f"More than {WRITES} writes in one transaction.")
        self._next += 1
        return self._next - 1

    @property
    def last(self) -> int | None:
        """The time of the last version that was restored here."""
        return self.done.last if self.job.last is None else self.job.last

    # -- resources -----------------------------------------------------------------------------------------------

    def known(self, name: str) -> tuple[bool, Document | None]:
        """Whether the current version of a resource is known here, and its document."""
        for layer in (self.job, self.done):
            if name in layer.current:
                return True, layer.current[name]
        if name in self._kept.current:
            self.learn(name, self._kept.current[name])
            return True, self._kept.current[name]
        return False, None

    def learn(self, name: str, found: Document | None) -> None:
        """Remember what the server has."""
        self.done.current.setdefault(name, found)
        if found is None:
            self.done.fresh.add(name)

    def write(self, name: str, version: Document, indexed: Document, before: Document | None) -> None:
        """The next version of a resource and its index document."""
        job = self.job
        if before is not None:
            job.ends[before["_id"]] = version["u"], placed(before)
        else:
            job.fresh.add(name)
        job.places[name] = self._lies(name, before)
        job.current[name] = version
        job.versions.append(version)
        job.resources[name] = indexed
        size = len(version.get("b", b"")) + 40 * len(indexed.get("k", ())) + 200
        job.grow(size if before is None else _REPLACED * size)
        self._bear()

    def index(self, name: str, indexed: Document) -> None:
        """Another index document for the current version of a resource."""
        self.job.places[name] = self._lies(name, indexed)
        self.job.resources[name] = indexed
        self.job.grow(40 * len(indexed.get("k", ())) + 200)
        self._bear()

    def _bear(self) -> None:
        """Raise TOO_LARGE when the running job is more than the server takes in one transaction."""
        if self.job.size > self._most:
            raise HieError(Category.TOO_LARGE, OVER_CACHE)
        self.check_time()

    def check_time(self) -> None:
        """Raise TOO_LARGE when the server is about to end the transaction."""
        if monotonic() > self._until:
            raise HieError(Category.TOO_LARGE, OVER_TIME)

    def _lies(self, name: str, before: Document | None) -> Document:
        """The place of what the server has of a resource whose version was `before`."""
        for layer in (self.job, self.done):
            if name in layer.resources:
                return layer.places[name]
        return placed(before)

    def unsent(self) -> bool:
        """Whether resources were written that the server does not have yet."""
        return bool(self.done.resources or self.job.resources)

    # -- rows ----------------------------------------------------------------------------------------------------

    def row(self, table: Table, key: Key) -> tuple[bool, Row | None]:
        """Whether a row is known here, and the row."""
        for layer in (self.job, self.done):
            if (table.name, key) in layer.rows:
                return True, layer.rows[table.name, key]
        if (table.name, key) in self._kept.rows:
            self.learn_row(table, key, self._kept.rows[table.name, key])
            return True, self._kept.rows[table.name, key]
        return False, None

    def learn_row(self, table: Table, key: Key, row: Row | None) -> None:
        """Remember what the server has."""
        self.done.rows.setdefault((table.name, key), row)
        if row is None:
            self.done.fresh.add((table.name, key))

    def change(self, table: Table, key: Key, row: Row | None) -> None:
        """A row as it is to be; None: removed."""
        self.job.rows[table.name, key] = row
        self.job.changed[table.name, key] = table
        self.job.altered.setdefault(table.name, {})[key] = None
        if row is not None:
            self._altered.change(table.name, key, row)
            self.job.hold(sum(len(v) + _COLUMN if isinstance(v, (str, bytes)) else 8 for v in row.values()))
        self._bear()

    def absent(self, table: Table, key: Key) -> None:
        """The server is taken not to have a row with this key."""
        self.job.fresh.add((table.name, key))

    def laid(self, table: Table) -> dict[Key, Row | None]:
        """The rows of a table that stand for the server's: those that were changed, whether it has them or not."""
        altered = {**self.done.altered.get(table.name, {}), **self.job.altered.get(table.name, {})}
        return {key: self.row(table, key)[1] for key in altered}

    def laid_at(self, table: Table, look: Look, served: Iterable[Key]) -> Laid:
        """As `laid`, but those only that a look may find, and those that the server has `served` for it."""
        layers = [layer.altered.get(table.name, {}) for layer in (self.done, self.job)]
        if not any(layers):
            return {}
        keys = (*served, *self._altered.of(look, lambda: self.laid(table)))
        return {key: self.row(table, key)[1] for key in keys if any(key in layer for layer in layers)}

    def found(self, look: Look) -> Found | None:
        """What the server has of the rows of a look, if that is known: `laid` lies over it."""
        found = self.done.found.get(look)
        return self._kept.selected.get(look) if found is None else found

    def learn_found(self, look: Look, found: Found) -> None:
        """Remember what the server has; a job that fails after its writes were sent has the batch run again."""
        self.done.found[look] = found

    # -- to the server -------------------------------------------------------------------------------------------

    @property
    def is_held(self) -> bool:
        """Whether the jobs had the event loop for long enough."""
        return monotonic() - self._gave_way > _HELD_SECONDS

    @property
    def is_turn(self) -> bool:
        """Whether the sending should go on now: a message leaves, and an answer is read, in turns."""
        self._turns += 1
        return self.line.busy and self._turns % _TURN == 0

    async def give_way(self) -> None:
        """Let others have the event loop; raises TOO_LARGE as `check_time` does."""
        self.check_time()
        await asyncio.sleep(0)
        self._gave_way = monotonic()

    def push(self) -> None:
        """Begin to send what was collected, if it is a good piece and the line is free: the server then writes it while
        the jobs go on."""
        if self.done.waiting + self.job.waiting >= PIECE and not self.line.busy and self.line.broken is None:
            self.line.begin(self._pieces(rows=self.done.held + self.job.held >= _MANY))

    async def send(self, *, rows: bool = True) -> None:
        """Write what was collected, inside the transaction; only resources without `rows`."""
        await self.line.settle()
        await self.line.write(self._pieces(rows=rows))

    def _pieces(self, *, rows: bool) -> list[Piece]:
        """What is not sent yet, which counts as sent from here on; rows only if `rows`."""
        self.sent = self.sent or not self.job.empty
        found = pieces((self.done, self.job), rows=rows)
        if self.last is not None and self.last > self.now:
            found.append((CONTROL, [UpdateOne({"_id": CLOCK}, {"$max": {"last": self.last}})]))
        self.wrote = self.wrote or bool(found)
        return found
