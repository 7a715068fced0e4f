"""A reading process wired: FHIR reads and searches and the record browser from its own connections, everything else to
the owner.

Code maps are read from the store, where the owner publishes them as ConceptMaps. What changes what is served (search
parameters, terminology) is read again when the owner says so, and every few seconds besides, because feeds and other
commands may write it as well.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, MutableMapping
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.routing import Mount

from hie.api.app import FhirApp
from hie.api.content import names_us
from hie.api.faults import log_place
from hie.api.negotiation import JSON, body_format
from hie.api.prepared import prepare
from hie.api.searchparameters import SearchParameters
from hie.app.browse import KnownSilences, open_browse, warm_later
from hie.app.fhir import PARAMETER_SECONDS, TERMINOLOGY_SECONDS, Front, open_fhir
from hie.app.hosts import known_hosts
from hie.app.store import follow_store
from hie.app.terminology import open_terminology
from hie.base.clock import SystemClock
from hie.base.errors import HieError
from hie.base.tasks import end, every, log_failure
from hie.config import Config
from hie.fhir.definitions import load_definitions
from hie.fhir.validate import Validator
from hie.front.passing import App, Receive, Scope, Send
from hie.front.reader import Site
from hie.search.extract import Extractors

OPERATIONS = frozenset(
    {
        "$everything", "$expand", "$lastn", "$lookup", "$meta", "$subsumes", "$translate", "$validate-code",
    }
)  # fmt: skip
"""Operations that, called by GET, only read what every process has."""

BODY_SECONDS = 5.0
"""How long a reader waits for the body of a transaction before it passes on what comes as it comes."""

Message = MutableMapping[str, Any]
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def reads(method: str, path: str) -> bool:
    """Whether a request needs nothing but the store and what is served of definitions; `path` is below `/fhir`."""
    last = path.rstrip("/").rpartition("/")[2]
    if method not in _READING:
        return method == "POST" and last == "_search"
    return last in OPERATIONS if "$" in path else True


class Reading(NamedTuple):
    """What a reading process is given: the settings, and how adapters call regions and feeds."""

    config: Config
    names: Mapping[str, str]


class ReadingFront:
    """The site of a reading process: `pages` are those below `/browse`. What it `prepares` are transactions: parsing
    and validating them is half of the work, and another core has time for it."""

    def __init__(self, fhir: FhirApp, pages: App, owner: App, *, prepares: bool) -> None:
        self._here = Front(fhir, owner)
        self._browse = Front(fhir, pages)
        self._fhir = fhir
        self._owner = owner
        self._prepares = prepares

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, here or by the owner."""
        if scope["path"] == "/browse" or scope["path"].startswith("/browse/"):
            await self._browse(scope, receive, send)
        elif reads(scope["method"], scope["path"]):
            await self._here(scope, receive, send)
        elif self._prepares and _may_be_transaction(scope):
            await self._owner(*await self._prepared(scope, receive), send)
        else:
            await self._owner(scope, receive, send)

    async def _prepared(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        """The request as the owner gets it: prepared, or as it came where that cannot be."""
        body, came = await _collected(receive, self._fhir.service.settings.max_body)
        content = None
        if body is not None and not names_us(body, self._fhir.base_of(scope)):
            content = prepare(self._fhir.service, body)
        if content is None:
            return scope, _again(came, receive)
        message: Message = {"type": "http.request", "body": content, "more_body": False}
        return {**scope, "prepared": True}, _again([message], receive)


def _may_be_transaction(scope: Scope) -> bool:
    if scope["method"] != "POST" or scope["path"].rstrip("/") != "/fhir":
        return False
    headers = dict(scope["headers"])
    if b"content-encoding" in headers:
        return False
    try:
        return body_format(headers.get(b"content-type", b"").decode("latin-1")) == JSON
    except HieError:
        return False


async def _collected(receive: Receive, limit: int) -> tuple[bytes | None, list[Message]]:
    """The whole body, and the messages that brought it; no body when it is too large, too slow or cut off."""
    came: list[Message] = []
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            while more and size <= limit:
                message = await receive()
                came.append(message)
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
    if more or size > limit or came[-1]["type"] != "http.request":
        return None, came
    return b"".join(message.get("body", b"") for message in came), came


def _again(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that gives these messages first."""
    waiting = iter(messages)

    async def next_one() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return next_one


@contextlib.asynccontextmanager
async def open_reading(given: Reading, owner: App) -> AsyncIterator[Site]:
    """The site of a reading process on a SQLite store that `owner` writes."""
    config, definitions = given.config, load_definitions()
    store = follow_store(config)
    parameters = SearchParameters(store, definitions, Extractors(definitions), log_place)
    terminology = open_terminology(store, definitions, (), config.terminology_path)
    await parameters.follow()
    await terminology.load()

    async def renew() -> None:
        await parameters.follow()
        await terminology.load()

    check = Validator(definitions).write_issues
    clock, silences = SystemClock(), KnownSilences()
    fhir = open_fhir(config, store, definitions, clock, parameters, terminology, check=check)
    pages = Starlette(routes=[Mount("/browse", open_browse(store, definitions, clock, given.names, silences))])
    tasks = [
        asyncio.create_task(warm_later()),
        asyncio.create_task(every(PARAMETER_SECONDS, parameters.follow, log_failure)),
        asyncio.create_task(every(TERMINOLOGY_SECONDS, terminology.load, log_failure)),
    ]
    try:
        front = ReadingFront(fhir, pages, owner, prepares=config.profiles == "off")
        yield Site(known_hosts(front, config), renew, silences.take)
    finally:
        await end(*tasks)
        await store.close()
