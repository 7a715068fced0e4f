"""What all tests share: a real MongoDB, started once, at the first test that asks for one; and memory given back."""

import os
from collections.abc import Iterator
from typing import Any

import fastapi.dependencies.models
import pytest

from tests.mongod import ReplicaSet, find_mongod, unusable

_SKIPPED: list[str] = []


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


@pytest.fixture(autouse=True)
def failing_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transform that fails is noted where the exchange works; in a test it fails the test."""

    def fail(name: str, error: Exception, context: Any) -> None:
        raise error

    monkeypatch.setattr("hie.mapping.guarded.failed", fail)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in dict.fromkeys(_SKIPPED):
        terminalreporter.write_line(f"MongoDB tests skipped: {reason}")
