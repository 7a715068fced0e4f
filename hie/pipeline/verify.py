"""Verify: proves that nothing was lost: the ledger equation, every stored hash, the body of every resource."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from hie.base.ids import raw_item_id, sha256
from hie.pipeline.items import blob
from hie.pipeline.operate import Operator
from hie.staging.ledger import Ledger, known_feeds, ledger
from hie.store.port import Store
from hie.store.table import Row
from hie.wire.safejson import loads


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what is wrong; `problems` are sentences with ids of items and resources only."""

    ledger: Ledger
    items: int
    resources: int
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


async def _items(store: Store, operator: Operator) -> AsyncIterator[Row]:
    for feed in sorted({*operator.feeds, *await known_feeds(store)}):
        async for row in operator.items(feed=feed):
            yield row


async def verify(store: Store, operator: Operator, progress: Callable[[int], None] | None = None) -> Verification:
    """Read every raw item, of feeds without an adapter too, and every current resource; `progress` is told how many
    were read. What comes in meanwhile may be among them or not."""
    problems = []
    books = await ledger(store)
    if not books.balanced:
        problems.append(
            f"ledger: received {books.received} is not stored {books.stored} + quarantined {books.quarantined}"
            f" + rejected {books.rejected} + in flight {books.in_flight}"
        )
    items = resources = 0
    async for row in _items(store, operator):
        items += 1
        body = blob(row["body"])
        if sha256(body) != row["sha256"] or len(body) != row["size"]:
            problems.append(f"raw item {row['id']!s}: the bytes do not match their hash")
        elif raw_item_id(str(row["feed"]), body) != row["id"]:
            problems.append(f"raw item {row['id']!s}: the id does not belong to the bytes")
        if progress is not None:
            progress(items)
    if not books.received <= items <= (await ledger(store)).received:
        problems.append(f"ledger: received {books.received}, but {items} raw items are there")
    async for version in store.versions():
        resources += 1
        resource = loads(version.body)
        named = (resource.get("resourceType"), resource.get("id"), resource.get("meta", {}).get("versionId"))
        if named != (version.type, version.id, str(version.version)):
            problems.append(f"{version.type}/{version.id}: the body names another resource or version")
        if progress is not None:
            progress(items + resources)
    return Verification(books, items, resources, tuple(problems))
