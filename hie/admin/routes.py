"""Admin routes: ledger, quarantine, replay, verification, persons to review. No patient data in any answer."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from hie.admin.coverage import coverage_json
from hie.admin.origin import same_origin
from hie.admin.scoring import MOST_DAYS
from hie.base.clock import Clock, from_micros, instant, micros
from hie.base.errors import Category, HieError
from hie.base.finding import CODES, Finding
from hie.identity.match import REASONS
from hie.identity.tables import REVIEW
from hie.pipeline.items import number
from hie.pipeline.operate import Operator
from hie.pipeline.quarantine import Ground, Group, Held, groups
from hie.pipeline.quarantine import overdue as too_long
from hie.pipeline.rehearsal import Rehearsal
from hie.pipeline.verify import verify
from hie.staging.ledger import counters, ledger
from hie.staging.states import State
from hie.staging.tallies import day_of, tallies
from hie.store.port import Store

COVERAGE_DAYS = 7
"""How many days of coverage are shown when nobody says how many."""


class Discard(BaseModel):
    """Why something is discarded."""

    reason: str


class OneGround(BaseModel):
    """A group of quarantined parts, as `/admin/quarantine-groups` names it."""

    feed: str
    label: str
    cause: str
    rule: str = ""
    maps: str

    @property
    def ground(self) -> Ground:
        """The group that is meant."""
        return Ground(self.feed, self.label, self.cause, self.rule, self.maps)


class DiscardGround(OneGround):
    """A group, and why it is discarded."""

    reason: str


class Changed(BaseModel):
    """The state of an item after an action."""

    item: str
    state: str


def admin_router(store: Store, operator: Callable[[], Operator], clock: Clock) -> APIRouter:
    """The routes under `/admin`."""
    router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(same_origin)])

    def known(*, feed: str | None = None, cause: str | None = None, state: str | None = None) -> None:
        """Refuse what nothing can be narrowed to."""
        for name, value, names in (
            ("feed", feed, operator().feeds),
            ("cause", cause, CODES.keys()),
            ("state", state, [one.value for one in State]),
        ):
            if value is not None and value not in names:
                message = f"There is no {name} {value[:64]!r}. Choose one of: {', '.join(names)}."
                raise HieError(Category.INVALID, message, expression=name)

    @router.get("/ledger")
    async def get_ledger() -> dict[str, Any]:
        """The ledger equation and all counters."""
        books = await ledger(store)
        return {
            "received": books.received,
            "stored": books.stored,
            "quarantined": books.quarantined,
            "rejected": books.rejected,
            "inFlight": books.in_flight,
            "balanced": books.balanced,
            "counters": await counters(store),
        }

    @router.get("/coverage")
    async def get_coverage(feed: str | None = None, days: int = COVERAGE_DAYS) -> dict[str, Any]:
        """Parts by type in the last days (China time), types that no map covers, fields that no map mentions."""
        if not 1 <= days <= MOST_DAYS:
            raise HieError(Category.INVALID, f"days must be 1 to {MOST_DAYS}.")
        known(feed=feed)
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

    @router.get("/quarantine")
    async def get_quarantine(
        feed: str | None = None, cause: str | None = None, overdue: bool = False
    ) -> list[dict[str, Any]]:
        """What lies in quarantine, oldest first; `overdue`: only orphans that wait for more than 7 days."""
        known(feed=feed, cause=cause)
        found = await operator().held(feed=feed, cause=cause)
        return [held_json(one) for one in (too_long(found, micros(clock.now())) if overdue else found)]

    @router.get("/quarantine-groups")
    async def get_groups(feed: str | None = None, cause: str | None = None) -> list[dict[str, Any]]:
        """What lies in quarantine, grouped by feed, type, cause and version of the maps; largest first."""
        known(feed=feed, cause=cause)
        return [group_json(one) for one in groups(await operator().held(feed=feed, cause=cause))]

    @router.post("/quarantine-groups/release")
    async def post_release_group(body: OneGround) -> dict[str, int]:
        """Release every part that is held on one ground; returns how many items ended in which state."""
        return await operator().release_group(body.ground)

    @router.post("/quarantine-groups/discard")
    async def post_discard_group(body: DiscardGround) -> dict[str, int]:
        """Discard every part that is held on one ground; returns how many items ended in which state."""
        return await operator().discard_group(body.ground, body.reason)

    @router.get("/quarantine/{item}")
    async def show_quarantine(item: str) -> dict[str, Any]:
        """One raw item: what is known of it and of its parts, without its content."""
        row = await operator().item(item)
        parts = [one for one in await operator().held() if one.item == row["id"]]
        shown = {name: row[name] for name in ("id", "feed", "door", "sha256", "size", "state", "attempts")}
        return {**shown, "received": _instant(number(row["received"])), "parts": [held_json(one) for one in parts]}

    @router.post("/quarantine/{item}/release")
    async def post_release(item: str, part: int | None = None) -> Changed:
        """Process a quarantined item, or one part, in spite of its quarantine findings."""
        return Changed(item=item, state=await operator().release(item, part))

    @router.post("/quarantine/{item}/rehearse")
    async def post_rehearse(item: str, release: bool = False, edited: bool = False) -> dict[str, Any]:
        """What would become of an item now, replayed or released; nothing is stored. `edited`: by the tables as
        they are on disk, before they are in force."""
        return rehearsal_json(await operator().rehearse(item, release=release, edited=edited))

    @router.post("/quarantine/{item}/discard")
    async def post_discard(item: str, body: Discard, part: int | None = None) -> Changed:
        """Decide that a quarantined item, or one part, will never be processed."""
        return Changed(item=item, state=await operator().discard(item, body.reason, part))

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
        known(feed=feed, state=state)
        states = (State(state),) if state is not None else tuple(State)
        if item is not None:
            return {await operator().replay(item): 1}
        return await operator().replay_all(feed=feed, states=states)

    @router.get("/reviews")
    async def get_reviews() -> list[dict[str, Any]]:
        """Pairs of Patients left apart for a person to look at."""
        return [
            {
                "first": row["first"],
                "second": row["second"],
                "reason": row["reason"],
                "text": dict(zip(("zh", "en"), REASONS[str(row["reason"])], strict=True)),
            }
            for row in await store.select(REVIEW, {}, order=("first",))
        ]

    return router


def held_json(one: Held) -> dict[str, Any]:
    """A held part for JSON and for the command line."""
    return {
        "item": one.item,
        "part": one.part,
        "feed": one.feed,
        "label": one.label,
        "received": _instant(one.received),
        "cause": one.cause,
        "rule": one.rule,
        "maps": one.maps,
        "findings": [finding_json(f) for f in one.findings],
    }


def _instant(at: int) -> str:
    return instant(from_micros(at))


def group_json(group: Group) -> dict[str, Any]:
    """A group of held parts."""
    times = {"oldest": _instant(group.oldest), "newest": _instant(group.newest)}
    return {**asdict(group.ground), "count": group.count, **times, "paths": list(group.paths)}


def rehearsal_json(found: Rehearsal) -> dict[str, Any]:
    """What would become of an item; texts of the draft are shapes."""
    outcome = found.outcome
    return {
        "item": outcome.id,
        "disposition": outcome.disposition.value,
        "findings": [finding_json(f) for f in outcome.findings],
        "answer": {
            "status": found.answer.status,
            "contentType": found.answer.content_type,
            "body": found.answer_text,
        },
        "parts": [
            {
                "part": part.part,
                "label": part.label,
                "disposition": part.disposition.value,
                "findings": [finding_json(f) for f in part.findings],
                "resources": list(part.resources),
                "unmapped": list(found.unmapped.get(part.part, ())),
                "draft": found.drafts.get(part.part, []),
            }
            for part in outcome.parts
        ],
    }


def finding_json(f: Finding) -> dict[str, Any]:
    """A finding for JSON."""
    shown = {"code": f.code, "severity": f.severity.value, "path": f.path, "zh": f.row.zh, "en": f.text}
    return {**shown, "rule": f.rule} if f.rule else shown
