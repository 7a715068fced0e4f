"""The transport of the FHIR API: plain ASGI, mounted at `/fhir` (design decision 9).

Receives the body within limits of size and time, negotiates the format, runs the handler, and sends ready bytes.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hie.api.asgi import Receive, Scope, Send, headers_of, pairs_of, path_of, received, sent
from hie.api.bundle import run_apart
from hie.api.dispatch import handle
from hie.api.entries import refused
from hie.api.exports import Exports
from hie.api.faults import answer_of, log_place
from hie.api.message import Answer, Request
from hie.api.negotiation import (
    CONTENT_TYPE,
    FORM,
    JSON,
    XML,
    answer_format,
    deflate,
    inflate,
    media_type,
    preference,
    takes_gzip,
)
from hie.api.prepared import unpacked
from hie.api.presentation import as_xml, pretty_json
from hie.api.searchparameters import SearchParameters
from hie.api.service import (
    Check,
    Linked,
    Service,
    Validate,
    nobody_linked,
    nothing_wrong,
)
from hie.api.settings import FhirSettings
from hie.api.subset import subset_of
from hie.api.terminology import StoredTerminology
from hie.base.clock import Clock
from hie.base.errors import Category, HieError
from hie.base.ids import new_id
from hie.fhir.definitions import Definitions
from hie.security.policy import Policy
from hie.security.principal import Authenticate, Principal, local_operator
from hie.store.port import Store
from hie.wire.safejson import loads_own

_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_LARGEST = 1 << 32
"""Bytes of a prepared transaction: the process that prepared it has kept the limits."""
_READING = frozenset({"GET", "HEAD"})
_CORS = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, If-Match, If-None-Match, If-None-Exist, "
    "If-Modified-Since, Prefer, X-Request-Id",
    "Access-Control-Max-Age": "600",
}
Spread = Callable[[], Awaitable[None]]
_EXPOSED = "Content-Location, ETag, Last-Modified, Location, X-Request-Id"


async def nowhere() -> None:
    """The `Spread` of a process that serves alone."""


def fhir_app(
    store: Store,
    definitions: Definitions,
    settings: FhirSettings,
    policy: Policy,
    clock: Clock,
    *,
    linked: Linked = nobody_linked,
    check: Check = nothing_wrong,
    validate: Validate = nothing_wrong,
    authenticate: Authenticate = local_operator,
    new_id: Callable[[], str] = new_id,
    parameters: SearchParameters | None = None,
    terminology: StoredTerminology | None = None,
) -> "FhirApp":
    """The FHIR API as an ASGI application.

    `linked` gives all Patient ids of one person; `check` what is wrong with a resource that is to be stored (it runs on
    every write); `validate` what `$validate` answers; `authenticate` the principal of a request from its headers;
    `parameters` the custom search parameters, loaded; `terminology` the terminology service, loaded.
    """
    folder = settings.export_folder
    exports = Exports(folder, log_place, settings.export_seconds) if folder else None
    service = Service(
        store, store, definitions, settings, policy, clock, new_id, linked, check, validate, exports, parameters,
        terminology,
    )  # fmt: skip
    return FhirApp(service, authenticate)


@dataclass
class FhirApp:
    """See `fhir_app`. `spread` is awaited when search parameters or terminology were written, before the answer."""

    service: Service
    authenticate: Authenticate
    spread: Spread = nowhere

    async def close(self) -> None:
        """Stop exports that are under way."""
        if self.service.exports is not None:
            await self.service.exports.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            return
        self._use_parameters()
        headers = headers_of(scope)
        wanted = _Wanted()
        try:
            answer = await self._answer(scope, receive, headers, wanted)
            ready = self._presented(answer, wanted, headers)
        except Exception as error:
            ready = self._presented(answer_of(error), wanted, headers)
        self._frame(headers, ready.headers)
        await sent(send, scope["method"], ready)

    async def _answer(self, scope: Scope, receive: Receive, headers: Mapping[str, str], wanted: "_Wanted") -> Answer:
        if scope["method"] == "OPTIONS":
            return Answer(204)
        query = pairs_of(scope["query_string"])
        path = path_of(scope)
        _negotiate(wanted, path, dict(query), headers)
        principal = await self.authenticate(headers)
        method = scope["method"]
        if scope.get("prepared"):
            return await self._prepared(scope, receive, headers, wanted, principal)
        body = b"" if method in _READING else await self._body(receive, headers)
        if method == "POST" and media_type(headers.get("content-type")) == FORM and _takes_form(path):
            query = (*query, *pairs_of(body))
            body = b""
            _negotiate(wanted, path, dict(query), headers)
        request = Request(
            method,
            path,
            query,
            headers,
            body,
            self.base_of(scope),
            principal,
            preference(headers.get("prefer")),
            wanted.format,
            wanted.pretty,
        )
        wanted.request = request
        return await self._in_time(request)

    async def _prepared(
        self, scope: Scope, receive: Receive, headers: Mapping[str, str], wanted: "_Wanted", principal: Principal
    ) -> Answer:
        """The answer to a transaction that another process of this server has prepared: that is its body."""
        bundle, prepared = unpacked(await received(receive, _LARGEST))
        base, prefer = self.base_of(scope), preference(headers.get("prefer"))
        request = Request("POST", (), (), headers, b"", base, principal, prefer, wanted.format, wanted.pretty)
        return await self._written(replace(request, resource=bundle, prepared=prepared))

    async def _in_time(self, request: Request) -> Answer:
        """Reading stops at the time limit. A write is not interrupted: it would be unknown whether it happened."""
        if request.method not in _READING:
            return await self._written(request)
        async with asyncio.timeout(self.service.settings.seconds):
            return await handle(self.service, request)

    async def reads(self, scope: Scope, asked: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
        """The response entries to requests that read and came in through another door of this server, by their places
        in a Bundle: they are answered as those of a batch are, to whoever sent them, each with what hinders it."""
        self._use_parameters()
        rows = {place: {"request": request} for place, request in asked.items()}
        try:
            principal = await self.authenticate(headers_of(scope))
            request = Request("POST", (), (), {}, b"", self.base_of(scope), principal)
            async with asyncio.timeout(self.service.settings.seconds):
                answers = await run_apart(self.service, request, rows)
        except Exception as error:
            answers = dict.fromkeys(rows, refused(error))
        return {place: loads_own(answer) for place, answer in answers.items()}

    def _use_parameters(self) -> None:
        """Go by the search parameters of now; a request keeps those it began with."""
        parameters = self.service.parameters
        if parameters is not None and parameters.definitions is not self.service.definitions:
            self.service = replace(self.service, definitions=parameters.definitions)

    async def _written(self, request: Request) -> Answer:
        """The answer to what may write; what it wrote is served by then."""
        service = self.service
        watching = [one for one in (service.parameters, service.terminology) if one is not None]
        before = [one.changes for one in watching]
        try:
            return await handle(service, request)
        finally:
            changed = [one for one, changes in zip(watching, before, strict=True) if one.changes != changes]
            for one in changed:
                await one.load()
            if changed:
                await self.spread()

    async def _body(self, receive: Receive, headers: Mapping[str, str]) -> bytes:
        limit = self.service.settings.max_body
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared[:18]) > limit:
            raise HieError(Category.TOO_LARGE, "The body is too large")
        try:
            async with asyncio.timeout(self.service.settings.body_seconds):
                body = await received(receive, limit)
        except TimeoutError:
            raise HieError(Category.TIMEOUT, "The body did not arrive in time") from None
        return inflate(body, headers.get("content-encoding"), limit)

    def base_of(self, scope: Scope) -> str:
        """The service base as the caller of a request sees it."""
        if self.service.settings.base_url:
            return self.service.settings.base_url
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        if not _HOST.fullmatch(host):
            server = scope.get("server") or ("localhost", 80)
            host = f"{server[0]}:{server[1]}"
        return f"{scope['scheme']}://{host}{scope.get('root_path', '')}"

    def _presented(self, answer: Answer, wanted: "_Wanted", headers: Mapping[str, str]) -> Answer:
        """The answer with its body in the negotiated form."""
        body, content_type = answer.body, answer.content_type
        if body and content_type is None:
            body = self._formatted(answer, wanted)
            content_type = CONTENT_TYPE[wanted.format]
        out = dict(answer.headers)
        if body or answer.file:
            out["Content-Type"] = content_type or "application/octet-stream"
        large = len(body) >= self.service.settings.gzip_minimum
        if large and "Content-Encoding" not in out and takes_gzip(headers.get("accept-encoding")):
            body = deflate(body)
            out["Content-Encoding"] = "gzip"
        return Answer(answer.status, body, out, file=answer.file)

    def _formatted(self, answer: Answer, wanted: "_Wanted") -> bytes:
        body = answer.body
        if answer.shaped and wanted.request is not None and answer.status == 200:
            request = wanted.request
            subset = subset_of(self.service.definitions, request.parameter("_summary"), request.parameter("_elements"))
            body = subset(body) if subset else body
        if wanted.format == XML:
            return as_xml(self.service.definitions, body, wanted.pretty)
        return pretty_json(body) if wanted.pretty else body

    def _frame(self, headers: Mapping[str, str], out: dict[str, str]) -> None:
        """Headers of every answer: request id, cache rules, CORS."""
        given = headers.get("x-request-id", "")
        out["X-Request-Id"] = given if _REQUEST_ID.fullmatch(given) else new_id()
        out.setdefault("Cache-Control", "private, no-cache")
        out["Vary"] = "Accept, Accept-Encoding, Origin, Prefer"
        origin = headers.get("origin")
        origins = self.service.settings.cors_origins
        if origin and ("*" in origins or origin in origins):
            out["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
            out["Access-Control-Expose-Headers"] = _EXPOSED
            if "access-control-request-method" in headers:
                out.update(_CORS)


@dataclass
class _Wanted:
    """What is known about the answer's form so far; an error may come before all of it is."""

    format: str = JSON
    pretty: bool = False
    request: Request | None = None


def _negotiate(wanted: _Wanted, path: tuple[str, ...], query: Mapping[str, str], headers: Mapping[str, str]) -> None:
    wanted.pretty = query.get("_pretty") == "true"
    try:
        wanted.format = answer_format(query.get("_format"), headers.get("accept"))
    except HieError:
        if "_format" in query or not _may_be_raw(path):
            raise


def _takes_form(path: tuple[str, ...]) -> bool:
    """A search and an operation take their parameters as a form; elsewhere a form is no FHIR."""
    return bool(path) and (path[-1] == "_search" or path[-1].startswith("$"))


def _may_be_raw(path: tuple[str, ...]) -> bool:
    """A Binary is also served as its own media type, a bulk file as NDJSON; the handler decides."""
    return bool(path) and (path[0] == "Binary" or path[-1].startswith("$"))
