"""What the adapter contract compares: drafts as JSON, populated source fields, the store as values and as FHIR."""

import asyncio
import dataclasses
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hie.app import Exchange, bind_feeds, open_exchange
from hie.app.feeds import read_tables
from hie.base.draft import Draft
from hie.base.finding import answered
from hie.base.ids import raw_item_id, sha256
from hie.base.record import Delivery
from hie.commands.adapters import runtime_of, samples
from hie.config import load_config
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import Prepared, prepare
from hie.plugin import Adapter
from hie.quality.about import About
from hie.quality.rule import Rule
from hie.store.port import Version
from hie.wire.safejson import loads

RECEIVED = datetime(2027, 1, 1, tzinfo=UTC)
"""When everything arrives, so that drafts do not depend on the day of the test."""


def deliver(runtime: FeedRuntime, door: str, body: bytes) -> list[Prepared]:
    """An item through parse, mapping and quality."""
    delivery = Delivery(raw_item_id(runtime.feed.id, body), runtime.feed.id, door, RECEIVED, body)
    return prepare(runtime, delivery)[1]


def bound(adapter: Adapter) -> dict[str, FeedRuntime]:
    """The feeds of an adapter with compiled tables."""
    return {runtime.feed.id: runtime for runtime in bind_feeds([adapter])}


def tried(adapter: Adapter) -> list[tuple[Rule, list[bool]]]:
    """The quality rules of a package that are asked about parts, each with the parts of the samples that it is asked
    about: whether they break it."""
    runtimes = bound(adapter)
    rules = read_tables([adapter]).quality.own(adapter.region)
    found: list[tuple[Rule, list[bool]]] = [(r, []) for r in rules if r.stage == "quality" and r.scope != "feed"]
    for path in samples(adapter.samples) if found else ():
        runtime, door = runtime_of(path, runtimes)
        for one in deliver(runtime, door, path.read_bytes()):
            stated = About(one.draft, one.record, None).stated if one.draft is not None else ()
            types = {part.key.type for part in stated}
            for rule, asked in found:
                if types and rule.covers(one.record.type) and (not rule.types or types & {*rule.types}):
                    asked.append(any(noted.rule == rule.id for noted in one.findings))
    return found


def golden_text(runtimes: dict[str, FeedRuntime], path: Path) -> str:
    """What the maps make of a sample, as stable JSON."""
    runtime, door = runtime_of(path, runtimes)
    parts = [
        {"type": one.record.type, "findings": as_json(answered(one.findings)), "draft": as_json(one.draft)}
        for one in deliver(runtime, door, path.read_bytes())
    ]
    return json.dumps(parts, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write_golden(adapter: Adapter, folder: Path) -> None:
    """Write the golden file of every sample, and take away those of samples that are gone; look at the difference
    before you keep it. Raises `ValueError` for two samples of one name, whatever its end: they would share a file."""
    paths = samples(adapter.samples)
    names = [path.stem for path in paths]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"two samples are called {twice!r}: give each a name of its own")
    folder.mkdir(parents=True, exist_ok=True)
    for gone in (path for path in folder.glob("*.json") if path.stem not in names):
        gone.unlink()
    runtimes = bound(adapter)
    for path in paths:
        (folder / f"{path.stem}.json").write_text(golden_text(runtimes, path), encoding="utf-8")


def as_json(value: Any) -> Any:
    """A value as JSON; numbers keep their digits, bytes become their hash, absent and default parts are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {name: part for name, part in fields.items() if part not in (None, "", [], {}, False, 0)}
    if isinstance(value, dict):
        return {name: as_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(part) for part in value]
    if isinstance(value, bytes):
        return f"sha256 {sha256(value)}"
    return f"{value} (number)" if isinstance(value, Decimal) else value


def accounted(field: str, draft: Draft, ignored: Collection[str]) -> bool:
    """Whether a populated field is used, reported as unknown, or ignored on purpose."""
    told = {*draft.used, *draft.unmapped, *ignored}
    return field in told or field.partition("-")[0] in draft.unmapped or any(one.endswith(f"/{field}") for one in told)


State = dict[str, tuple[str, Any]]
"""A store: reference -> (version id, body without meta), without `TRACES`."""

TRACES = frozenset({"AuditEvent", "Provenance"})
"""Types that say what was done and when, which is not what was sent."""


_ALL = 1_000_000
"""More versions than samples write."""


@dataclasses.dataclass(frozen=True)
class Stored:
    """What came of the samples: the store after each round and, when asked for, after everything was run again from its
    bytes; and every version that was written, with the name of the sample that it was written for."""

    states: Sequence[State]
    written: Sequence[tuple[str, Version]]


def stored(adapter: Adapter, folder: Path, rounds: Sequence[Sequence[Path]], *, replayed: bool = False) -> Stored:
    """Send rounds of samples to an exchange of their own in `folder`."""
    return asyncio.run(_stored(adapter, folder, rounds, replayed))


def invalid(written: Sequence[tuple[str, Version]]) -> Iterator[str]:
    """What is wrong with written versions as FHIR (base definitions), each with sample, path and rule."""
    validator = Validator(official())
    for sample, version in written:
        for issue in validator.write_issues(loads(version.body)) if version.body else ():
            if issue.fails:
                path = ", ".join(issue.expression) or version.type
                yield f"{sample} stores a {version.type} that is no valid FHIR: {path}: {issue.diagnostics}"


async def _stored(adapter: Adapter, folder: Path, rounds: Sequence[Sequence[Path]], replayed: bool) -> Stored:
    settings = {"data": folder, "mllp_port": -1, "drop_poll_seconds": 0, "retry_poll_seconds": 0, "workers": 0}
    exchange = await open_exchange(load_config(settings, {}), adapters=[adapter])
    await exchange.start()
    states, written = [], []
    try:
        last = (await exchange.store.log(limit=_ALL))[-1][0]
        for paths in rounds:
            for path in paths:
                _, door = runtime_of(path, exchange.ingest.feeds)
                await exchange.ingest.receive(door, await asyncio.to_thread(path.read_bytes))
                for number, version in await exchange.store.log(last, _ALL):
                    written.append((path.name, version))
                    last = number
            states.append(await _state(exchange))
        if replayed:
            for name in [str(row["id"]) async for row in exchange.operator().items()]:
                await exchange.operator().replay(name)
            states.append(await _state(exchange))
    finally:
        await exchange.close()
    return Stored(states, written)


async def _state(exchange: Exchange) -> State:
    found = {}
    async for version in exchange.store.versions():
        body = json.loads(version.body)
        version_id = str(body.pop("meta")["versionId"])
        if version.type not in TRACES:
            found[f"{version.type}/{version.id}"] = (version_id, body)
    return found
