"""The exchange: everything wired, started and ended; configuration in, running server out."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount

from hie import __version__
from hie.admin.check import Checking
from hie.admin.openapi import documented
from hie.admin.pages import quality_app
from hie.admin.routes import admin_router
from hie.api.faults import log_place
from hie.api.reindex import Reindex
from hie.api.searchparameters import SearchParameters
from hie.api.terminology import StoredTerminology
from hie.app.adapters import load_adapters
from hie.app.ahead import SettlingAhead, may_settle_ahead
from hie.app.browse import KnownSilences, open_browse, warm_later
from hie.app.drops import Drops
from hie.app.feeds import Tables
from hie.app.fhir import PARAMETER_SECONDS, TERMINOLOGY_SECONDS, Front, open_fhir
from hie.app.fhirdoor import FhirDoor
from hie.app.leader import Leader
from hie.app.maps import Maps
from hie.app.mllp import MllpPorts
from hie.app.organisations import write_organisations
from hie.app.problems import answer_problems
from hie.app.store import open_store
from hie.app.terminology import open_terminology, shipped_resources
from hie.base.clock import Clock, SystemClock
from hie.base.errors import Category, HieError
from hie.base.tasks import end, every, log_failure
from hie.config import Config
from hie.feeds.http import FHIR, HttpFeeds
from hie.feeds.limits import HttpLimits
from hie.fhir.definitions import Definitions, ihe_parameters, load_definitions
from hie.fhir.validate import Strictness, Validator, WriteRules, load_validator
from hie.pipeline.close import close_days
from hie.pipeline.feed import FeedRuntime, titles
from hie.pipeline.ingest import Ingest
from hie.pipeline.metrics import metrics_text
from hie.pipeline.operate import Operator
from hie.pipeline.retry import try_again
from hie.pipeline.silence import silences, watch
from hie.pipeline.workers import Workers, prepare_here
from hie.plugin import Adapter
from hie.quality.rule import Rule
from hie.search.extract import Extractors
from hie.store.copy import unfinished
from hie.store.port import Store

log = logging.getLogger("hie")

EXPORT_SECONDS = 600.0
"""How often exports are looked for that are older than they are kept."""

SILENCE_SECONDS = 60.0
"""How often it is found out which sources are silent, for the record pages."""


class Exchange:
    """One running exchange: store, pipeline, feeds, pages. Made by `open_exchange`, ended by `close`.

    `names` is how adapters call regions and feeds; `tell` hands on what processes that read should know.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        maps: Maps,
        definitions: Definitions,
        clock: Clock,
        parameters: SearchParameters,
        terminology: StoredTerminology,
        validator: Validator,
    ) -> None:
        self.config = config
        self.store = store
        settles = partial(SettlingAhead, config) if may_settle_ahead(config) else None
        self._workers = Workers(config.workers, *maps.for_workers(), settles) if config.workers > 0 else None
        self._rules = WriteRules(validator, Strictness(config.profiles), config.profiled_types)
        self._validator = validator
        self.maps = maps
        maps.finish = lambda runtime: replace(runtime, profiles=self._rules.claims)
        maps.follow = [self._take_tables]
        ahead = self._workers.ahead if self._workers is not None else None
        self.ingest = Ingest(
            store, maps.feeds(), clock, self._workers or prepare_here, ahead, lambda: parameters.read_at
        )
        self._clock = clock
        self._definitions = definitions
        self._parameters = parameters
        self._terminology = terminology
        self._tasks: list[asyncio.Task[None]] = []
        self._process = str(uuid4())
        self._ready = False
        self.names = titles(self.ingest.feeds.values())
        self.silences = KnownSilences()
        self.tell: Callable[[Any], None] = nobody
        self.mllp = MllpPorts(self.ingest, config)
        self.web = self._web()
        self.drops = Drops(self.ingest, config, self._fhir_doors)

    def operator(self) -> Operator:
        """Operator actions, in the name of the local operator."""
        return Operator(self.store, dict(self.ingest.feeds), self._clock, "local-operator", self.maps)

    async def _take_tables(self, tables: Tables, feeds: Sequence[FeedRuntime]) -> None:
        """Work by other tables from now on, here and in the workers, and serve their code maps."""
        self.ingest.change(feeds)
        if self._workers is not None:
            self._workers.renew(*self.maps.for_workers())
        await self._terminology.ship(shipped_resources(tables.maps.codes.values(), self.maps.adapters))

    async def start(self) -> None:
        """Make what must be there, listen, and begin the background work; raises what `MllpPorts.start` raises."""
        await self.store.write(partial(write_organisations, feeds=self.ingest.feeds.values()))
        await self._terminology.publish()
        await self._terminology.load()
        await self.mllp.start()
        if self._workers is not None:
            self._tasks.append(asyncio.create_task(self._workers.start()))
        self._tasks.append(asyncio.create_task(warm_later()))
        self._every(self.config.retry_poll_seconds, self._retry)
        self._every(self.config.close_poll_seconds, self._close_days)
        self._every(self.config.close_poll_seconds, self._watch_feeds)
        self._every(SILENCE_SECONDS, self._find_silences)
        self._every(TERMINOLOGY_SECONDS, self._terminology.load)
        self._every(PARAMETER_SECONDS, self._parameters.refresh)
        self._every(EXPORT_SECONDS, self._sweep_exports)
        await self.drops.start()
        self._ready = True

    async def close(self) -> None:
        """Stop listening, finish what is under way, close the store."""
        self._ready = False
        self.drops.leave_off()
        await self.mllp.stop()
        await self.drops.stop()
        await end(*self._tasks)
        if self._workers is not None:
            self._workers.close()
        await self.fhir.close()
        await self._parameters.close()
        await self.store.close()

    def _every(self, seconds: float, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        if seconds > 0:
            self._tasks.append(asyncio.create_task(every(seconds, work, log_failure)))

    async def _retry(self) -> int:
        return await try_again(self.store, dict(self.ingest.feeds), self._clock, self._workers or prepare_here)

    async def _close_days(self) -> int:
        return await close_days(self.store, self.ingest.feeds, self._clock, self._process)

    async def _watch_feeds(self) -> None:
        feeds, rules = self.ingest.feeds, self._feed_rules()
        for feed, organisation, rule in await watch(self.store, feeds, rules, self._clock, self._process):
            log.warning("feed silent feed=%s organisation=%s rule=%s", feed, organisation, rule)

    async def _sweep_exports(self) -> None:
        if self.fhir.service.exports is not None:
            await asyncio.to_thread(self.fhir.service.exports.sweep)

    async def _find_silences(self) -> None:
        feeds, rules = self.ingest.feeds.values(), self._feed_rules()
        self.silences.now = await silences(self.store, feeds, rules, self._clock.now())
        self.tell(self.silences.told())

    def _feed_rules(self) -> list[Rule]:
        return [rule for rule in self.maps.now.quality.rules if rule.scope == "feed"]

    def _web(self) -> "Front":
        title = "健康信息交换 · Health Information Exchange"
        # The pages of FastAPI run scripts of other sites.
        app = FastAPI(title=title, version=__version__, docs_url=None, redoc_url=None)
        self.fhir = open_fhir(
            self.config,
            self.store,
            self._definitions,
            self._clock,
            self._parameters,
            self._terminology,
            check=self._rules.issues,
            validate=self._validator.all_issues,
        )
        doors = {door: kind for r in self.ingest.feeds.values() for door, kind in r.feed.doors.items()}
        fhir = FhirDoor(self.fhir, self.store)
        self._fhir_doors = dict.fromkeys((door for door, kind in doors.items() if kind == FHIR), fhir)
        feeds = HttpFeeds(
            doors,
            self.ingest.receive,
            self.ingest.refuse,
            HttpLimits(self.config.max_body),
            self._fhir_doors,
        )
        app.router.routes.append(Checking(self.ingest.doors, self._workers or prepare_here, self._clock).route())
        app.router.routes.extend(feeds.routes())
        app.include_router(admin_router(self.store, self.operator, self._clock))
        answer_problems(app)
        app.add_api_route("/healthz", self._healthz, tags=["operate"])
        app.add_api_route("/readyz", self._readyz, tags=["operate"])
        app.add_api_route("/metrics", self._metrics, tags=["operate"], response_class=PlainTextResponse)
        app.add_api_route("/", _home, include_in_schema=False)
        browser = open_browse(self.store, self._definitions, self._clock, self.names, self.silences)
        app.router.routes.append(Mount("/browse", browser))
        quality = quality_app(self.store, self.ingest.feeds, self._clock, self.operator)
        app.router.routes.append(Mount("/quality", quality))
        app.openapi = documented(app, self.ingest.doors)  # type: ignore[method-assign]
        return Front(self.fhir, app, feeds)

    async def _healthz(self) -> dict[str, str]:
        """The process lives."""
        return {"status": "ok", "version": __version__}

    async def _readyz(self) -> Response:
        """The store answers, its schema is current and the feeds listen; 503 otherwise. Without workers that there
        should be it is degraded: items are taken, but those that failed wait."""
        ready = self._ready and await self.store.ready()
        served = "degraded" if self._workers is not None and self._workers.are_missing else "ready"
        state = {
            "status": served if ready else "not ready",
            "feeds": sorted(self.ingest.doors),
            "mllp": self.mllp.listening,
        }
        return JSONResponse(state, 200 if ready else 503)

    async def _metrics(self) -> PlainTextResponse:
        """Counters in the Prometheus text format; no patient data."""
        workers = self._workers.up if self._workers is not None else 0
        text = await metrics_text(self.store, self.mllp.connections, self.ingest.settled, workers, self._clock.now())
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def _home() -> RedirectResponse:
    return RedirectResponse("/browse/")


async def open_exchange(
    config: Config, clock: Clock | None = None, adapters: Sequence[Adapter] | None = None
) -> Exchange:
    """Open the store and wire everything; nothing listens until `Exchange.start`. `adapters`: default all installed."""
    definitions = load_definitions()
    if unknown := sorted(set(config.profiled_types) - set(definitions.resource_types)):
        raise HieError(Category.INVALID, f"Setting 'profile_types' names {unknown[0]!r}, which is no type of FHIR R4.")
    clock = clock or SystemClock()
    adapters = load_adapters() if adapters is None else adapters
    maps = Maps(adapters, config.data / "tables", config.mappings_path, config.terminology_path)
    extractors = Extractors(definitions)
    store = await open_store(config, extractors, clock)
    if await unfinished(store):
        await store.close()
        raise HieError(Category.UNAVAILABLE, "A migration into this store is not complete: run `hie migrate` again.")
    shared = config.store_path is None
    reindex = Reindex(
        store, log_place, leads=Leader(store, clock, "reindex").leads, delay=2 * PARAMETER_SECONDS if shared else 0
    )
    parameters = SearchParameters(store, definitions, extractors, log_place, reindex, ihe_parameters())
    await parameters.load()
    terminology = open_terminology(store, definitions, maps.now.maps.codes.values(), config.terminology_path, adapters)
    await terminology.load()
    validator = load_validator(definitions, terminology.answers)
    return Exchange(config, store, maps, definitions, clock, parameters, terminology, validator)


def nobody(_: Any) -> None:
    """Who is told what other processes of the server should know, where there are none."""
