"""The whole exchange on MongoDB: the samples give the same store as on SQLite."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from hie.app import Exchange, open_exchange
from hie.config import load_config
from hie.pipeline.verify import verify
from hie.staging.ledger import counters
from tests.acceptance.test_samples import send
from tests.acceptance.test_story import FEEDS
from tests.contract.asking import plan
from tests.mongo_store import database_uri


async def content(exchange: Exchange) -> dict[str, Any]:
    """Every current resource without versions and times of arrival."""
    found = {}
    async for version in exchange.store.versions():
        resource = json.loads(version.body)
        if version.type not in ("Provenance", "AuditEvent"):
            resource.pop("meta")
            found[f"{version.type}/{version.id}"] = resource
    return found


async def shown(exchange: Exchange) -> list[str]:
    """What comes in an order that nobody asked for: counters, and what a search includes."""
    page = await exchange.store.search(plan("Patient", "_count=5&_include=*&_revinclude=*"))
    return [*await counters(exchange.store), *(f"{one.type}/{one.id}" for one in page.included)]


async def test_the_samples_give_the_same_store_as_on_sqlite(tmp_path: Path, mongodb_uri: str) -> None:
    stores = []
    for url in ("", database_uri(mongodb_uri, f"hie_{uuid4().hex[:8]}")):
        settings = {"data": tmp_path / ("mongo" if url else "sqlite"), "store": url, "mllp_port": -1, "workers": 0}
        quiet = {"drop_poll_seconds": 0, "retry_poll_seconds": 0}
        exchange = await open_exchange(load_config({**settings, **quiet}, {}))
        await exchange.start()
        for feed in FEEDS:
            await send(exchange, feed)
        result = await verify(exchange.store, exchange.operator())
        assert result.sound, result.problems
        stores.append((await content(exchange), await shown(exchange)))
        await exchange.close()
    assert stores[0] == stores[1]
