"""One page of a set: in order of the paging number, walked in an order that an index has, or sorted.

A dense set is not sorted if a window of what comes first in order already holds a page of it.
"""

from collections.abc import Sequence
from typing import Any

from hie.search.clause import Clause
from hie.search.plan import Plan, SortKey
from hie.store.mongo import schema
from hie.store.mongo.asking import Asking, Documents
from hie.store.mongo.keys import MAIN_STRINGS, main_date
from hie.store.mongo.matching import Scope, one_of
from hie.store.mongo.probing import Stage
from hie.store.mongo.sorting import after, keyed, order, shown
from hie.store.mongo.source import Source, flat, probed, selective

FEW = 100
"""A set of this size is sorted without a look at anything else."""

DENSE = 2000
"""A set of this size is walked in order before it is sorted."""

WINDOW = 2000
"""Documents in order that are tried before a dense set is put in order."""

GLANCE = 1000
"""Documents of a dense clause that are tried before more is counted."""

WALK = 10_000
"""Documents in the order of an index that are tried before a dense set is sorted."""


class Paging:
    """Finds the page that `plan` wants of what meets `clause`, which `source` lists."""

    def __init__(self, asking: Asking, plan: Plan, clause: Clause, scope: Scope, source: Source) -> None:
        self._asking = asking
        self._plan = plan
        self._clause = clause
        self._scope = scope
        self._source = source
        self._shown = shown(bool(plan.includes))

    async def found(self, position: list[Any] | None) -> Documents:
        """The documents behind `position` in order, one more than a page, if there are."""
        keys, source = self._plan.sort, self._source
        if not keys:
            return await self._unsorted(position[0] if position else None)
        limit: Stage = {"$limit": self._plan.count + 1}
        way = _way(keys, self._scope, position)
        few = source.best is not None and selective(source.best)
        if way is not None and not few and await self._lists(DENSE):
            walk = self._walk(way[0], keys[0].descending, position)
            found = await self._asking.documents([*walk, limit, keyed(keys, self._scope, self._shown)], way[1])
            if len(found) > self._plan.count:
                return found
        beyond = [after(keys, position)] if position else []
        stages = [*source.stages, keyed(keys, self._scope, self._shown), *beyond, *order(keys), limit]
        return await self._asking.documents(stages, source.hint)

    async def glance(self, position: list[Any] | None) -> Documents | None:
        """A page of the first documents, in order, that the driver of a dense source lists, or of all; None when they
        do not hold one."""
        driver = self._source.driver
        ordered = driver if driver is not None and driver.ordered else None
        stages = self._window(GLANCE, position[0] if position else None, ordered)
        found = await self._asking.documents([*stages, *self._ends()], ordered.hint if ordered else schema.TYPE)
        return found if len(found) > self._plan.count else None

    def _ends(self) -> list[Stage]:
        return [{"$limit": self._plan.count + 1}, {"$project": self._shown}]

    async def _lists(self, many: int) -> bool:
        """Whether the source lists `many`, or joins from as many."""
        stages = self._source.sample or self._source.stages
        return await self._asking.count([*stages, {"$limit": many}], self._source.hint) >= many

    async def _unsorted(self, number: int | None) -> Documents:
        """Matches in order of `n`."""
        ends = self._ends()
        source = self._source
        if not source.ordered and await self._lists(FEW):
            for window, many in ((5 * (self._plan.count + 1), FEW), (WINDOW, DENSE)):
                if many > FEW and not await self._lists(many):
                    break
                found = await self._asking.documents([*self._window(window, number), *ends], schema.TYPE)
                if len(found) > self._plan.count:
                    return found
        stages = source.beyond(number)
        by_number: Stage = {"$sort": {"n": 1}}
        whole = [stages[0], by_number, *stages[1:]] if source.plain else [*stages, by_number]
        return await self._asking.documents([*whole, *ends], source.hint)

    def _window(self, size: int, number: int | None, driver: Source | None = None) -> list[Stage]:
        """The next documents in order of `n` that `driver` lists, or all, and the other clauses tried on them."""
        listed = driver or Source([{"$match": {"t": one_of(self._scope)}}], schema.TYPE, True)
        window: list[Stage] = [*listed.beyond(number), {"$sort": {"n": 1}}, {"$limit": size}]
        return probed(window, self._source.rest if driver else flat(self._clause), self._scope, False)

    def _walk(self, field: str, descending: bool, position: list[Any] | None) -> list[Stage]:
        """The next documents in the order of the index of `field`, and the clauses tried on them."""
        first: dict[str, Any] = {"t": one_of(self._scope)}
        if field == "f":
            first[field] = {"$gte": position[0] if position else ""}
        if position is not None:
            last, number = position
            beyond = {"n": {"$lt" if descending else "$gt": number}}
            if last is None:
                first |= {field: {"$eq": None}, "$and": [beyond]}
            else:
                first.setdefault(field, {"$not": {"$gt" if descending else "$lt": last}})
                first["$and"] = [{"$or": [{field: {"$ne": last}}, beyond]}]
        way = -1 if descending else 1
        window: list[Stage] = [{"$match": first}, {"$sort": {field: way, "n": way}}, {"$limit": WALK}]
        return probed(window, flat(self._clause), self._scope, False)


def _way(keys: Sequence[SortKey], scope: Scope, position: list[Any] | None) -> tuple[str, str] | None:
    """The field and index that have the order of `keys` from `position` on; None when none has."""
    if len(keys) != 1 or len(scope) != 1:
        return None
    param, descending = keys[0].param, keys[0].descending
    if param == "_lastUpdated":
        return "u", schema.UPDATED
    if descending and param == main_date(scope[0]):
        return "m", schema.NEWEST
    if not descending and param == MAIN_STRINGS.get(scope[0]) and (position is None or position[0] is not None):
        return "f", schema.LISTED
    return None
