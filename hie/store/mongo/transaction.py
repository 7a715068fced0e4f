"""Inside a job: reads see the batch's writes, writes are collected in the batch."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from pymongo import timeout
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from hie.base.errors import Category, HieError
from hie.search.entries import no_entries
from hie.search.plan import Plan
from hie.store.body import check_next, entries_of, named, stamped, unstamped
from hie.store.effects import Effects
from hie.store.mongo.batch import Batch
from hie.store.mongo.client import OPERATION_SECONDS, situation
from hie.store.mongo.foreseeing import Foreseeing
from hie.store.mongo.keys import index_fields, name
from hie.store.mongo.placing import place, placed
from hie.store.mongo.searching import Searching
from hie.store.mongo.selected import look_of
from hie.store.mongo.tables import Key, TableReading, key_of, laid_over
from hie.store.mongo.versions import VersionReading, version_of
from hie.store.port import Extract, HistoryPage, HistoryQuery, Page, Ready, Version
from hie.store.table import Row, Table, Value, Where, check_access
from hie.wire.safejson import loads

T = TypeVar("T")


class MongoTransaction:
    """See `hie.store.port.Transaction`."""

    def __init__(self, database: AsyncDatabase[Any], batch: Batch, extract: Extract, secret: bytes) -> None:
        self._batch = batch
        self._extract = extract
        self._versions = VersionReading(database, batch.session)
        self._tables = TableReading(database, batch.session)
        self._searching = Searching(database, secret, batch.session)
        self._foreseeing = Foreseeing(batch, self._tables, self._versions, self._asked)

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """See `Reader.read`."""
        found = await self._current(resource_type, resource_id)
        return None if found is None else version_of(found)

    async def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """See `Reader.vread`."""
        await self._send()
        return await self._asked(self._versions.vread(resource_type, resource_id, version))

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `Reader.history`."""
        await self._send()
        return await self._asked(self._versions.history(query))

    async def search(self, plan: Plan) -> Page:
        """See `Reader.search`."""
        await self._send()
        return await self._asked(self._searching.search(plan))

    async def get(self, table: Table, *key: Value) -> Row | None:
        """See `Reader.get`."""
        row = await self._row(table, key)
        return None if row is None else dict(row)

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
        check_access(table, where, order)
        look = look_of(table, where)
        known = None if look is None else self._batch.found(look)
        if look is None or (known is None and (limit is not None or order)):
            laid = self._batch.laid(table)
            found = self._tables.select(table, where, order=order, limit=limit, descending=descending, laid=laid)
            return await self._asked(found)
        if known is None:
            rows = await self._asked(self._tables.select(table, where))
            known = {key_of(table, row): row for row in rows}
            self._batch.learn_found(look, known)
        elif self._batch.is_held:
            await self._batch.give_way()
        served = [dict(row) for row in known.values()]
        return laid_over(served, table, where, order, limit, descending, self._batch.laid_at(table, look, known))

    async def count(self, table: Table, where: Where) -> int:
        """See `Reader.count`."""
        return await self._asked(self._tables.count(table, where, self._batch.laid(table)))

    def take(self, effects: Effects) -> bool:
        """See `Transaction.take`; nothing is run elsewhere on this store."""
        return False

    def memo(self, resource_type: str) -> dict[Any, Any]:
        """See `Transaction.memo`; other servers write too."""
        return {}

    async def get_unless_new(self, table: Table, *key: Value) -> Row | None:
        """See `Transaction.get_unless_new`: where it is not known here, the unique index finds out."""
        if self._batch.careful or self._batch.row(table, key)[0]:
            return await self.get(table, *key)
        self._batch.absent(table, key)
        self._batch.job.guessed = True
        return None

    async def foresee(self, table: Table, looks: Sequence[Where]) -> None:
        """See `Transaction.foresee`: what is not known yet is read by few commands."""
        await self._foreseeing.rows(table, looks)

    async def foresee_resources(self, references: Sequence[str]) -> None:
        """See `Transaction.foresee_resources`: what is not known yet is read by few commands."""
        await self._foreseeing.resources(references)

    async def insert(self, table: Table, row: Row) -> None:
        """See `Transaction.insert`."""
        full = table.full(row)
        key = key_of(table, full)
        known, there = self._batch.row(table, key)
        if not known and self._batch.careful:
            there = await self._row(table, key)
        if there is not None:
            raise _taken()
        await self._check_unique(table, key, full)
        if not known and not self._batch.careful:
            self._batch.absent(table, key)
        self._batch.change(table, key, full)

    async def upsert(self, table: Table, row: Row) -> None:
        """See `Transaction.upsert`."""
        full = table.full(row)
        key = key_of(table, full)
        await self._check_unique(table, key, full)
        self._batch.change(table, key, full)

    async def update(self, table: Table, row: Row) -> bool:
        """See `Transaction.update`."""
        if not row.keys() <= table.columns.keys() or len(row) <= len(table.key):
            raise ValueError(f"table {table.name}: nothing to change, or an unknown column")
        key = key_of(table, row)
        current = await self._row(table, key)
        if current is None:
            return False
        full = {**current, **row}
        await self._check_unique(table, key, full)
        self._batch.change(table, key, full)
        return True

    async def remove(self, table: Table, where: Where) -> int:
        """See `Transaction.remove`."""
        rows = await self.select(table, where)
        for row in rows:
            self._batch.change(table, key_of(table, row), None)
        return len(rows)

    async def put(
        self, resource: dict[str, Any] | Ready, *, method: str = "PUT", unless_same: bool = False, new: bool = False
    ) -> Version:
        """See `Transaction.put`."""
        (kind, identity), unnumbered = named(resource), unstamped(resource)
        guess = (new or method == "POST") and not unless_same and not self._batch.careful
        current = await self._current(kind, identity, guess=guess)
        if unless_same and current is not None and "b" in current:
            same = stamped(unnumbered, current["v"], current["u"])
            if same == current["b"]:
                return version_of(current)
        entries = entries_of(resource, self._extract)
        if self._batch.is_turn or self._batch.is_held:
            await self._batch.give_way()
        number = 1 if current is None else current["v"] + 1
        content = stamped(unnumbered, number, self._batch.now)
        version = self._append(kind, identity, current, method, content, place(kind, identity, entries))
        version["fields"] = {"t": kind, **index_fields(kind, entries)}
        return self._done(version, current)

    async def restore(self, version: Version) -> None:
        """See `Transaction.restore`."""
        guess = version.version == 1 and not self._batch.careful
        current = await self._current(version.type, version.id, guess=guess)
        last = self._batch.last
        if last is None:
            last = (await self._asked(self._versions.cut())).last_updated
        check_next(version, 0 if current is None else current["v"], last)
        entries = no_entries() if version.deleted else self._extract(loads(version.body))
        where = placed(current) if version.deleted else place(version.type, version.id, entries)
        appended = self._append(version.type, version.id, current, version.method, version.body, where)
        appended["u"] = version.last_updated
        appended["fields"] = {} if version.deleted else {"t": version.type, **index_fields(version.type, entries)}
        self._done(appended, current)
        self._batch.job.last = version.last_updated

    async def delete(self, resource_type: str, resource_id: str) -> Version:
        """See `Transaction.delete`; a resource that is deleted already stays as it is."""
        current = await self._current(resource_type, resource_id)
        if current is None:
            raise HieError(Category.NOT_FOUND, f"There is no such {resource_type}.")
        if "b" not in current:
            return version_of(current)
        version = self._append(resource_type, resource_id, current, "DELETE", b"", placed(current))
        version["fields"] = {}
        return self._done(version, current)

    async def reindex(self, resource_type: str, resource_id: str) -> None:
        """See `Transaction.reindex`."""
        current = await self._current(resource_type, resource_id)
        if current is not None and "b" in current:
            entries = self._extract(loads(bytes(current["b"])))
            fields = {"t": resource_type, **index_fields(resource_type, entries)}
            self._batch.index(name(resource_type, resource_id), _indexed(current, fields))

    def _append(
        self, kind: str, named: str, current: dict[str, Any] | None, method: str, content: bytes, where: dict[str, Any]
    ) -> dict[str, Any]:
        number = self._batch.number()
        return {
            "_id": number,
            "t": kind,
            "i": named,
            "v": 1 if current is None else current["v"] + 1,
            "n": number if current is None else current["n"],
            "u": self._batch.now,
            "m": method,
            **where,
            **({"b": content} if content else {}),
        }

    def _done(self, version: dict[str, Any], current: dict[str, Any] | None) -> Version:
        fields = version.pop("fields")
        self._batch.write(name(version["t"], version["i"]), version, _indexed(version, fields), current)
        self._batch.push()
        return version_of(version)

    # -- reading through the batch -------------------------------------------------------------------------------

    async def _current(self, resource_type: str, resource_id: str, *, guess: bool = False) -> dict[str, Any] | None:
        """The document of the current version; with `guess` one that is not known here is taken to be new."""
        named = name(resource_type, resource_id)
        known, found = self._batch.known(named)
        if known or guess:
            return found
        found = await self._asked(self._versions.current(resource_type, resource_id))
        self._batch.learn(named, found)
        return found

    async def _row(self, table: Table, key: Key) -> Row | None:
        known, row = self._batch.row(table, key)
        if not known:
            row = await self._asked(self._tables.get(table, *key))
            self._batch.learn_row(table, key, row)
        return row

    async def _check_unique(self, table: Table, key: Key, row: Row) -> None:
        """Raise CONFLICT when a unique value of `row` is another's; without care the server's index finds out."""
        for index in table.unique if self._batch.careful else ():
            where = {column: row[column] for column in index}
            if None in where.values():
                continue
            if any(key_of(table, other) != key for other in await self.select(table, where)):
                raise _taken()

    async def _send(self) -> None:
        """What is read by other ways than the key must be at the server first."""
        if self._batch.unsent():
            await self._asked(self._batch.send(rows=False))

    async def _asked(self, answer: Coroutine[Any, Any, T]) -> T:
        try:
            with timeout(OPERATION_SECONDS):
                try:
                    self._batch.check_time()
                    await self._batch.line.settle()
                except BaseException:
                    answer.close()
                    raise
                return await answer
        except PyMongoError as error:
            self._batch.line.broken = error
            raise situation(error) from error


def _indexed(version: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The index document of a version."""
    named = name(version["t"], version["i"])
    head = {"_id": named, "n": version["n"], "v": version["v"], "w": version["_id"], "u": version["u"]}
    return {**head, **placed(version), **fields}


def _taken() -> HieError:
    return HieError(Category.CONFLICT, "A row with the same key is there already.")
