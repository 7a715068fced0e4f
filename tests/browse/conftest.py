"""A store with the seeded people and the browser over it."""

from collections.abc import Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hie.base.errors import Category, HieError
from hie.base.silence import Silence
from hie.browse.chart import Charts
from hie.browse.guard import View
from hie.browse.pages import browse_app
from hie.browse.source import Source
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.search.query import Plan
from hie.security.policy import AllowAll
from hie.security.principal import LOCAL_OPERATOR
from hie.store.memory import MemoryStore
from hie.store.port import Page, Reader, Store
from hie.wire.safejson import loads
from tests.browse import seed
from tests.browse.seed import NOW
from tests.clock import FixedClock

EXTRACTORS = Extractors(official())


class Links:
    """Which Patients are one person, read from the golden Patients."""

    def __init__(self, store: Reader) -> None:
        self._store = store

    async def __call__(self, patient_id: str) -> tuple[str, ...]:
        """Ids of the local Patients under a golden one."""
        version = await self._store.read("Patient", patient_id)
        links = loads(version.body).get("link", ()) if version else ()
        return tuple(link["other"]["reference"].split("/")[1] for link in links if link["type"] == "seealso")


class Frail:
    """A store whose searches on the types in `broken` fail, as when its database does not answer."""

    def __init__(self, store: Reader) -> None:
        self._store = store
        self.broken: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def search(self, plan: Plan) -> Page:
        """The search of the store, or a failure."""
        if set(plan.types) & self.broken:
            raise HieError(Category.UNAVAILABLE, "broken on purpose")
        return await self._store.search(plan)


async def write(store: Store, *groups: list[dict[str, Any]]) -> None:
    """Write these resources in order; resources of equal id become versions."""

    async def job(transaction: Any) -> None:
        for group in groups:
            for resource in group:
                await transaction.put(resource)

    await store.write(job)


async def filled(*groups: list[dict[str, Any]]) -> Frail:
    """A store in memory with these resources."""
    store = MemoryStore(extract=EXTRACTORS.extract, clock=FixedClock(NOW))
    await write(store, *groups)
    return Frail(store)


def source_of(store: Frail) -> Source:
    """Charts of a store, for the local operator."""
    return Source(View(store, official(), AllowAll(), LOCAL_OPERATOR), Links(store), Charts())


@pytest.fixture
async def store() -> Frail:
    """Everybody but the long record."""
    return await filled(*seed.everybody())


@pytest.fixture
def source(store: Frail) -> Source:
    """Charts of `store`."""
    return source_of(store)


def mounted(store: Frail, silences: Sequence[Silence] = ()) -> Starlette:
    """The browser as it is mounted by the server, while these sources are silent."""
    app = browse_app(store, official(), Links(store), FixedClock(NOW), silences=lambda: silences)
    return Starlette(routes=[Mount("/browse", app)])
