"""`_include` and `_revinclude` of a page (FHIR R4 search §3.1.1.5.3), wave by wave."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from hie.base.errors import Category, HieError
from hie.search.plan import Include
from hie.store.mongo import schema
from hie.store.mongo.asking import Asking, Documents
from hie.store.mongo.keys import REFERENCE, key, references
from hie.store.mongo.probing import Stage
from hie.store.mongo.sorting import shown
from hie.store.port import Version

MOST_INCLUDED = 5000
"""Included resources of a page at most; more is TOO_LARGE."""


_number = itemgetter("n")
"""The paging number: the same search includes in the same order, on every store that has one."""


class Including:
    """Follows the references of documents."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def included(self, includes: Sequence[Include], matches: Documents) -> list[Version]:
        seen = {one["_id"] for one in matches}
        fresh, found, first = matches, [], True
        while fresh:
            wave: dict[str, dict[str, Any]] = {}
            for include in includes:
                if first or include.iterate:
                    ends = await (self._pointing(include, fresh) if include.reverse else self._pointed(include, fresh))
                    wave |= {one["_id"]: one for one in sorted(ends, key=_number) if one["_id"] not in seen}
            fresh = list(wave.values())
            seen |= wave.keys()
            found += fresh
            first = False
            if len(found) > MOST_INCLUDED:
                raise HieError(Category.TOO_LARGE, f"More than {MOST_INCLUDED} resources to include; ask for less.")
        return await self._asking.bodies(found)

    async def _pointed(self, include: Include, documents: Documents) -> Documents:
        """What the documents refer to."""
        names = dict.fromkeys(
            at
            for document in documents
            if include.source in (None, document["t"])
            for code, at in references(document.get("k", ()))
            if include.param in (None, code) and at.startswith("" if include.target is None else f"{include.target}/")
        )
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
        stages: list[Stage] = [{"$match": condition}, {"$limit": MOST_INCLUDED + 1}, {"$project": shown(True)}]
        return await self._asking.documents(stages, hint)
