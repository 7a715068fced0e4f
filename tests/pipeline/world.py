"""A feed whose items say outright what they state: the pipeline without any region."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hie.base.draft import Alias, Claim, Contribution, Draft, Event, Key, Member, Merge
from hie.base.finding import Disposition, Finding, finding
from hie.base.outcome import Answer, ItemOutcome
from hie.base.record import Delivery, Parsed, Record
from hie.identity.tables import TABLES as IDENTITY
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest
from hie.pipeline.operate import Operator
from hie.plugin import Adapter, Feed, Organisation
from hie.staging.tables import TABLES as STAGING
from hie.store.lease import LEASE
from hie.store.port import Store
from tests.clock import FixedClock

TABLES = (*STAGING, *IDENTITY, LEASE)
JUDGED = frozenset({"规范性", "关联性"})
ORGANISATIONS = (Organisation("A", "ORG-A", "Hospital A"), Organisation("B", "ORG-B", "Hospital B"))
START = datetime(2026, 4, 1, tzinfo=UTC)

Part = dict[str, Any]


def key(kind: str, value: str) -> Key:
    return Key("test", "ORG", kind, "k", value)


def parse(delivery: Delivery) -> Parsed:
    try:
        parts = json.loads(delivery.body)
    except ValueError:
        return Parsed((), (finding("message-malformed"),))
    if parts == "explode":
        raise RuntimeError("secret content")
    records = [
        Record(
            n,
            "T",
            part,
            json.dumps(part).encode() if part.get("hash") else b"",
            organisation=part.get("from", ""),
            message_id=part.get("id", ""),
        )
        for n, part in enumerate(parts)
    ]
    return Parsed(tuple(records))


def draft(record: Record, _: Delivery) -> Draft:
    part: dict[str, Any] = record.tree
    contributions = []
    for one in part.get("says", ()):
        options = dict(one)
        options["target"] = key(*options["target"])
        if "parent" in options:
            options["parent"] = key(*options["parent"])
        if "members" in options:
            options["members"] = tuple(
                Member(key(*of), slots, listed=listed) for of, slots, listed in options["members"]
            )
        if "events" in options:
            options["events"] = tuple(Event(*event) for event in options["events"])
        contributions.append(Contribution(**options))
    return Draft(
        contributions=tuple(contributions),
        findings=(
            *(finding(code) for code in part.get("findings", ())),
            *(finding("field-unmapped", path) for path in part.get("paths", ())),
        ),
        aliases=tuple(Alias(key(*a), key(*t), order) for a, t, order in part.get("aliases", ())),
        merges=tuple(Merge(key(*p), key(*t), order) for p, t, order in part.get("merges", ())),
        needs=tuple(key(*one) for one in part.get("needs", ())),
        claims=tuple(Claim(key(*about), *rest, equals=(value,)) for about, value, *rest in part.get("claims", ())),
        message_id=part.get("id", ""),
        key=part.get("key", ""),
    )


def check(given: Draft, _: Record, _received: datetime) -> tuple[Draft, tuple[Finding, ...]]:
    return given, ()


def answer(outcome: ItemOutcome, _: datetime) -> Answer:
    body = {
        "id": outcome.id,
        "status": outcome.disposition.value,
        "findings": [f.code for f in outcome.all_findings],
        "parts": [part.disposition.value for part in outcome.parts],
        "resources": list(outcome.resources),
    }
    return Answer(json.dumps(body).encode(), "application/json")


def repeat(saved: Answer, _: str) -> Answer:
    body = {**json.loads(saved.body), "status": Disposition.DUPLICATE.value}
    return Answer(json.dumps(body).encode(), saved.content_type, saved.status)


def dimension(found: Finding) -> str:
    """Two dimensions are enough."""
    return "关联性" if found.code == "orphan-reference" else "规范性"


class World:
    """An exchange with the one feed `test`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FixedClock(START)
        feed = Feed("test", "json", "Test", {"test": "application/json"}, orphans=True)
        adapter = Adapter("test", "Test", (feed,), ORGANISATIONS, Path())
        runtime = FeedRuntime(feed, adapter, parse, draft, check, {"test": answer}, repeat, "1", dimension, JUDGED)
        self.runtime = runtime
        self.ingest = Ingest(store, [runtime], self.clock)
        self.operator = Operator(store, {"test": runtime}, self.clock, "tester")

    def mended(self, change: Callable[[Part], Part] = lambda part: part, parts: int | None = None) -> Operator:
        """An operator whose map makes of a part what it would make of the changed one, and whose parser finds no more
        than `parts` of them."""

        def fewer(delivery: Delivery) -> Parsed:
            parsed = parse(delivery)
            return replace(parsed, records=parsed.records[:parts])

        def other(record: Record, delivery: Delivery) -> Draft:
            return draft(replace(record, tree=change(record.tree)), delivery)

        runtime = replace(self.runtime, parse=fewer, draft=other)
        return Operator(self.store, {"test": runtime}, self.clock, "tester")

    async def send(self, *parts: Any) -> dict[str, Any]:
        return await self.send_bytes(json.dumps(parts).encode())

    async def send_bytes(self, body: bytes) -> dict[str, Any]:
        self.clock.advance(1)
        result: dict[str, Any] = json.loads((await self.ingest.receive("test", body)).body)
        return result

    async def resource(self, kind: str, value: str) -> dict[str, Any] | None:
        version = await self.store.read(kind, key(kind, value).id)
        return None if version is None or version.deleted else json.loads(version.body)

    async def all(self) -> dict[str, Any]:
        """Every current resource without what depends on the time of arrival."""
        found = {}
        async for version in self.store.versions():
            if version.type in ("Provenance", "AuditEvent"):
                continue
            body = json.loads(version.body)
            body.pop("meta", None)
            found[f"{version.type}/{version.id}"] = body
        return found


def patient(value: str, order: str = "1", **slots: Any) -> dict[str, Any]:
    """A part that states a Patient."""
    return {"says": [{"target": ["Patient", value], "order": order, "slots": slots}]}


def number(system: str, value: str) -> dict[str, str]:
    return {"system": system, "value": value}
