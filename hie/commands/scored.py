"""`hie simulate --score`: hold a data directory to the truth of the traffic that it was sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from hie.base.errors import Category, HieError
from hie.base.ids import stable_id
from hie.commands.operate import open_existing
from hie.config import Config
from hie.identity.tables import RECORD
from hie.pipeline.ingest import Ingest
from hie.simulate.answers import READ, Said
from hie.simulate.score import Score, pairs
from hie.staging.tables import RAW_ITEM
from hie.store.port import Store
from hie.store.table import Row

SHOWN = 10
"""How many kinds of wrong answers are listed."""


async def score(config: Config, truth: Path) -> Score:
    """Compare every saved answer and every link of the store with the truth; a running server is not disturbed.

    Raises NOT_FOUND when there is no truth or no store.
    """
    if not await asyncio.to_thread(truth.exists):
        raise HieError(Category.NOT_FOUND, f"There is no truth at {truth}; name it with --truth.")
    exchange = await open_existing(config)
    try:
        found = await score_store(exchange.store, exchange.ingest, _lines(truth))
    finally:
        await exchange.close()
    return found


async def score_store(store: Store, ingest: Ingest, lines: Iterator[dict[str, Any]]) -> Score:
    """The same over an open store."""
    found = Score()
    told: dict[str, set[str]] = {}
    for line in lines:
        if line["kind"] == "person":
            found.person(line)
        elif line["kind"] == "item":
            row = await _row(store, ingest, line)
            if row is not None:
                told.setdefault(str(row["feed"]), set()).add(line["sha256"])
            readable = row is None or str(row["door"]) in READ
            found.item(line, _said(row) if readable else None, readable=readable)
    for feed in ingest.feeds:
        found.beside[feed] = await store.count(RAW_ITEM, {"feed": feed}) - len(told.get(feed, ()))
    async for group in _groups(store):
        found.linked |= pairs([group])
    return found


async def _row(store: Store, ingest: Ingest, line: dict[str, Any]) -> Row | None:
    """An item as it was stored; None when the exchange does not have it."""
    runtime = ingest.doors.get(line["door"])
    return await store.get(RAW_ITEM, stable_id("raw", runtime.feed.id, line["sha256"])) if runtime else None


def _said(row: Row | None) -> Said | None:
    """The saved answer to an item."""
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
                yield _told(line, f"{truth}:{number}")


def _told(line: str, place: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(line)
        fit = _NEEDED[told["kind"]] <= told.keys()
    except (ValueError, KeyError, TypeError, AttributeError):
        fit = False
    if not fit:
        raise HieError(Category.INVALID, f"{place}: this is no line of a truth.")
    return told


_NEEDED = {
    "world": frozenset[str](),
    "person": frozenset({"person", "records", "linked"}),
    "item": frozenset({"item", "person", "patient", "door", "sha256", "wrong", "status", "findings", "perhaps"}),
}
"""Kind of a line -> what it must have."""


def report(found: Score) -> Iterator[str]:
    """What to print."""
    yield f"条目 items: {found.items}  与真相一致 as the truth says: {found.right}"
    yield f"未收到 not received: {found.unknown}"
    if found.lost_items or found.lost_people:
        yield (
            f"[red]真相不完整 the truth is not whole: lines of {found.lost_items} items and {found.lost_people} people"
            " are missing; they are not judged[/red]"
        )
    for door, n in sorted(found.unread.items()):
        yield f"[red]无法判断 not judged: {n} items of {door}, whose answers cannot be read here[/red]"
    beside = {feed: n for feed, n in sorted(found.beside.items()) if n}
    if beside:
        shown = ", ".join(f"{feed} {n}" for feed, n in beside.items())
        yield f"真相未提及 not in the truth, not judged: {shown}"
    if others := len(found.linked) - len(found.found):
        yield f"  {others} links with records that the truth does not tell of"
    for fault, (items, right) in sorted(found.faults.items()):
        yield f"  {fault:24} {right}/{items}"
    for said, n in found.wrong.most_common(SHOWN):
        yield f"  [red]{n} × {said}[/red]"
    yield (
        f"同一人 links between records of one person: {len(found.found)} found, {len(found.linkable)} share a number"
        f"  precision {found.precision:.4f}  recall {found.recall:.4f}"
    )
    yield f"  of all {found.same} pairs of one person's records, with or without a number: {found.reach:.4f}"
