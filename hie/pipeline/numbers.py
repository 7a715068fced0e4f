"""Numbers that items state together without saying whose they are (Jiashan §3.1), in one transaction.

They make sets: all that are stated together, directly or through others. A number that somebody is known by belongs to
that person and is in no set; it ends the sets beside it there. So nobody who is known comes into a set, and two of them
never into one person.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hie.staging.tables import REDIRECT
from hie.store.port import Transaction
from hie.store.table import Row

TOGETHER = "together"
"""The kind of a row of `REDIRECT` that says that two numbers are of one patient, whoever that is."""


class RedirectRows:
    """The rows of `REDIRECT`, those at each end of a reference read once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._from: dict[str, list[Row]] = {}
        self._to: dict[str, list[Row]] = {}

    async def foresee(self, references: Iterable[str]) -> None:
        """Have the rows at both ends of these read together: who asks in one direction asks in the other, most
        often."""
        new = [one for one in references if one not in self._from and one not in self._to]
        if new:
            await self._tx.foresee(REDIRECT, [{end: one} for one in new for end in ("source", "target")])

    async def of(self, source: str) -> list[Row]:
        """The rows that say what a reference stands for."""
        if source not in self._from:
            await self.foresee((source,))
            self._from[source] = await self._tx.select(REDIRECT, {"source": source})
        return self._from[source]

    async def to(self, target: str) -> list[Row]:
        """The rows that say what stands for a reference."""
        if target not in self._to:
            await self.foresee((target,))
            self._to[target] = await self._tx.select(REDIRECT, {"target": target})
        return self._to[target]

    def changed(self, source: str, target: str) -> None:
        """Read those between the two anew."""
        self._from.pop(source, None)
        self._to.pop(target, None)

    def clear(self) -> None:
        """Read everything anew."""
        self._from.clear()
        self._to.clear()


class NumberSet(NamedTuple):
    """A set of numbers, the persons at its ends, and the number that stands for it while it is nobody's: the one with
    which another was first stated."""

    numbers: frozenset[str]
    persons: frozenset[str]
    first: str

    @property
    def head(self) -> str | None:
        """Whom the numbers belong to; None where that cannot be told, because two persons claim them."""
        if len(self.persons) > 1:
            return None
        return next(iter(self.persons), self.first)


class Numbers:
    """The sets of numbers that one transaction meets."""

    def __init__(self, rows: RedirectRows) -> None:
        self._rows = rows
        self._sets: dict[str, NumberSet | None] = {}

    def clear(self) -> None:
        """Make the sets anew."""
        self._sets.clear()

    async def around(self, number: str) -> NumberSet | None:
        """The set that a number is in; None for one that is stated with no other, or belongs to somebody."""
        if number not in self._sets:
            if await self._together(number) and not await self._persons(number):
                found = await self._walk(number)
                self._sets.update(dict.fromkeys(found.numbers, found))
            else:
                self._sets[number] = None
        return self._sets[number]

    async def beside(self, number: str) -> list[str]:
        """The numbers that one is stated together with."""
        return [str(row["target" if row["source"] == number else "source"]) for row in await self._together(number)]

    async def near(self, references: Iterable[str]) -> list[NumberSet]:
        """The sets that some numbers are in, and those that others of them end."""
        found: dict[NumberSet, None] = {}
        for reference in references:
            own = await self.around(reference)
            ended = [await self.around(one) for one in await self.beside(reference)] if own is None else [own]
            found |= {one: None for one in ended if one is not None}
        return list(found)

    async def _walk(self, number: str) -> NumberSet:
        numbers, persons, first = {number}, set[str](), list[tuple[str, str]]()
        ahead = [number]
        for one in ahead:
            first += [(str(row["ord"]), str(row["target"])) for row in await self._together(one)]
            beside = [other for other in await self.beside(one) if other not in numbers]
            await self._rows.foresee(beside)
            for other in beside:
                known = await self._persons(other)
                persons |= known
                if not known:
                    numbers.add(other)
                    ahead.append(other)
        return NumberSet(frozenset(numbers), frozenset(persons), min(first)[1])

    async def _persons(self, number: str) -> set[str]:
        """Those who are known by a number."""
        return {str(row["target"]) for row in await self._rows.of(number) if row["kind"] != TOGETHER}

    async def _together(self, number: str) -> list[Row]:
        rows = await self._rows.of(number) + await self._rows.to(number)
        return [row for row in rows if row["kind"] == TOGETHER] if rows else rows
