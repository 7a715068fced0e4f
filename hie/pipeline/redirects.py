"""Redirects in one transaction: references that stand for another, as aliases or because a patient was merged away."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hie.pipeline.numbers import TOGETHER, Numbers, RedirectRows
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
        self._rows = RedirectRows(tx)
        self._numbers = Numbers(self._rows)
        self._found: dict[str, Redirect | None] = {}
        self._sources: dict[str, list[str]] = {}

    async def of(self, patient: str) -> Redirect | None:
        """Where a Patient reference leads in one step; of several statements the earliest counts. Numbers that nobody
        is known by lead where their set does (`hie.pipeline.numbers`), and while that cannot be told to the number with
        which they were first stated."""
        if patient not in self._found:
            rows = await self._rows.of(patient)
            found = [Redirect(str(row["target"]), str(row["ord"]), str(row["kind"])) for row in rows]
            known = _first([one for one in found if one.kind != TOGETHER])
            self._found[patient] = known or await self._by_numbers(patient, found)
        return self._found[patient]

    async def _by_numbers(self, number: str, beside: list[Redirect]) -> Redirect | None:
        """Where a number leads that nobody is known by; `beside` are the numbers that it was stated with."""
        around = await self._numbers.around(number)
        if around is None:
            return None
        if around.head is None:
            return _first([one._replace(kind="alias") for one in beside])
        return None if around.head == number else Redirect(around.head, "", "alias")

    async def sources(self, patient: str) -> list[str]:
        """The Patient references that stand for `patient` directly."""
        if patient not in self._sources:
            stated = set(await self.names(patient))
            await self._rows.foresee(stated)
            redirects = {source: await self.of(source) for source in stated}
            found = {source for source, redirect in redirects.items() if redirect and redirect.target == patient}
            for near in await self._numbers.near((patient, *found)):
                found |= near.numbers if near.head == patient else set()
            self._sources[patient] = sorted(found - {patient})
        return self._sources[patient]

    async def names(self, reference: str) -> list[str]:
        """The references that were ever said to stand for `reference`."""
        return [str(row["source"]) for row in await self._rows.to(reference)]

    async def foresee(self, aliases: Mapping[str, str | None]) -> None:
        """Have the rows at both ends of these references, and of what they come to stand for, read together."""
        names = (name for name in (*aliases, *aliases.values()) if name is not None)
        await self._rows.foresee(dict.fromkeys(names))

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

    async def concerned(self, references: Iterable[str]) -> list[str]:
        """These, and the numbers that may lead elsewhere once something is stated or taken back about these."""
        found = dict.fromkeys(references)
        near = await self._numbers.near(found)
        return list(found | dict.fromkeys(sorted(number for one in near for number in one.numbers)))

    async def state(self, source: str, target: str, order: str, kind: str, item: str) -> None:
        """State that `source` stands for `target`, or, as `TOGETHER`, that both are of one patient. A row from before
        items were kept becomes that of the first item that states the same."""
        row = next((row for row in await self._rows.of(source) if row["target"] == target), None)
        if row is None or str(row["ord"]) > order or (row["item"] is None and row["ord"] == order):
            await self._tx.upsert(
                REDIRECT, {"source": source, "target": target, "ord": order, "kind": kind, "item": item}
            )
            self._rows.changed(source, target)
            self._forget()

    async def take_back(self, item: str) -> None:
        """Remove those that an item states, and read everything anew."""
        await self._tx.remove(REDIRECT, {"item": item})
        self._rows.clear()
        self._forget()

    def _forget(self) -> None:
        self._numbers.clear()
        self._found.clear()
        self._sources.clear()


def _first(stated: list[Redirect]) -> Redirect | None:
    return min(stated, key=lambda one: (one.order, one.target), default=None)
