"""`hie simulate --score`: hold a data directory to the truth of the traffic that it was sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hie.app import open_exchange
from hie.base.errors import Category, HieError
from hie.base.ids import stable_id
from hie.config import Config
from hie.identity.tables import RECORD
from hie.pipeline.ingest import Ingest
from hie.simulate.answers import READ, Said
from hie.simulate.score import Score, pairs
from hie.staging.tables import RAW_ITEM
from hie.store.port import Store

SHOWN = 10
"""How many kinds of wrong answers are listed."""


async def score(config: Config, truth: Path) -> Score:
    """Compare every saved answer and every link of the store with the truth; a running server is not disturbed.

    Raises NOT_FOUND when there is no truth or no store.
    """
    if not await asyncio.to_thread(truth.exists):
        raise HieError(Category.NOT_FOUND, f"There is no truth at {truth}; name it with --truth.")
    if config.store_path is not None and not config.store_path.exists():
        raise HieError(Category.NOT_FOUND, f"There is no database in {config.data}.")
    exchange = await open_exchange(replace(config, workers=0))
    try:
        found = await score_store(exchange.store, exchange.ingest, _lines(truth))
    finally:
        await exchange.close()
    return found


async def score_store(store: Store, ingest: Ingest, lines: Iterator[dict[str, Any]]) -> Score:
    """The same over an open store."""
    found = Score()
    for line in lines:
        if line["kind"] == "person":
            found.person(line)
        elif line["kind"] == "item":
            found.item(line, await _said(store, ingest, line))
    async for group in _groups(store):
        found.found |= pairs([group])
    return found


async def _said(store: Store, ingest: Ingest, line: dict[str, Any]) -> Said | None:
    """The saved answer to an item."""
    runtime = ingest.doors.get(line["door"])
    if runtime is None:
        return None
    row = await store.get(RAW_ITEM, stable_id("raw", runtime.feed.id, line["sha256"]))
    return READ[str(row["door"])](row["answer"]) if row is not None and isinstance(row["answer"], bytes) else None


async def _groups(store: Store) -> AsyncIterator[list[str]]:
    """The local Patients of each golden Patient."""
    groups: dict[str, list[str]] = {}
    for row in await store.select(RECORD, {}):
        if row["golden"] is not None:
            groups.setdefault(str(row["golden"]), []).append(str(row["patient"]))
    for group in groups.values():
        yield group


def _lines(truth: Path) -> Iterator[dict[str, Any]]:
    with truth.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith("\n"):
                try:
                    yield json.loads(line)
                except ValueError:
                    raise HieError(Category.INVALID, f"{truth}:{number}: this is no line of a truth.") from None


def report(found: Score) -> Iterator[str]:
    """What to print."""
    yield f"条目 items: {found.items}  与真相一致 as the truth says: {found.right}"
    yield f"未收到 not received: {found.unknown}"
    for fault, (items, right) in sorted(found.faults.items()):
        yield f"  {fault:24} {right}/{items}"
    for said, n in found.wrong.most_common(SHOWN):
        yield f"  [red]{n} × {said}[/red]"
    yield (
        f"同一人 links between records of one person: {len(found.found)} found, {len(found.linkable)} share a number"
        f"  precision {found.precision:.4f}  recall {found.recall:.4f}"
    )
    yield f"  of all {found.same} pairs of one person's records, with or without a number: {found.reach:.4f}"
