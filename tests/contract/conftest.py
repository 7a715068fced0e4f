"""Every test in this folder runs on every store."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from secrets import token_bytes
from typing import TypeVar

import pytest

from hie.search.extract import Extractors
from hie.store.copy import MIGRATION
from hie.store.memory import MemoryStore
from hie.store.port import Store, Transaction
from hie.store.sqlite import SqliteFollower, SqliteStore
from tests.clock import FixedClock
from tests.contract.material import TABLES
from tests.mongo_store import empty_store

T = TypeVar("T")


class Followed(SqliteFollower):
    """Reads as another process does, on connections opened while the file was empty; `owner` writes."""

    owner: SqliteStore

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self.owner.write(job)

    async def close(self) -> None:
        await super().close()
        await self.owner.close()


@pytest.fixture(params=["memory", "sqlite", "follower", "mongodb"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock, extractors: Extractors
) -> AsyncIterator[Store]:
    opened: Store
    tables = (*TABLES, MIGRATION)
    if request.param == "memory":
        opened = MemoryStore(tables, extract=extractors.extract, clock=clock)
    elif request.param == "mongodb":
        uri = request.getfixturevalue("mongodb_uri")
        opened = await empty_store(uri, "contract", tables, extract=extractors.extract, clock=clock)
    elif request.param == "follower":
        secret = token_bytes(32)
        path = tmp_path / "hie.sqlite"
        owner = await SqliteStore.open(path, tables, extract=extractors.extract, clock=clock, secret=secret)
        opened = Followed(path, tables, secret)
        opened.owner = owner
    else:
        opened = await SqliteStore.open(tmp_path / "hie.sqlite", tables, extract=extractors.extract, clock=clock)
    yield opened
    await opened.close()
