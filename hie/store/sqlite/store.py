"""The SQLite store: one file, one writing and one reading connection, behind the store port."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from secrets import token_bytes
from typing import TypeVar

from hie.base.clock import Clock, SystemClock
from hie.base.errors import HieError
from hie.store.port import Extract, Transaction, unindexed
from hie.store.sqlite import tables as sql_tables
from hie.store.sqlite.checkpoint import Checkpointer
from hie.store.sqlite.database import connect, fit_cache, translated
from hie.store.sqlite.names import Names
from hie.store.sqlite.reading import SqliteReading
from hie.store.sqlite.schema import migrate
from hie.store.sqlite.searching import prepare
from hie.store.sqlite.text_following import TextFollowing
from hie.store.sqlite.texts import attach, ensure
from hie.store.sqlite.transaction import SqliteTransaction
from hie.store.sqlite.writer import GroupWriter, Limits
from hie.store.table import Table

T = TypeVar("T")

log = logging.getLogger("hie.store")

LEAST_ROOM = 32 * 1024 * 1024
"""Bytes that must be free for the store to be ready: the largest item, and as much again for what is made of it."""

_FOLLOWING_SECONDS = 1.0
"""The text index is followed from so long after opening: a command that is done before has no use for it."""


class SqliteStore(SqliteReading):
    """See `hie.store.port.Store`. Make it with `await SqliteStore.open(...)` on the event loop that uses it."""

    def __init__(
        self, path: Path, tables: Sequence[Table], extract: Extract, clock: Clock, secret: bytes, limits: Limits
    ) -> None:
        self._folder = path.parent
        self._roomy = True
        self._writing = connect(path)
        migrate(self._writing)
        fit_cache(self._writing)
        for table in tables:
            sql_tables.create(self._writing, table)
        prepare(self._writing)
        ensure(path)
        attach(self._writing, path)
        names = Names(self._writing)
        super().__init__(path, names, tables, secret)
        self._transaction = SqliteTransaction(self._writing, names, tables, extract, clock, secret)
        self._checkpointing = connect(path, cache_mib=8)
        self._checkpointer = Checkpointer(self._writing, self._checkpointing)
        self._writer = GroupWriter(self._writing, self._transaction, names, limits, self._committed)
        self.text_following = TextFollowing(path)
        self._starting = asyncio.get_running_loop().call_later(_FOLLOWING_SECONDS, self.text_following.start)

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
        """Open or create the file; raises UNAVAILABLE when it cannot be, is damaged, or was written by a newer program.

        `extract` gives the index entries of a resource, `secret` signs page cursors (without one they end with the
        process).
        """
        with translated():
            return cls(path, tables, extract, clock or SystemClock(), secret or token_bytes(32), limits or Limits())

    def _committed(self) -> None:
        if self._checkpointer.relieve():
            fit_cache(self._writing)
        self.text_following.tell()

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """See `Store.write`."""
        result: T = await self._writer.jobs.submit(job)
        return result

    async def ready(self) -> bool:
        """See `Store.ready`: the disk has room for the largest item, and after a failed commit a trial write tells
        whether it is back."""
        if not self._has_room():
            return False
        try:
            if self._writer.failing:
                await self.write(_trial)
            with translated():
                return bool(self._reading.execute("SELECT 1").get)
        except HieError:
            return False

    def _has_room(self) -> bool:
        """Whether the file system has `LEAST_ROOM` left, which is logged when it changes."""
        room = shutil.disk_usage(self._folder).free
        if (room >= LEAST_ROOM) != self._roomy:
            self._roomy = not self._roomy
            log.warning("room on the disk of the store bytes=%d least=%d", room, LEAST_ROOM)
        return self._roomy

    async def close(self) -> None:
        """See `Store.close`."""
        self._starting.cancel()
        await self._writer.close()
        await super().close()
        self.text_following.close()
        self._checkpointer.close()
        self._checkpointing.close()
        self._writing.close()


async def _trial(transaction: Transaction) -> None:
    assert isinstance(transaction, SqliteTransaction)
    transaction.touch()
