"""What a job sees: reads on the writing connection (its own writes included) and the writes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

import apsw

from hie.base.clock import Clock
from hie.base.errors import Category, HieError
from hie.search.entries import Entries, no_entries
from hie.search.plan import Plan
from hie.store.body import check_next, entries_of, named, stamp, stamped, unstamped
from hie.store.effects import Effects
from hie.store.port import Extract, HistoryPage, HistoryQuery, Page, Ready, Transaction, Version
from hie.store.sqlite.database import translated
from hie.store.sqlite.index import Index
from hie.store.sqlite.memo import Memo
from hie.store.sqlite.names import Names
from hie.store.sqlite.recent import Recent
from hie.store.sqlite.searching import INLINE, Searching
from hie.store.sqlite.table_writing import TableWriting
from hie.store.sqlite.tables import RowReader
from hie.store.sqlite.undo import Undo
from hie.store.sqlite.versions import VersionWriting
from hie.store.table import Row, Table, Value, Where
from hie.wire.safejson import loads

T = TypeVar("T")

SEARCHING = 10.0
"""Seconds that all searches of one job may take together: nothing else is written meanwhile."""

_NEWEST = "SELECT last_updated FROM version ORDER BY seq DESC LIMIT 1"


class SqliteTransaction(RowReader):
    """One job's view. Every method runs at once, inline, but a slow search; `async` is the port's shape."""

    _tables: TableWriting

    def __init__(
        self,
        connection: apsw.Connection,
        names: Names,
        tables: Sequence[Table],
        extract: Extract,
        clock: Clock,
        secret: bytes,
    ) -> None:
        """`refused` says that what the jobs so far collected could not be written: all of them must run again."""
        self._connection = connection
        self._extract = extract
        self._undo = Undo()
        self._mark: int | None = None
        self._searchable = SEARCHING
        self.refused = False
        self._index = Index(connection, names, self._undo)
        self._searching = Searching(connection, names, secret)
        self._memo = Memo(connection)
        self._names = names
        self._clock = clock
        self._versions = VersionWriting(connection, names, self._undo)
        self._recent = Recent(connection, tables)
        self._tables = TableWriting(connection, tables, self._undo, self._settle, self._recent)
        self._last = int(connection.execute(_NEWEST).get or 0)

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """See `Reader.read`."""
        with translated():
            return self._versions.read(resource_type, resource_id)

    async def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """See `Reader.vread`."""
        with translated():
            self._look()
            return self._versions.vread(resource_type, resource_id, version)

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `Reader.history`."""
        with translated():
            self._look()
            return self._versions.history(query)

    async def search(self, plan: Plan) -> Page:
        """See `Reader.search`; one that takes longer than `INLINE` starts again in a thread and others can read."""
        with translated():
            self._look()
            began, seconds = monotonic(), min(plan.seconds, self._searchable)
            try:
                return self._searching.search(plan, min(INLINE, seconds))
            except apsw.InterruptError:
                return await asyncio.to_thread(self._searching.search, plan, seconds - INLINE)
            finally:
                self._searchable -= monotonic() - began

    def memo(self, resource_type: str) -> dict[Any, Any]:
        """See `Transaction.memo`."""
        return self._memo.of(resource_type)

    async def get_unless_new(self, table: Table, *key: Value) -> Row | None:
        """See `Transaction.get_unless_new`."""
        return await self.get(table, *key)

    async def foresee(self, table: Table, looks: Sequence[Where]) -> None:
        """See `Transaction.foresee`; reading one after the other costs nothing here."""

    async def foresee_resources(self, references: Sequence[str]) -> None:
        """See `Transaction.foresee_resources`; reading one after the other costs nothing here."""

    async def insert(self, table: Table, row: Row) -> None:
        """See `Transaction.insert`."""
        with translated():
            self._tables.insert(table, row)

    async def upsert(self, table: Table, row: Row) -> None:
        """See `Transaction.upsert`."""
        with translated():
            self._tables.upsert(table, row)

    async def update(self, table: Table, row: Row) -> bool:
        """See `Transaction.update`."""
        with translated():
            return self._tables.update(table, row)

    async def remove(self, table: Table, where: Where) -> int:
        """See `Transaction.remove`."""
        with translated():
            return self._tables.remove(table, where)

    async def put(
        self, resource: dict[str, Any] | Ready, *, method: str = "PUT", unless_same: bool = False, new: bool = False
    ) -> Version:
        """See `Transaction.put`."""
        with translated():
            (kind, identity), content = named(resource), unstamped(resource)
            if unless_same and (same := self._same(kind, identity, content)):
                return same
            return self._put(kind, identity, content, entries_of(resource, self._extract), method)

    def _put(self, kind: str, identity: str, content: bytes, entries: Entries, method: str = "PUT") -> Version:
        self._last = stamp(self._clock, self._last)
        type_pk = self._names.make_type(kind)
        pk, number = self._versions.point(type_pk, identity, self._last)
        version = Version(kind, identity, number, self._last, stamped(content, number, self._last), method)
        self._append(type_pk, pk, version, entries, new=number == 1)
        return version

    def take(self, effects: Effects) -> bool:
        """See `Transaction.take`."""
        if not self._recent.holds(effects.batch, effects.looked):
            return False
        with translated():
            for table, new, known in effects.rows:
                self._tables.take(table, new, known)
            for kind, identity, content, entries in effects.puts:
                self._put(kind, identity, content, Entries(*entries))
        return True

    async def restore(self, version: Version) -> None:
        """See `Transaction.restore`."""
        with translated():
            entries = no_entries() if version.deleted else self._extract(loads(version.body))
            type_pk = self._names.make_type(version.type)
            _, current = self._versions.at(type_pk, version.id) or (0, 0)
            check_next(version, current, self._last)
            self._last = version.last_updated
            pk, number = self._versions.point(type_pk, version.id, self._last, deleted=version.deleted)
            self._append(type_pk, pk, version, entries, new=number == 1)

    async def delete(self, resource_type: str, resource_id: str) -> Version:
        """See `Transaction.delete`; a resource that is deleted already stays as it is."""
        with translated():
            current = self._versions.read(resource_type, resource_id)
            if current is None:
                raise HieError(Category.NOT_FOUND, f"There is no such {resource_type}.")
            if current.deleted:
                return current
            type_pk = self._names.make_type(resource_type)
            self._last = stamp(self._clock, self._last)
            pk, number = self._versions.point(type_pk, resource_id, self._last, deleted=True)
            version = Version(resource_type, resource_id, number, self._last, b"", "DELETE")
            self._append(type_pk, pk, version, no_entries())
            return version

    async def reindex(self, resource_type: str, resource_id: str) -> None:
        """See `Transaction.reindex`; only rows that differ are touched."""
        with translated():
            current = self._versions.read(resource_type, resource_id)
            if current is None or current.deleted:
                return
            entries = self._extract(loads(current.body))
            type_pk = self._names.make_type(resource_type)
            there = self._versions.at(type_pk, resource_id)
            assert there is not None
            self._memo.changed(resource_type)
            self._index.enter(there[0], type_pk, entries)

    async def run(self, job: Callable[[Transaction], Awaitable[T]], *, alone: bool = False) -> T:
        """Run a job. What it writes is collected and written by `flush`, together with that of its neighbours; when
        it runs `alone`, at once, so that what the file refuses is its own failure. A job that raises leaves nothing."""
        self._undo.begin()
        self._searchable = SEARCHING
        self._mark, seq = None, self._versions.mark()
        try:
            result = await job(self)
            if alone:
                with translated():
                    self._settle()
        except BaseException:
            self._undo.take_back()
            if self._mark is not None:
                self._roll_back(self._mark)
            self._versions.begin(seq)
            self._memo.forget()
            raise
        if self._mark is not None:
            self._connection.execute("RELEASE job")
        return result

    def begin(self) -> None:
        """A batch begins: other processes may have written since the last one."""
        self._names.begin()
        self._versions.begin()
        self._tables.unsure()
        self._memo.begin()
        self._recent.begin()

    def flush(self) -> None:
        """Write everything that was collected."""
        self._versions.flush()
        self._index.flush()
        self._tables.flush()
        self._recent.number()

    def discard(self) -> None:
        """The batch is lost: forget everything that was collected."""
        self.refused = False
        self._versions.discard()
        self._index.discard()
        self._tables.discard()
        self._names.rollback()
        self._memo.forget()

    def _append(self, type_pk: int, pk: int, version: Version, entries: Entries, *, new: bool = False) -> None:
        """Add a version and index it."""
        self._versions.append(type_pk, pk, version)
        self._recent.wrote_version(version.type, version.id)
        self._memo.changed(version.type)
        self._index.enter(pk, type_pk, entries, new=new)

    def _look(self) -> None:
        """Before something looks into the file: it must hold what was written so far."""
        if self._versions.waiting or self._index.waiting or self._tables.waiting:
            self._settle()

    def _settle(self) -> None:
        """Have everything written so far, the job's own under a savepoint: the job may still fail. What a job before
        it made and it changed is there then, and is not made again."""
        if self._mark is None:
            own = self._undo.take_back()
            made = self._versions.collected()
            self._flush_others()
            self._mark = self._names.mark()
            self._connection.execute("SAVEPOINT job")
            self._undo.again(own)
            self._versions.made(made)
            self._index.made(made)
        self.flush()
        self._undo.begin()

    def _flush_others(self) -> None:
        """Write what the jobs before this one collected; that it is refused is not the fault of this one."""
        try:
            self.flush()
        except Exception:
            self.refused = True
            raise

    def _roll_back(self, mark: int) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK TO job; RELEASE job")
        self._names.rollback(mark)
        self._tables.unsure()

    def touch(self) -> None:
        """Write something that changes nothing, to see whether the disk takes it."""
        with translated():
            self._settle()
            self._connection.execute("INSERT INTO type (name) VALUES ('?'); DELETE FROM type WHERE name = '?'")

    def _same(self, resource_type: str, resource_id: str, content: bytes) -> Version | None:
        current = self._versions.read(resource_type, resource_id)
        if current is None or current.deleted:
            return None
        return current if stamped(content, current.version, current.last_updated) == current.body else None
