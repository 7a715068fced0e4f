"""The pages of operators, mounted at `/quality`: scores, trends and the worst faults as page, JSON and CSV, and the
quarantine."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from hie.admin.answer import board_json
from hie.admin.drawing import chart, values_of
from hie.admin.held import QuarantinePages
from hie.admin.samples import sample_of
from hie.admin.scoring import UNKNOWN, Board, Feeds, board, institutions, read_query, words_of
from hie.admin.table import scores_csv
from hie.base.clock import CHINA, Clock
from hie.base.errors import HieError
from hie.browse.render import Renderer
from hie.browse.words import LANGUAGES, Words
from hie.feeds.problem import OUR_FAILURE, problem
from hie.pipeline.feed import titles
from hie.pipeline.operate import Operator
from hie.quality.rule import DIMENSIONS
from hie.quality.score import Fault
from hie.staging.tallies import OTHERS
from hie.store.port import Store

PACKAGES = ("hie.admin", "hie.browse")
SHOWN_FAULTS = 10
TROUBLES: Mapping[int, str] = {
    **dict.fromkeys((400, 413, 422), "asked"),
    **dict.fromkeys((401, 403), "forbidden"),
    404: "missing",
    **dict.fromkeys((409, 503), "busy"),
}
"""Status -> which words tell what to do about it; `failed` for all others."""


def quality_app(store: Store, feeds: Feeds, clock: Clock, operator: Callable[[], Operator]) -> ASGIApp:
    """The pages of quality and quarantine over a store; `operator` acts for who asks."""
    pages = Pages(store, feeds, clock)
    quarantine = QuarantinePages(store, feeds, clock, operator, pages.page)
    routes = [
        Route("/", pages.home, methods=["GET"]),
        Route("/scores", pages.scores, methods=["GET"]),
        Route("/scores.csv", pages.csv, methods=["GET"]),
        Route("/static/{name}", pages.static, methods=["GET"]),
        *quarantine.routes(),
    ]
    handlers: Any = {HieError: pages.trouble, 404: pages.missing, 405: pages.missing, Exception: pages.broken}
    return Starlette(routes=routes, exception_handlers=handlers)


class Pages:
    """One method per page."""

    def __init__(self, store: Store, feeds: Feeds, clock: Clock) -> None:
        self._store = store
        self._feeds = feeds
        self._clock = clock
        self._render = Renderer(PACKAGES, titles(feeds.values()))

    async def home(self, request: Request) -> Response:
        """The matrix of institutions and dimensions, trends, the worst faults."""
        found = await self._board(request)
        known = institutions(self._feeds)
        faults = [await self._shown(fault) for fault in found.faults[:SHOWN_FAULTS]]
        days = found.asked.days
        named = [
            (name, values_of([score for score in found.by_feed if score.feed == name], found.asked.dimension))
            for name in self._feeds
            if found.asked.feed in (None, name)
        ]
        small = [(name, chart(days, [(name, values_of(found.days, name))], 200, 90)) for name in found.dimensions]
        return self.page(
            request,
            "quality.html",
            board=found,
            institutions=known,
            feeds=self._feeds,
            coded=DIMENSIONS,
            faults=faults,
            trend=chart(days, named),
            small=small,
            unknown=UNKNOWN,
            others=OTHERS,
            query={k: v for k, v in request.query_params.items() if k != "lang"},
        )

    async def scores(self, request: Request) -> Response:
        """Scores as JSON."""
        return JSONResponse(board_json(await self._board(request), self._feeds), headers={"Cache-Control": "no-store"})

    async def csv(self, request: Request) -> Response:
        """Scores as CSV."""
        found = await self._board(request)
        language = self._render.words(request).language
        name = f"quality-{found.asked.days[0]}-{found.asked.days[-1]}.csv"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        body = scores_csv(found, institutions(self._feeds), language)
        return Response(body, media_type="text/csv; charset=utf-8", headers=headers)

    async def static(self, request: Request) -> Response:
        """One of our own files."""
        return self._render.asset(request)

    async def trouble(self, request: Request, error: HieError) -> Response:
        """The answer for a situation: a page for people, a problem for programs."""
        if request.url.path.endswith(("/scores", ".csv")):
            return problem(error)
        status = error.response.status
        return self.page(
            request, "quality-trouble.html", status, kind=TROUBLES.get(status, "failed"), message=error.message
        )

    async def missing(self, request: Request, error: Exception) -> Response:
        """The page for an address that does not exist."""
        return self.page(request, "quality-trouble.html", 404, kind="missing", message="")

    async def broken(self, request: Request, error: Exception) -> Response:
        """The answer for a failure of ours."""
        return await self.trouble(request, OUR_FAILURE)

    async def _board(self, request: Request) -> Board:
        return await board(self._store, self._feeds, read_query(request.query_params, self._feeds, self._clock))

    async def _shown(self, fault: Fault) -> dict[str, Any]:
        zh, en = words_of(self._feeds, fault.feed, fault.code, fault.rule)
        return {
            "fault": fault,
            "zh": zh,
            "en": en,
            "sample": await sample_of(self._store, self._feeds, fault),
        }

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """One page with what every page shows."""
        root = str(request.scope.get("root_path", ""))
        now = self._clock.now().astimezone(CHINA)
        host = request.client.host if request.client else ""
        return self._render.page(
            request,
            template,
            status,
            watermark=("", host, now.strftime("%Y-%m-%d %H:%M")),
            records=f"{root.removesuffix('/quality')}/browse/",
            feed_title=partial(self._feed_title, self._render.words(request)),
            **values,
        )

    def _feed_title(self, words: Words, name: str) -> str:
        """The title that the adapter gives a feed, which is Chinese, or that of the catalogue in another language."""
        title = self._feeds[name].feed.title if name in self._feeds else name
        return title if words.language == LANGUAGES[0] else words.maybe(f"feed.{name}", title)
