"""Which clause lists the documents of a search: the one with the fewest, counted in growing rounds.

Chains and `_has` list by a join in the server, from the other end.
"""

import asyncio
from collections.abc import Sequence

from hie.search.clause import Chain, Clause, Has
from hie.store.mongo import schema
from hie.store.mongo.arms import arms, rank
from hie.store.mongo.asking import Asking
from hie.store.mongo.matching import Scope, one_of, reference_to_me, targets
from hie.store.mongo.probing import Stage
from hie.store.mongo.source import Source, flat, hint_of, lookup, matching, probed, seeking, selective

_CAPS = (100, 2000, 10_000)
"""Documents counted of each clause, round by round, until one is known to be selective; the last round is for joins."""

_FANOUT = 200
"""How many resources refer to one by one parameter, roughly."""


class Driving:
    """Chooses for one search; `asking` counts."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def source(self, clause: Clause, scope: Scope, *, quick: bool = False) -> Source:
        """What drives, then the other clauses tried on what it lists. If `quick`, clauses that all list many are not
        counted further, and the source is `dense`."""
        clauses = flat(clause)
        drivers: list[tuple[Clause, Source]] = []
        for part in clauses:
            driver = await self.driver(part, scope)
            if driver is not None:
                drivers.append((part, driver))
        best, driver, counts = await self._choose(drivers, _CAPS[:1] if quick else _CAPS)
        if driver is None:
            driver = Source([{"$match": {"t": one_of(scope)}}], schema.TYPE, True)
        rest = [part for part in clauses if part is not best]
        stages = probed(driver.stages, rest, scope, driver.plain)
        dense = quick and bool(counts) and all(capped for _, _, capped in counts)
        return Source(stages, driver.hint, driver.plain, driver.sample, best, rest, counts, driver=driver, dense=dense)

    async def driver(self, clause: Clause, scope: Scope) -> Source | None:
        if isinstance(clause, Chain):
            return await self._chain(clause, scope)
        if isinstance(clause, Has):
            return await self._has(clause, scope)
        found = arms(clause, scope)
        if found is None:
            return None
        seek: list[Stage] = [{"$match": seeking(found)}]
        return Source([{"$match": matching(found)}], hint_of(found), True, seek=seek)

    async def _chain(self, clause: Chain, scope: Scope) -> Source:
        """From the targets to what refers to them."""
        inner = await self.source(clause.clause, clause.types)
        referring = [{"$match": {"t": one_of(scope)}}]
        stages: list[Stage] = [
            {"$project": {"x": reference_to_me(clause.param)}},
            lookup("x", "k", referring),
            {"$unwind": "$j"},
            {"$group": {"_id": "$j._id", "j": {"$first": "$j"}}},
            {"$replaceRoot": {"newRoot": "$j"}},
        ]
        return Source([*inner.stages, *stages], inner.hint, False, inner.sample or inner.stages)

    async def _has(self, clause: Has, scope: Scope) -> Source:
        """From what refers to its targets."""
        inner = await self.source(clause.clause, (clause.type,))
        stages: list[Stage] = [
            {"$project": {"x": targets(clause.param)}},
            {"$unwind": "$x"},
            {"$group": {"_id": "$x"}},
            lookup("_id", "_id", [{"$match": {"t": one_of(scope)}}]),
            {"$unwind": "$j"},
            {"$replaceRoot": {"newRoot": "$j"}},
        ]
        return Source([*inner.stages, *stages], inner.hint, False, inner.sample or inner.stages)

    async def _choose(
        self, drivers: Sequence[tuple[Clause, Source]], caps: Sequence[int]
    ) -> tuple[Clause | None, Source | None, list[tuple[Clause, int, bool]]]:
        """The clause that lists the fewest, counted in growing rounds, with what was counted."""
        if not drivers:
            return None, None, []
        ranked = sorted(drivers, key=lambda driver: rank(driver[0]))
        if len(ranked) == 1 or selective(ranked[0][0]):
            return (*ranked[0], [])
        counts: list[int] = []
        cap = 0
        joins = any(source.sample is not None for _, source in ranked)
        for cap in caps if joins else caps[:2]:
            counts = await self._counts([source for _, source in ranked], cap)
            if min(counts) < cap:
                break
        best = min(range(len(counts)), key=lambda number: (counts[number], not ranked[number][1].ordered, number))
        return (*ranked[best], [(ranked[i][0], rows, rows >= cap) for i, rows in enumerate(counts)])

    async def _counts(self, sources: Sequence[Source], cap: int) -> list[int]:
        asked = [self._estimate(source, cap) for source in sources]
        if self._asking.alone:
            return [await one for one in asked]
        return list(await asyncio.gather(*asked))

    async def _estimate(self, source: Source, cap: int) -> int:
        """How many the source lists, to `cap`; where it joins, how many it joins from, times a guess."""
        if source.sample is None:
            return await self._asking.count([*(source.seek or source.stages), {"$limit": cap}], source.hint)
        few = max(cap // _FANOUT, 1)
        return min(_FANOUT * await self._asking.count([*source.sample, {"$limit": few}], source.hint), cap)
