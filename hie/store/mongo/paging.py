"""One page of a set: in order of the paging number, walked in an order that an index has, or sorted.

A dense set is not sorted if a window of what comes first in order already holds a page of it.
"""

from collections.abc import Sequence
from typing import Any

from hie.search.plan import Clause, Plan, SortKey
from hie.store.mongo import schema
from hie.store.mongo.asking import Asking, Documents
from hie.store.mongo.compile import Scope, Stage, one_of
from hie.store.mongo.keys import main_date
from hie.store.mongo.sorting import after, keyed, order, shown
from hie.store.mongo.source import Source, flat, probed

FEW = 100
"""A set of this size is sorted without a look at anything else."""

DENSE = 2000
"""A set of this size is walked in order before it is sorted."""

WINDOW = 2000
"""Documents in order that are tried before a dense set is put in order."""

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
        way = _way(keys, self._scope)
        if way is not None and await self._lists(DENSE):
            walk = self._walk(way[0], keys[0].descending, position)
            found = await self._asking.documents([*walk, limit, keyed(keys, self._scope, self._shown)], way[1])
            if len(found) > self._plan.count:
                return found
        beyond = [after(keys, position)] if position else []
        stages = [*source.stages, keyed(keys, self._scope, self._shown), *beyond, *order(keys), limit]
        return await self._asking.documents(stages, source.hint)

    async def _lists(self, many: int) -> bool:
        """Whether the source lists `many`, or joins from as many."""
        stages = self._source.sample or self._source.stages
        return await self._asking.count([*stages, {"$limit": many}], self._source.hint) >= many

    async def _unsorted(self, number: int | None) -> Documents:
        """Matches in order of `n`."""
        ends: list[Stage] = [{"$limit": self._plan.count + 1}, {"$project": self._shown}]
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

    def _window(self, size: int, number: int | None) -> list[Stage]:
        """The next documents in order of `n`, and the clauses tried on them."""
        everything = Source([{"$match": {"t": one_of(self._scope)}}], schema.TYPE, True).beyond(number)
        window: list[Stage] = [*everything, {"$sort": {"n": 1}}, {"$limit": size}]
        return probed(window, flat(self._clause), self._scope, False)

    def _walk(self, field: str, descending: bool, position: list[Any] | None) -> list[Stage]:
        """The next documents in the order of the index of `field`, and the clauses tried on them."""
        first: dict[str, Any] = {"t": one_of(self._scope)}
        if position is not None:
            last, number = position
            beyond = {"n": {"$lt" if descending else "$gt": number}}
            if last is None:
                first |= {field: {"$eq": None}, "$and": [beyond]}
            else:
                first[field] = {"$not": {"$gt" if descending else "$lt": last}}
                first["$and"] = [{"$or": [{field: {"$ne": last}}, beyond]}]
        way = -1 if descending else 1
        window: list[Stage] = [{"$match": first}, {"$sort": {field: way, "n": way}}, {"$limit": WALK}]
        return probed(window, flat(self._clause), self._scope, False)


def _way(keys: Sequence[SortKey], scope: Scope) -> tuple[str, str] | None:
    """The field and index that have the order of `keys`; None when none has."""
    if len(keys) != 1 or len(scope) != 1:
        return None
    if keys[0].param == "_lastUpdated":
        return "u", schema.UPDATED
    if keys[0].descending and keys[0].param == main_date(scope[0]):
        return "m", schema.NEWEST
    return None
