"""The SQLite store: one file, one writing and one reading connection, behind the store port."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_bytes
from typing import TypeVar

import apsw

from hie.base.clock import Clock, SystemClock
from hie.base.errors import HieError
from hie.search.plan import Plan
from hie.store.port import Extract, HistoryPage, HistoryQuery, Page, Transaction, Version, unindexed
from hie.store.sqlite import tables as sql_tables
from hie.store.sqlite.checkpoint import Checkpointer
from hie.store.sqlite.database import connect, translated, writing_cache_mib
from hie.store.sqlite.names import Names
from hie.store.sqlite.schema import migrate
from hie.store.sqlite.searching import Searching, prepare
from hie.store.sqlite.transaction import SqliteTransaction
from hie.store.sqlite.versions import VersionReading
from hie.store.sqlite.writer import GroupWriter, Limits
from hie.store.table import Row, Table, Value, Where

T = TypeVar("T")

INLINE = 0.025
"""Seconds that a search may hold the event loop."""


class SqliteStore:
    """See `hie.store.port.Store`. Make it with `await SqliteStore.open(...)` on the event loop that uses it.

    A search runs inline first, as most take well under a millisecond; one that takes longer than `INLINE` starts again
    in a thread, on a connection of its own, so that it holds up nobody.
    """

    def __init__(
        self, path: Path, tables: Sequence[Table], extract: Extract, clock: Clock, secret: bytes, limits: Limits
    ) -> None:
        self._writing = connect(path, cache_mib=writing_cache_mib())
        with translated():
            migrate(self._writing)
            for table in tables:
                sql_tables.create(self._writing, table)
        self._reading = connect(path, read_only=True)
        self._names = Names(self._writing)
        self._versions = VersionReading(self._reading, self._names)
        self._tables = sql_tables.TableReading(self._reading, tables)
        self._transaction = SqliteTransaction(self._writing, self._names, tables, extract, clock, secret)
        self._patient = connect(path, read_only=True)
        for connection in (self._writing, self._reading, self._patient):
            prepare(connection)
        self._quick = Searching(self._reading, self._names, secret)
        self._slow = Searching(self._patient, self._names, secret)
        self._thread = ThreadPoolExecutor(1, "hie-search")
        self._checkpointing = connect(path, cache_mib=8)
        self._checkpointer = Checkpointer(self._writing, self._checkpointing)
        self._writer = GroupWriter(self._writing, self._names, limits, self._checkpointer.relieve)

    @classmethod
    async def open(
        cls,
        path: Path,
        tables: Sequence[Table] = (),
        *,
        extract: Extract = unindexed,
        clock: Clock | None = None,
        secret: bytes | None = None,
        limits: Limits | None = None,
    ) -> "SqliteStore":
        """Open or create the file; raises UNAVAILABLE when it cannot be, or was written by a newer program.

        `extract` gives the index entries of a resource, `secret` signs page cursors (without one they end with the
        process).
        """
        return cls(path, tables, extract, clock or SystemClock(), secret or token_bytes(32), limits or Limits())

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """See `Store.write`."""
        result: T = await self._writer.submit(lambda: self._transaction.run(job))
        return result

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """See `Reader.read`."""
        with translated():
            return self._versions.read(resource_type, resource_id)

    async def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """See `Reader.vread`."""
        with translated():
            return self._versions.vread(resource_type, resource_id, version)

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `Reader.history`."""
        with translated():
            return self._versions.history(query)

    async def search(self, plan: Plan) -> Page:
        """See `Reader.search`."""
        with translated():
            try:
                return self._quick.search(plan, min(INLINE, plan.seconds))
            except apsw.InterruptError:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, self._slow.search, plan, plan.seconds)

    async def get(self, table: Table, *key: Value) -> Row | None:
        """See `Reader.get`."""
        with translated():
            return self._tables.get(table, *key)

    async def select(
        self,
        table: Table,
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int | None = None,
        descending: bool = False,
    ) -> list[Row]:
        """See `Reader.select`."""
        with translated():
            return self._tables.select(table, where, order=order, limit=limit, descending=descending)

    async def count(self, table: Table, where: Where) -> int:
        """See `Reader.count`."""
        with translated():
            return self._tables.count(table, where)

    async def versions(self, resource_type: str | None = None) -> AsyncIterator[Version]:
        """See `Store.versions`."""
        for chunk in self._versions.all(resource_type):
            for version in chunk:
                yield version

    async def log(self, after: int = 0, limit: int = 500) -> list[tuple[int, Version]]:
        """See `Store.log`."""
        with translated():
            return self._versions.log(after, limit)

    async def ready(self) -> bool:
        """See `Store.ready`: after a failed commit a trial write tells whether the disk is back."""
        try:
            if self._writer.failing:
                await self.write(_trial)
            with translated():
                return bool(self._reading.execute("SELECT 1").get)
        except HieError:
            return False

    async def close(self) -> None:
        """See `Store.close`."""
        await self._writer.close()
        self._thread.shutdown()
        self._checkpointer.close()
        self._checkpointing.close()
        self._patient.close()
        self._reading.close()
        self._writing.close()


async def _trial(transaction: Transaction) -> None:
    assert isinstance(transaction, SqliteTransaction)
    transaction.touch()
