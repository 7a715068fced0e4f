"""Settling ahead shows nowhere: the store and the answers are those of settling where the store is written."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from adapters.jiashan import adapter as jiashan
from adapters.qingpu import adapter as qingpu
from adapters.wujiang import adapter as wujiang
from hie.app import bind_feeds
from hie.app.store import TABLES
from hie.base.errors import Category, HieError
from hie.base.record import Delivery, Parsed
from hie.fhir.definitions import official
from hie.pipeline.ahead import Ahead, AheadTransaction, SettlesAhead, pack_ahead, unpack_ahead
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest
from hie.pipeline.prepare import Prepared, prepare
from hie.search.extract import Extractors
from hie.staging.ledger import counters, ledger
from hie.staging.tables import COUNTER, TALLY
from hie.staging.tallies import tallies
from hie.store.memory import MemoryStore
from hie.store.port import Store
from hie.store.sqlite import SqliteStore
from hie.store.sqlite.ahead import Snapshots
from tests.acceptance import random_items
from tests.acceptance.orders import RECEIVED, state_of
from tests.acceptance.random_items import Item
from tests.clock import FixedClock

MAKE = {
    "wujiang": random_items.wujiang,
    "jiashan": random_items.jiashan_documents,
    "qingpu": random_items.qingpu,
}
EXTRACT = Extractors(official()).extract
FEEDS = bind_feeds([wujiang, jiashan, qingpu])
DAY = "2026-06-01"


@dataclass
class Here:
    """Settles ahead in this process, and hands over as a worker does."""

    settles: SettlesAhead

    async def __call__(self, runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]] | Ahead:
        parsed, parts = prepare(runtime, delivery)
        found = self.settles.settle(delivery, parsed, parts)
        return (parsed, parts) if found is None else unpack_ahead(pack_ahead(found))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "hie.sqlite", TABLES, extract=EXTRACT, clock=FixedClock(RECEIVED))
    yield opened
    await opened.close()


@pytest.fixture
def here(store: SqliteStore, tmp_path: Path) -> Here:
    snapshots = Snapshots(tmp_path / "hie.sqlite", TABLES, EXTRACT, (COUNTER, TALLY))
    return Here(SettlesAhead({one.feed.id: one for one in FEEDS}, snapshots.transaction, lambda: None))


def several(make: Callable[[Random], list[Item]], seed: int) -> list[Item]:
    """Items enough for the store to learn where it has to watch."""
    return [item for n in range(4) for item in make(Random(10 * seed + n))]


def ingesting(store: Store, here: Here | None = None) -> Ingest:
    return Ingest(store, FEEDS, FixedClock(RECEIVED), ahead=here)


async def send(ingest: Ingest, items: Sequence[Item], at_once: int) -> list[bytes]:
    found: list[bytes] = []
    for start in range(0, len(items), at_once):
        several = items[start : start + at_once]
        found += [a.body for a in await asyncio.gather(*(ingest.receive(door, body) for door, body in several))]
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
async def test_one_item_after_the_other_gives_the_same_store_and_answers(
    store: SqliteStore, here: Here, make: Callable[[Random], list[Item]], seed: int
) -> None:
    items = several(make, 500 + seed)
    plain = MemoryStore(TABLES, extract=EXTRACT, clock=FixedClock(RECEIVED))
    ingest = ingesting(store, here)
    assert await send(ingest, items, 1) == await send(ingesting(plain), items, 1)
    assert await state_of(store) == await state_of(plain)
    assert await counters(store) == await counters(plain)
    assert await tallies(store, [DAY]) == await tallies(plain, [DAY])
    assert (await ledger(store)).balanced
    assert ingest.settled["ahead"] > 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
async def test_items_about_one_person_that_come_at_once_are_settled_on_snapshots_that_do_not_hold(
    store: SqliteStore, here: Here, make: Callable[[Random], list[Item]], seed: int
) -> None:
    """All of some items see the store as it was before any of them; the store is a function of what was sent."""
    items = list(dict.fromkeys(several(make, seed)))
    plain = MemoryStore(TABLES, extract=EXTRACT, clock=FixedClock(RECEIVED))
    await send(ingesting(plain), items, 1)
    half, ingest = len(items) // 2, ingesting(store, here)
    await send(ingest, items[:half], 1)
    await send(ingest, items[half:], 4)
    assert await state_of(store) == await state_of(plain)
    assert (await ledger(store)).balanced
    assert ingest.settled["ahead"] > 0
    assert ingest.settled["again"] > 0


async def test_the_same_item_twice_at_once_is_stored_once(store: SqliteStore, here: Here) -> None:
    items = random_items.wujiang(Random(1))
    ingest = ingesting(store, here)
    await send(ingest, items[1:4], 1)
    await send(ingest, [items[0], items[0]], 2)
    found = await ledger(store)
    assert (found.received, found.balanced) == (4, True)


async def test_what_fails_on_a_snapshot_is_settled_where_the_store_is_written(
    store: SqliteStore, here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> AbstractContextManager[AheadTransaction]:
        raise HieError(Category.UNAVAILABLE, "what a patient said")

    here.settles._snapshot = fail
    ingest = ingesting(store, here)
    await send(ingest, random_items.wujiang(Random(3))[:1], 1)
    assert ingest.settled == {"ahead": 0, "again": 0, "here": 1}
    assert (await ledger(store)).stored == 1
    assert "not settled ahead" in caplog.text
    assert "patient" not in caplog.text


async def test_index_entries_by_other_search_parameters_are_made_anew(store: SqliteStore, here: Here) -> None:
    items = random_items.wujiang(Random(2))
    ingest = Ingest(store, FEEDS, FixedClock(RECEIVED), ahead=here, indexed_by=lambda: ("newer", 1))
    for door, body in items:
        await ingest.receive(door, body)
    assert ingest.settled["ahead"] == 0
    assert ingest.settled["again"] > 0
    assert store._transaction._recent._shapes["raw_item"] == [], "nothing that was settled ahead was even looked at"
    assert (await ledger(store)).balanced
