"""The composition root: configuration in, running exchange out. The only place that knows concrete classes."""

import asyncio
import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from secrets import token_bytes
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from hie import __version__
from hie.admin.routes import admin_router
from hie.api.app import FhirApp, fhir_app
from hie.api.faults import log_place
from hie.api.reindex import TABLE as REINDEX_TABLE
from hie.api.searchparameters import SearchParameters
from hie.api.settings import FhirSettings
from hie.base.clock import Clock, SystemClock
from hie.base.data import data_path
from hie.base.draft import Draft
from hie.base.errors import Category, HieError, where
from hie.base.finding import Finding
from hie.base.outcome import Answer
from hie.base.record import Delivery, Parsed, Record
from hie.browse.pages import browse_app
from hie.config import Config
from hie.feeds import ack, receipt, soap, xmlreceipt
from hie.feeds.filedrop import DropAnswer, DropFolder
from hie.feeds.http import HttpFeeds, problem
from hie.feeds.limits import DropLimits, MllpLimits
from hie.feeds.mllp import MllpServer
from hie.fhir.definitions import Definitions, load_definitions
from hie.fhir.validate import Validator
from hie.fold.finish import ORGANISATION_OID, organisation_reference
from hie.identity.tables import TABLES as IDENTITY_TABLES
from hie.mapping.apply import MapSet
from hie.mapping.documents import with_document
from hie.parse import cda, hl7v2, rows
from hie.parse.row_tables import load_row_tables
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest, failure
from hie.pipeline.metrics import metrics_text
from hie.pipeline.operate import Operator
from hie.pipeline.persons import linked
from hie.pipeline.retry import try_again
from hie.pipeline.work import region_tag
from hie.pipeline.workers import Workers, prepare_here
from hie.plugin import API_VERSION, Adapter, Feed
from hie.quality.rules import load_rules
from hie.quality.stage import Quality
from hie.search.extract import Extractors
from hie.security.policy import AllowAll
from hie.staging.tables import TABLES as STAGING_TABLES
from hie.store.port import Store, Transaction
from hie.store.sqlite import SqliteStore

log = logging.getLogger("hie")

ANSWERS: dict[str, Callable[..., Answer]] = {"hl7v2": ack.answer, "cda": receipt.answer, "rows": xmlreceipt.answer}
"""Dialect -> how an item is answered; a door for `text/xml` of the cda dialect speaks SOAP."""


def load_adapters() -> tuple[Adapter, ...]:
    """The adapters of all installed packages (entry-point group `hie.adapters`), in order of their names.

    One that fails to load, or was made for another API version, is left out with a logged reason; the others run.
    """
    found = []
    for point in sorted(entry_points(group="hie.adapters"), key=lambda point: point.name):
        try:
            adapter = point.load()
        except Exception as error:
            log.error("adapter disabled name=%s reason=%s", point.name, where(error))
            continue
        if not isinstance(adapter, Adapter) or adapter.api_version != API_VERSION:
            log.error("adapter disabled name=%s reason=api-version", point.name)
            continue
        found.append(adapter)
    return tuple(found)


def worker_feeds() -> dict[str, FeedRuntime]:
    """The feeds of a worker process."""
    return {runtime.feed.id: runtime for runtime in bind_feeds(load_adapters())}


def bind_feeds(adapters: Sequence[Adapter], tables: Path | None = None) -> tuple[FeedRuntime, ...]:
    """Compile all tables and bind each feed to its dialect; broken tables stop the start with file and line.

    `tables` is a folder to use instead of the shipped `mappings/`, to see what other maps would do.
    """
    folder = tables or data_path("mappings")
    maps = MapSet.load(folder, adapters)
    quality = Quality(load_rules(data_path("mappings", "quality", "rules.toml")))
    version = _maps_version([folder, *(a.mappings for a in adapters if a.mappings is not None)])
    return tuple(_bind(adapter, feed, maps, quality, version, folder) for adapter in adapters for feed in adapter.feeds)


def _bind(
    adapter: Adapter, feed: Feed, maps: MapSet, quality: Quality, version: str, folder: Path
) -> FeedRuntime:
    def draft(record: Record, delivery: Delivery) -> Draft:
        made = maps.draft(record, delivery, adapter)
        return with_document(made, record, delivery, adapter, maps.codes) if feed.dialect == "cda" else made

    def check(given: Draft, record: Record) -> tuple[Draft, tuple[Finding, ...]]:
        return quality.run(given, record)

    speaks_soap = {door for door, kind in feed.doors.items() if feed.dialect == "cda" and kind == "text/xml"}
    return FeedRuntime(
        feed,
        adapter,
        _parser(adapter, feed, maps, adapter.mappings or folder),
        draft,
        check,
        {door: soap.answer if door in speaks_soap else ANSWERS[feed.dialect] for door in feed.doors},
        partial(_repeat, feed.dialect, frozenset(speaks_soap)),
        version,
    )


def _parser(adapter: Adapter, feed: Feed, maps: MapSet, folder: Path) -> Callable[[Delivery], Parsed]:
    registered = frozenset(organisation.uscc for organisation in adapter.organisations)
    if feed.dialect == "rows":
        tables = load_row_tables(folder / "rows" / f"{feed.id}.toml")
        return partial(rows.parse, organisations=registered, tables=tables)
    if feed.dialect == "hl7v2":
        return partial(hl7v2.parse, adapter=adapter, messages=maps.needs(feed.id))
    return partial(cda.parse, organisations=registered)


def _repeat(dialect: str, speaks_soap: frozenset[str], saved: Answer, door: str) -> Answer:
    """The answer to known bytes: HL7 and SOAP repeat the saved one, receipts say `duplicate` (common rules §2.2)."""
    if dialect == "hl7v2" or door in speaks_soap:
        return saved
    again = {"cda": receipt.as_duplicate, "rows": xmlreceipt.as_duplicate}[dialect]
    return replace(saved, body=again(saved.body), status=200)


def _maps_version(folders: Sequence[Path]) -> str:
    """A short hash over all tables: names the version of the maps in Provenance."""
    digest = hashlib.sha256()
    for path in (path for folder in folders for path in sorted(folder.rglob("*.*")) if path.is_file()):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Exchange:
    """One running exchange: store, pipeline, feeds, pages. Made by `open_exchange`, ended by `close`."""

    def __init__(
        self,
        config: Config,
        store: Store,
        feeds: Sequence[FeedRuntime],
        definitions: Definitions,
        clock: Clock,
        parameters: SearchParameters,
    ) -> None:
        self.config = config
        self.store = store
        self._workers = Workers(config.workers, worker_feeds) if config.workers > 0 else None
        self.ingest = Ingest(store, feeds, clock, self._workers or prepare_here)
        self._clock = clock
        self._definitions = definitions
        self._parameters = parameters
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = False
        self.mllp = self._mllp_server()
        self.drops = self._drop_folders()
        self.web = self._web()

    def operator(self) -> Operator:
        """Operator actions, in the name of the local operator."""
        return Operator(self.store, dict(self.ingest.feeds), self._clock, "local-operator")

    async def start(self) -> None:
        """Make what must be there, listen, and begin the background work."""
        await self.store.write(self._write_organisations)
        if self.mllp is not None:
            await self.mllp.start(self.config.host, self.config.mllp_port)
        if self._workers is not None:
            self._tasks.append(asyncio.create_task(self._workers.start()))
        self._every(self.config.retry_poll_seconds, self._retry)
        for folder in self.drops:
            await asyncio.to_thread(folder.prepare)
            self._every(self.config.drop_poll_seconds, folder.scan)
        self._ready = True

    async def close(self) -> None:
        """Stop listening, finish what is under way, close the store."""
        self._ready = False
        if self.mllp is not None:
            await self.mllp.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._workers is not None:
            self._workers.close()
        await self._fhir.close()
        await self._parameters.close()
        await self.store.close()

    def _every(self, seconds: float, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        async def loop() -> None:
            while True:
                try:
                    await work()
                except Exception as error:
                    log.error("background work failed reason=%s", where(error))
                await asyncio.sleep(seconds)

        if seconds > 0:
            self._tasks.append(asyncio.create_task(loop()))

    async def _retry(self) -> int:
        isolated = self._workers.isolated if self._workers is not None else prepare_here
        return await try_again(self.store, dict(self.ingest.feeds), self._clock, isolated)

    async def _write_organisations(self, tx: Transaction) -> None:
        """Each registered institution becomes an Organization (common rules §3)."""
        for runtime in self.ingest.feeds.values():
            for organisation in runtime.adapter.organisations:
                await tx.put(organisation_resource(runtime.region, organisation), unless_same=True)

    def _mllp_server(self) -> MllpServer | None:
        served = [runtime for runtime in self.ingest.feeds.values() if runtime.feed.mllp]
        if not served or self.config.mllp_port < 0:
            return None
        door = served[0].feed.id

        async def handle(body: bytes) -> bytes | tuple[bytes, ...]:
            try:
                answer = await self.ingest.receive(door, body)
            except HieError:
                answer = failure(self.ingest.doors[door], self.ingest.delivery(door, body))
            return answer.frames or answer.body

        async def oversize() -> bytes:
            return self.ingest.refuse(door, "too-large").body

        limits = MllpLimits(
            frame_bytes=self.config.max_body,
            frame_seconds=self.config.mllp_frame_seconds,
            connections=self.config.mllp_connections,
        )
        return MllpServer(handle, oversize, limits)

    def _drop_folders(self) -> list[DropFolder]:
        return [
            DropFolder(
                self.config.data / "drop" / runtime.feed.id,
                partial(self._dropped, runtime.feed.id),
                partial(self._dropped_too_large, runtime.feed.id),
                DropLimits(self.config.max_body, self.config.drop_poll_seconds),
            )
            for runtime in self.ingest.feeds.values()
            if runtime.feed.drop and self.config.drop_poll_seconds > 0
        ]

    async def _dropped(self, door: str, _: str, body: bytes) -> DropAnswer:
        answer = await self.ingest.receive(door, body)
        if answer.status == 503:
            raise HieError(Category.UNAVAILABLE, "The file is tried again later.")
        return DropAnswer(answer.body, answer.status != 422)

    async def _dropped_too_large(self, door: str, _: str, __: int) -> DropAnswer:
        return DropAnswer(self.ingest.refuse(door, "too-large").body, False)

    def _web(self) -> FastAPI:
        app = FastAPI(title="健康信息交换 · Health Information Exchange", version=__version__, redoc_url=None)
        feeds = HttpFeeds(
            {door: kind for r in self.ingest.feeds.values() for door, kind in r.feed.doors.items()},
            self.ingest.receive,
            partial(self.ingest.refuse, code="too-large"),
            self.config.max_body,
        )
        app.router.routes.extend(feeds.routes())
        app.include_router(admin_router(self.store, self.operator))
        app.add_exception_handler(HieError, _answer_error)
        app.add_api_route("/healthz", self._healthz, tags=["operate"])
        app.add_api_route("/readyz", self._readyz, tags=["operate"])
        app.add_api_route("/metrics", self._metrics, tags=["operate"], response_class=PlainTextResponse)
        app.add_api_route("/", _home, include_in_schema=False)
        people = partial(linked, self.store)
        settings = FhirSettings(export_folder=self.config.data / "export")
        validator = Validator(self._definitions)
        self._fhir = fhir_app(
            self.store,
            self._definitions,
            settings,
            AllowAll(),
            self._clock,
            linked=people,
            check=validator.write_issues,
            validate=validator.all_issues,
            parameters=self._parameters,
        )
        app.router.routes.append(Route("/fhir", AtBase(self._fhir), methods=None))
        app.router.routes.append(Mount("/fhir", self._fhir))
        app.router.routes.append(Mount("/browse", browse_app(self.store, self._definitions, people, self._clock)))
        return app

    async def _healthz(self) -> dict[str, str]:
        """The process lives."""
        return {"status": "ok", "version": __version__}

    async def _readyz(self) -> Response:
        """The store answers, its schema is current and the feeds listen; 503 otherwise."""
        ready = self._ready and await self.store.ready()
        state = {
            "status": "ready" if ready else "not ready",
            "feeds": sorted(self.ingest.doors),
            "mllpPort": self.mllp.port if self._ready and self.mllp is not None else None,
        }
        return JSONResponse(state, 200 if ready else 503)

    async def _metrics(self) -> PlainTextResponse:
        """Counters in the Prometheus text format; no patient data."""
        connections = self.mllp.connections if self.mllp is not None else 0
        return PlainTextResponse(await metrics_text(self.store, connections), media_type="text/plain; version=0.0.4")


class AtBase:
    """Serves the FHIR base without its slash: a transaction is a `POST [base]`, and a redirect would lose it."""

    def __init__(self, fhir: FhirApp) -> None:
        self._fhir = fhir

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as for `/fhir/`."""
        await self._fhir({**scope, "root_path": f"{scope.get('root_path', '')}/fhir", "path": "/fhir/"}, receive, send)


async def _home() -> RedirectResponse:
    return RedirectResponse("/browse/")


async def _answer_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HieError)
    return problem(error)


def organisation_resource(region: str, organisation: Any) -> dict[str, Any]:
    """The Organization of a registered institution."""
    reference = organisation_reference(region, organisation.uscc)
    return {
        "resourceType": "Organization",
        "id": reference.partition("/")[2],
        "meta": {"tag": [region_tag(region)]},
        "identifier": [{"system": f"urn:oid:{ORGANISATION_OID}", "value": organisation.uscc}],
        "active": True,
        "name": organisation.name,
        "alias": [organisation.code],
    }


async def open_exchange(
    config: Config, clock: Clock | None = None, adapters: Sequence[Adapter] | None = None
) -> Exchange:
    """Open the store and wire everything; nothing listens until `Exchange.start`. `adapters`: default all installed."""
    clock = clock or SystemClock()
    feeds = bind_feeds(load_adapters() if adapters is None else adapters)
    definitions = load_definitions()
    extractors = Extractors(definitions)
    store = await open_store(config, extractors, clock)
    parameters = SearchParameters(store, definitions, extractors, log_place)
    await parameters.load()
    return Exchange(config, store, feeds, definitions, clock, parameters)


async def open_store(config: Config, extractors: Extractors, clock: Clock | None = None) -> Store:
    """Open the store that the configuration names; `pymongo` is needed for MongoDB only."""
    tables = (*STAGING_TABLES, *IDENTITY_TABLES, REINDEX_TABLE)
    secret = _secret(Path(config.secret_file) if config.secret_file else config.data / "secret")
    path = config.store_path
    if path is None:
        from hie.store.mongo import open_mongo

        return await open_mongo(config.store, tables, extract=extractors.extract, clock=clock, secret=secret)
    path.parent.mkdir(parents=True, exist_ok=True)
    return await SqliteStore.open(path, tables, extract=extractors.extract, clock=clock, secret=secret)


def _secret(path: Path) -> bytes:
    """The key that signs paging links, made at the first start, so that links outlive a restart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(handle, token_bytes(32))
        os.close(handle)
    return path.read_bytes()
