"""Leading: what follows when references come to lead elsewhere (aliases, numbers that turn out to be somebody's)."""

from collections.abc import Iterable

from hie.pipeline.persons import Persons
from hie.pipeline.roots import Roots
from hie.pipeline.touched import Touched
from hie.pipeline.writing import Writing


class Leading:
    """Notes where references lead, and brings in step what hangs on those that lead elsewhere afterwards."""

    def __init__(self, roots: Roots, touched: Touched, persons: Persons, writing: Writing) -> None:
        self._roots = roots
        self._touched = touched
        self._persons = persons
        self._writing = writing
        self._before: dict[str, tuple[str, str]] = {}

    async def note(self, references: Iterable[str]) -> None:
        """Something is going to be stated or taken back about where these lead."""
        for one in await self._roots.redirects.concerned(references):
            if one not in self._before:
                end = await self._roots.redirects.resolve(one)
                self._before[one] = end, await self._roots.standing_for(one)

    async def follow(self) -> None:
        """Have folded anew what stood or stands under those that lead elsewhere now; an alias has no resource."""
        before, self._before = self._before, {}
        for one, (end, head) in before.items():
            if await self._roots.redirects.resolve(one) != end:
                await self._move(one, head)

    async def _move(self, reference: str, former: str) -> None:
        stated = await self._roots.known(reference) is not None
        await self._roots.led_elsewhere(reference, former)
        await self._touched.touch(reference, former)
        await self._touched.lead_elsewhere(reference)
        if await self._roots.standing_for(reference) == reference:
            return
        self._touched.add_alias(reference)
        if stated and await self._writing.delete(reference) and reference.startswith("Patient/"):
            await self._persons.remove(reference)
