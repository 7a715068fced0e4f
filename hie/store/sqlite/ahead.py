"""Jobs run ahead: in another process than the one that writes, on a snapshot; what they came to is handed over.

A job sees the store as its last commit left it, and its own writes. Where it looks is noted, so that the process that
writes can tell whether it still holds (`hie.store.sqlite.recent`). What cannot be said as `Effects` raises `NotAhead`:
such a job runs in the process that writes.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hie.search.entries import Entries
from hie.search.plan import Plan
from hie.store.body import entries_of, named, stamped, unstamped
from hie.store.effects import VERSION, Effects, Look, NotAhead
from hie.store.port import Extract, HistoryPage, HistoryQuery, Page, Ready, Version
from hie.store.sqlite.database import connect, translated
from hie.store.sqlite.names import FollowedNames
from hie.store.sqlite.recent import batch_of, place_of
from hie.store.sqlite.table_writing import TableWriting
from hie.store.sqlite.undo import Undo
from hie.store.sqlite.versions import VersionReading
from hie.store.sqlite.waiting import plain
from hie.store.table import Above, Row, Table, Value, Where

Written = tuple[bytes, int]
"""Content of a resource that the job wrote, without number and time, and the number that it will get."""


class Snapshots:
    """A file that another process writes, for jobs run ahead; one at a time.

    `refused` are tables that every job changes, so that no snapshot of them would hold: whoever asks has to do without.
    """

    def __init__(self, path: Path, tables: Sequence[Table], extract: Extract, refused: Sequence[Table]) -> None:
        self._connection = connect(path, read_only=True, cache_mib=64)
        versions = VersionReading(self._connection, FollowedNames(self._connection))
        undo = Undo()
        writing = TableWriting(self._connection, tables, undo, _refuse)
        self._transaction = SqliteAheadTransaction(versions, writing, undo, extract, {table.name for table in refused})

    @contextlib.contextmanager
    def transaction(self) -> Iterator["SqliteAheadTransaction"]:
        """The view of one job."""
        with translated():
            self._connection.execute("BEGIN")
            try:
                self._transaction.begin(batch_of(self._connection))
                yield self._transaction
            finally:
                self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class SqliteAheadTransaction:
    """One job's view. Every method runs at once, inline; `async` is the port's shape."""

    def __init__(
        self, versions: VersionReading, tables: TableWriting, undo: Undo, extract: Extract, refused: set[str]
    ) -> None:
        self._versions = versions
        self._tables = tables
        self._undo = undo
        self._extract = extract
        self._refused = refused
        self._places: dict[tuple[str, tuple[str, ...]], str] = {}
        self.begin(0)

    def begin(self, batch: int) -> None:
        """A job begins on the snapshot of a batch."""
        self._batch = batch
        self._looked: dict[Look, None] = {}
        self._written: dict[tuple[str, str], Written] = {}
        self._puts: list[tuple[str, str, bytes, Entries]] = []
        self._tables.discard()
        self._undo.begin()

    def effects(self) -> Effects:
        """What the job came to."""
        puts = [(kind, identity, content, tuple(entries)) for kind, identity, content, entries in self._puts]
        return Effects(self._batch, list(self._looked), self._tables.collected(), puts)

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """See `Reader.read`."""
        written = self._written.get((resource_type, resource_id))
        if written is not None:
            content, number = written
            return Version(resource_type, resource_id, number, 0, stamped(content, number, 0))
        self._looked[VERSION, (resource_type, resource_id)] = None
        return self._versions.read(resource_type, resource_id)

    async def get(self, table: Table, *key: Value) -> Row | None:
        """See `Reader.get`."""
        self._looked[self._place(table, table.key), key] = None
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
        """See `Reader.select`; of a range only what stands before it counts as looked at."""
        equal = where if where and plain(where) else _equal(where)
        self._looked[self._place(table, tuple(equal)), tuple(equal.values())] = None  # type: ignore[arg-type]
        rows = self._tables.select(table, where, order=order, limit=limit, descending=descending)
        if rows:
            place = self._place(table, table.key)
            for row in rows:
                self._looked[place, self._tables.key(table, row)] = None
        return rows

    async def get_unless_new(self, table: Table, *key: Value) -> Row | None:
        """See `Transaction.get_unless_new`."""
        return await self.get(table, *key)

    async def foresee(self, table: Table, looks: Sequence[Where]) -> None:
        """See `Transaction.foresee`; only what is read counts as looked at."""

    async def foresee_resources(self, references: Sequence[str]) -> None:
        """See `Transaction.foresee_resources`; only what is read counts as looked at."""

    async def upsert(self, table: Table, row: Row) -> None:
        """See `Transaction.upsert`."""
        self._place(table, table.key)
        self._tables.upsert(table, row)

    async def put(
        self, resource: dict[str, Any] | Ready, *, method: str = "PUT", unless_same: bool = False, new: bool = False
    ) -> Version:
        """See `Transaction.put`. The number of one that is `new` is taken to be 1; the time is not known."""
        (kind, identity), content = named(resource), unstamped(resource)
        current = None if new else await self.read(kind, identity)
        if unless_same and current is not None and _says(current, content):
            return current
        number = 1 if current is None else current.version + 1
        self._written[kind, identity] = content, number
        self._puts.append((kind, identity, content, entries_of(resource, self._extract)))
        return Version(kind, identity, number, 0, content, method)

    def _place(self, table: Table, columns: tuple[str, ...]) -> str:
        """The place of a look; raises `NotAhead` for a table that is refused."""
        place = self._places.get((table.name, columns))
        if place is None:
            if table.name in self._refused:
                raise NotAhead
            place = self._places[table.name, columns] = place_of(table, columns)
        return place

    async def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """Raises `NotAhead`, as all that follows."""
        raise NotAhead

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `vread`."""
        raise NotAhead

    async def search(self, plan: Plan) -> Page:
        """See `vread`."""
        raise NotAhead

    async def count(self, table: Table, where: Where) -> int:
        """See `vread`."""
        raise NotAhead

    async def restore(self, version: Version) -> None:
        """See `vread`."""
        raise NotAhead

    async def delete(self, resource_type: str, resource_id: str) -> Version:
        """See `vread`."""
        raise NotAhead

    async def reindex(self, resource_type: str, resource_id: str) -> None:
        """See `vread`."""
        raise NotAhead

    def memo(self, resource_type: str) -> dict[Any, Any]:
        """See `vread`."""
        raise NotAhead

    async def insert(self, table: Table, row: Row) -> None:
        """See `vread`."""
        raise NotAhead

    async def update(self, table: Table, row: Row) -> bool:
        """See `vread`."""
        raise NotAhead

    async def remove(self, table: Table, where: Where) -> int:
        """See `vread`."""
        raise NotAhead

    def take(self, effects: Effects) -> bool:
        """See `vread`."""
        raise NotAhead


def _equal(where: Where) -> Where:
    """The conditions of equality, where there are none but those and ranges above a bound."""
    equal = {column: value for column, value in where.items() if type(value) is not Above}
    if not equal or not all(value is None or isinstance(value, str | int) for value in equal.values()):
        raise NotAhead
    return equal


def _says(version: Version, content: bytes) -> bool:
    return version.body == stamped(content, version.version, version.last_updated)


def _refuse() -> None:
    raise NotAhead
