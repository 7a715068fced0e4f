"""The reference store: everything in dicts, nothing clever. It is the oracle of the contract and property tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hie.base.clock import Clock, SystemClock
from hie.base.errors import Category, HieError
from hie.search.entries import Entries, no_entries
from hie.search.match import Subject
from hie.search.plan import Plan
from hie.store.body import check_next, entries_of, named, stamp, stamped, unstamped
from hie.store.effects import Effects
from hie.store.memory_search import search
from hie.store.port import Cut, Extract, HistoryPage, HistoryQuery, Page, Ready, Transaction, Version, unindexed
from hie.store.table import Row, Table, Value, Where, check_access, matches
from hie.wire.safejson import loads

T = TypeVar("T")


@dataclass
class _State:
    """All there is: `log` is every version in order of writing; `resources` (type, id) -> its versions."""

    log: list[Version] = field(default_factory=list)
    resources: dict[tuple[str, str], list[Version]] = field(default_factory=dict)
    rows: dict[str, dict[tuple[Value, ...], Row]] = field(default_factory=dict)
    entries: dict[tuple[str, str], Entries] = field(default_factory=dict)
    last: int = 0

    def copy(self) -> "_State":
        """A copy that shares only what never changes."""
        resources = {key: list(versions) for key, versions in self.resources.items()}
        return _State(list(self.log), resources, _copies(self.rows), dict(self.entries), self.last)

    def find(self, resource_type: str, resource_id: str) -> Subject | None:
        """A live resource as matching sees it."""
        versions = self.resources.get((resource_type, resource_id))
        if versions is None or versions[-1].deleted:
            return None
        current = versions[-1]
        entries = self.entries[resource_type, resource_id]
        return Subject(current.type, current.id, current.last_updated, current.body, entries)

    def all(self, resource_type: str) -> Iterable[Subject]:
        """The live resources of a type, in order of their first version."""
        found = (self.find(*key) for key in self.resources if key[0] == resource_type)
        return [subject for subject in found if subject is not None]

    def types(self) -> list[str]:
        """The types of all resources there ever were."""
        return list(dict.fromkeys(key[0] for key in self.resources))


def _copies(rows: dict[str, dict[tuple[Value, ...], Row]]) -> dict[str, dict[tuple[Value, ...], Row]]:
    return {name: dict(table) for name, table in rows.items()}


class _MemoryReader:
    """Reading from one state."""

    def __init__(self, state: _State, secret: bytes) -> None:
        self._state = state
        self._secret = secret

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """See `Reader.read`."""
        versions = self._state.resources.get((resource_type, resource_id))
        return versions[-1] if versions else None

    async def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """See `Reader.vread`."""
        versions = self._state.resources.get((resource_type, resource_id), [])
        return versions[version - 1] if 0 < version <= len(versions) else None

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `Reader.history`."""
        found = [(number, version) for number, version in enumerate(self._state.log) if self._named(version, query)]
        before = int(query.cursor) if query.cursor else len(self._state.log)
        page = [(number, version) for number, version in reversed(found) if number < before]
        shown = page[: query.count]
        more = str(shown[-1][0]) if shown and len(page) > query.count else None
        return HistoryPage([version for _, version in shown], more, len(found))

    def _named(self, version: Version, query: HistoryQuery) -> bool:
        if query.type not in (None, version.type) or query.id not in (None, version.id):
            return False
        if query.since is not None and version.last_updated < query.since:
            return False
        if query.at is None:
            return True
        until = query.at + 1 if query.at_until is None else query.at_until
        later = self._state.resources[version.type, version.id][version.version :]
        return version.last_updated < until and not (later and later[0].last_updated <= query.at)

    async def search(self, plan: Plan) -> Page:
        """See `Reader.search`."""
        return search(
            plan, self._state, self._secret, lambda subject: self._state.resources[subject.type, subject.id][-1]
        )

    async def get(self, table: Table, *key: Value) -> Row | None:
        """See `Reader.get`."""
        row = self._state.rows.get(table.name, {}).get(key)
        return dict(row) if row else None

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
        rows = [row for row in self._state.rows.get(table.name, {}).values() if matches(row, where)]
        rows.sort(key=lambda row: [_sortable(row[column]) for column in order], reverse=descending)
        return [dict(row) for row in rows[:limit]]

    async def count(self, table: Table, where: Where) -> int:
        """See `Reader.count`."""
        check_access(table, where)
        return sum(matches(row, where) for row in self._state.rows.get(table.name, {}).values())


def _sortable(value: Value) -> tuple[bool, Value]:
    return (value is not None, value)


class _MemoryTransaction(_MemoryReader):
    """Writing to a state that replaces the store's when the job is done."""

    def __init__(self, state: _State, extract: Extract, clock: Clock, secret: bytes) -> None:
        super().__init__(state, secret)
        self._extract = extract
        self._clock = clock

    async def put(
        self, resource: dict[str, Any] | Ready, *, method: str = "PUT", unless_same: bool = False, new: bool = False
    ) -> Version:
        """See `Transaction.put`."""
        (kind, identity), content = named(resource), unstamped(resource)
        current = await self.read(kind, identity)
        if unless_same and current and stamped(content, current.version, current.last_updated) == current.body:
            return current
        return self._append(kind, identity, content, entries_of(resource, self._extract), method)

    async def delete(self, resource_type: str, resource_id: str) -> Version:
        """See `Transaction.delete`."""
        current = await self.read(resource_type, resource_id)
        if current is None:
            raise HieError(Category.NOT_FOUND, f"There is no such {resource_type}.")
        return current if current.deleted else self._append(resource_type, resource_id, b"", no_entries(), "DELETE")

    async def reindex(self, resource_type: str, resource_id: str) -> None:
        """See `Transaction.reindex`."""
        current = await self.read(resource_type, resource_id)
        if current is not None and not current.deleted:
            self._state.entries[resource_type, resource_id] = self._extract(loads(current.body))

    def _append(self, resource_type: str, resource_id: str, content: bytes, entries: Entries, method: str) -> Version:
        versions = self._state.resources.setdefault((resource_type, resource_id), [])
        self._state.last = stamp(self._clock, self._state.last)
        number = len(versions) + 1
        body = stamped(content, number, self._state.last)
        version = Version(resource_type, resource_id, number, self._state.last, body, method)
        self._keep(version, versions, entries)
        return version

    def _keep(self, version: Version, versions: list[Version], entries: Entries) -> None:
        versions.append(version)
        self._state.last = version.last_updated
        self._state.entries[version.type, version.id] = entries
        self._state.log.append(version)

    async def restore(self, version: Version) -> None:
        """See `Transaction.restore`."""
        versions = self._state.resources.setdefault((version.type, version.id), [])
        check_next(version, len(versions), self._state.last)
        entries = no_entries() if version.deleted else self._extract(loads(version.body))
        self._keep(version, versions, entries)

    def take(self, effects: Effects) -> bool:
        """See `Transaction.take`; nothing is run elsewhere on this store."""
        return False

    def memo(self, resource_type: str) -> dict[Any, Any]:
        """See `Transaction.memo`; no transaction keeps anything here."""
        return {}

    async def get_unless_new(self, table: Table, *key: Value) -> Row | None:
        """See `Transaction.get_unless_new`."""
        return await self.get(table, *key)

    async def foresee(self, table: Table, looks: Sequence[Where]) -> None:
        """See `Transaction.foresee`; everything is at hand."""

    async def foresee_resources(self, references: Sequence[str]) -> None:
        """See `Transaction.foresee_resources`; everything is at hand."""

    async def insert(self, table: Table, row: Row) -> None:
        """See `Transaction.insert`."""
        self._add(table, row, replace=False)

    async def upsert(self, table: Table, row: Row) -> None:
        """See `Transaction.upsert`."""
        self._add(table, row, replace=True)

    def _add(self, table: Table, row: Row, *, replace: bool) -> None:
        full = table.full(row)
        key = tuple(full[column] for column in table.key)
        if None in key:
            raise ValueError(f"table {table.name}: a key column is None")
        rows = self._state.rows.setdefault(table.name, {})
        others = (other for other_key, other in rows.items() if other_key != key) if table.unique else ()
        if (key in rows and not replace) or any(_clash(full, other, table) for other in others):
            raise HieError(Category.CONFLICT, "A row with the same key is there already.")
        rows[key] = full

    async def update(self, table: Table, row: Row) -> bool:
        """See `Transaction.update`."""
        current = self._state.rows.get(table.name, {}).get(tuple(row[column] for column in table.key))
        if current is not None:
            self._add(table, {**current, **row}, replace=True)
        return current is not None

    async def remove(self, table: Table, where: Where) -> int:
        """See `Transaction.remove`."""
        check_access(table, where)
        rows = self._state.rows.get(table.name, {})
        doomed = [key for key, row in rows.items() if matches(row, where)]
        for key in doomed:
            del rows[key]
        return len(doomed)


def _clash(row: Row, other: Row, table: Table) -> bool:
    return any(
        all(row[column] is not None and row[column] == other[column] for column in index) for index in table.unique
    )


class MemoryStore(_MemoryReader):
    """See `hie.store.port.Store`. Jobs run one after the other, each on a copy of the state: slow, plainly right."""

    def __init__(
        self,
        tables: Sequence[Table] = (),
        *,
        extract: Extract = unindexed,
        clock: Clock | None = None,
        secret: bytes = b"memory",
    ) -> None:
        super().__init__(_State(rows={table.name: {} for table in tables}), secret)
        self._extract = extract
        self._clock = clock or SystemClock()
        self._lock = asyncio.Lock()

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """See `Store.write`."""
        async with self._lock:
            state = self._state.copy()
            result = await job(_MemoryTransaction(state, self._extract, self._clock, self._secret))
            self._state = state
            return result

    def fork(self) -> "MemoryStore":
        """A store with the same content that goes its own way from here on."""
        other = MemoryStore(extract=self._extract, clock=self._clock, secret=self._secret)
        other._state = self._state.copy()
        return other

    async def versions(self, resource_type: str | None = None, cut: Cut | None = None) -> AsyncIterator[Version]:
        """See `Store.versions`."""
        if cut is not None:
            then = {(version.type, version.id): version for version in self._state.log[: cut.number]}
            for _, version in sorted(then.items()):
                if resource_type in (None, version.type) and not version.deleted:
                    yield version
            return
        for key in sorted(self._state.resources):
            version = self._state.resources[key][-1]
            if resource_type in (None, version.type) and not version.deleted:
                yield version

    async def cut(self) -> Cut:
        """See `Store.cut`."""
        return Cut(len(self._state.log), self._state.last)

    async def as_of(self, resource_type: str, resource_id: str, cut: Cut) -> Version | None:
        """See `Store.as_of`."""
        then = reversed(self._state.log[: cut.number])
        return next((one for one in then if (one.type, one.id) == (resource_type, resource_id)), None)

    async def log(self, after: int = 0, limit: int = 500) -> list[tuple[int, Version]]:
        """See `Store.log`."""
        return list(enumerate(self._state.log[after : after + limit], after + 1))

    async def ready(self) -> bool:
        """See `Store.ready`."""
        return True

    async def close(self) -> None:
        """See `Store.close`."""
