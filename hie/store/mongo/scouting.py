"""Reads ahead for jobs that wait: what they ask for by key is asked for together, before they run one after the other.

A job reads, decides, reads again; each read is a round trip, and a transaction takes one at a time. So waiting jobs are
first run side by side as *scouts*, on a view of the store that keeps nothing. What all of them need next by key is
fetched by one command for each collection, and stays known to the batch: it holds the clock, so nobody changes it. A
scout ends where only the server can answer (a search, a selection), and where it has written much: then the job itself
is more work than its round trips. Its results and errors are thrown away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pymongo import timeout
from pymongo.asynchronous.database import AsyncDatabase

from hie.base.errors import Category, HieError
from hie.search.plan import Plan
from hie.store.body import named, stamped, unstamped
from hie.store.effects import Effects
from hie.store.mongo.batch import Batch
from hie.store.mongo.client import OPERATION_SECONDS
from hie.store.mongo.keys import name
from hie.store.mongo.tables import Key, TableReading, key_of
from hie.store.mongo.versions import VersionReading, version_of
from hie.store.port import HistoryPage, HistoryQuery, Page, Ready, Transaction, Version
from hie.store.table import Row, Table, Value, Where

FEWEST, MOST = 3, 100
"""Waiting jobs from which on scouts are sent, and how many at most."""

_WAVES = 12
"""How often what the scouts need is fetched."""

_TURNS = 3
"""Turns of the event loop in which a scout comes to its next read."""

_WRITES = 50
"""Resources after which a scout ends."""

Job = Callable[[Transaction], Awaitable[Any]]


class Enough(BaseException):
    """Ends a scout; no job's own handling of errors is to catch it."""


class Scouting:
    """Scouts for the jobs of one batch."""

    def __init__(self, database: AsyncDatabase[Any], batch: Batch) -> None:
        self.batch = batch
        self._versions = VersionReading(database, batch.session)
        self._tables = TableReading(database, batch.session)
        self._names: set[tuple[str, str]] = set()
        self._keys: dict[str, tuple[Table, set[Key]]] = {}
        self._fetched = asyncio.Event()

    async def look(self, jobs: Sequence[Job]) -> None:
        """Run the jobs for show until none of them needs anything more by key."""
        scouts = [asyncio.ensure_future(job(Scout(self))) for job in jobs]
        try:
            for _ in range(_WAVES):
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                if not self._names and not self._keys:
                    return
                await self._fetch()
        finally:
            for scout in scouts:
                scout.cancel()
            await asyncio.gather(*scouts, return_exceptions=True)

    async def current(self, resource_type: str, resource_id: str) -> dict[str, Any] | None:
        """The document of the current version, once it is fetched."""
        known, found = self.batch.known(name(resource_type, resource_id))
        if not known:
            self._names.add((resource_type, resource_id))
            await self._fetched.wait()
            found = self.batch.known(name(resource_type, resource_id))[1]
        return found

    async def row(self, table: Table, key: Key) -> Row | None:
        """A row, once it is fetched."""
        known, found = self.batch.row(table, key)
        if not known:
            self._keys.setdefault(table.name, (table, set()))[1].add(key)
            await self._fetched.wait()
            found = self.batch.row(table, key)[1]
        return found

    async def _fetch(self) -> None:
        names, keys, fetched = self._names, self._keys, self._fetched
        self._names, self._keys, self._fetched = set(), {}, asyncio.Event()
        with timeout(OPERATION_SECONDS):
            if names:
                found = await self._versions.currents([name(*one) for one in names])
                for one in names:
                    self.batch.learn(name(*one), found.get(name(*one)))
            for table, wanted in keys.values():
                rows = await self._tables.rows(table, wanted)
                for key in wanted:
                    self.batch.learn_row(table, key, rows.get(key))
        fetched.set()


class Scout:
    """See `hie.store.port.Transaction`: writes are seen by the scout itself only."""

    def __init__(self, scouting: Scouting) -> None:
        self._scouting = scouting
        self._current: dict[tuple[str, str], dict[str, Any]] = {}
        self._rows: dict[tuple[str, Key], Row | None] = {}

    async def _now(self, resource_type: str, resource_id: str) -> dict[str, Any] | None:
        written = self._current.get((resource_type, resource_id))
        return written or await self._scouting.current(resource_type, resource_id)

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """See `Reader.read`."""
        found = await self._now(resource_type, resource_id)
        return None if found is None else version_of(found)

    async def get(self, table: Table, *key: Value) -> Row | None:
        """See `Reader.get`."""
        if (table.name, key) in self._rows:
            row = self._rows[table.name, key]
        else:
            row = await self._scouting.row(table, key)
        return None if row is None else dict(row)

    async def put(
        self, resource: dict[str, Any] | Ready, *, method: str = "PUT", unless_same: bool = False, new: bool = False
    ) -> Version:
        """See `Transaction.put`."""
        if len(self._current) >= _WRITES:
            raise Enough
        (kind, identity), unnumbered = named(resource), unstamped(resource)
        guess = (new or method == "POST") and not unless_same and (kind, identity) not in self._current
        current = None if guess else await self._now(kind, identity)
        known = current if unless_same and current is not None and "b" in current else None
        if known is not None and stamped(unnumbered, known["v"], known["u"]) == known["b"]:
            return version_of(known)
        number, now = 1 if current is None else current["v"] + 1, self._scouting.batch.now
        content = stamped(unnumbered, number, now)
        return self._wrote({"t": kind, "i": identity, "v": number, "u": now, "m": method, "b": content})

    async def delete(self, resource_type: str, resource_id: str) -> Version:
        """See `Transaction.delete`."""
        current = await self._now(resource_type, resource_id)
        if current is None:
            raise HieError(Category.NOT_FOUND, f"There is no such {resource_type}.")
        if "b" not in current:
            return version_of(current)
        now = self._scouting.batch.now
        return self._wrote({"t": resource_type, "i": resource_id, "v": current["v"] + 1, "u": now, "m": "DELETE"})

    def _wrote(self, version: dict[str, Any]) -> Version:
        self._current[version["t"], version["i"]] = version
        return version_of(version)

    def take(self, effects: Effects) -> bool:
        """See `Transaction.take`."""
        return False

    def memo(self, resource_type: str) -> dict[Any, Any]:
        """See `Transaction.memo`."""
        return {}

    async def get_unless_new(self, table: Table, *key: Value) -> Row | None:
        """See `Transaction.get_unless_new`."""
        row = self._rows.get((table.name, key))
        return None if row is None else dict(row)

    async def foresee(self, table: Table, looks: Sequence[Where]) -> None:
        """See `Transaction.foresee`; what a scout reads is read for all."""

    async def foresee_resources(self, references: Sequence[str]) -> None:
        """See `Transaction.foresee_resources`; what a scout reads is read for all."""

    async def insert(self, table: Table, row: Row) -> None:
        """See `Transaction.insert`."""
        await self.upsert(table, row)

    async def upsert(self, table: Table, row: Row) -> None:
        """See `Transaction.upsert`."""
        full = table.full(row)
        self._rows[table.name, key_of(table, full)] = full

    async def update(self, table: Table, row: Row) -> bool:
        """See `Transaction.update`."""
        key = key_of(table, row)
        current = await self.get(table, *key)
        if current is not None:
            self._rows[table.name, key] = {**current, **row}
        return current is not None

    async def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """Ends the scout."""
        raise Enough

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """Ends the scout."""
        raise Enough

    async def search(self, plan: Plan) -> Page:
        """Ends the scout."""
        raise Enough

    async def select(
        self,
        table: Table,
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int | None = None,
        descending: bool = False,
    ) -> list[Row]:
        """Ends the scout."""
        raise Enough

    async def count(self, table: Table, where: Where) -> int:
        """Ends the scout."""
        raise Enough

    async def remove(self, table: Table, where: Where) -> int:
        """Ends the scout."""
        raise Enough

    async def restore(self, version: Version) -> None:
        """Ends the scout."""
        raise Enough

    async def reindex(self, resource_type: str, resource_id: str) -> None:
        """Ends the scout."""
        raise Enough
