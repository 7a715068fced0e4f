"""The store port: what every store does, in one page. `tests/contract/` holds every implementation to it.

Durability: when `write` returns, everything the job did is on disk (SQLite `synchronous=FULL`; MongoDB `w: majority,
j: true`). Jobs are serial in effect; several may share one commit (group commit), and a job that raises leaves no trace
while its neighbours in the same commit stay.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from hie.search.entries import Entries, no_entries
from hie.search.plan import Plan
from hie.store.effects import Effects
from hie.store.table import Row, Table, Value, Where

T = TypeVar("T")

Extract = Callable[[Mapping[str, Any]], Entries]
"""A resource -> its index entries; `hie.search.extract.Extractors.extract`."""


def unindexed(resource: Mapping[str, Any]) -> Entries:
    """The extraction of a store that indexes nothing: it reads and keeps history; searches go by id and time only."""
    return no_entries()


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one resource.

    `version` counts from 1 without gaps; `last_updated` is microseconds since the epoch, UTC, never running backwards
    in one store; `body` is the exact JSON that is served, with `id` and `meta` set, empty for a deletion;
    `method` is the HTTP verb that made it (`POST`, `PUT`, `DELETE`), as history entries show it.
    """

    type: str
    id: str
    version: int
    last_updated: int
    body: bytes
    method: str = "PUT"

    @property
    def deleted(self) -> bool:
        """Whether this version is a deletion."""
        return not self.body


class Ready(NamedTuple):
    """A resource that needs nothing more than a number and a time to be written: its bytes without both, and its index
    entries. It can be made where there is no store (`hie.store.body.ready`) and be sent to where there is one."""

    type: str
    id: str
    content: bytes
    entries: Entries


@dataclass(frozen=True, slots=True)
class Page:
    """One page of search results.

    `matches` in order; `included` without duplicates and without the matches; `next` is an opaque keyset cursor or
    None on the last page; `total` is None unless the plan asked for it.
    """

    matches: Sequence[Version]
    included: Sequence[Version]
    next: str | None
    total: int | None
    explain: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which versions: of one resource, one type or all; newest first (FHIR R4 http §3.1.0.13).

    `since`: made at or after it; `at`: current at some moment of [`at`, `at_until`), `at_until` being `at` + 1 when not
    given; all in microseconds since the epoch. `cursor` is `HistoryPage.next` of the page before.
    """

    type: str | None = None
    id: str | None = None
    since: int | None = None
    at: int | None = None
    at_until: int | None = None
    count: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of history, newest first; `total` counts all versions that the query names."""

    versions: Sequence[Version]
    next: str | None
    total: int


class Cut(NamedTuple):
    """A state of a store: that after the write with a `number`, made at `last_updated`; both 0 before the first."""

    number: int
    last_updated: int


class Reader(Protocol):
    """What can be read, inside and outside of a transaction."""

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """The current version, a deletion included; None when there never was one."""
        ...

    async def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """One version; None when there is no such."""
        ...

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """Versions, newest first."""
        ...

    async def search(self, plan: Plan) -> Page:
        """One page of the search that `plan` describes; raises `HieError(TIMEOUT)` past the plan's time limit."""
        ...

    async def get(self, table: Table, *key: Value) -> Row | None:
        """One row by its primary key."""
        ...

    async def select(
        self,
        table: Table,
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int | None = None,
        descending: bool = False,
    ) -> list[Row]:
        """Rows that meet all conditions, in order of `order` (columns of the key or index that `where` uses)."""
        ...

    async def count(self, table: Table, where: Where) -> int:
        """How many rows meet all conditions."""
        ...


class Transaction(Reader, Protocol):
    """Inside a job: reads see the job's own writes."""

    async def put(
        self, resource: dict[str, Any] | Ready, *, method: str = "PUT", unless_same: bool = False, new: bool = False
    ) -> Version:
        """Write the next version of `resource` (its `resourceType` and `id` set; `meta.versionId` and
        `meta.lastUpdated` are set here) and replace its index entries.

        With `unless_same` nothing is written, and the current version returned, when that is the same resource but for
        `meta.versionId` and `meta.lastUpdated`. `new` says that most likely it was never written, which saves a look;
        it decides nothing. `resource` itself is not changed.
        """
        ...

    async def restore(self, version: Version) -> None:
        """Write a version exactly as it is given, a deletion included: from another store, in its order of writing.

        Raises CONFLICT when it is not the next version of its resource, or older than what was written last.
        """
        ...

    async def delete(self, resource_type: str, resource_id: str) -> Version:
        """Write a deletion as the next version and drop the index entries; raises NOT_FOUND if never known."""
        ...

    async def reindex(self, resource_type: str, resource_id: str) -> None:
        """Make the index entries of a current resource anew, without a new version: search parameters have changed.
        Nothing happens when it is deleted or was never there."""
        ...

    def take(self, effects: Effects) -> bool:
        """Write what a job came to that was run elsewhere, on a snapshot of this store. False, and nothing is written,
        when something that it looked at has changed since; a store without such snapshots always says so."""
        ...

    def memo(self, resource_type: str) -> dict[Any, Any]:
        """Where callers may keep what they found out, in this job or an earlier one, about the current resources of a
        type and of no other. It is empty again as soon as one of them is written, by whomever. A store that is not
        told of all writes gives an empty one each time.
        """
        ...

    async def foresee(self, table: Table, looks: Sequence[Where]) -> None:
        """Say which rows will be asked for next, by their keys or by columns of an index. A store for which each read
        is a round trip reads them with one; nothing else changes."""
        ...

    async def foresee_resources(self, references: Sequence[str]) -> None:
        """Say which resources (`Type/id`) will be read or written next, as `foresee` does of rows."""
        ...

    async def get_unless_new(self, table: Table, *key: Value) -> Row | None:
        """As `get`, for a row that is taken to be new, and is written by the job then. A store for which each read is a
        round trip need not ask: it finds out in writing, and runs the job again."""
        ...

    async def insert(self, table: Table, row: Row) -> None:
        """Add a row; raises `HieError(CONFLICT)` when its key or a unique index is taken."""
        ...

    async def upsert(self, table: Table, row: Row) -> None:
        """Add or replace the row with the same key."""
        ...

    async def update(self, table: Table, row: Row) -> bool:
        """Change the other columns of `row` in the row that has its key columns; False when there is no such row.
        Raises `HieError(CONFLICT)` when a unique index is taken."""
        ...

    async def remove(self, table: Table, where: Where) -> int:
        """Delete the rows that meet all conditions; returns how many."""
        ...


class Store(Reader, Protocol):
    """A store that is open."""

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `job` in a transaction and return its result when it is durable.

        The job may be run again from the start after a conflict, so it must not keep state of its own. Raises what the
        job raises; BUSY when too many writes wait; UNAVAILABLE when the disk or the server refuses.
        """
        ...

    def versions(self, resource_type: str | None = None, cut: Cut | None = None) -> AsyncIterator[Version]:
        """Every current, not deleted resource, in order of type and id, for export, re-index and verification; with
        `cut` as they were then, whatever is written meanwhile. Nothing is kept open between two steps."""
        ...

    async def cut(self) -> Cut:
        """The state as it is now."""
        ...

    async def as_of(self, resource_type: str, resource_id: str, cut: Cut) -> Version | None:
        """The version that was current then, a deletion included; None when there was none yet."""
        ...

    async def log(self, after: int = 0, limit: int = 500) -> list[tuple[int, Version]]:
        """Versions in order of writing with the numbers of their writes, `limit` of those above `after`."""
        ...

    async def ready(self) -> bool:
        """Whether the store answers and accepts writes."""
        ...

    async def close(self) -> None:
        """Finish what is under way and close."""
        ...
