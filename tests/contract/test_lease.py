"""Leases: one holder at a time on every store, and no write of one that lost it."""

import asyncio

import pytest

from hie.app.leader import Leader
from hie.base.errors import Category, HieError
from hie.store.lease import AHEAD_SECONDS, LEASE, Lease, fenced, take
from hie.store.port import Store, Transaction
from tests.clock import FixedClock
from tests.contract.material import LINK

SECOND = 1_000_000


async def taken(store: Store, clock: FixedClock, holder: str, seconds: float = 60) -> Lease:
    lease = await take(store, clock, "close-day", holder, seconds)
    assert lease is not None
    return lease


async def test_only_one_of_many_takes_it(store: Store, clock: FixedClock) -> None:
    leases = await asyncio.gather(*(take(store, clock, "close-day", f"process-{n}", 60) for n in range(5)))
    assert [lease.token for lease in leases if lease is not None] == [1]


async def test_names_are_apart(store: Store, clock: FixedClock) -> None:
    assert (await take(store, clock, "close-day", "a", 60)) is not None
    assert (await take(store, clock, "migrate", "b", 60)) is not None


async def test_the_holder_prolongs_it_under_the_same_token(store: Store, clock: FixedClock) -> None:
    first = await taken(store, clock, "a")
    clock.advance(59)
    again = await taken(store, clock, "a")
    assert (again.token, again.until - first.until) == (first.token, 59 * SECOND)
    clock.advance(59)
    assert await take(store, clock, "close-day", "b", 60) is None


@pytest.mark.parametrize("holder", ["a", "b"])
async def test_one_that_ran_out_is_taken_under_the_next_token(store: Store, clock: FixedClock, holder: str) -> None:
    await taken(store, clock, "a")
    clock.advance(60)
    assert (await taken(store, clock, holder)).token == 2


async def test_one_of_a_clock_that_was_ahead_holds_nobody_up(store: Store, clock: FixedClock) -> None:
    """A machine that began with a wrong clock kept the days from being closed until the time that it had shown."""
    clock.advance(86_400)
    await taken(store, clock, "a")
    clock.advance(-86_400)
    assert (await taken(store, clock, "b")).token == 2
    clock.advance(-AHEAD_SECONDS)
    assert await take(store, clock, "close-day", "a", 60) is None


async def test_a_leader_whose_clock_was_set_back_prolongs_its_lease(store: Store, clock: FixedClock) -> None:
    clock.advance(3600)
    leader = Leader(store, clock, "re-index")
    assert await leader.leads()
    clock.advance(-3600)
    assert await leader.leads()
    assert await take(store, clock, "re-index", "b", 60) is None
    clock.advance(60)
    assert (await take(store, clock, "re-index", "b", 60)) is not None


async def test_what_a_paused_holder_writes_is_refused_and_leaves_no_trace(store: Store, clock: FixedClock) -> None:
    paused = await taken(store, clock, "a")
    clock.advance(60)
    leader = await taken(store, clock, "b")

    async def work(tx: Transaction) -> str:
        await tx.insert(LINK, {"left_id": "x", "right_id": "y", "score": 1})
        return "done"

    with pytest.raises(HieError) as caught:
        await fenced(store, paused, work)
    assert caught.value.category is Category.CONFLICT
    assert await store.count(LINK, {}) == 0
    assert await fenced(store, leader, work) == "done"
    assert await store.count(LINK, {}) == 1


async def test_a_holder_that_nobody_followed_may_still_write(store: Store, clock: FixedClock) -> None:
    """A lease that ran out is not lost: nobody else can have done anything under it."""
    lease = await taken(store, clock, "a")
    clock.advance(3600)
    await fenced(store, lease, lambda tx: tx.insert(LINK, {"left_id": "x", "right_id": "y", "score": 1}))
    assert await store.count(LINK, {}) == 1
    assert (await store.get(LEASE, "close-day") or {})["holder"] == "a"
