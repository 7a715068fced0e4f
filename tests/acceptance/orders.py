"""Every order of some items, through the real pipeline over the memory store.

Orders that begin alike share their beginning: the tree of orders is walked depth first, and each node is one item
applied to a fork of the store before it. Seven items have 5,040 orders and 13,699 nodes. Parsing and mapping are pure
and run once for each item.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from hie.app import bind_feeds
from hie.base.record import Delivery, Parsed
from hie.identity.tables import TABLES as IDENTITY
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest
from hie.pipeline.prepare import Prepared, prepare
from hie.pipeline.redirects import Redirects
from hie.plugin import Adapter
from hie.staging.tables import MENTION, REDIRECT, ROOT
from hie.staging.tables import TABLES as STAGING
from hie.store.memory import MemoryStore
from hie.store.port import Transaction, Version
from tests.clock import FixedClock

RECEIVED = datetime(2026, 6, 1, tzinfo=UTC)
PASSING = re.compile(rb',?"(?:versionId|lastUpdated|source)":"[^"]*"')
"""What tells when and through which item a version was written: the only things that may differ."""

State = dict[str, str]


@dataclass
class Orders:
    """The orders of `items` (each a door and its bytes) on the feeds of one adapter."""

    adapter: Adapter
    items: Sequence[tuple[str, bytes]]
    prepared: dict[str, tuple[Parsed, list[Prepared]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.feeds = bind_feeds([self.adapter])

    async def states(self) -> AsyncIterator[tuple[tuple[int, ...], State]]:
        """Every order with the state of the store after it."""
        async for order, state in self._below(MemoryStore((*STAGING, *IDENTITY), clock=FixedClock(RECEIVED)), ()):
            yield order, state

    async def sent(self, order: Iterable[int]) -> MemoryStore:
        """The store after some of the items, in this order."""
        store = MemoryStore((*STAGING, *IDENTITY), clock=FixedClock(RECEIVED))
        for number in order:
            await self._send(store, number)
        return store

    async def _send(self, store: MemoryStore, number: int) -> None:
        door, body = self.items[number]
        await Ingest(store, self.feeds, FixedClock(RECEIVED), self._once).receive(door, body)

    async def _below(self, store: MemoryStore, sent: tuple[int, ...]) -> AsyncIterator[tuple[tuple[int, ...], State]]:
        left = [number for number in range(len(self.items)) if number not in sent]
        if not left:
            yield sent, await state_of(store)
        for number in left:
            fork = store.fork()
            await self._send(fork, number)
            async for found in self._below(fork, (*sent, number)):
                yield found

    async def _once(self, runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]]:
        if delivery.id not in self.prepared:
            self.prepared[delivery.id] = prepare(runtime, delivery)
        return self.prepared[delivery.id]


async def state_of(store: MemoryStore) -> State:
    """Every resource but Provenance, and what is known of roots and redirects, as comparable text."""
    found = {
        f"{version.type}/{version.id}": _stated(version)
        async for version in store.versions()
        if version.type != "Provenance"
    }
    aliases = await store.write(_aliases)
    for row in await store.select(ROOT, {}):
        if row["state"] == "pending" or row["root"] in aliases:  # spoken of, but not there under this name
            continue
        found[f"root {row['root']}"] = (
            f"{row['state']} {row['parent']} {row['subject']} {row['first_order']} {row['last_order']}"
        )
    for row in await store.select(REDIRECT, {}):
        found[f"redirect {row['source']} {row['target']}"] = f"{row['ord']} {row['kind']}"
    for row in await store.select(MENTION, {}):
        found[f"mention {row['target']} {row['root']}"] = ""
    return found


async def _aliases(tx: Transaction) -> set[str]:
    """The references that stand for another one of the same patient."""
    redirects, rows = Redirects(tx), await tx.select(REDIRECT, {})
    ends = {str(row[end]): await redirects.of(str(row[end])) for row in rows for end in ("source", "target")}
    return {one for one, redirect in ends.items() if redirect is not None and redirect.kind == "alias"}


@lru_cache(maxsize=65536)
def _stated(version: Version) -> str:
    """What a version says; forks share their versions, so most have been read before."""
    return _canonical(PASSING.sub(b"", version.body))


@lru_cache(maxsize=4096)
def _canonical(body: bytes) -> str:
    """The body whatever the order of its elements; numbers as written."""
    text = body.replace(b"{,", b"{").decode()
    return json.dumps(json.loads(text, parse_float=str, parse_int=str), sort_keys=True, ensure_ascii=False)
