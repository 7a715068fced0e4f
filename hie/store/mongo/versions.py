"""Versions and history (FHIR R4 http §3.1.0.2, §3.1.0.3, §3.1.0.13), inside a transaction or outside."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from hie.search.values import EARLIEST
from hie.store.mongo.keys import name
from hie.store.mongo.placing import named_place
from hie.store.mongo.schema import RESOURCE, VERSION
from hie.store.port import Cut, HistoryPage, HistoryQuery, Version

_SHOWN = {"t": 1, "i": 1, "v": 1, "u": 1, "m": 1, "b": 1}
_CHUNK = 500


def version_of(document: Mapping[str, Any]) -> Version:
    """A document of `version` as a value."""
    return Version(
        document["t"], document["i"], document["v"], document["u"], bytes(document.get("b", b"")), document["m"]
    )


class VersionReading:
    """read, vread, history and the walk over all current resources."""

    def __init__(self, database: AsyncDatabase[Any], session: AsyncClientSession | None = None) -> None:
        self._versions = database[VERSION]
        self._resources = database[RESOURCE]
        self._session = session

    async def current(self, resource_type: str, resource_id: str) -> dict[str, Any] | None:
        """The document of the current version."""
        found: dict[str, Any] | None = await self._versions.find_one(
            _named(resource_type, resource_id), sort=[("v", -1)], session=self._session
        )
        return found

    async def currents(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The documents of the current versions of `Type/id`, of those that were ever written."""
        here = self._resources.find({"_id": {"$in": list(names)}}, {"w": 1, "p": 1}, session=self._session)
        there = {one["w"]: one for one in await here.to_list()}
        if not there:
            return {}
        wanted = {"_id": {"$in": list(there)}, "p": {"$in": [*{one.get("p") for one in there.values()}]}}
        found = await self._versions.find(wanted, session=self._session).to_list()
        return {there[one["_id"]]["_id"]: one for one in found}

    async def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """One version."""
        one = {**_named(resource_type, resource_id), "v": {"$eq": version}}
        found = await self._versions.find_one(one, _SHOWN, session=self._session)
        return None if found is None else version_of(found)

    async def at(self, writes: Sequence[int], places: Iterable[str | None]) -> dict[int, Version]:
        """Versions by the number of their write; `places` are the `p` of their resources, by which a router of shards
        knows where to ask."""
        wanted = {"_id": {"$in": list(writes)}, "p": {"$in": list(places)}}
        cursor = self._versions.find(wanted, _SHOWN, session=self._session, batch_size=5000)
        return {found["_id"]: version_of(found) for found in await cursor.to_list()}

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """Versions, newest first; the cursor is the number of the last write that was shown."""
        condition = _condition(query) or {"u": {"$gt": EARLIEST}}
        total = await self._versions.count_documents(condition, session=self._session)
        beyond = {"_id": {"$lt": int(query.cursor)}} if query.cursor else {}
        order = [("v", -1)] if query.id is not None else [("u", -1), ("_id", -1)]
        cursor = self._versions.find({**condition, **beyond}, _SHOWN, session=self._session)
        found = await cursor.sort(order).limit(query.count + 1).to_list()
        shown = found[: query.count]
        more = str(shown[-1]["_id"]) if shown and len(found) > query.count else None
        return HistoryPage([version_of(one) for one in shown], more, total)

    async def cut(self) -> Cut:
        """The newest write."""
        found = await self._versions.find_one({}, {"u": 1}, sort=[("_id", -1)], session=self._session)
        return Cut(0, 0) if found is None else Cut(int(found["_id"]), int(found["u"]))

    async def as_of(self, resource_type: str, resource_id: str, cut: Cut) -> Version | None:
        """The version that was current then."""
        then = {**_named(resource_type, resource_id), "_id": {"$lte": cut.number}}
        found = await self._versions.find_one(then, _SHOWN, sort=[("v", -1)], session=self._session)
        return None if found is None else version_of(found)

    async def log(self, after: int, limit: int) -> list[tuple[int, Version]]:
        """Versions in order of writing."""
        cursor = self._versions.find({"_id": {"$gt": after}}, _SHOWN, session=self._session).sort("_id", 1)
        return [(found["_id"], version_of(found)) for found in await cursor.limit(limit).to_list()]

    async def all(self, resource_type: str | None, cut: Cut | None = None) -> AsyncIterator[Version]:
        """All not deleted resources, by type and id, as they are or were."""
        low, high = ("", "\U0010ffff") if resource_type is None else (name(resource_type, ""), f"{resource_type}0")
        while True:
            span = {"_id": {"$gt": low, "$lt": high}, **({"t": {"$gt": ""}} if cut is None else {})}
            chunk = await self._resources.find(span, {"w": 1, "p": 1}).sort("_id", 1).limit(_CHUNK).to_list()
            same = [one for one in chunk if cut is None or one["w"] <= cut.number]
            bodies = await self.at([one["w"] for one in same], {one.get("p") for one in same})
            for one in chunk:
                version = bodies.get(one["w"])
                if version is None and cut is not None:
                    kind, _, identity = one["_id"].partition("/")
                    version = await self.as_of(kind, identity, cut)
                if version is not None and not version.deleted:
                    yield version
            if len(chunk) < _CHUNK:
                return
            low = chunk[-1]["_id"]


def _named(resource_type: str, resource_id: str) -> dict[str, Any]:
    place = named_place(resource_type, [resource_id])
    return {"t": {"$eq": resource_type}, "i": {"$eq": resource_id}, **place}


def _condition(query: HistoryQuery) -> dict[str, Any]:
    condition: dict[str, Any] = {}
    if query.type is not None:
        condition["t"] = {"$eq": query.type}
        if query.id is not None:
            condition["i"] = {"$eq": query.id}
    instants: dict[str, int] = {}
    if query.since is not None:
        instants["$gte"] = query.since
    if query.at is not None:
        instants["$lt"] = query.at + 1 if query.at_until is None else query.at_until
        condition["$or"] = [{"e": {"$eq": None}}, {"e": {"$gt": query.at}}]
    if instants:
        condition["u"] = instants
    return condition
