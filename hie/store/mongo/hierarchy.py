"""`:above` and `:below` on references: the resources of a line, read level by level before the search runs."""

from collections.abc import Sequence

from hie.base.errors import Category, HieError
from hie.search.clause import Clause, Hierarchy
from hie.search.hierarchy import hierarchies, resolved
from hie.store.mongo import schema
from hie.store.mongo.asking import Asking
from hie.store.mongo.keys import REFERENCE, key, name
from hie.store.mongo.matching import targets

MOST = 5000
"""Resources of a line at most; more is TOO_LARGE."""


class Lines:
    """Reads who is above or below whom."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def resolved(self, clause: Clause) -> Clause:
        """The clause with every hierarchy replaced by what belongs to it."""
        found = {test: await self._line(test.type or "", test.id or "", test.hierarchy)
                 for test in hierarchies(clause) if test.hierarchy is not None}  # fmt: skip
        return resolved(clause, found.__getitem__) if found else clause

    async def _line(self, kind: str, start: str, hierarchy: Hierarchy) -> Sequence[str]:
        found = {start: None}
        fresh = [start]
        step = self._parents if hierarchy.up else self._children
        while fresh:
            fresh = [one for one in await step(kind, fresh, hierarchy.parent) if one not in found]
            found |= dict.fromkeys(fresh)
            if len(found) > MOST:
                raise HieError(Category.TOO_LARGE, f"More than {MOST} resources in a hierarchy; begin further down.")
        return list(found)

    async def _parents(self, kind: str, ids: Sequence[str], param: str) -> list[str]:
        these = {"_id": {"$in": [name(kind, one) for one in ids]}, "t": {"$gt": ""}}
        documents = await self._asking.documents([{"$match": these}, {"$project": {"x": targets(param)}}], "_id_")
        ends = (end.partition("/") for document in documents for end in document["x"])
        return [one for other, _, one in ends if other == kind]

    async def _children(self, kind: str, ids: Sequence[str], param: str) -> list[str]:
        these = {"k": {"$in": [key(param, REFERENCE, name(kind, one)) for one in ids]}, "t": {"$eq": kind}}
        documents = await self._asking.documents([{"$match": these}, {"$project": {"t": 1}}], schema.KEYS)
        return [document["_id"].partition("/")[2] for document in documents]
