"""Admin routes: ledger, quarantine, replay, verification, persons to review. No patient data in any answer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Depends

from hie.admin.coverage import coverage_json
from hie.admin.known import refuse_unknown
from hie.admin.origin import same_origin
from hie.admin.quarantine import quarantine_router
from hie.admin.reviews import reviews_router
from hie.admin.scoring import MOST_DAYS
from hie.base.clock import Clock
from hie.base.errors import Category, HieError
from hie.pipeline.operate import Operator
from hie.pipeline.verify import verify
from hie.staging.ledger import Ledger, counters, ledger
from hie.staging.states import State
from hie.staging.tallies import day_of, tallies
from hie.store.port import Store

COVERAGE_DAYS = 7
"""How many days of coverage are shown when nobody says how many."""


def admin_router(store: Store, operator: Callable[[], Operator], clock: Clock) -> APIRouter:
    """The routes under `/admin`."""
    router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(same_origin)])
    router.include_router(_books_router(store, operator, clock))
    router.include_router(reviews_router(store))
    router.include_router(quarantine_router(operator, clock))
    router.include_router(_tables_router(operator))
    return router


def _books_router(store: Store, operator: Callable[[], Operator], clock: Clock) -> APIRouter:
    """What there is: ledger, coverage, verification."""
    router = APIRouter()

    @router.get("/ledger")
    async def get_ledger() -> dict[str, Any]:
        """The ledger equation and all counters."""
        return _ledger_json(await ledger(store)) | {"counters": await counters(store)}

    @router.get("/coverage")
    async def get_coverage(feed: str | None = None, days: int = COVERAGE_DAYS) -> dict[str, Any]:
        """Parts by type in the last days (China time), types that no map covers, fields that no map mentions.

        Fields of HL7 segments and rows and entries of documents are counted, not what lies within one: `hie adapters
        coverage` measures that."""
        if not 1 <= days <= MOST_DAYS:
            raise HieError(Category.INVALID, f"days must be 1 to {MOST_DAYS}.")
        refuse_unknown(operator(), feed=feed)
        asked = [day_of(clock.now() - timedelta(days=back)) for back in reversed(range(days))]
        return {"days": asked} | coverage_json(await tallies(store, asked, feed=feed))

    @router.post("/verify")
    async def post_verify() -> dict[str, Any]:
        """Check the ledger, every stored hash and every body."""
        result = await verify(store, operator())
        return {
            "sound": result.sound,
            "items": result.items,
            "resources": result.resources,
            "problems": list(result.problems),
        }

    return router


def _ledger_json(books: Ledger) -> dict[str, Any]:
    return {
        "received": books.received,
        "stored": books.stored,
        "quarantined": books.quarantined,
        "rejected": books.rejected,
        "inFlight": books.in_flight,
        "balanced": books.balanced,
    }


def _tables_router(operator: Callable[[], Operator]) -> APIRouter:
    """The tables in force, and items that are run by them again."""
    router = APIRouter()

    @router.get("/maps")
    async def get_maps() -> dict[str, Any]:
        """The versions of the tables in force and on disk, and what is wrong with the latter."""
        return await operator().tables()

    @router.post("/maps/reload")
    async def post_reload() -> dict[str, str]:
        """Put the tables on disk in force, after lint; broken ones change nothing (422 with file, line and column)."""
        return await operator().reload()

    @router.post("/replay")
    async def post_replay(item: str | None = None, feed: str | None = None, state: str | None = None) -> dict[str, int]:
        """Run one item again, or all of a feed or state, from their bytes; returns how many ended in which state."""
        if item is None and feed is None and state is None:
            raise HieError(Category.INVALID, "Name an item, a feed or a state to replay.")
        if item is not None and (feed is not None or state is not None):
            raise HieError(Category.INVALID, "Name either an item, or a feed and a state, to replay.")
        refuse_unknown(operator(), feed=feed, state=state)
        states = (State(state),) if state is not None else tuple(State)
        if item is not None:
            return {await operator().replay(item): 1}
        return await operator().replay_all(feed=feed, states=states)

    return router
