"""Every test in this folder runs on every store."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hie.base.clock import FixedClock
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.store.copy import MIGRATION
from hie.store.memory import MemoryStore
from hie.store.port import Store
from hie.store.sqlite import SqliteStore
from tests.contract.material import TABLES
from tests.mongo_store import empty_store


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 1, 18, 0, 30, tzinfo=UTC))


@pytest.fixture(scope="session")
def extractors() -> Extractors:
    return Extractors(official())


@pytest.fixture(params=["memory", "sqlite", "mongodb"])
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
    else:
        opened = await SqliteStore.open(tmp_path / "hie.sqlite", tables, extract=extractors.extract, clock=clock)
    yield opened
    await opened.close()
