"""`_text` and `_content`: by the text index, and by reading the bodies of what it has not reached.

Words that very many resources have are looked for in the bodies of what the other clauses left.
"""

from collections.abc import Sequence
from dataclasses import replace

from hie.base.errors import Category, HieError
from hie.search.clause import And, Chain, Clause, Has, IdIs, Not, Or, TypeIs, Words
from hie.search.match import has_words
from hie.store.mongo import schema
from hie.store.mongo.asking import Asking
from hie.store.mongo.conditions import Condition
from hie.store.mongo.driving import Driving
from hie.store.mongo.keys import LAST, name
from hie.store.mongo.matching import Scope, one_of
from hie.store.mongo.probing import Stage

MOST_READ = 100_000
"""Bodies that a search for words reads at most; more is TOO_LARGE."""

MOST_FOUND = 20_000
"""Resources that the index finds up to which it is used."""

MOST_BEYOND = 5000
"""Versions beyond the index that are read."""

_CHUNK = 500
_BODY = {"t": 1, "i": 1, "b": 1}


class WordReading:
    """Replaces searches for words by what they find."""

    def __init__(self, asking: Asking, driving: Driving) -> None:
        self._asking = asking
        self._driving = driving

    async def without(self, clause: Clause, scope: Scope, beside: Sequence[Clause]) -> Clause:
        """The clause with every search for words replaced by the resources it finds, read among those that meet the
        clauses `beside` it."""
        match clause:
            case Words():
                return await self._read(clause, scope, beside)
            case And(clauses):
                others = [one for one in clauses if not holds_words(one)]
                return And(tuple([await self.without(one, scope, others) for one in clauses]))
            case Or(clauses):
                return Or(tuple([await self.without(one, scope, beside) for one in clauses]))
            case Not(inner):
                return Not(await self.without(inner, scope, beside))
            case Chain(_, types, inner):
                return replace(clause, clause=await self.without(inner, types, ()))
            case Has(kind, _, inner):
                return replace(clause, clause=await self.without(inner, (kind,), ()))
        return clause

    async def _read(self, clause: Words, scope: Scope, beside: Sequence[Clause]) -> Clause:
        state = await self._asking.of(schema.CONTROL, [{"$match": {"_id": "text"}}], "_id_")
        reached = state[0]["reached"] if state else 0
        found = await self._indexed(clause, scope)
        beyond = {"_id": {"$gt": reached}, "t": one_of(scope), "e": None}
        first: list[Stage] = [{"$match": beyond}, {"$sort": {"_id": 1}}, {"$limit": MOST_BEYOND + 1}]
        late = [] if found is None else await self._asking.of(schema.VERSION, [*first, {"$project": _BODY}], "_id_")
        if found is None or len(late) > MOST_BEYOND:
            return _these(await self._by_reading(clause, scope, beside))
        found += [name(one["t"], one["i"]) for one in late
                  if one.get("b") and has_words(one["b"], clause.words, clause.narrative)]  # fmt: skip
        return _these(found)

    async def _indexed(self, clause: Words, scope: Scope) -> list[str] | None:
        """What the text index has, by name; None when it is too much to be of help."""
        field = "x" if clause.narrative else "c"
        words = [{field: {"$elemMatch": {"$gte": word, "$lt": word + LAST}}} for word in clause.words]
        wanted: list[Stage] = [{"$match": {"$and": words, "t": one_of(scope)}}, {"$limit": MOST_FOUND + 1}]
        index = "narrative" if clause.narrative else "content"
        documents = await self._asking.of(schema.TEXT, [*wanted, {"$project": {"i": 1, "w": 1}}], index)
        if len(documents) > MOST_FOUND:
            return None
        numbers = {(one["i"], one.get("w", one["_id"])) for one in documents}
        numbers |= await self._scattered(words, scope) if len(words) > 1 else set()
        these = {"$match": {"_id": {"$in": list({found for found, _ in numbers})}, "t": {"$gt": ""}}}
        current = await self._asking.documents([these, {"$project": {"w": 1}}], "_id_") if numbers else []
        return [one["_id"] for one in current if (one["_id"], one["w"]) in numbers]

    async def _scattered(self, words: Sequence[Condition], scope: Scope) -> set[tuple[str, int]]:
        """Names and numbers of the few whose terms lie in several documents, which may have a word each."""
        found: list[set[tuple[str, int]]] = []
        for word in words:
            large = {"$match": {"w": {"$gt": 0}, "t": one_of(scope), **word}}
            documents = await self._asking.of(schema.TEXT, [large, {"$project": {"i": 1, "w": 1}}], "parts")
            found.append({(one["i"], one["w"]) for one in documents})
            if not found[-1]:
                break
        return set.intersection(*found)

    async def _by_reading(self, clause: Words, scope: Scope, beside: Sequence[Clause]) -> list[str]:
        """The names of what has the words among all that meet the clauses `beside`."""
        source = await self._driving.source(And(tuple(beside)), scope)
        candidates: list[Stage] = [{"$limit": MOST_READ + 1}, {"$project": {"w": 1, "p": 1}}]
        found = await self._asking.documents([*source.stages, *candidates], source.hint)
        if len(found) > MOST_READ:
            raise HieError(Category.TOO_LARGE, f"More than {MOST_READ} resources to read; narrow the search.")
        names: list[str] = []
        for start in range(0, len(found), _CHUNK):
            chunk = await self._asking.bodies(found[start : start + _CHUNK])
            names += [name(v.type, v.id) for v in chunk if has_words(v.body, clause.words, clause.narrative)]
            self._asking.check_time()
        return names


def _these(names: Sequence[str]) -> Clause:
    """The clause for resources by name."""
    by_type: dict[str, dict[str, None]] = {}
    for one in names:
        kind, _, identity = one.partition("/")
        by_type.setdefault(kind, {})[identity] = None
    return Or(tuple(And((TypeIs((kind,)), IdIs(tuple(ids)))) for kind, ids in by_type.items()))


def holds_words(clause: Clause) -> bool:
    if isinstance(clause, Words):
        return True
    inner = getattr(clause, "clauses", None) or ([clause.clause] if isinstance(clause, Not | Chain | Has) else [])
    return any(holds_words(one) for one in inner)
