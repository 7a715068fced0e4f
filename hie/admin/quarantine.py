"""Routes of the quarantine: what is held, alone and in groups; rehearse, release, discard."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from hie.admin.known import refuse_unknown
from hie.base.clock import Clock, from_micros, instant, micros
from hie.base.finding import Finding
from hie.pipeline.codec import decode_findings, stored
from hie.pipeline.items import number
from hie.pipeline.operate import Operator
from hie.pipeline.quarantine import Ground, Group, Held, groups
from hie.pipeline.quarantine import overdue as too_long
from hie.pipeline.rehearsal import Rehearsal
from hie.store.table import Row


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


def quarantine_router(operator: Callable[[], Operator], clock: Clock) -> APIRouter:
    """The routes under `/quarantine` and `/quarantine-groups`."""
    router = APIRouter()
    router.include_router(_items_router(operator, clock))
    router.include_router(_groups_router(operator))
    return router


def _items_router(operator: Callable[[], Operator], clock: Clock) -> APIRouter:
    """What is held, and single items and parts."""
    router = APIRouter(prefix="/quarantine")

    @router.get("")
    async def get_quarantine(
        feed: str | None = None, cause: str | None = None, overdue: bool = False
    ) -> list[dict[str, Any]]:
        """What lies in quarantine, oldest first; `overdue`: only orphans that wait for more than 7 days."""
        refuse_unknown(operator(), feed=feed, cause=cause)
        found = await operator().held(feed=feed, cause=cause)
        return [held_json(one) for one in (too_long(found, micros(clock.now())) if overdue else found)]

    @router.get("/{item}")
    async def show_quarantine(item: str) -> dict[str, Any]:
        """One raw item, held or not: what became of it and of each part, without its content."""
        row = await operator().item(item)
        return _item_json(row, await operator().parts(row))

    @router.post("/{item}/release")
    async def post_release(item: str, part: int | None = None) -> Changed:
        """Process a quarantined item, or one part, in spite of its quarantine findings."""
        return Changed(item=item, state=await operator().release(item, part))

    @router.post("/{item}/rehearse")
    async def post_rehearse(item: str, release: bool = False, edited: bool = False) -> dict[str, Any]:
        """What would become of an item now, replayed or released; nothing is stored. `edited`: by the tables as
        they are on disk, before they are in force."""
        return rehearsal_json(await operator().rehearse(item, release=release, edited=edited))

    @router.post("/{item}/discard")
    async def post_discard(item: str, body: Discard, part: int | None = None) -> Changed:
        """Decide that a quarantined item, or one part, will never be processed."""
        return Changed(item=item, state=await operator().discard(item, body.reason, part))

    return router


def _groups_router(operator: Callable[[], Operator]) -> APIRouter:
    """What is held on one ground, all at once."""
    router = APIRouter(prefix="/quarantine-groups")

    @router.get("")
    async def get_groups(feed: str | None = None, cause: str | None = None) -> list[dict[str, Any]]:
        """What lies in quarantine, grouped by feed, type, cause and version of the maps; largest first."""
        refuse_unknown(operator(), feed=feed, cause=cause)
        return [group_json(one) for one in groups(await operator().held(feed=feed, cause=cause))]

    @router.post("/release")
    async def post_release_group(body: OneGround) -> dict[str, int]:
        """Release every part that is held on one ground; returns how many items ended in which state."""
        return await operator().release_group(body.ground)

    @router.post("/discard")
    async def post_discard_group(body: DiscardGround) -> dict[str, int]:
        """Discard every part that is held on one ground; returns how many items ended in which state."""
        return await operator().discard_group(body.ground, body.reason)

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


def _item_json(row: Row, parts: Iterable[Row]) -> dict[str, Any]:
    names = ("id", "feed", "door", "sha256", "size", "state", "disposition", "attempts")
    shown = {name: row[name] for name in names}
    received, findings = _instant(number(row["received"])), _findings_json(row)
    return {**shown, "received": received, "findings": findings, "parts": [_part_json(part) for part in parts]}


def _part_json(row: Row) -> dict[str, Any]:
    shown = {name: row[name] for name in ("part", "label", "disposition", "cause", "maps")}
    received, resources = _instant(number(row["received"])), stored(row["resources"])
    return {**shown, "received": received, "findings": _findings_json(row), "resources": resources}


def _findings_json(row: Row) -> list[dict[str, Any]]:
    return [finding_json(f) for f in decode_findings(row["findings"])]


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
