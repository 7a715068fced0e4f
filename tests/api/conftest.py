"""The FHIR API on both embedded stores, called through ASGI."""

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp, fhir_app
from hie.api.settings import FhirSettings
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.security.policy import AllowAll
from hie.store.memory import MemoryStore
from hie.store.port import Store
from hie.store.sqlite import SqliteStore
from tests.clock import FixedClock

BASE = "http://test/fhir"
SETTINGS = FhirSettings(secret=b"test", max_body=4 * 1024 * 1024)

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:test:id", "value": "A1"}],
    "name": [{"family": "Zhang", "given": ["Wei"]}],
    "gender": "female",
    "birthDate": "1980-05-17",
}


@pytest.fixture(params=["memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock, extractors: Extractors
) -> AsyncIterator[Store]:
    opened: Store
    if request.param == "memory":
        opened = MemoryStore(extract=extractors.extract, clock=clock)
    else:
        opened = await SqliteStore.open(tmp_path / "hie.sqlite", extract=extractors.extract, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def make_app(store: Store, clock: FixedClock) -> Callable[..., FhirApp]:
    def make(settings: FhirSettings = SETTINGS, policy: Any = None, **more: Any) -> FhirApp:
        numbers = itertools.count(1)
        more.setdefault("new_id", lambda: f"new-{next(numbers)}")
        return fhir_app(store, official(), settings, policy or AllowAll(), clock, **more)

    return make


def client_of(app: FhirApp) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, root_path="/fhir")
    return httpx.AsyncClient(transport=transport, base_url=f"{BASE}/", headers={"accept": "application/fhir+json"})


@pytest.fixture
async def client(make_app: Callable[..., FhirApp]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app()) as opened:
        yield opened


def issue(answer: httpx.Response) -> dict[str, Any]:
    """The first issue of an answer that must be an OperationOutcome."""
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    found: dict[str, Any] = body["issue"][0]
    return found
