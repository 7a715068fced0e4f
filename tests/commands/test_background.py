"""What an exchange does by itself while it runs, and when it says that it is ready."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hie.api.exports import Exports
from hie.api.searchparameters import SearchParameters
from hie.api.terminology import StoredTerminology
from hie.app import Exchange, open_exchange
from hie.base.clock import CHINA
from hie.base.silence import Silence
from hie.config import load_config

SILENT = Silence("wujiang", "X", datetime(2026, 3, 2, 10, 40, tzinfo=CHINA))
QUIET = {"mllp_port": -1, "workers": 0, "drop_poll_seconds": 0}


class Done(Counter[str]):
    """Counts work; `again` waits until each was done twice."""

    def __init__(self) -> None:
        self.more = asyncio.Event()

    def note(self, name: str) -> None:
        self[name] += 1
        self.more.set()

    def work(self, name: str, result: Any = 0) -> Callable[..., Any]:
        async def work(*_: object, **__: object) -> Any:
            self.note(name)
            return result

        return work

    async def again(self, names: set[str]) -> None:
        async with asyncio.timeout(20):
            while any(self[name] < 2 for name in names):
                self.more.clear()
                await self.more.wait()


@pytest.fixture
async def done(monkeypatch: pytest.MonkeyPatch) -> Done:
    """All background work, every hundredth of a second where no setting says how often."""
    loop, done, module = asyncio.get_running_loop(), Done(), sys.modules["hie.app.exchange"]
    for name in ("SILENCE_SECONDS", "EXPORT_SECONDS", "TERMINOLOGY_SECONDS", "PARAMETER_SECONDS"):
        monkeypatch.setattr(module, name, 0.01)
    for name, result in (("try_again", 0), ("close_days", 0), ("watch", [("f", "o", "r")]), ("silences", (SILENT,))):
        monkeypatch.setattr(module, name, done.work(name, result))
    monkeypatch.setattr(StoredTerminology, "load", done.work("load"))
    monkeypatch.setattr(SearchParameters, "refresh", done.work("refresh"))
    monkeypatch.setattr(Exports, "sweep", lambda _: loop.call_soon_threadsafe(done.note, "sweep"))
    return done


async def opened(folder: Path, seconds: float) -> Exchange:
    settings = {"data": folder, **QUIET, "retry_poll_seconds": seconds, "close_poll_seconds": seconds}
    return await open_exchange(load_config(settings, {}))


async def test_background_work_is_done_again_and_again(
    tmp_path: Path, done: Done, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await opened(tmp_path, 0.01)
    told: list[Any] = []
    exchange.tell = told.append
    try:
        await exchange.start()
        await done.again({"try_again", "close_days", "watch", "silences", "load", "refresh", "sweep"})
    finally:
        await exchange.close()
    assert "feed silent feed=f organisation=o rule=r" in caplog.messages
    assert exchange.silences() == (SILENT,)
    assert told[0] == exchange.silences.told()
    before = dict(done)
    await asyncio.sleep(0.03)
    assert done == before, "it goes on after the end"


async def test_work_that_settings_turn_off_is_not_done_and_a_server_is_ready_from_start_to_end(
    tmp_path: Path, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = await opened(tmp_path, 0)

    async def said() -> int:
        return (await exchange._readyz()).status_code

    try:
        assert await said() == 503
        await exchange.start()
        await done.again({"silences", "load", "refresh", "sweep"})
        assert await said() == 200
        with monkeypatch.context() as full:
            full.setattr(exchange.store, "ready", done.work("ready", result=False))
            assert await said() == 503
    finally:
        await exchange.close()
    assert not exchange._ready
    assert not done.keys() & {"try_again", "close_days", "watch"}
