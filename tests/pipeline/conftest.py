"""The pipeline's tests run on the memory store, on SQLite and on MongoDB."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hie.store.memory import MemoryStore
from hie.store.mongo import MongoStore
from hie.store.sqlite import SqliteStore
from tests.mongo_store import empty_store
from tests.pipeline.world import TABLES, World


@pytest.fixture(params=["memory", "sqlite", "mongodb"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A fresh exchange."""
    if request.param == "memory":
        store: MemoryStore | SqliteStore | MongoStore = MemoryStore(TABLES)
    elif request.param == "mongodb":
        store = await empty_store(request.getfixturevalue("mongodb_uri"), "pipeline", TABLES)
    else:
        store = await SqliteStore.open(tmp_path / "hie.sqlite", TABLES)
    yield World(store)
    await store.close()
