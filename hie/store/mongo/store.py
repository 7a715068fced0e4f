"""The MongoDB store: a replica set behind the store port."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from secrets import token_bytes
from typing import Any, TypeVar

from pymongo import AsyncMongoClient, timeout
from pymongo.errors import PyMongoError

from hie.base.clock import Clock, SystemClock
from hie.base.tasks import end
from hie.search.plan import Plan
from hie.store.mongo.client import (
    OPERATION_SECONDS,
    cache_bytes,
    check_deployment,
    connect,
    database_of,
    situation,
    transaction_seconds,
    translated,
)
from hie.store.mongo.running import Limits
from hie.store.mongo.schema import migrate
from hie.store.mongo.searching import Searching
from hie.store.mongo.seen import Seen
from hie.store.mongo.tables import TableReading
from hie.store.mongo.texts import TextFollower
from hie.store.mongo.transaction import MongoTransaction
from hie.store.mongo.versions import VersionReading, version_of
from hie.store.mongo.writer import GroupWriter
from hie.store.mongo.writers import GOODBYE_SECONDS
from hie.store.port import Cut, Extract, HistoryPage, HistoryQuery, Page, Transaction, Version, unindexed
from hie.store.table import Row, Table, Value, Where

T = TypeVar("T")

SILENT_SECONDS = 4.0
"""After so long the store is asked whether it is there, and given up after as long again."""

_MIGRATION_SECONDS = 86_400.0
"""How long indexes may take to be made."""


class MongoStore:
    """See `hie.store.port.Store`. Made by `open_mongo` on the event loop that uses it."""

    def __init__(
        self, client: AsyncMongoClient[Any], extract: Extract, clock: Clock, secret: bytes, limits: Limits
    ) -> None:
        database = database_of(client)
        self._client = client
        self._database = database
        self._secret = secret
        self._seen = Seen(client)
        inside = client.get_database(database.name)
        self._writer = GroupWriter(
            client, inside, clock, limits, self._seen, lambda batch: MongoTransaction(inside, batch, extract, secret)
        )
        self._texts = TextFollower(database, self._seen)

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """See `Store.write`."""
        result: T = await self._writer.jobs.submit(job)
        return result

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """See `Reader.read`."""
        async with self._seen.reading() as session:
            found = await VersionReading(self._database, session).current(resource_type, resource_id)
        return None if found is None else version_of(found)

    async def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """See `Reader.vread`."""
        async with self._seen.reading() as session:
            return await VersionReading(self._database, session).vread(resource_type, resource_id, version)

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `Reader.history`."""
        async with self._seen.reading() as session:
            return await VersionReading(self._database, session).history(query)

    async def search(self, plan: Plan) -> Page:
        """See `Reader.search`; one takes longer than any other read, and is given up when the store is silent."""
        found = asyncio.create_task(self._search(plan))
        try:
            while not (await asyncio.wait([found], timeout=SILENT_SECONDS))[0]:
                with translated(SILENT_SECONDS):
                    await self._client.admin.command("ping")
            return await found
        finally:
            await end(found)

    async def _search(self, plan: Plan) -> Page:
        async with self._seen.reading(plan.seconds + OPERATION_SECONDS) as session:
            return await Searching(self._database, self._secret, session).search(plan)

    async def get(self, table: Table, *key: Value) -> Row | None:
        """See `Reader.get`."""
        async with self._seen.reading() as session:
            return await TableReading(self._database, session).get(table, *key)

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
        async with self._seen.reading() as session:
            rows = TableReading(self._database, session)
            return await rows.select(table, where, order=order, limit=limit, descending=descending)

    async def count(self, table: Table, where: Where) -> int:
        """See `Reader.count`."""
        async with self._seen.reading() as session:
            return await TableReading(self._database, session).count(table, where)

    async def versions(self, resource_type: str | None = None, cut: Cut | None = None) -> AsyncIterator[Version]:
        """See `Store.versions`."""
        try:
            async for version in VersionReading(self._database).all(resource_type, cut):
                yield version
        except PyMongoError as error:
            raise situation(error) from error

    async def cut(self) -> Cut:
        """See `Store.cut`."""
        async with self._seen.reading() as session:
            return await VersionReading(self._database, session).cut()

    async def as_of(self, resource_type: str, resource_id: str, cut: Cut) -> Version | None:
        """See `Store.as_of`."""
        async with self._seen.reading() as session:
            return await VersionReading(self._database, session).as_of(resource_type, resource_id, cut)

    async def log(self, after: int = 0, limit: int = 500) -> list[tuple[int, Version]]:
        """See `Store.log`."""
        async with self._seen.reading() as session:
            return await VersionReading(self._database, session).log(after, limit)

    async def ready(self) -> bool:
        """See `Store.ready`: there is a primary, and writes go through, as batches show or a trial write does."""
        if not self._client.topology_description.has_writable_server():
            return False
        return await self._writer.proof.holds(lambda: self.write(_trial))

    async def close(self) -> None:
        """See `Store.close`."""
        await self._texts.close()
        await self._writer.close()
        with timeout(GOODBYE_SECONDS):
            await self._client.close()


async def _trial(_: Transaction) -> None:
    """Write nothing; the clock of the store goes on, durably."""


async def open_mongo(
    uri: str,
    tables: Sequence[Table] = (),
    *,
    extract: Extract = unindexed,
    clock: Clock | None = None,
    secret: bytes | None = None,
    limits: Limits | None = None,
) -> MongoStore:
    """Connect, check what the deployment guarantees, make what is missing, and return the open store.

    `uri` is a `mongodb://` or `mongodb+srv://` URI; its database is `hie` when it names none. `extract` gives the index
    entries of a resource, `secret` signs page cursors: every process on one database needs the same. Raises INVALID for
    a URI that cannot be used, UNAVAILABLE for a deployment that does not answer or cannot keep what it acknowledges.
    """
    client = connect(uri)
    try:
        await check_deployment(client)
        with translated(_MIGRATION_SECONDS):
            await migrate(database_of(client), tables)
        limits = limits or Limits.of_server(await cache_bytes(client), await transaction_seconds(client))
    except BaseException:
        await client.close()
        raise
    return MongoStore(client, extract, clock or SystemClock(), secret or token_bytes(32), limits)
