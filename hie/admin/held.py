"""The pages of the quarantine: groups, what is in them, one item; rehearse, release, discard, process again.

Forms act by POST and only from our own pages (`hie.admin.origin`); what was done stands in the address of the page that
follows, so that going back or loading again repeats nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hie.admin.origin import same_origin
from hie.admin.scoring import Feeds, institutions, words_of
from hie.base.clock import CHINA, Clock, from_micros, micros
from hie.base.errors import Category, HieError
from hie.base.finding import Finding
from hie.browse.form import read_form
from hie.browse.render import HEADERS, link_maker
from hie.pipeline.codec import decode_findings, stored
from hie.pipeline.items import delivery_of, number
from hie.pipeline.operate import FAILED, Operator
from hie.pipeline.quarantine import GROUND, Ground, ground, groups, overdue
from hie.pipeline.rehearsal import Rehearsal
from hie.staging.states import State
from hie.staging.tables import PART
from hie.store.port import Store
from hie.store.table import Row
from hie.wire.safejson import dumps

SHOWN = 100
"""Parts of a group on one page, the oldest first."""

ACTS = ("release", "discard", "replay")
"""What operators do to items."""

_UNITS = (("q.age-days", 86_400_000_000), ("q.age-hours", 3_600_000_000), ("q.age-minutes", 60_000_000))
_OLD_DAYS = 3


class Frame(Protocol):
    """What makes a page: `Pages.page`."""

    def __call__(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """One page."""
        ...


@dataclass(frozen=True, slots=True)
class Age:
    """How long something waits: the key of the words and the number in them; `old` after three days."""

    words: str
    n: int
    old: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """A finding as it is shown: its words, and the shape of the value that it is about."""

    finding: Finding
    zh: str
    en: str
    shape: str


class QuarantinePages:
    """One method per page or act."""

    def __init__(
        self, store: Store, feeds: Feeds, clock: Clock, operator: Callable[[], Operator], frame: Frame
    ) -> None:
        self._store = store
        self._feeds = feeds
        self._clock = clock
        self._operator = operator
        self._frame = frame

    def routes(self) -> list[Route]:
        """The routes below the application's root."""
        return [
            Route("/quarantine", self.home, methods=["GET"]),
            Route("/quarantine/group/{act}", self.act_on_group, methods=["POST"]),
            Route("/quarantine/maps/reload", self.reload, methods=["POST"]),
            Route("/quarantine/{item}", self.item, methods=["GET"]),
            Route("/quarantine/{item}/rehearse", self.rehearse, methods=["POST"]),
            Route("/quarantine/{item}/{act}", self.act, methods=["POST"]),
        ]

    async def home(self, request: Request) -> Response:
        """The groups; of a chosen one its parts."""
        held = await self._operator().held()
        params = request.query_params
        chosen = Ground(*(params.get(name, "") for name in GROUND)) if params.get("cause") else None
        parts = [one for one in held if chosen == ground(one)]
        return self._frame(
            request,
            "quarantine.html",
            groups=groups(held),
            chosen=chosen,
            parts=parts[:SHOWN],
            more=max(0, len(parts) - SHOWN),
            total=len(held),
            overdue=len(overdue(held, micros(self._clock.now()))),
            feeds=self._feeds,
            words_of=lambda why: words_of(self._feeds, why.feed, why.cause, why.rule),
            age=self._age,
            done=_done(request),
            tables=await self._operator().tables(),
            query_of=asdict,
        )

    async def act_on_group(self, request: Request) -> Response:
        """Release or discard a group."""
        await same_origin(request)
        form = await read_form(request)
        if not form.get("feed") or not form.get("cause"):
            raise HieError(Category.INVALID, "Choose a group.")
        why = Ground(*(form.get(name, "") for name in GROUND))
        if request.path_params["act"] == "release":
            ended = await self._operator().release_group(why)
        elif request.path_params["act"] == "discard":
            ended = await self._operator().discard_group(why, form.get("reason", ""))
        else:
            raise HieError(Category.NOT_FOUND, "There is no such act.")
        failed = ended.get(FAILED, 0)
        return _next(request, "quarantine", request.path_params["act"], sum(ended.values()) - failed, failed)

    async def reload(self, request: Request) -> Response:
        """Put the tables on disk in force."""
        await same_origin(request)
        await self._operator().reload()
        return _next(request, "quarantine", "reload", 1)

    async def item(self, request: Request) -> Response:
        """One item and its parts; never its content."""
        return await self._item(request, await self._operator().item(request.path_params["item"]), None)

    async def rehearse(self, request: Request) -> Response:
        """What would become of an item now."""
        await same_origin(request)
        form = await read_form(request)
        operator = self._operator()
        row = await operator.item(request.path_params["item"])
        chosen = {name: form.get(name) == "1" for name in ("release", "edited")}
        return await self._item(request, row, await operator.rehearse(str(row["id"]), **chosen))

    async def act(self, request: Request) -> Response:
        """Release, discard or process again, an item or one part of it."""
        await same_origin(request)
        form = await read_form(request)
        item, operator = request.path_params["item"], self._operator()
        part = _part_of(form)
        waited = await operator.waits(item, part) or request.path_params["act"] == "replay"
        match request.path_params["act"]:
            case "release":
                await operator.release(item, part)
            case "discard":
                await operator.discard(item, form.get("reason", ""), part)
            case "replay":
                await operator.replay(item)
            case _:
                raise HieError(Category.NOT_FOUND, "There is no such act.")
        return _next(request, f"quarantine/{item}", request.path_params["act"], int(waited))

    async def _item(self, request: Request, row: Row, rehearsal: Rehearsal | None) -> Response:
        parts = await self._store.select(PART, {"item": row["id"]}, order=("part",))
        return self._frame(
            request,
            "quarantine-item.html",
            item=row,
            parts=self._parts(row, parts),
            noted=self._noted(row, decode_findings(row["findings"]), None),
            received=from_micros(number(row["received"])).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S"),
            age=self._age(number(row["received"])),
            sender=institutions(self._feeds).get(str(row["organisation"] or "")),
            feeds=self._feeds,
            held=await self._operator().waits(str(row["id"])),
            settled=row["state"] in (State.STORED, State.QUARANTINED, State.REJECTED),
            rehearsal=rehearsal,
            tables=await self._operator().tables(),
            drafts={} if rehearsal is None else {n: _pretty(draft) for n, draft in rehearsal.drafts.items()},
            noted_of=lambda findings: self._noted(row, findings, None),
            done=_done(request),
        )

    def _parts(self, row: Row, parts: list[Row]) -> list[dict[str, Any]]:
        runtime = self._feeds.get(str(row["feed"]))
        trees: dict[int, Any] = {}
        if runtime is not None and parts:
            trees = {record.part: record.tree for record in runtime.parse(delivery_of(row)).records}
        return [
            {
                **part,
                "resources": stored(part["resources"]),
                "noted": self._noted(row, decode_findings(part["findings"]), trees.get(number(part["part"]))),
            }
            for part in parts
        ]

    def _noted(self, row: Row, findings: tuple[Finding, ...], tree: Any) -> list[Noted]:
        feed = str(row["feed"])
        runtime = self._feeds.get(feed)
        ordered = sorted(findings, key=lambda f: -f.severity.rank)
        return [
            Noted(f, *words_of(self._feeds, feed, f.code, f.rule), runtime.shape(tree, f.path) if runtime else "")
            for f in ordered
        ]

    def _age(self, since: int) -> Age:
        passed = max(0, micros(self._clock.now()) - since)
        words, length = next((unit for unit in _UNITS if passed >= unit[1]), _UNITS[-1])
        return Age(words, passed // length, passed >= _OLD_DAYS * _UNITS[0][1])


def _part_of(form: Mapping[str, str]) -> int | None:
    """The part that a form names, None for the whole item; raises INVALID for another word: the whole was not meant."""
    named = form.get("part", "")
    if named and not named.isdecimal():
        raise HieError(Category.INVALID, "A part is named by its number.")
    return int(named) if named else None


def _pretty(draft: list[Any]) -> str:
    return "\n".join(dumps(one).decode() for one in draft)


def _done(request: Request) -> list[tuple[str, str]]:
    """What the act before this page did, and at what it failed: the key of the words, and how many. What is in
    quarantine no more, someone else was faster with."""
    act = request.query_params.get("done", "")
    n, failed = (request.query_params.get(name, "") for name in ("n", "failed"))
    if act not in (*ACTS, "reload") or not n.isdecimal():
        return []
    done = f"q.done-{act}" if int(n) or failed.isdecimal() else "q.done-none"
    return [(done, n), *([("q.done-failed", failed)] if failed.isdecimal() else [])]


def _next(request: Request, path: str, act: str, n: int, failed: int = 0) -> Response:
    url = link_maker(request)(path, done=act, n=str(n), failed=str(failed or ""))
    return RedirectResponse(url, 303, headers=dict(HEADERS))
