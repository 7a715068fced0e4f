"""A store with the seeded people and the browser over it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hie.base.clock import FixedClock
from hie.browse.pages import browse_app
from hie.browse.source import Source
from hie.store.memory import MemoryStore
from hie.store.port import Version
from hie.wire.safejson import loads
from tests.browse import seed

NOW = datetime(2026, 4, 8, 2, 30, tzinfo=UTC)


class Links:
    """Which Patients are one person, read from the golden Patients."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def __call__(self, patient_id: str) -> tuple[str, ...]:
        """Ids of the local Patients under a golden one."""
        version = await self._store.read("Patient", patient_id)
        links = loads(version.body).get("link", ()) if version else ()
        return tuple(link["other"]["reference"].split("/")[1] for link in links if link["type"] == "seealso")


class Finder:
    """The searches that the browser makes, by looking at every resource."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.broken: set[str] = set()

    async def __call__(self, resource_type: str, params: Sequence[tuple[str, str]], limit: int = 0) -> list[Version]:
        """Matches in order of id."""
        from hie.base.errors import Category, HieError

        if resource_type in self.broken:
            raise HieError(Category.UNAVAILABLE, "broken on purpose")
        found = []
        async for version in self._store.versions(resource_type):
            resource = loads(version.body)
            if all(_matches(resource, name, value) for name, value in params):
                found.append(version)
        return found


def _matches(resource: dict[str, Any], name: str, value: str) -> bool:
    wanted = value.split(",")
    if name == "patient":
        subject = resource.get("subject") or resource.get("patient") or {}
        return subject.get("reference") in wanted
    if name == "identifier":
        pairs = [(i.get("system"), i.get("value")) for i in resource.get("identifier", ())]
        return any(v in (f"{s}|{n}", n) for s, n in pairs for v in wanted)
    if name == "name":
        return any(n.get("text", "").startswith(v) for n in resource.get("name", ()) for v in wanted)
    if name == "birthdate":
        return str(resource.get("birthDate", "")).startswith(value)
    raise AssertionError(name)


async def filled(*groups: list[dict[str, Any]]) -> MemoryStore:
    """A store with these resources, written in order; resources of equal id become versions."""
    store = MemoryStore(clock=FixedClock(NOW))

    async def job(transaction: Any) -> None:
        for group in groups:
            for resource in group:
                await transaction.put(resource)

    await store.write(job)
    return store


def before_correction() -> list[dict[str, Any]]:
    """The first version of the corrected result of 顾晓嵐."""
    old = [r for r in seed.gu() if r.get("status") == "corrected" and r["resourceType"] == "Observation"]
    return [{**r, "status": "final", "valueQuantity": seed.quantity("21.2000", "10^9/L", "10*9/L")} for r in old]


@pytest.fixture
async def store() -> MemoryStore:
    """Everybody but the long record."""
    return await filled(
        seed.organizations(), before_correction(), seed.gu(), seed.hostile(), seed.no_allergy(), seed.unknown_allergy()
    )


@pytest.fixture
def find(store: MemoryStore) -> Finder:
    """The search over `store`."""
    return Finder(store)


@pytest.fixture
def source(store: MemoryStore, find: Finder) -> Source:
    """Charts of `store`."""
    return Source(store, find, Links(store))


def mounted(store: MemoryStore, find: Finder | None = None) -> Starlette:
    """The browser as it is mounted by the server."""
    app = browse_app(store, None, Links(store), FixedClock(NOW), find=find or Finder(store))
    return Starlette(routes=[Mount("/browse", app)])
