"""Pipelines over `resource` for one search: each gets what is left of its time, and the index that was chosen."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from hie.base.errors import Category, HieError
from hie.store.mongo import schema
from hie.store.mongo.matching import Scope
from hie.store.mongo.probing import Stage
from hie.store.mongo.versions import VersionReading
from hie.store.port import Version

Documents = list[dict[str, Any]]


class Asking:
    """What one search asks of the server, in a transaction (`session`) or outside, for `seconds` altogether."""

    def __init__(self, database: AsyncDatabase[Any], session: AsyncClientSession | None, seconds: float) -> None:
        self._database = database
        self._versions = VersionReading(database, session)
        self._session = session
        self._until = monotonic() + seconds

    async def documents(self, stages: Sequence[Stage], hint: str | None) -> Documents:
        """What a pipeline gives; raises TIMEOUT when the time is used up."""
        return await self.of(schema.RESOURCE, stages, hint)

    async def of(self, collection: str, stages: Sequence[Stage], hint: str | None) -> Documents:
        """What a pipeline over another collection gives."""
        self.check_time()
        left = int((self._until - monotonic()) * 1000) or 1
        options: dict[str, Any] = {"hint": hint} if hint else {}
        cursor = await self._database[collection].aggregate(
            list(stages), session=self._session, maxTimeMS=left, allowDiskUse=True, batchSize=10_000, **options
        )
        return await cursor.to_list()

    async def count(self, stages: Sequence[Stage], hint: str | None) -> int:
        """How many documents a pipeline gives."""
        found = await self.documents([*stages, {"$count": "n"}], hint)
        return int(found[0]["n"]) if found else 0

    async def types(self) -> Scope:
        """The types of all current resources."""
        resources = self._database[schema.RESOURCE]
        return tuple(sorted(await resources.distinct("t", {"t": {"$gt": ""}}, session=self._session)))

    async def bodies(self, documents: Sequence[dict[str, Any]]) -> list[Version]:
        """The current versions of documents."""
        if not documents:
            return []
        found = await self._versions.at([one["w"] for one in documents], {one.get("p") for one in documents})
        return [found[one["w"]] for one in documents]

    def check_time(self) -> None:
        """Raise TIMEOUT when the time is used up."""
        if monotonic() >= self._until:
            raise HieError(Category.TIMEOUT, "The time limit of the query is used up.")

    @property
    def alone(self) -> bool:
        """Whether only one operation may run at a time: inside a transaction."""
        return self._session is not None and self._session.in_transaction
