"""The HTTP doors: `POST /feeds/{door}` (common rules §1, §2.5)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive as ReceiveBody
from starlette.types import Scope, Send

from hie.base.errors import RETRY_AFTER, Category, HieError
from hie.base.outcome import Answer
from hie.feeds.coding import check_coding
from hie.feeds.limits import HEAD_BYTES, HttpLimits
from hie.feeds.problem import NO_FEED, problem

XML = frozenset({"text/xml", "application/xml", "application/soap+xml"})
FHIR = "application/fhir+json"
"""Content type of a FHIR door."""

ACCEPTED: Mapping[str, frozenset[str]] = {
    "text/xml": XML,
    "application/xml": XML,
    FHIR: frozenset({FHIR, "application/json", "application/fhir+xml", "application/xml", "text/xml"}),
}
"""Content type of a door -> content types it takes."""

LINGER_SECONDS, LINGER_SIZES = 10.0, 4
"""What is still sent of an item that is too large is read and dropped, for so long and up to so many times the limit:
an answer before the sender has sent all is lost when the connection closes."""

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Receive = Callable[[str, bytes], Awaitable[Answer]]
TooLarge = Callable[[str, int, bytes], Awaitable[Answer]]


class FhirHttp(Protocol):
    """How a FHIR door speaks HTTP; `kind` is the path below its base, where that is the type of what is posted."""

    def expects(self, request: Request) -> None:
        """Raise NOT_ACCEPTABLE when the answer could not be in a form that is asked for."""
        ...

    def checked(self, request: Request, kind: str, body: bytes) -> None:
        """Raise what speaks against a resource that is posted to its type."""
        ...

    async def told(self, request: Request, kind: str, answer: Answer) -> Response:
        """The answer to an item, in the form that is asked for."""
        ...

    def shown(self, request: Request, path: str) -> Response:
        """What is read below the base; raises NOT_ACCEPTABLE, NOT_ALLOWED."""
        ...

    def refused(self, request: Request, error: HieError) -> Response:
        """A situation in the form of FHIR."""
        ...


NO_FHIR: Mapping[str, FhirHttp] = MappingProxyType({})
"""Where no door is one of FHIR."""


class HttpFeeds:
    """Serves `POST /feeds/{door}` and `GET /feeds`; a FHIR door is also the base URL `/feeds/{door}/fhir`.

    `doors` maps each door to its content type, `receive` takes an item in, `too_large` gives the answer of a door to an
    item over the limit, of which it gets the size, as far as it is known, and the beginning; `fhir` says how the FHIR
    doors speak.
    """

    def __init__(
        self,
        doors: Mapping[str, str],
        receive: Receive,
        too_large: TooLarge,
        limits: HttpLimits,
        fhir: Mapping[str, FhirHttp] = NO_FHIR,
    ) -> None:
        self._doors = doors
        self._receive = receive
        self._too_large = too_large
        self._limits = limits
        self._fhir = fhir

    def routes(self) -> list[Route]:
        """The routes, for the application to include."""
        return [
            Route("/feeds", self.list, methods=["GET"]),
            Route("/feeds/{door}", self.post, methods=["POST"]),
            Route("/feeds/{door}/fhir", self.post, methods=["POST"]),
            Route("/feeds/{door}/fhir/", self.post, methods=["POST"]),
            Route("/feeds/{door}/fhir/metadata", self.below, methods=["GET"]),
            Route("/feeds/{door}/fhir/{type}", self.below, methods=["POST"]),
            Route("/feeds/{door}/fhir{below:path}", self.below, methods=_METHODS),
        ]

    def takes(self, scope: Scope) -> bool:
        """Whether a request is one that brings an item to a door that there is."""
        door = scope["path"].removeprefix("/feeds/")
        return scope["type"] == "http" and scope["method"] == "POST" and door in self._doors

    async def __call__(self, scope: Scope, receive: ReceiveBody, send: Send) -> None:
        """Serve such a request, without the layers of a router."""
        scope["path_params"] = {"door": scope["path"].removeprefix("/feeds/")}
        response = await self.post(Request(scope, receive))
        await response(scope, receive, send)

    async def list(self, _: Request) -> Response:
        """The doors there are, with their content types."""
        return JSONResponse({"feeds": [{"path": f"/feeds/{d}", "contentType": t} for d, t in self._doors.items()]})

    async def post(self, request: Request, kind: str = "") -> Response:
        """Take one item in and answer as its door does; problems of the request get `application/problem+json`, at a
        FHIR door an OperationOutcome. `kind` is the type that a single resource is posted to."""
        try:
            answered = await self._answered(request, kind)
        except HieError as error:
            fhir = self._fhir.get(request.path_params["door"])
            answered = problem(error) if fhir is None else fhir.refused(request, error)
            if error.category is Category.TIMEOUT:
                answered.headers["Connection"] = "close"
        except ClientDisconnect:
            return Response(status_code=400)
        if answered.status_code == 503:
            answered.headers["Retry-After"] = RETRY_AFTER
        if answered.status_code == 413:
            answered.headers["Connection"] = "close"
        return answered

    async def below(self, request: Request) -> Response:
        """The base of a FHIR door and what is below it: whatever else than a Bundle is asked of it."""
        door, path = request.path_params["door"], request.url.path
        fhir = self._fhir.get(door)
        base, _, below = path.removeprefix(f"/feeds/{door}/fhir").partition("/")
        if fhir is None or base:
            return problem(HieError(Category.NOT_FOUND, "There is no such FHIR feed."))
        if request.method == "POST" and not below.endswith("_search"):
            return await self.post(request, below.rstrip("/"))
        try:
            return fhir.shown(request, below)
        except HieError as error:
            return fhir.refused(request, error)

    async def _answered(self, request: Request, kind: str) -> Response:
        """The answer to an item; raises what is refused before it is one."""
        door = request.path_params["door"]
        fhir = self._fhir.get(door)
        if fhir is not None:
            fhir.expects(request)
        self._check_type(door, request.headers.get("content-type", ""))
        check_coding(request.headers.get("content-encoding", ""))
        body, size = await self._body(request)
        fits = size <= self._limits.body_bytes
        if fhir is not None and kind:
            fhir.checked(request, kind, body)
        answer = await (self._receive(door, body) if fits else self._too_large(door, size, body))
        if fhir is not None:
            return await fhir.told(request, kind, answer)
        return Response(answer.body, answer.status, {"Content-Type": answer.content_type})

    def _check_type(self, door: str, content_type: str) -> None:
        """A `charset` parameter is ignored (Jiashan §1); XML is taken under both of its names."""
        expected = self._doors.get(door)
        if expected is None:
            raise HieError(Category.NOT_FOUND, NO_FEED)
        given = content_type.partition(";")[0].strip().lower()
        accepted = ACCEPTED.get(expected, frozenset({expected}))
        if given not in accepted:
            raise HieError(Category.UNSUPPORTED_MEDIA, f"This feed takes Content-Type: {expected}.")

    async def _body(self, request: Request) -> tuple[bytes, int]:
        """The whole body and its size; of one that is longer than allowed only its beginning, and the size that it
        announces or has come to. Raises TIMEOUT when it takes too long to arrive."""
        most = self._limits.body_bytes
        declared = request.headers.get("content-length", "")
        announced = int(declared) if declared.isdigit() else 0
        fits = announced <= most
        chunks: list[bytes] = []
        head, size, lingering = b"", 0, False
        try:
            async with asyncio.timeout(self._limits.body_seconds) as patience:
                async for chunk in request.stream():
                    size += len(chunk)
                    if fits and size <= most:
                        chunks.append(chunk)
                        continue
                    head = (head or b"".join(chunks))[:HEAD_BYTES]
                    head += chunk[: HEAD_BYTES - len(head)]
                    chunks.clear()
                    if not lingering:
                        fits, lingering = False, True
                        patience.reschedule(asyncio.get_running_loop().time() + LINGER_SECONDS)
                    if size > LINGER_SIZES * most:
                        break
        except TimeoutError:
            if not lingering:
                raise HieError(Category.TIMEOUT, "The item did not arrive in time.") from None
        return (b"".join(chunks), size) if fits else (head, max(size, announced))
