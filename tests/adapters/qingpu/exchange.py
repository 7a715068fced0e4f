"""The Qingpu feed on the real pipeline over the memory store, and its maps on their own."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from lxml import etree

from adapters.qingpu import adapter
from hie.base.data import data_path
from hie.base.draft import Draft
from hie.base.finding import answered
from hie.base.outcome import Answer
from hie.base.record import Delivery, Parsed
from hie.feeds.xmlreceipt import answer, as_duplicate
from hie.identity.tables import TABLES as IDENTITY
from hie.mapping.apply import MapSet
from hie.parse.row_tables import load_row_tables
from hie.parse.rows import parse
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest
from hie.quality.rules import load_rules
from hie.quality.stage import Quality
from hie.staging.tables import TABLES as STAGING
from hie.store.memory import MemoryStore
from tests.clock import FixedClock

START = datetime(2026, 4, 11, 16, 0, tzinfo=UTC)
FEED = adapter.feeds[0]
ORGANISATIONS = frozenset(organisation.uscc for organisation in adapter.organisations)
TABLES = load_row_tables(data_path("mappings", "rows") / "qingpu-xml.toml")


@cache
def maps() -> MapSet:
    return MapSet.load(data_path("mappings"), [adapter])


@cache
def quality() -> Quality:
    return Quality(load_rules(data_path("mappings", "quality")))


def delivery(body: bytes) -> Delivery:
    return Delivery("item", FEED.id, FEED.id, START, body)


def parsed(body: bytes) -> Parsed:
    return parse(delivery(body), ORGANISATIONS, TABLES)


def drafts(body: bytes) -> list[Draft]:
    """The drafts of an envelope in order of processing, after quality, with the findings that an answer names."""
    found = []
    for record in parsed(body).records:
        made = maps().draft(record, delivery(body), adapter)
        checked = quality().run(made, record)
        found.append(replace(checked.draft, findings=answered((*checked.draft.findings, *checked.findings))))
    return found


def draft(body: bytes) -> Draft:
    """The draft of an envelope with one row."""
    (found,) = drafts(body)
    return found


def codes(found: Draft) -> list[tuple[str, str]]:
    return [(f.code, f.path) for f in found.findings]


def _repeat(saved: Answer, _: str) -> Answer:
    return replace(saved, body=as_duplicate(saved.body), status=200)


class Exchange:
    """An exchange with the feed `qingpu-xml` only."""

    def __init__(self) -> None:
        self.store = MemoryStore((*STAGING, *IDENTITY))
        self.clock = FixedClock(START)
        runtime = FeedRuntime(
            FEED,
            adapter,
            lambda found: parse(found, ORGANISATIONS, TABLES),
            lambda record, found: maps().draft(record, found, adapter),
            quality().run,
            {FEED.id: answer},
            _repeat,
            "1",
        )
        self.ingest = Ingest(self.store, [runtime], self.clock)

    async def send(self, body: bytes) -> "Receipt":
        self.clock.advance(1)
        return Receipt(await self.ingest.receive(FEED.id, body))

    async def all(self) -> dict[str, dict[str, Any]]:
        """Every current resource by reference, without meta; no Provenance and no golden Patients."""
        found = {}
        async for version in self.store.versions():
            body = json.loads(version.body)
            if version.type == "Provenance" or "tag" not in body.get("meta", {}):
                continue
            found[f"{version.type}/{version.id}"] = {k: v for k, v in body.items() if k != "meta"}
        return found

    async def one(self, resource_type: str, **identifier: str) -> dict[str, Any]:
        """The one resource of a type, or the one with an identifier of that `kind` and `value`."""
        every = [r for r in (await self.all()).values() if r["resourceType"] == resource_type]
        (found,) = [r for r in every if not identifier or _identified(r, **identifier)]
        return found


def _identified(resource: Mapping[str, Any], kind: str, value: str) -> bool:
    sent = resource.get("identifier", [])
    items = sent if isinstance(sent, list) else [sent]
    return any(item["system"].endswith(f"/{kind}") and item["value"] == value for item in items)


class Receipt:
    """A receipt taken apart."""

    def __init__(self, answered: Answer) -> None:
        self.http = answered.status
        self.root = etree.fromstring(answered.body)
        self.status = self.root.get("status")

    @property
    def rows(self) -> list[tuple[str | None, str | None]]:
        """`seq` and disposition of every row, in order."""
        return [(row.get("seq"), row.get("status")) for row in self.root.iterfind("Row")]

    @property
    def codes(self) -> list[str | None]:
        """All finding codes but those of severity info, in order."""
        return [f.get("code") for f in self.root.iter("Finding") if f.get("severity") != "info"]
