"""Custom search parameters: SearchParameter resources in the store that searches and the index go by.

An active one is checked when it is written, serves new data as soon as the write has answered, and old data when the
re-index has come by. What is loaded at the start is what the store holds. Parameters that ship with a later version of
this server (IHE MHD) are official, and get to old data in the same way.
"""

import asyncio
from collections.abc import Sequence

from hie.api.reindex import Log, Progress, Reindex
from hie.base.errors import Category, HieError
from hie.base.resource import JsonView
from hie.fhir.definition_rows import search_parameter
from hie.fhir.definitions import Definitions
from hie.fhir.element import SearchParameter
from hie.search.custom import check_parameter, fingerprint, types_of
from hie.search.entries import Entries
from hie.search.extract import Extractors
from hie.store.port import HistoryQuery, Reader, Store, Transaction
from hie.wire.safejson import loads

KIND = "SearchParameter"


class SearchParameters:
    """The custom parameters of one store.

    `extractors` must be those that the store extracts with. Call `load` before anything else is written. `shipped` are
    parameters of `definitions` that an index from before them is completed for. `read_at` is the version of a
    SearchParameter that was written last when they were read.
    """

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        extractors: Extractors,
        failed: Log,
        reindex: Reindex | None = None,
        shipped: Sequence[SearchParameter] = (),
    ) -> None:
        self.reindex = reindex or Reindex(store, failed)
        self.definitions = definitions
        self.changes = 0
        self.read_at: tuple[str, int] | None = None
        self._official = definitions
        self._store = store
        self._extractors = extractors
        self._failed = failed
        self._shipped = tuple(shipped)
        self._loading = asyncio.Lock()
        self._served: dict[str, SearchParameter] = {}

    def extract(self, resource: JsonView) -> Entries:
        """The index entries of a resource, by the parameters that are served: those up to `read_at`."""
        return self._extractors.extract(resource)

    def check(self, resource: JsonView) -> None:
        """Raise UNPROCESSABLE for an active SearchParameter that cannot be served beside the others."""
        if resource["resourceType"] == KIND and self._applies(resource):
            others = (p for identity, p in self._served.items() if identity != resource.get("id"))
            check_parameter(_read(resource), self._official.with_parameters(others))

    def note(self, kind: str) -> None:
        """Told of every resource that is written or deleted, before the commit."""
        if kind == KIND:
            self.changes += 1

    async def load(self) -> None:
        """Serve what the store holds now, and re-index where that differs from before."""
        async with self._loading:
            await self._load()

    async def refresh(self) -> None:
        """Do as `load` if a SearchParameter was written since: by another process on the store, perhaps."""
        async with self._loading:
            if await self._newest(self._store) != self.read_at:
                await self._load()

    async def _load(self) -> None:
        await self._serve()
        await self.reindex.want(self._wanted(), self._valid)

    async def _valid(self, tx: Transaction) -> bool:
        return await self._newest(tx) == self.read_at

    async def _newest(self, reader: Reader) -> tuple[str, int] | None:
        """The last version of any SearchParameter that was written."""
        found = (await reader.history(HistoryQuery(KIND, count=1))).versions
        return (found[0].id, found[0].version) if found else None

    async def serve(self) -> None:
        """Serve what the store holds now; what is indexed already stays as it is."""
        async with self._loading:
            await self._serve()

    async def follow(self) -> None:
        """Serve what the store holds now; another process sees to the index."""
        async with self._loading:
            if await self._newest(self._store) != self.read_at:
                await self._serve()
            await self.reindex.follow()

    async def _serve(self) -> None:
        newest = await self._newest(self._store)
        served = await self._read_all()
        self.read_at = newest
        if served != self._served:
            self._served = served
            self.definitions = self._official.with_parameters(served.values())
            self._extractors.use(self.definitions)

    def progress(self) -> list[Progress]:
        """How far the index of each type with custom parameters is."""
        return self.reindex.progress()

    async def close(self) -> None:
        """Stop the re-index."""
        await self.reindex.close()

    def _applies(self, resource: JsonView) -> bool:
        """A draft, a retired one and a copy of an official definition are kept but change nothing."""
        official = self._official.search_parameter(str(resource.get("url", ""))) is not None
        return resource.get("status") == "active" and not official

    async def _read_all(self) -> dict[str, SearchParameter]:
        found: dict[str, SearchParameter] = {}
        definitions = self._official
        resources = [loads(version.body) async for version in self._store.versions(KIND)]
        for resource in sorted(filter(self._applies, resources), key=lambda row: row.get("type") == "composite"):
            try:
                parameter = _read(resource)
                check_parameter(parameter, definitions)
            except HieError as error:
                self._failed(error)
                continue
            found[resource["id"]] = parameter
            definitions = definitions.with_parameters([parameter])
        return found

    def _wanted(self) -> dict[str, frozenset[str]]:
        wanted: dict[str, set[str]] = {}
        for parameter in (*self._shipped, *self._served.values()):
            for kind in types_of(parameter, self._official):
                wanted.setdefault(kind, set()).add(f"{parameter.code}:{fingerprint(parameter)}")
        return {kind: frozenset(keys) for kind, keys in wanted.items()}


def _read(resource: JsonView) -> SearchParameter:
    try:
        return search_parameter(resource)
    except (KeyError, TypeError, AttributeError):
        raise HieError(
            Category.UNPROCESSABLE, "code, type, base and component must be as FHIR R4 says", expression=KIND
        ) from None
