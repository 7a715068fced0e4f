"""The pipeline's tests run on the memory store and on SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hie.store.memory import MemoryStore
from hie.store.sqlite import SqliteStore
from tests.pipeline.world import TABLES, World


@pytest.fixture(params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A fresh exchange."""
    if request.param == "memory":
        store: MemoryStore | SqliteStore = MemoryStore(TABLES)
    else:
        store = await SqliteStore.open(tmp_path / "hie.sqlite", TABLES)
    yield World(store)
    await store.close()
