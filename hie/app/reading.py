"""A reading process wired: FHIR reads and searches from its own connections, everything else to the owner.

What changes what is served (search parameters, terminology) is read again when the owner says so, and every few seconds
besides, because feeds and other commands may write it as well.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from hie.api.app import FhirApp
from hie.api.faults import log_place
from hie.api.searchparameters import SearchParameters
from hie.app.exchange import PARAMETER_SECONDS, TERMINOLOGY_SECONDS, Front
from hie.app.feeds import load_adapters
from hie.app.fhir import open_fhir
from hie.app.store import follow_store
from hie.app.terminology import open_terminology
from hie.base.clock import SystemClock
from hie.base.errors import where
from hie.config import Config
from hie.fhir.definitions import load_definitions
from hie.front.passing import App, Receive, Scope, Send
from hie.front.reader import Site
from hie.search.extract import Extractors

log = logging.getLogger("hie")

OPERATIONS = frozenset(
    {
        "$everything", "$expand", "$lastn", "$lookup", "$meta", "$subsumes", "$translate", "$validate-code",
    }
)  # fmt: skip
"""Operations that, called by GET, only read what every process has."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def reads(method: str, path: str) -> bool:
    """Whether a request needs nothing but the store and what is served of definitions; `path` is below `/fhir`."""
    last = path.rstrip("/").rpartition("/")[2]
    if method not in _READING:
        return method == "POST" and last == "_search"
    return last in OPERATIONS if "$" in path else True


class ReadingFront:
    """The site of a reading process."""

    def __init__(self, fhir: FhirApp, owner: App) -> None:
        self._here = Front(fhir, owner)
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, here or by the owner."""
        here = reads(scope["method"], scope["path"])
        await (self._here if here else self._owner)(scope, receive, send)


@contextlib.asynccontextmanager
async def open_reading(config: Config, owner: App) -> AsyncIterator[Site]:
    """The site of a reading process on a SQLite store that `owner` writes."""
    definitions = load_definitions()
    store = follow_store(config)
    parameters = SearchParameters(store, definitions, Extractors(definitions), log_place)
    terminology = open_terminology(store, definitions, load_adapters(), config.terminology_path)
    await parameters.follow()
    await terminology.load()

    async def renew() -> None:
        await parameters.follow()
        await terminology.load()

    fhir = open_fhir(config, store, definitions, SystemClock(), parameters, terminology)
    tasks = [
        asyncio.create_task(_every(PARAMETER_SECONDS, parameters.follow)),
        asyncio.create_task(_every(TERMINOLOGY_SECONDS, terminology.load)),
    ]
    try:
        yield Site(ReadingFront(fhir, owner), renew)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception as error:
            log.error("background work failed reason=%s", where(error))
