"""`POST /feeds/{feed}/$check`: what would become of an item, for those who connect a system; nothing is stored.

The answer repeats what was sent, to who sent it. JSON, or with `Accept: text/plain` the lines of `hie check`.
"""

from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hie.base.clock import Clock
from hie.base.errors import Category, HieError
from hie.base.ids import raw_item_id
from hie.base.record import Delivery
from hie.feeds.coding import check_coding
from hie.feeds.problem import NO_FEED, problem
from hie.pipeline.check import check, report_json, report_lines
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.workers import Preparation
from hie.wire.safejson import dumps

MOST_BYTES = 1024 * 1024
"""Largest item that is checked; larger ones are for `hie check`, on the own machine."""


class Checking:
    """Serves the check of every door; `preparation` runs the pure stages."""

    def __init__(self, doors: Mapping[str, FeedRuntime], preparation: Preparation, clock: Clock) -> None:
        self._doors = doors
        self._prepare = preparation
        self._clock = clock

    def route(self) -> Route:
        """The route, to be included before that of the feeds."""
        return Route("/feeds/{door}/$check", self.post, methods=["POST"])

    async def post(self, request: Request) -> Response:
        """Check one item; 200 whatever comes out, `strict=true` also holds warnings and unmapped fields against it."""
        door = request.path_params["door"]
        runtime = self._doors.get(door)
        if runtime is None:
            return problem(HieError(Category.NOT_FOUND, NO_FEED))
        try:
            check_coding(request.headers.get("content-encoding", ""))
            body = await _body(request)
        except HieError as error:
            closing = {"Connection": "close"} if error.category is Category.TOO_LARGE else {}
            return problem(error, headers=closing)
        except ClientDisconnect:
            return Response(status_code=400)
        item = raw_item_id(runtime.feed.id, body)
        delivery = Delivery(item, runtime.feed.id, door, self._clock.now(), body)
        report = check(runtime, delivery, *await self._prepare(runtime, delivery))
        headers = {"Cache-Control": "no-store"}
        if "text/plain" in request.headers.get("accept", ""):
            return PlainTextResponse("\n".join(report_lines(report)) + "\n", headers=headers)
        strict = request.query_params.get("strict", "false") == "true"
        content = dumps(report_json(report, strict=strict))
        return Response(content, headers=headers, media_type="application/json")


async def _body(request: Request) -> bytes:
    """The body; raises TOO_LARGE as soon as it is."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > MOST_BYTES:
            raise HieError(Category.TOO_LARGE, f"An item to be checked has at most {MOST_BYTES} bytes.")
    return bytes(found)
