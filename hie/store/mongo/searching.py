"""Runs a plan: choose what drives, probe the rest, one page, its includes, the total.

Everything but the bodies of a page happens in the server, in aggregation pipelines over `resource`, each with the index
that was chosen for it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from hie.base.errors import Category, HieError
from hie.search import page
from hie.search.match import has_words
from hie.search.plan import (
    And,
    Chain,
    Clause,
    Has,
    IdIs,
    Include,
    InCompartment,
    Kind,
    Match,
    Not,
    Or,
    Plan,
    ReferenceTest,
    SortKey,
    Total,
    Words,
)
from hie.store.mongo import schema
from hie.store.mongo.compile import (
    Arm,
    Joins,
    Scope,
    Stage,
    arms,
    hidden,
    one_of,
    probe,
    rank,
    reference_to_me,
    targets,
)
from hie.store.mongo.keys import REFERENCE, key, name
from hie.store.mongo.sorting import after, keyed, order
from hie.store.mongo.versions import VersionReading
from hie.store.port import Page, Version

DENSE = 2000
"""A set of this size is not sorted by `_lastUpdated`; its index is walked instead."""

WINDOW = 2000
"""Documents in order that are tried before a dense set is sorted."""

MOST_INCLUDED = 5000
"""Included resources of a page at most; more is TOO_LARGE."""

MOST_READ = 100_000
"""Bodies that a search for words reads at most; more is TOO_LARGE."""

_CAPS = (100, 2000, 10_000)
"""Documents counted of each clause, round by round, until one is known to be selective."""

_CHUNK = 500
_FANOUT = 200
"""How many resources refer to one by one parameter, roughly."""

_OWNERS = frozenset({"Patient", "Encounter", "EpisodeOfCare"})
"""Types that few resources refer to each: a reference to one is selective without counting."""

Documents = list[dict[str, Any]]


@dataclass(frozen=True)
class _Source:
    """Stages that list the documents of a set, each once, and the index for the first.

    `n` can be bound in the first when `plain`. `sample` are stages that are cheaper to count: those before a join.
    `best`, `rest` and `counts` are for explaining.
    """

    stages: list[Stage]
    hint: str | None
    plain: bool
    sample: list[Stage] | None = None
    best: Clause | None = None
    rest: list[Clause] = field(default_factory=list)
    counts: list[tuple[Clause, int, bool]] = field(default_factory=list)

    @property
    def ordered(self) -> bool:
        """Whether the index gives the documents in order of `n`."""
        if not self.plain or self.hint not in (schema.KEYS, schema.TYPE):
            return False
        wanted = self.stages[0]["$match"].get("k")
        return wanted is None or "$elemMatch" not in wanted

    def beyond(self, number: int | None) -> list[Stage]:
        """The stages for documents with a paging number above `number`."""
        if number is None:
            return self.stages
        bound = {"n": {"$gt": number}}
        if not self.plain:
            return [*self.stages, {"$match": bound}]
        return [{"$match": {**self.stages[0]["$match"], **bound}}, *self.stages[1:]]


class Searching:
    """Search in a transaction (`session`) or outside; `secret` signs the cursors."""

    def __init__(self, database: AsyncDatabase[Any], secret: bytes, session: AsyncClientSession | None = None) -> None:
        self._resources = database[schema.RESOURCE]
        self._versions = VersionReading(database, session)
        self._secret = secret
        self._session = session

    async def search(self, plan: Plan) -> Page:
        """One page; ExecutionTimeout when it takes longer than the plan allows."""
        return await _Run(self, plan, monotonic() + plan.seconds).page()

    async def documents(self, stages: Sequence[Stage], hint: str | None, until: float) -> Documents:
        """What a pipeline gives, within what is left of the time."""
        left = int((until - monotonic()) * 1000)
        if left <= 0:
            raise HieError(Category.TIMEOUT, "The time limit of the query is used up.")
        options: dict[str, Any] = {"hint": hint} if hint else {}
        cursor = await self._resources.aggregate(
            list(stages), session=self._session, maxTimeMS=left, allowDiskUse=True, batchSize=10_000, **options
        )
        return await cursor.to_list()

    async def types(self) -> Scope:
        """The types of all current resources."""
        return tuple(sorted(await self._resources.distinct("t", {"t": {"$gt": ""}}, session=self._session)))

    async def bodies(self, documents: Sequence[dict[str, Any]]) -> dict[int, Version]:
        """The current versions of documents, by the number of their write."""
        return await self._versions.at([one["w"] for one in documents], {one.get("p") for one in documents})

    @property
    def secret(self) -> bytes:
        """What signs cursors."""
        return self._secret

    @property
    def alone(self) -> bool:
        """Whether only one operation may run at a time: inside a transaction."""
        return self._session is not None


class _Run:
    """One search."""

    def __init__(self, searching: Searching, plan: Plan, until: float) -> None:
        self._searching = searching
        self._plan = plan
        self._until = until

    async def page(self) -> Page:
        plan = self._plan
        position = page.decode(self._searching.secret, plan)
        scope = plan.types or await self._searching.types()
        if not scope:
            return Page([], [], None, None if plan.total is Total.NONE else 0, {"steps": []} if plan.explain else None)
        clause = await self._without_words(plan.clause, scope, ())
        source = await self._source(clause, scope)
        total = None if plan.total is Total.NONE else await self._count(source.stages, source.hint)
        found = await self._found(clause, scope, source, position) if plan.count > 0 else []
        shown = found[: plan.count]
        more = page.encode(self._searching.secret, plan, self._position(shown[-1])) if len(found) > len(shown) else None
        matches = await self._bodies(shown)
        included = await self._included(shown) if plan.includes and shown else []
        explained = await self._explain(scope, source) if plan.explain else None
        return Page(matches, included, more, total, explained)

    def _position(self, last: dict[str, Any]) -> list[Any]:
        return [*(last[f"v{number}"] for number in range(len(self._plan.sort))), last["n"]]

    async def _bodies(self, documents: Sequence[dict[str, Any]]) -> list[Version]:
        if not documents:
            return []
        versions = await self._searching.bodies(documents)
        return [versions[one["w"]] for one in documents]

    async def _ask(self, stages: Sequence[Stage], hint: str | None) -> Documents:
        return await self._searching.documents(stages, hint, self._until)

    async def _count(self, stages: Sequence[Stage], hint: str | None) -> int:
        found = await self._ask([*stages, {"$count": "n"}], hint)
        return int(found[0]["n"]) if found else 0

    # -- the set of matches --------------------------------------------------------------------------------------

    async def _source(self, clause: Clause, scope: Scope) -> _Source:
        """What drives, then the other clauses tried on what it lists."""
        clauses = _flat(clause)
        drivers: list[tuple[Clause, _Source]] = []
        for part in clauses:
            driver = await self._driver(part, scope)
            if driver is not None:
                drivers.append((part, driver))
        best, driver, counts = await self._choose(drivers)
        if driver is None:
            driver = _Source([{"$match": {"t": one_of(scope)}}], schema.TYPE, True)
        rest = [part for part in clauses if part is not best]
        stages = _probed(driver.stages, rest, scope, driver.plain)
        return _Source(stages, driver.hint, driver.plain, driver.sample, best, rest, counts)

    async def _driver(self, clause: Clause, scope: Scope) -> _Source | None:
        if isinstance(clause, Chain):
            return await self._chain(clause, scope)
        if isinstance(clause, Has):
            return await self._has(clause, scope)
        found = arms(clause, scope)
        return None if found is None else _Source([{"$match": _match(found)}], _hint(found), True)

    async def _chain(self, clause: Chain, scope: Scope) -> _Source:
        """From the targets to what refers to them."""
        inner = await self._source(clause.clause, clause.types)
        referring = [{"$match": {"t": one_of(scope)}}]
        stages: list[Stage] = [
            {"$project": {"x": reference_to_me(clause.param)}},
            _lookup("x", "k", referring),
            {"$unwind": "$j"},
            {"$group": {"_id": "$j._id", "j": {"$first": "$j"}}},
            {"$replaceRoot": {"newRoot": "$j"}},
        ]
        return _Source([*inner.stages, *stages], inner.hint, False, inner.sample or inner.stages)

    async def _has(self, clause: Has, scope: Scope) -> _Source:
        """From what refers to its targets."""
        inner = await self._source(clause.clause, (clause.type,))
        stages: list[Stage] = [
            {"$project": {"x": targets(clause.param)}},
            {"$unwind": "$x"},
            {"$group": {"_id": "$x"}},
            _lookup("_id", "_id", [{"$match": {"t": one_of(scope)}}]),
            {"$unwind": "$j"},
            {"$replaceRoot": {"newRoot": "$j"}},
        ]
        return _Source([*inner.stages, *stages], inner.hint, False, inner.sample or inner.stages)

    async def _choose(
        self, drivers: Sequence[tuple[Clause, _Source]]
    ) -> tuple[Clause | None, _Source | None, list[tuple[Clause, int, bool]]]:
        """The clause that lists the fewest, counted in growing rounds, with what was counted."""
        if not drivers:
            return None, None, []
        ranked = sorted(drivers, key=lambda driver: rank(driver[0]))
        if len(ranked) == 1 or _selective(ranked[0][0]):
            return (*ranked[0], [])
        counts: list[int] = []
        cap = 0
        for cap in _CAPS:
            counts = await self._counts([source for _, source in ranked], cap)
            if min(counts) < cap:
                break
        best = min(range(len(counts)), key=lambda number: (counts[number], number))
        return (*ranked[best], [(ranked[i][0], rows, rows >= cap) for i, rows in enumerate(counts)])

    async def _counts(self, sources: Sequence[_Source], cap: int) -> list[int]:
        asked = [self._estimate(source, cap) for source in sources]
        if self._searching.alone:
            return [await one for one in asked]
        return list(await asyncio.gather(*asked))

    async def _estimate(self, source: _Source, cap: int) -> int:
        """How many the source lists, to `cap`; where it joins, how many it joins from, times a guess."""
        if source.sample is None:
            return await self._count([*source.stages, {"$limit": cap}], source.hint)
        few = max(cap // _FANOUT, 1)
        return min(_FANOUT * await self._count([*source.sample, {"$limit": few}], source.hint), cap)

    # -- one page ------------------------------------------------------------------------------------------------

    async def _found(self, clause: Clause, scope: Scope, source: _Source, position: list[Any] | None) -> Documents:
        keys = self._plan.sort
        limit = {"$limit": self._plan.count + 1}
        if not keys:
            return await self._unsorted(clause, scope, source, position[0] if position else None)
        if await self._walks(keys, source):
            walk = _walk(keys[0], clause, scope, position)
            return await self._ask([*walk, limit, keyed(keys, scope)], schema.UPDATED)
        beyond = [after(keys, position)] if position else []
        return await self._ask([*source.stages, keyed(keys, scope), *beyond, *order(keys), limit], source.hint)

    async def _unsorted(self, clause: Clause, scope: Scope, source: _Source, number: int | None) -> Documents:
        """Matches in order of `n`. A dense set that comes in another order is not sorted: the documents that are next
        in order are tried first."""
        ends: list[Stage] = [{"$limit": self._plan.count + 1}, {"$project": {"t": 1, "w": 1, "n": 1, "p": 1, "r": 1}}]
        if not source.ordered and await self._count([*source.stages, {"$limit": DENSE}], source.hint) >= DENSE:
            everything = _Source([{"$match": {"t": one_of(scope)}}], schema.TYPE, True).beyond(number)
            window: list[Stage] = [*everything, {"$sort": {"n": 1}}, {"$limit": WINDOW}]
            found = await self._ask([*_probed(window, _flat(clause), scope, False), *ends], schema.TYPE)
            if len(found) > self._plan.count:
                return found
        stages = source.beyond(number)
        if source.plain:
            return await self._ask([stages[0], {"$sort": {"n": 1}}, *stages[1:], *ends], source.hint)
        return await self._ask([*stages, {"$sort": {"n": 1}}, *ends], source.hint)

    async def _walks(self, keys: Sequence[SortKey], source: _Source) -> bool:
        if len(keys) != 1 or keys[0].param != "_lastUpdated":
            return False
        return await self._count([*source.stages, {"$limit": DENSE}], source.hint) >= DENSE

    # -- words ---------------------------------------------------------------------------------------------------

    async def _without_words(self, clause: Clause, scope: Scope, beside: Sequence[Clause]) -> Clause:
        """The clause with every search for words replaced by the resources it finds, read among those that meet the
        clauses `beside` it."""
        match clause:
            case Words():
                return await self._with_words(clause, scope, beside)
            case And(clauses):
                others = [one for one in clauses if not _has_words(one)]
                return And(tuple([await self._without_words(one, scope, others) for one in clauses]))
            case Or(clauses):
                return Or(tuple([await self._without_words(one, scope, beside) for one in clauses]))
            case Not(inner):
                return Not(await self._without_words(inner, scope, beside))
            case Chain(_, types, inner):
                return replace(clause, clause=await self._without_words(inner, types, ()))
            case Has(kind, _, inner):
                return replace(clause, clause=await self._without_words(inner, (kind,), ()))
        return clause

    async def _with_words(self, clause: Words, scope: Scope, beside: Sequence[Clause]) -> IdIs:
        source = await self._source(And(tuple(beside)), scope)
        candidates: list[Stage] = [{"$limit": MOST_READ + 1}, {"$project": {"w": 1, "p": 1}}]
        found = await self._ask([*source.stages, *candidates], source.hint)
        if len(found) > MOST_READ:
            raise HieError(Category.TOO_LARGE, f"More than {MOST_READ} resources to read; narrow the search.")
        names: list[str] = []
        for start in range(0, len(found), _CHUNK):
            chunk = await self._bodies(found[start : start + _CHUNK])
            names += [name(v.type, v.id) for v in chunk if has_words(v.body, clause.words, clause.narrative)]
            if monotonic() > self._until:
                raise HieError(Category.TIMEOUT, "The time limit of the query is used up.")
        return IdIs(tuple(dict.fromkeys(one.partition("/")[2] for one in names)))

    # -- includes ------------------------------------------------------------------------------------------------

    async def _included(self, matches: Documents) -> list[Version]:
        seen = {one["_id"] for one in matches}
        fresh, found, first = matches, [], True
        while fresh:
            wave: dict[str, dict[str, Any]] = {}
            for include in self._plan.includes:
                if first or include.iterate:
                    ends = await (self._pointing(include, fresh) if include.reverse else self._pointed(include, fresh))
                    wave |= {one["_id"]: one for one in ends if one["_id"] not in seen}
            fresh = list(wave.values())
            seen |= wave.keys()
            found += fresh
            first = False
            if len(found) > MOST_INCLUDED:
                raise HieError(Category.TOO_LARGE, f"More than {MOST_INCLUDED} resources to include; ask for less.")
        return await self._bodies(found)

    async def _pointed(self, include: Include, documents: Documents) -> Documents:
        """What the documents refer to."""
        names = dict.fromkeys(
            one["o"]
            for document in documents
            if include.source in (None, document["t"])
            for one in document.get("r", ())
            if "o" in one and include.param in (None, one["p"])
            and (include.target is None or one["o"].startswith(name(include.target, "")))
        )  # fmt: skip
        return await self._listed({"_id": {"$in": list(names)}, "t": {"$gt": ""}}, "_id_") if names else []

    async def _pointing(self, include: Include, documents: Documents) -> Documents:
        """What refers to the documents."""
        ends = [one["_id"] for one in documents if include.target in (None, one["t"])]
        if not ends:
            return []
        kind = {"t": {"$eq": include.source}} if include.source else {"t": {"$gt": ""}}
        codes = include.params if include.param is None else (include.param,)
        keys = [key(code, REFERENCE, end) for code in codes for end in ends]
        return await self._listed({"k": {"$in": keys}, **kind}, schema.KEYS)

    async def _listed(self, condition: dict[str, Any], hint: str) -> Documents:
        shown = {"$project": {"t": 1, "w": 1, "n": 1, "p": 1, "r": 1}}
        return await self._ask([{"$match": condition}, {"$limit": MOST_INCLUDED + 1}, shown], hint)

    # -- explaining ----------------------------------------------------------------------------------------------

    async def _explain(self, scope: Scope, source: _Source) -> dict[str, Any]:
        """What drove the search and how many documents each step left; counting them runs the steps again."""
        driver = await self._driver(source.best, scope) if source.best is not None else None
        start = driver or _Source([{"$match": {"t": one_of(scope)}}], schema.TYPE, True)
        steps = []
        for number in range(len(source.rest) + 1):
            stages = _probed(start.stages, source.rest[:number], scope, start.plain)
            told = describe(source.best) if number == 0 else describe(source.rest[number - 1])
            rows = await self._count(stages, start.hint)
            steps.append({"step": "drive" if number == 0 else "probe", "clause": told, "rows": rows})
        return {
            "types": list(self._plan.types),
            "index": start.hint,
            "estimates": [{"clause": describe(c), "rows": rows, "capped": capped} for c, rows, capped in source.counts],
            "steps": steps,
            "sort": "sort" if self._plan.sort else "number",
        }


def _match(found: Sequence[Arm]) -> dict[str, Any]:
    if not found:
        return {"_id": {"$in": []}}
    return found[0].match if len(found) == 1 else {"$or": [arm.match for arm in found]}


def _hint(found: Sequence[Arm]) -> str | None:
    """The one index; None for several, which the planner then takes from the arms."""
    return found[0].index if len(found) == 1 else None


def _probed(stages: list[Stage], clauses: Sequence[Clause], scope: Scope, plain: bool) -> list[Stage]:
    """The stages with the clauses tried on what they give: first those that need no join."""
    direct: list[dict[str, Any]] = []
    joined: list[Stage] = []
    joins = Joins()
    for part in clauses:
        before = len(joins.stages)
        condition = probe(part, scope, joins)
        if len(joins.stages) == before:
            direct.append(hidden(condition))
        else:
            joined += [*joins.stages[before:], {"$match": condition}]
    if direct and plain:
        first = stages[0]["$match"]
        stages = [{"$match": {**first, "$and": [*first.get("$and", ()), *direct]}}, *stages[1:]]
    elif direct:
        stages = [*stages, {"$match": {"$and": direct}}]
    return [*stages, *joined]


def _lookup(local: str, foreign: str, pipeline: list[Stage]) -> Stage:
    return {
        "$lookup": {
            "from": schema.RESOURCE,
            "localField": local,
            "foreignField": foreign,
            "pipeline": pipeline,
            "as": "j",
        }
    }


def _walk(key: SortKey, clause: Clause, scope: Scope, position: list[Any] | None) -> list[Stage]:
    """Matches in the order of `_lastUpdated`, straight from its index."""
    down = key.descending
    first: dict[str, Any] = {"t": one_of(scope)}
    if position is not None:
        last, number = position
        first["u"] = {"$lte" if down else "$gte": last}
        first["$and"] = [{"$or": [{"u": {"$ne": last}}, {"n": {"$lt" if down else "$gt": number}}]}]
    direction = -1 if down else 1
    stages = _probed([{"$match": first}], _flat(clause), scope, True)
    return [stages[0], {"$sort": {"u": direction, "n": direction}}, *stages[1:]]


def _selective(clause: Clause) -> bool:
    """Whether a clause is known to list few, without counting."""
    if isinstance(clause, IdIs | InCompartment):
        return True
    if not isinstance(clause, Match) or clause.kind is not Kind.REFERENCE:
        return False
    return all(isinstance(test, ReferenceTest) and test.type in _OWNERS for test in clause.tests)


def _flat(clause: Clause) -> list[Clause]:
    if isinstance(clause, And):
        return [part for inner in clause.clauses for part in _flat(inner)]
    return [clause]


def _has_words(clause: Clause) -> bool:
    if isinstance(clause, Words):
        return True
    inner = getattr(clause, "clauses", None) or ([clause.clause] if isinstance(clause, Not | Chain | Has) else [])
    return any(_has_words(one) for one in inner)


def describe(clause: Clause | None) -> str:
    """A clause without its values: they may be a patient's."""
    if clause is None:
        return "all resources of the types"
    param = getattr(clause, "param", None)
    inner = getattr(clause, "clause", None)
    parts = [part for part in (param, describe(inner) if inner is not None else None) if part]
    nested = getattr(clause, "clauses", None)
    if nested is not None:
        parts = [describe(part) for part in nested]
    return f"{type(clause).__name__}({', '.join(parts)})"
