"""A real MongoDB for every test that asks for one: started once, at the first that does."""

import os
from collections.abc import Iterator

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in dict.fromkeys(_SKIPPED):
        terminalreporter.write_line(f"MongoDB tests skipped: {reason}")
