"""An exchange with the Jiashan feed only: real parser, maps, rules and pipeline over the memory store."""

import json
import pkgutil
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import Any

import adapters
from adapters.jiashan import adapter
from hie.base.data import data_path
from hie.base.draft import Draft, Key
from hie.base.finding import Finding, answered
from hie.base.outcome import Answer
from hie.base.record import Delivery, Record
from hie.feeds import receipt, soap
from hie.identity.tables import TABLES as IDENTITY
from hie.mapping.apply import MapSet
from hie.mapping.documents import with_document
from hie.parse.cda import Agreed, parse
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest
from hie.pipeline.prepare import prepare
from hie.quality.rules import load_rules
from hie.quality.stage import Quality
from hie.staging.tables import TABLES as STAGING
from hie.store.memory import MemoryStore
from tests.clock import FixedClock

FEED = "jiashan-cda"
JSYY, JSZY, JSWT = (organisation.uscc for organisation in adapter.organisations)
REGISTERED = frozenset({JSYY, JSZY, JSWT})
_ALL = [import_module(f"adapters.{module.name}").adapter for module in pkgutil.iter_modules(adapters.__path__)]
MAPS = MapSet.load(data_path("mappings"), _ALL)
AGREED = Agreed(REGISTERED, frozenset(MAPS.needs(FEED)), {"jiashan-soap"})
QUALITY = Quality(load_rules(data_path("mappings", "quality")))
RECEIVED = datetime(2026, 4, 1, tzinfo=UTC)


def sample(start: str) -> bytes:
    return next(adapter.samples.glob(f"{start}-*.xml")).read_bytes()


def changed(start: str, *pairs: tuple[str, str]) -> bytes:
    """A sample with each text replaced once."""
    text = sample(start).decode()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


def draft_of(record: Record, delivery: Delivery) -> Draft:
    return with_document(MAPS.draft(record, delivery, adapter), record, delivery, adapter, MAPS)


def draft(body: bytes, door: str = FEED) -> Draft:
    """The draft of the one record of a body."""
    delivery = Delivery("raw", FEED, door, RECEIVED, body)
    (record,) = parse(delivery, AGREED).records
    return draft_of(record, delivery)


def codes(given: Draft) -> list[str]:
    return [found.code for found in given.findings]


RUNTIME = FeedRuntime(
    adapter.feeds[0],
    adapter,
    partial(parse, agreed=AGREED),
    draft_of,
    QUALITY.run,
    {FEED: receipt.answer, "jiashan-soap": soap.answer},
    lambda saved, _: Answer(receipt.as_duplicate(saved.body), saved.content_type),
    "1",
)


def prepared(body: bytes, door: str = FEED) -> list[Finding]:
    """The findings of all pure stages that an answer names: parser, map, rules."""
    parsed, parts = prepare(RUNTIME, Delivery("raw", FEED, door, RECEIVED, body))
    return [*parsed.findings, *(found for part in parts for found in answered(part.findings))]


class Exchange:
    """Sends documents and reads resources."""

    def __init__(self, runtime: FeedRuntime = RUNTIME) -> None:
        self.store = MemoryStore((*STAGING, *IDENTITY))
        self.clock = FixedClock(RECEIVED)
        self.ingest = Ingest(self.store, [runtime], self.clock)

    async def send(self, body: bytes) -> dict[str, Any]:
        """The receipt of a document."""
        self.clock.advance(1)
        found: dict[str, Any] = json.loads((await self.ingest.receive(FEED, body)).body)
        return found

    async def status(self, body: bytes) -> tuple[str, list[str]]:
        """Status and finding codes above info."""
        found = await self.send(body)
        issues = found["outcome"]["issue"]
        return found["status"], [i["details"]["coding"][0]["code"] for i in issues if i["severity"] != "information"]

    async def read(self, type: str, kind: str, value: str, organisation: str = JSYY) -> dict[str, Any] | None:
        """A resource by its natural key."""
        version = await self.store.read(type, Key("jiashan", organisation, type, kind, value).id)
        return None if version is None or version.deleted else json.loads(version.body)

    async def all(self, *types: str) -> list[dict[str, Any]]:
        """Every current resource of those types."""
        return [
            json.loads(version.body)
            async for version in self.store.versions()
            if version.type in types and not version.deleted
        ]
