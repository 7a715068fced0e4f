"""Reading a SQLite store: versions, history, search and table rows, on read-only connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from hie.base.errors import Category, HieError
from hie.search.plan import Plan
from hie.store.port import Cut, HistoryPage, HistoryQuery, Page, Transaction, Version
from hie.store.sqlite.database import connect, translated
from hie.store.sqlite.names import FollowedNames, Names
from hie.store.sqlite.searching import INLINE, Searching, prepare
from hie.store.sqlite.tables import RowReader, TableReading
from hie.store.sqlite.texts import attach
from hie.store.sqlite.versions import VersionReading
from hie.store.table import Table

T = TypeVar("T")


class SqliteReading(RowReader):
    """See `hie.store.port.Reader`, and `versions` and `log` of `Store`.

    A search runs inline first, as most take well under a millisecond; one that takes longer than `INLINE` starts again
    in a thread, on a connection of its own, so that it holds up nobody.
    """

    def __init__(self, path: Path, names: Names, tables: Sequence[Table], secret: bytes) -> None:
        self._reading = connect(path, read_only=True)
        self._patient = connect(path, read_only=True)
        for connection in (self._reading, self._patient):
            prepare(connection)
            attach(connection, path)
        self._versions = VersionReading(self._reading, names)
        self._tables = TableReading(self._reading, tables)
        self._quick = Searching(self._reading, names, secret)
        self._slow = Searching(self._patient, names, secret)
        self._thread = ThreadPoolExecutor(1, "hie-search")

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

    async def versions(self, resource_type: str | None = None, cut: Cut | None = None) -> AsyncIterator[Version]:
        """See `Store.versions`."""
        for chunk in self._versions.all(resource_type, cut):
            for version in chunk:
                yield version

    async def cut(self) -> Cut:
        """See `Store.cut`."""
        with translated():
            return self._versions.cut()

    async def as_of(self, resource_type: str, resource_id: str, cut: Cut) -> Version | None:
        """See `Store.as_of`."""
        with translated():
            return self._versions.as_of(resource_type, resource_id, cut)

    async def log(self, after: int = 0, limit: int = 500) -> list[tuple[int, Version]]:
        """See `Store.log`."""
        with translated():
            return self._versions.log(after, limit)

    async def close(self) -> None:
        """See `Store.close`."""
        self._thread.shutdown()
        self._patient.close()
        self._reading.close()


class SqliteFollower(SqliteReading):
    """A store that another process writes: what that has committed is seen by the next read; writing is refused."""

    def __init__(self, path: Path, tables: Sequence[Table], secret: bytes) -> None:
        self._naming = connect(path, read_only=True)
        super().__init__(path, FollowedNames(self._naming), tables, secret)

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """Raises NOT_SUPPORTED: writes belong to the process that owns the file."""
        raise HieError(Category.NOT_SUPPORTED, "This process only reads the store.")

    async def ready(self) -> bool:
        """See `Store.ready`, as far as reading goes."""
        try:
            with translated():
                return bool(self._reading.execute("SELECT 1").get)
        except HieError:
            return False

    async def close(self) -> None:
        """See `Store.close`."""
        await super().close()
        self._naming.close()
