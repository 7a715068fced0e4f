"""Redirects in one transaction: references that stand for another, as aliases or because a patient was merged away."""

from typing import NamedTuple

from hie.staging.tables import REDIRECT
from hie.store.port import Transaction
from hie.store.table import Row


class Redirect(NamedTuple):
    """A Patient reference that stands for `target`, since `order`; `kind` is `alias` or `merge`."""

    target: str
    order: str
    kind: str


class Redirects:
    """Where references lead; reads each row once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._found: dict[str, Redirect | None] = {}
        self._sources: dict[str, list[str]] = {}

    async def of(self, patient: str) -> Redirect | None:
        """Where a Patient reference leads in one step; of several statements the earliest counts."""
        if patient not in self._found:
            await self._foresee(patient)
            rows = await self._tx.select(REDIRECT, {"source": patient})
            found = [Redirect(str(row["target"]), str(row["ord"]), str(row["kind"])) for row in rows]
            self._found[patient] = min(found, key=lambda r: (r.order, r.target), default=None)
        return self._found[patient]

    async def sources(self, patient: str) -> list[str]:
        """The Patient references that stand for `patient` directly."""
        if patient not in self._sources:
            await self._foresee(patient)
            rows = await self._tx.select(REDIRECT, {"target": patient})
            self._sources[patient] = sorted(str(row["source"]) for row in rows)
        found = []
        for source in self._sources[patient]:
            redirect = await self.of(source)
            if redirect is not None and redirect.target == patient:
                found.append(source)
        return found

    async def _foresee(self, patient: str) -> None:
        """Who asks in one direction asks in the other, most often."""
        await self._tx.foresee(REDIRECT, [{"source": patient}, {"target": patient}])

    async def leading_to(self, patient: str) -> list[str]:
        """The Patient references that stand for `patient`, directly or through others."""
        found = [patient]
        for one in found:
            found += [source for source in await self.sources(one) if source not in found]
        return found[1:]

    async def resolve(self, patient: str) -> str:
        """Follow aliases and merges of a Patient reference to the end."""
        return (await self.way(patient))[-1]

    async def way(self, patient: str) -> list[str]:
        """A Patient reference and those that it leads to by aliases and merges, in order."""
        found = [patient]
        while (redirect := await self.of(found[-1])) is not None and redirect.target not in found:
            found.append(redirect.target)
        return found

    async def aliases(self, reference: str) -> list[str]:
        """The references that stand for `reference` as aliases, directly or through others."""
        found = [reference]
        for one in found:
            for source in await self.sources(one):
                if await self._is_alias(source) and source not in found:
                    found.append(source)
        return found[1:]

    async def _is_alias(self, reference: str) -> bool:
        redirect = await self.of(reference)
        return redirect is not None and redirect.kind == "alias"

    async def is_merged(self, patient: str) -> bool:
        """Whether a Patient was merged away."""
        redirect = await self.of(patient)
        return redirect is not None and redirect.kind == "merge"

    async def stated_by(self, item: str) -> list[Row]:
        """The rows of `REDIRECT` that an item states."""
        return await self._tx.select(REDIRECT, {"item": item})

    async def row(self, source: str, target: str) -> Row | None:
        """The row that says that `source` stands for `target`."""
        return await self._tx.get(REDIRECT, source, target)

    async def state(self, source: str, target: str, order: str, kind: str, item: str) -> bool:
        """State that `source` stands for `target`; whether that changes where it leads. A row from before items were
        kept becomes that of the first item that states the same."""
        before = await self.resolve(source)
        row = await self.row(source, target)
        if row is None or str(row["ord"]) > order or (row["item"] is None and row["ord"] == order):
            await self._tx.upsert(
                REDIRECT, {"source": source, "target": target, "ord": order, "kind": kind, "item": item}
            )
        del self._found[source]
        self._sources.pop(target, None)
        return before != await self.resolve(source)

    async def take_back(self, item: str) -> None:
        """Remove those that an item states, and read everything anew."""
        await self._tx.remove(REDIRECT, {"item": item})
        self._found.clear()
        self._sources.clear()
