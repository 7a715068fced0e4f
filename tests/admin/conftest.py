"""An exchange that took in two weeks of simulated, partly spoilt traffic, each item at its own time."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from hie.app import Exchange, open_exchange
from hie.base.clock import CHINA
from hie.config import load_config
from hie.simulate.dirt import dirt
from hie.simulate.history import World
from hie.simulate.item import Item
from hie.simulate.traffic import traffic
from tests.clock import FixedClock

WORLD = World(seed=250, patients=40, start=datetime(2026, 3, 2), days=9, dirt=dirt("0.3"))
FIRST, LAST = "2026-03-02", "2026-03-11"
RANGE = {"from": FIRST, "to": LAST}
SETTINGS = {"mllp_port": -1, "workers": 0, "drop_poll_seconds": 0, "retry_poll_seconds": 0, "close_poll_seconds": 0}


async def simulated(folder: Path, world: World = WORLD, days: int = 10) -> tuple[Exchange, FixedClock, dict[str, int]]:
    """The exchange, its clock at the end of the traffic, and how many items came through each feed."""
    clock = FixedClock(world.start.replace(tzinfo=CHINA))
    exchange = await open_exchange(load_config({"data": folder, **SETTINGS}, {}), clock)
    await exchange.start()
    end = clock.at + timedelta(days=days)
    sent: dict[str, int] = {}
    for item in traffic(world):
        if not isinstance(item, Item) or item.at.replace(tzinfo=CHINA) >= end:
            continue
        clock.at = item.at.replace(tzinfo=CHINA)
        await exchange.ingest.receive(item.door, item.body)
        feed = exchange.ingest.doors[item.door].feed.id
        sent[feed] = sent.get(feed, 0) + (item.status != "duplicate")
    clock.at = end - timedelta(hours=1)
    return exchange, clock, sent


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Exchange]:
    """An exchange that nothing was sent to."""
    opened = await open_exchange(load_config({"data": tmp_path, **SETTINGS}, {}))
    yield opened
    await opened.close()


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[tuple[Exchange, FixedClock, dict[str, int]]]:
    opened = await simulated(tmp_path)
    yield opened
    await opened[0].close()


def client(exchange: Exchange) -> httpx.AsyncClient:
    """A client of the exchange, without sockets."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=exchange.web), base_url="http://localhost")
