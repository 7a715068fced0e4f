"""Retry: items that failed inside the exchange are tried again, each time later, and given up in the end."""

import logging
from collections.abc import AsyncIterator
from functools import partial

from hie.base.clock import Clock, micros
from hie.base.errors import Category, HieError, where
from hie.base.finding import finding
from hie.pipeline.codec import encode_findings
from hie.pipeline.counting import Counting
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.items import delivery_of, number
from hie.pipeline.settle import Settler
from hie.pipeline.workers import NoWorker, Preparation, prepare_here
from hie.staging.states import (
    LEASE_SECONDS,
    LONGEST_BACKOFF,
    MAX_ATTEMPTS,
    Event,
    State,
    advance,
    backoff_seconds,
)
from hie.staging.tables import RAW_ITEM
from hie.store.port import Store, Transaction
from hie.store.table import Above, AtMost, Row

log = logging.getLogger("hie.pipeline")

_KEPT = "for a decision, it need not be sent again"
"""What is told of an item that is not tried any more (common rules §2.1: `quarantined`)."""

AT_ONCE = 20
"""How many items of a state are tried before the others wait for the next time."""


async def try_again(
    store: Store,
    feeds: dict[str, FeedRuntime],
    clock: Clock,
    preparation: Preparation = prepare_here,
) -> int:
    """Try the items that are due, `AT_ONCE` of a state at the most; returns how many were tried. `preparation` runs the
    pure stages.

    An item is leased first, so that two processes never try the same one, and a lease that ran out counts as a failure.
    The first one that cannot even be prepared now, for want of a worker, ends the round. One of a feed whose adapter is
    not installed waits for that, without an attempt.
    """
    now = micros(clock.now())
    tried = 0
    async for row in _due(store, now):
        leased = await _lease(store, row, now)
        if leased is None:
            continue
        if leased["feed"] not in feeds:
            log.error("retry waits feed=%s item=%s reason=adapter not installed", leased["feed"], leased["id"])
            await _put_off(store, leased, clock, LONGEST_BACKOFF)
            continue
        if not await _try(store, feeds, leased, clock, preparation):
            break
        tried += 1
    return tried


async def _due(store: Store, now: int) -> AsyncIterator[Row]:
    """The items that `_is_due` holds of, as many as are tried at once."""
    for state in (State.RETRY, State.LEASED, State.RECEIVED):
        for due in (AtMost(now), Above(now + LONGEST_BACKOFF * 1_000_000)):
            for row in await store.select(RAW_ITEM, {"state": state.value, "due": due}, limit=AT_ONCE):
                yield row


def _is_due(row: Row, now: int) -> bool:
    """Whether its time has come, or is so far off that a clock which was ahead must have set it."""
    return not now < number(row["due"]) <= now + LONGEST_BACKOFF * 1_000_000


async def _lease(store: Store, row: Row, now: int) -> Row | None:
    """Claim an item; None when someone else was faster."""

    async def job(tx: Transaction) -> Row | None:
        current = await tx.get(RAW_ITEM, row["id"])
        if current is None or current["state"] != row["state"] or not _is_due(current, now):
            return None
        state = State(str(current["state"]))
        if state is State.LEASED:
            state = advance(state, Event.EXPIRE)
        leased: Row = {
            **current,
            "state": advance(state, Event.CLAIM).value,
            "attempts": number(current["attempts"]) + 1,
            "due": now + LEASE_SECONDS * 1_000_000,
        }
        await tx.upsert(RAW_ITEM, leased)
        return leased

    return await store.write(job)


async def _try(store: Store, feeds: dict[str, FeedRuntime], row: Row, clock: Clock, preparation: Preparation) -> bool:
    """Try an item that is leased; False when it could not be prepared now, through no fault of its own: that is no
    attempt."""
    delivery = delivery_of(row)
    settler = Settler(feeds)
    runtime = feeds[delivery.feed]

    async def job(tx: Transaction) -> None:
        current = await tx.get(RAW_ITEM, row["id"])
        if current is None or current["state"] != State.LEASED:
            return
        waiting: Row = {**current, "state": State.RETRY.value}
        outcome = await settler.settle(tx, delivery, parsed, parts, waiting)
        answer = runtime.answers[delivery.door](outcome, delivery.received)
        saved: Row = {"answer": answer.body, "answer_type": answer.content_type, "answer_status": answer.status}
        await tx.upsert(RAW_ITEM, {**waiting, **saved})

    try:
        parsed, parts = await preparation(runtime, delivery, suspect=True)
        await store.write(job)
    except NoWorker as error:
        log.error("retry waits feed=%s item=%s reason=%s", delivery.feed, delivery.id, error.message)
        await _put_off(store, row, clock, backoff_seconds(number(row["attempts"]) - 1))
        return False
    except Exception as error:
        log.error("retry failed feed=%s item=%s reason=%s", delivery.feed, delivery.id, where(error))
        await store.write(partial(_failed, runtime=runtime, row=row, error=error, now=micros(clock.now())))
    return True


async def _is_ours(tx: Transaction, row: Row) -> bool:
    """Whether an item is still as we leased it: not settled by an operator or its sender meanwhile, nor leased by
    another process when our lease ran out."""
    current = await tx.get(RAW_ITEM, row["id"])
    return current is not None and all(current[name] == row[name] for name in ("state", "due", "attempts"))


async def _put_off(store: Store, row: Row, clock: Clock, seconds: int) -> None:
    """Give an item back that was not tried, for so long; its attempt does not count."""

    async def job(tx: Transaction) -> None:
        if await _is_ours(tx, row):
            state, attempts = advance(State.LEASED, Event.FAIL), number(row["attempts"]) - 1
            due = micros(clock.now()) + seconds * 1_000_000
            await tx.upsert(RAW_ITEM, {**row, "state": state.value, "attempts": attempts, "due": due})

    await store.write(job)


async def _failed(tx: Transaction, runtime: FeedRuntime, row: Row, error: Exception, now: int) -> None:
    """Note a failure."""
    if not await _is_ours(tx, row):
        return
    attempts = number(row["attempts"])
    if attempts >= MAX_ATTEMPTS or too_much(error):
        await give_up(tx, runtime, row, error)
        return
    due = now + backoff_seconds(attempts) * 1_000_000
    await tx.upsert(RAW_ITEM, {**row, "state": advance(State.LEASED, Event.FAIL).value, "due": due})


def too_much(error: Exception) -> str:
    """What the store told of an item that changes more than it takes at once; empty for any other failure. Such an item
    is tried once more, as a pause of a machine may look the same, and given up: until it is refused, each try keeps
    all other writes waiting."""
    return error.message if isinstance(error, HieError) and error.category is Category.TOO_LARGE else ""


async def give_up(tx: Transaction, runtime: FeedRuntime, row: Row, error: Exception) -> Row:
    """Have an item, which is claimed, wait for an operator; its finding says what the store told. Returns its row."""
    findings = runtime.weighed((finding("internal-error", detail=too_much(error) or _KEPT),))
    state = advance(State(str(row["state"])), Event.GIVE_UP)
    given_up: Row = {**row, "state": state.value, "disposition": "quarantined"}
    counting = Counting(tx, runtime, delivery_of(row), again=False)
    counting.item(given_up, findings, "")
    await counting.flush()
    given_up["findings"] = encode_findings(findings)
    await tx.upsert(RAW_ITEM, given_up)
    return given_up
