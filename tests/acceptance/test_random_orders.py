"""Whatever is sent, and in whatever order, the store is a function of what was sent (common rules §8)."""

from collections.abc import Callable, Sequence
from functools import cache
from random import Random

import pytest

from adapters.jiashan import adapter as jiashan
from adapters.qingpu import adapter as qingpu
from adapters.wujiang import adapter as wujiang
from hie.app import bind_feeds
from hie.identity.tables import TABLES as IDENTITY
from hie.pipeline import statements
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest
from hie.pipeline.operate import Operator
from hie.staging.tables import TABLES as STAGING
from hie.store.memory import MemoryStore
from tests.acceptance import random_items
from tests.acceptance.orders import RECEIVED, State, state_of
from tests.acceptance.random_items import Item
from tests.clock import FixedClock

SEEDS = range(12)
MAKE = {
    "wujiang": random_items.wujiang,
    "jiashan": random_items.jiashan_documents,
    "qingpu": random_items.qingpu,
}


@cache
def feeds() -> Sequence[FeedRuntime]:
    return bind_feeds([wujiang, jiashan, qingpu])


async def sent(items: Sequence[Item]) -> MemoryStore:
    clock = FixedClock(RECEIVED)
    store = MemoryStore((*STAGING, *IDENTITY), clock=clock)
    ingest = Ingest(store, feeds(), clock)
    for door, body in items:
        await ingest.receive(door, body)
    return store


async def after(items: Sequence[Item]) -> State:
    return await state_of(await sent(items))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
async def test_random_items_give_one_store_in_any_order(make: Callable[[Random], list[Item]], seed: int) -> None:
    random = Random(seed)
    items = list(dict.fromkeys(make(random)))
    expected = await after(items)
    assert any(not key.startswith(("root ", "mention ")) for key in expected), "nothing was stored"
    for _ in range(3):
        shuffled = random.sample(items, len(items))
        again = random.sample(items, min(2, len(items)))
        assert await after([*shuffled, *again]) == expected


async def test_a_document_that_was_only_named_and_then_taken_back_is_referred_to_in_any_order() -> None:
    """Withdrawing its successor makes it exist, as entered in error, without any statement of its own."""
    random = Random(307)
    items = list(dict.fromkeys([*random_items.jiashan_documents(random), *random_items.jiashan_documents(random)]))
    expected = await after(items)
    for seed in range(4):
        assert await after(Random(seed).sample(items, len(items))) == expected


@pytest.mark.parametrize(("many", "behind", "ahead"), [(1, 0, 1), (3, 1, 2)])
@pytest.mark.parametrize("seed", SEEDS[:6])
@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
async def test_prefixes_of_folds_do_not_show(
    make: Callable[[Random], list[Item]],
    seed: int,
    many: int,
    behind: int,
    ahead: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = Random(100 + seed)
    items = list(dict.fromkeys([*make(random), *make(random)]))
    expected = await after(items)
    monkeypatch.setattr(statements, "MANY", many)
    monkeypatch.setattr(statements, "BEHIND", behind)
    monkeypatch.setattr(statements, "AHEAD", ahead)
    for shuffled in (items, items[::-1], random.sample(items, len(items))):
        assert await after(shuffled) == expected


@pytest.mark.parametrize("seed", SEEDS[:6])
@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
async def test_running_every_item_again_changes_nothing(make: Callable[[Random], list[Item]], seed: int) -> None:
    store = await sent(list(dict.fromkeys(make(Random(seed)))))
    before = await state_of(store)
    operator = Operator(store, {one.feed.id: one for one in feeds()}, FixedClock(RECEIVED), "tester")
    for item in [str(row["id"]) async for row in operator.items()]:
        await operator.replay(item)
    assert {key: text for key, text in (await state_of(store)).items() if not key.startswith("AuditEvent/")} == before
