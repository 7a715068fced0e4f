"""`_text` and `_content`: the one search that reads bodies in the client, of what the other clauses left."""

from collections.abc import Sequence
from dataclasses import replace

from hie.base.errors import Category, HieError
from hie.search.match import has_words
from hie.search.plan import And, Chain, Clause, Has, IdIs, Not, Or, Words
from hie.store.mongo.asking import Asking
from hie.store.mongo.compile import Scope, Stage
from hie.store.mongo.driving import Driving
from hie.store.mongo.keys import name

MOST_READ = 100_000
"""Bodies that a search for words reads at most; more is TOO_LARGE."""

_CHUNK = 500


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

    async def _read(self, clause: Words, scope: Scope, beside: Sequence[Clause]) -> IdIs:
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
        return IdIs(tuple(dict.fromkeys(one.partition("/")[2] for one in names)))


def holds_words(clause: Clause) -> bool:
    if isinstance(clause, Words):
        return True
    inner = getattr(clause, "clauses", None) or ([clause.clause] if isinstance(clause, Not | Chain | Has) else [])
    return any(holds_words(one) for one in inner)
