"""Unstated: what an item once came to and nobody states any more, since its map makes something else of it (replay).

What stays must be what a fresh run would have given, so such roots are forgotten and their resources deleted; their
versions stay readable.
"""

import logging
from collections.abc import Iterable

from hie.pipeline.persons import Persons
from hie.pipeline.roots import Roots
from hie.store.port import Transaction
from hie.wire.safejson import loads_own

log = logging.getLogger("hie.pipeline")


class Unstated:
    """Takes back what one item stated, and removes what is left of it that nothing states anew.

    `roots` are those that it was about or that it led from or to, `sources` the references that it said stand for
    another. `left` are the items whose roots hung on those that were forgotten.
    """

    def __init__(self, tx: Transaction, roots: Roots, persons: Persons, item: str) -> None:
        self._tx = tx
        self._roots = roots
        self._persons = persons
        self._item = item
        self._before: dict[str, None] = {}
        self.roots: list[str] = []
        self.sources: list[str] = []
        self.left: list[str] = []

    async def take_back(self) -> None:
        """Remove what the item stated."""
        for root in await self._roots.stated_by(self._item):
            state = await self._roots.fold(await self._roots.standing_for(root))
            if state is not None:
                self._before.update(dict.fromkeys((state.reference, *state.members)))
        self._before.update(dict.fromkeys(await self._documents(self._before)))
        redirects = await self._roots.redirects.stated_by(self._item)
        self.sources = [source for source, _ in redirects]
        taken = await self._roots.take_back(self._item)
        self.roots = list(dict.fromkeys((*taken, *(one for redirect in redirects for one in redirect))))

    async def forget_roots(self) -> list[str]:
        """Forget the roots that nothing is stated about any more; returns those that they hung on."""
        parents = []
        for root in self.roots:
            known = await self._roots.known(root)
            if known is None or not await self._roots.forget(root):
                continue
            if known.parent is not None:
                parents.append(known.parent)
            for child in await self._roots.children(root):
                self.left += [item for item, _ in await self._roots.parts_about(child.reference) if item != self._item]
        return parents

    async def delete(self, stated: Iterable[str]) -> None:
        """Delete the resources that were there before and are not among those `stated` now."""
        kept, deleted = set(stated), 0
        kept.update(await self._documents(kept))
        for reference in self._before:
            resource_type, _, resource_id = reference.partition("/")
            version = None if reference in kept else await self._tx.read(resource_type, resource_id)
            if version is None or version.deleted:
                continue
            if resource_type == "Patient":
                await self._persons.remove(reference)
            await self._tx.delete(resource_type, resource_id)
            deleted += 1
        if deleted:
            log.info("resources deleted that nobody states any more item=%s number=%d", self._item, deleted)

    async def _documents(self, references: Iterable[str]) -> list[str]:
        """The verbatim documents that stored DocumentReferences lead to."""
        found = []
        for reference in references:
            resource_type, _, resource_id = reference.partition("/")
            version = await self._tx.read(resource_type, resource_id) if resource_type == "DocumentReference" else None
            if version is not None and not version.deleted:
                content = loads_own(version.body).get("content", ())
                found += [part["attachment"].get("url", "") for part in content]
        return [url for url in found if url.startswith("Binary/")]
