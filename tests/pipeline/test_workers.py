"""The pure stages in another process: the same result, and a worker that dies or hangs costs one item only."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hie.app import bind_feeds, load_adapters, worker_feeds
from hie.base.ids import raw_item_id
from hie.base.record import Delivery
from hie.pipeline import workers as module
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import prepare
from hie.pipeline.workers import Workers

SAMPLES = Path(__file__).resolve().parents[2] / "adapters"
BIG = (SAMPLES / "jiashan" / "samples" / "02-c0007-nested.xml").read_bytes()


def delivery(body: bytes) -> Delivery:
    now = datetime(2026, 4, 1, tzinfo=UTC)
    return Delivery(raw_item_id("jiashan-cda", body), "jiashan-cda", "jiashan-cda", now, body)


def deadly_feeds() -> dict[str, FeedRuntime]:
    """Feeds whose parser ends the process, or sleeps, when the document says so."""
    from dataclasses import replace

    def parse(runtime: FeedRuntime, item: Delivery):  # type: ignore[no-untyped-def]
        if b"<!-- die -->" in item.body:
            os._exit(9)
        if b"<!-- hang -->" in item.body:
            import time

            time.sleep(600)
        return runtime.parse(item)

    from functools import partial

    return {name: replace(runtime, parse=partial(parse, runtime)) for name, runtime in worker_feeds().items()}


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    pool = Workers(1, deadly_feeds)
    await pool.start()
    yield pool
    pool.close()


async def test_a_worker_gives_what_this_process_gives_and_survives_bad_items(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = next(r for r in bind_feeds(load_adapters()) if r.feed.id == "jiashan-cda")
    _, here = prepare(runtime, delivery(BIG))
    _, there = await workers(runtime, delivery(BIG))
    assert [part.draft for part in there] == [part.draft for part in here]
    assert [part.findings for part in there] == [part.findings for part in here]
    with pytest.raises(Exception, match="terminated abruptly"):
        await workers(runtime, delivery(BIG + b"<!-- die -->"))
    small = delivery(b"<x/>")
    assert (await workers.isolated(runtime, small))[0].findings == prepare(runtime, small)[0].findings
    assert (await workers(runtime, delivery(BIG)))[1]
    monkeypatch.setattr(module, "SECONDS", 0.2)
    with pytest.raises(asyncio.TimeoutError):
        await workers(runtime, delivery(BIG + b"<!-- hang -->"))
    monkeypatch.undo()
    _, meanwhile = await workers(runtime, delivery(BIG))
    assert [part.draft for part in meanwhile] == [part.draft for part in here]
    await workers._again
