"""Unstated: what an item once came to and nobody states any more, since its map makes something else of it (replay).

What stays must be what a fresh run would have given, so such roots are forgotten and their resources deleted; their
versions stay readable.
"""

import logging
from collections.abc import Iterable

from hie.pipeline.leading import Leading
from hie.pipeline.persons import Persons
from hie.pipeline.provenance import provenance_id
from hie.pipeline.roots import Roots
from hie.pipeline.touched import Touched
from hie.pipeline.writing import Writing
from hie.store.port import Transaction
from hie.store.table import Row
from hie.wire.safejson import loads_own

log = logging.getLogger("hie.pipeline")


class Unstated:
    """Takes back what one item stated, and removes what is left of it that nothing states anew.

    `roots` are those that it was about, that it led from or to, or that stood in a document which it withdrew or stated
    anew; `sources` are the references that it said stand for another, `leading` where they and others led by that.
    `left` are other items: those whose roots hung on something that is gone, and those that may have led where this one
    did.
    """

    def __init__(
        self, tx: Transaction, roots: Roots, persons: Persons, writing: Writing, touched: Touched, item: str
    ) -> None:
        self._tx = tx
        self._roots = roots
        self._persons = persons
        self._writing = writing
        self._item = item
        self.leading = Leading(roots, touched, persons, writing)
        self._before: dict[str, None] = {}
        self._stood: list[str] = []
        self._redirects: list[Row] = []
        self.roots: list[str] = []
        self.sources: list[str] = []
        self.left: list[str] = []

    async def take_back(self) -> None:
        """Remove what the item stated."""
        hanging: list[str] = []
        for root in await self._roots.stated_by(self._item):
            if root.startswith("DocumentReference/"):
                hanging += await self._roots.stated_in(root, whole=True)
            if await self._roots.exists(root):
                self._stood.append(root)
            state = await self._roots.fold(await self._roots.standing_for(root))
            if state is not None:
                self._before.update(dict.fromkeys((state.reference, *state.members)))
        self._before.update(dict.fromkeys(await self._documents()))
        self._redirects = await self._roots.redirects.stated_by(self._item)
        self.sources = [str(row["source"]) for row in self._redirects]
        led = [str(row[end]) for row in self._redirects for end in ("source", "target")]
        await self.leading.note(led)
        taken = await self._roots.take_back(self._item)
        self.roots = list(dict.fromkeys((*taken, *hanging, *led)))

    async def forget_roots(self) -> list[str]:
        """Forget the roots that nothing is stated about any more; returns those that they, or others that are only
        spoken of now, hung on, and those that mention them."""
        concerned = []
        for root in self.roots:
            known = await self._roots.known(root)
            forgotten = known is not None and await self._roots.forget(root)
            gone = root in self._stood and not await self._roots.exists(root)
            if forgotten and known is not None and known.parent is not None:
                concerned.append(known.parent)
            if gone:
                concerned += await self._roots.mentioning(root)
            if forgotten or gone:
                for child in await self._roots.children(root):
                    await self._leave_to_others(child.reference)
        await self._lead_on()
        return concerned

    async def _lead_on(self) -> None:
        """Have others say anew that a reference stands for another: of those who say so only the first is kept."""
        for row in self._redirects:
            now = await self._roots.redirects.row(str(row["source"]), str(row["target"]))
            if now is None or str(now["ord"]) > str(row["ord"]):
                await self._leave_to_others(str(row["source" if row["kind"] == "merge" else "target"]))

    async def _leave_to_others(self, root: str) -> None:
        self.left += [item for item, _ in await self._roots.parts_about(root) if item != self._item]

    async def delete(self, stated: Iterable[str]) -> None:
        """Delete the resources that were there before and are not among those `stated` now."""
        kept, deleted = set(stated), 0
        for reference in self._before:
            if reference in kept or not await self._writing.delete(reference):
                continue
            if reference.startswith("Patient/"):
                await self._persons.remove(reference)
            deleted += 1
        if deleted:
            log.info("resources deleted that nobody states any more item=%s number=%d", self._item, deleted)

    async def _documents(self) -> list[str]:
        """The verbatim documents that the item brought and nobody since."""
        trace = await self._tx.read("Provenance", provenance_id(self._item))
        if trace is None or trace.deleted:
            return []
        source, found = loads_own(trace.body)["meta"]["source"], []
        for reference in (target["reference"] for target in loads_own(trace.body)["target"]):
            resource_type, _, resource_id = reference.partition("/")
            version = await self._tx.read(resource_type, resource_id) if resource_type == "Binary" else None
            if version is not None and not version.deleted and loads_own(version.body)["meta"]["source"] == source:
                found.append(reference)
        return found
