"""The terminology resources of a store, kept in step with the terminology service.

A CodeSystem, ValueSet or ConceptMap counts as soon as the write has answered; what other servers on the same store
write is noticed by `load`, which the exchange calls every few seconds. Shipped resources (our own, and the code maps)
are written at the start and cannot be changed by clients.
"""

import asyncio
from collections.abc import Iterable

from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.store.port import HistoryQuery, Store, Transaction, Version
from hie.terminology.service import Terminology
from hie.terminology.shelf import KINDS
from hie.wire.safejson import loads

OVERLAP = 60_000_000
"""Microseconds of history that are read again: clocks of several servers on one store may differ that much."""


class StoredTerminology:
    """Watches the store for `answers.library.posted`. Call `publish`, then `load`, before anything else is served."""

    def __init__(self, store: Store, answers: Terminology, shipped: Iterable[Json] = ()) -> None:
        self.answers = answers
        self.changes = 0
        self._store = store
        self._shipped = {(row["resourceType"], row["id"]): row for row in shipped}
        self._known: dict[tuple[str, str], int] = {}
        self._until: dict[str, int] = {}
        self._loading = asyncio.Lock()

    def note(self, kind: str) -> None:
        """Told of every resource that is written or deleted, before the commit."""
        if kind in KINDS:
            self.changes += 1

    def guard(self, kind: str, identity: str) -> None:
        """Raise FORBIDDEN for a resource that is shipped with the server: its source is a file."""
        if (kind, identity) in self._shipped:
            message = (
                f"This {kind} is shipped with the server and read-only; change it in profiles/hie or mappings/codes"
            )
            raise HieError(Category.FORBIDDEN, message, issue="business-rule")

    async def publish(self) -> None:
        """Write what is shipped into the store, where it is not there yet as it is."""

        async def job(tx: Transaction) -> None:
            for resource in self._shipped.values():
                await tx.put(resource, unless_same=True)

        if self._shipped:
            await self._store.write(job)

    async def ship(self, resources: Iterable[Json]) -> None:
        """Serve other shipped resources from now on; those that are no longer among them are deleted."""
        before = self._shipped
        self._shipped = {(row["resourceType"], row["id"]): row for row in resources}
        gone = [key for key in before if key not in self._shipped]
        kept = [row for (kind, _), row in self._shipped.items() if kind in KINDS]
        self.answers.library.own.change([*kept], gone)

        async def job(tx: Transaction) -> None:
            for kind, identity in gone:
                await tx.delete(kind, identity)

        if gone:
            await self._store.write(job)
        await self.publish()
        await self.load()

    async def load(self) -> None:
        """Serve what the store holds now; after the first time only what has changed is read."""
        async with self._loading:
            for kind in KINDS:
                versions = await (self._changed(kind) if kind in self._until else self._all(kind))
                self._take(kind, versions)

    async def _all(self, kind: str) -> list[Version]:
        return [version async for version in self._store.versions(kind)]

    async def _changed(self, kind: str) -> list[Version]:
        """The newest version of each resource that was written since the last time."""
        found: dict[str, Version] = {}
        query = HistoryQuery(kind, since=max(self._until[kind] - OVERLAP, 0))
        while True:
            page = await self._store.history(query)
            for version in page.versions:
                found.setdefault(version.id, version)
            if page.next is None:
                return list(found.values())
            query = HistoryQuery(kind, since=query.since, cursor=page.next)

    def _take(self, kind: str, versions: list[Version]) -> None:
        new = [version for version in versions if self._known.get((kind, version.id), 0) < version.version]
        self._until[kind] = max((version.last_updated for version in versions), default=self._until.get(kind, 0))
        if not new:
            return
        self._known |= {(kind, version.id): version.version for version in new}
        put = [loads(version.body) for version in new if not version.deleted]
        self.answers.library.posted.change(put, [(kind, version.id) for version in new if version.deleted])
