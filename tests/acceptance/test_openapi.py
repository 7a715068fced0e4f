"""Requests that Schemathesis makes up from our OpenAPI documents: no answer is 5xx, errors of `/fhir` are outcomes."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings

from hie.app import open_exchange
from hie.config import load_config

EXAMPLES = 5
"""Requests made up for each operation of the documents."""


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """A whole exchange over HTTP on a free port."""
    given_settings = {"data": folder, "mllp_port": -1, "workers": 0, "drop_poll_seconds": 0, "retry_poll_seconds": 0}
    exchange = await open_exchange(load_config(given_settings, {}))
    await exchange.start()
    server = uvicorn.Server(uvicorn.Config(exchange.web, log_level="critical", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await task
    await exchange.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of an exchange that runs in a thread."""
    ready, stop, found = threading.Event(), threading.Event(), []

    async def run() -> None:
        async with serving(tmp_path_factory.mktemp("openapi")) as base:
            found.append(base)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(30)
    yield found[0]
    stop.set()
    thread.join(30)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("document", ["openapi.json", "fhir/openapi.json"])
def test_nothing_made_up_is_answered_by_5xx(url: str, document: str) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/{document}")
    base = f"{url}/{document}".removesuffix("/openapi.json")
    called: dict[str, int] = {}
    succeeded: set[str] = set()
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def check(case: schemathesis.Case) -> None:
                answer = case.call(base_url=base, session=session, timeout=10)
                label = f"{case.method} {case.path}"
                called[label] = called.get(label, 0) + 1
                if answer.status_code < 300:
                    succeeded.add(label)
                assert answer.status_code < 500, f"{label}: {answer.status_code} {answer.text[:300]}"
                if base.endswith("/fhir") and answer.status_code >= 400 and case.method != "HEAD":
                    assert answer.json()["resourceType"] == "OperationOutcome", label

            check()
    assert sum(called.values()) >= 25
    assert len(succeeded) >= 5
