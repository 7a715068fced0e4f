"""What all tests share: a real MongoDB, started once, at the first test that asks for one; field maps, compiled once;
what a clock shows, and index entries; memory given back, and looked through less often."""

import gc
import hashlib
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastapi.dependencies.models
import pytest

from hie.fhir.definitions import official
from hie.mapping.apply import MapSet
from hie.plugin import Adapter
from hie.search.extract import Extractors
from tests.clock import FixedClock
from tests.mongod import ReplicaSet, find_mongod, unusable

_SKIPPED: list[str] = []


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 1, 18, 0, 30, tzinfo=UTC))


@pytest.fixture(scope="session")
def extractors() -> Extractors:
    return Extractors(official())


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """The URI of a replica set: `HIE_TEST_MONGODB_URI`, or one of three members that is started here.

    Without either the tests skip with the reason, and fail where `CI` is set.
    """
    if given := os.environ.get("HIE_TEST_MONGODB_URI"):
        yield given
        return
    mongod = find_mongod()
    if (reason := unusable(mongod)) is not None:
        if os.environ.get("CI"):
            pytest.fail(reason)
        _SKIPPED.append(reason)
        pytest.skip(reason)
    assert mongod is not None
    started = ReplicaSet(mongod).start()
    yield started.uri
    started.stop()


@pytest.fixture(scope="module", autouse=True)
def forgotten_routes() -> Iterator[None]:
    """FastAPI remembers every endpoint that it has seen, and with it the 32 MB of the exchange that it belonged to."""
    yield
    for remembered in vars(fastapi.dependencies.models).values():
        if hasattr(remembered, "cache_clear"):
            remembered.cache_clear()


def _bytes(folder: Path | None) -> str:
    """What names the tables in a folder by their bytes."""
    if folder is None:
        return ""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.*")):
        if path.suffix in (".toml", ".csv") and path.is_file():
            digest.update(b"%d %s\n" % (path.stat().st_size, bytes(path.relative_to(folder))))
            digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="session", autouse=True)
def maps_compiled_once() -> Iterator[None]:
    """An exchange compiles every field map when it opens, half of what opening costs; tables that are the same by their
    bytes are compiled once for all tests of a process."""
    load, known = MapSet.load, {}

    def loaded(folder: Path, adapters: Iterable[Adapter], **more: Any) -> MapSet:
        given = tuple(adapters)
        if more:
            return load(folder, given, **more)
        key = tuple((one.region, repr(one.feeds), *one.transforms.items(), _bytes(one.mappings)) for one in given)
        key += (_bytes(folder),)
        if key not in known:
            known[key] = load(folder, given)
        return known[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MapSet, "load", loaded)
        yield


def pytest_collection_finish() -> None:
    """What was imported for the tests stays; what they make is looked through after 50,000 objects, not after 700."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


@pytest.fixture(autouse=True)
def failing_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transform that fails is noted where the exchange works; in a test it fails the test."""

    def fail(name: str, error: Exception, context: Any) -> None:
        raise error

    monkeypatch.setattr("hie.mapping.guarded.failed", fail)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in dict.fromkeys(_SKIPPED):
        terminalreporter.write_line(f"MongoDB tests skipped: {reason}")
