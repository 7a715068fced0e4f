"""The pure stages in another process: the same result, and a worker that dies or hangs costs one item only."""

import asyncio
import errno
import itertools
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop

from hie.app import bind_feeds, load_adapters, mllp, open_exchange, worker_feeds
from hie.base import children
from hie.base.errors import Elsewhere, HieError, where
from hie.base.ids import raw_item_id
from hie.base.outcome import Answer
from hie.base.record import Delivery, Parsed
from hie.config import load_config
from hie.pipeline import worker as module
from hie.pipeline import workers as workers_module
from hie.pipeline.ahead import Ahead
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import failure
from hie.pipeline.prepare import prepare
from hie.pipeline.worker import Lost, Settle
from hie.pipeline.workers import NoWorker, Workers
from hie.staging.ledger import ledger
from tests.bench.messages import adt

SAMPLES = Path(__file__).resolve().parents[2] / "adapters"
BIG = (SAMPLES / "jiashan" / "samples" / "02-c0007-nested.xml").read_bytes()


SMALL = b"<x/>"


def delivery(body: bytes) -> Delivery:
    now = datetime(2026, 4, 1, tzinfo=UTC)
    return Delivery(raw_item_id("jiashan-cda", body), "jiashan-cda", "jiashan-cda", now, body)


def deadly_feeds() -> dict[str, FeedRuntime]:
    """Feeds whose parser ends the process, sleeps or fails when the document says so."""

    def parse(runtime: FeedRuntime, item: Delivery):  # type: ignore[no-untyped-def]
        if b"<!-- die -->" in item.body:
            os._exit(9)
        if b"<!-- hang -->" in item.body:
            import time

            time.sleep(600)
        if b"<!-- fail -->" in item.body:
            raise ValueError("what a patient said")
        return runtime.parse(item)

    from functools import partial

    return {name: replace(runtime, parse=partial(parse, runtime)) for name, runtime in worker_feeds().items()}


def no_settles(feeds: Mapping[str, FeedRuntime]) -> Settle:
    """What cannot be opened."""
    raise OSError("no such file")


@pytest.fixture(scope="module")
def runtime() -> FeedRuntime:
    return next(r for r in bind_feeds(load_adapters()) if r.feed.id == "jiashan-cda")


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    pool = Workers(1, deadly_feeds)
    await pool.start()
    yield pool
    pool.close()


async def test_a_worker_gives_what_this_process_gives_and_survives_bad_items(
    workers: Workers, runtime: FeedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    here_parsed, here = prepare(runtime, delivery(BIG))
    parsed, there = await workers(runtime, delivery(BIG))
    assert [part.draft for part in there] == [part.draft for part in here]
    assert [part.findings for part in there] == [part.findings for part in here]
    assert [part.record.body for part in there] == [BIG]
    assert replace(parsed, records=()) == replace(here_parsed, records=())
    with pytest.raises(Elsewhere) as failed:
        await workers(runtime, delivery(BIG + b"<!-- fail -->"))
    assert where(failed.value).startswith("ValueError@hie.pipeline.prepare:")
    with pytest.raises(Lost, match="terminated abruptly"):
        await workers(runtime, delivery(BIG + b"<!-- die -->"))
    small = delivery(SMALL)
    assert (await workers(runtime, small, suspect=True))[0].findings == prepare(runtime, small)[0].findings
    assert (await workers(runtime, delivery(BIG)))[1]
    monkeypatch.setattr(module, "SECONDS", 0.2)
    with pytest.raises(Lost, match="too long"):
        await workers(runtime, delivery(BIG + b"<!-- hang -->"))
    monkeypatch.undo()
    _, meanwhile = await workers(runtime, delivery(BIG))
    assert [part.draft for part in meanwhile] == [part.draft for part in here]


@pytest.mark.parametrize("failed", [OSError(errno.EMFILE, "Too many open files"), EOFError("unexpected EOF")])
async def test_a_worker_that_cannot_be_started_is_tried_again(
    failed: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that ended while there were no file descriptors to spare, or with the fork server over the next one, was
    missing until the server was started again, and items that had failed waited for it for ever."""

    loop = asyncio.get_running_loop()
    tried, enough = itertools.count(1), asyncio.Event()

    def start() -> None:
        if next(tried) == 3:
            loop.call_soon_threadsafe(enough.set)
        raise failed

    monkeypatch.setattr(workers_module, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(children, "_CONTEXT", SimpleNamespace(Process=lambda **_: SimpleNamespace(start=start)))
    pool = Workers(1, worker_feeds)
    starting = asyncio.create_task(pool.start())
    await asyncio.wait_for(enough.wait(), 5)
    starting.cancel()
    pool.close()
    assert caplog.text.count("it is tried again") == 2


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_items_under_way_with_a_bad_one_are_prepared_all_the_same(
    runtime: FeedRuntime, monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """In one worker, behind an item that ends it and behind one that hangs; with both event loops."""
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    _, here = prepare(runtime, delivery(BIG))

    async def under_way(bad: bytes) -> None:
        pool = Workers(1, deadly_feeds)
        await pool.start()
        asked = [BIG, SMALL, SMALL + bad, BIG, SMALL]
        found = asyncio.gather(*(pool(runtime, delivery(body)) for body in asked), return_exceptions=True)
        if b"hang" in bad:
            await asyncio.sleep(1)
            monkeypatch.setattr(module, "SECONDS", 1.0)
        answers = await found
        assert isinstance(answers.pop(2), Lost)
        for (_, parts), expected in zip(answers, (here, None, here, None), strict=True):
            assert expected is None or [part.draft for part in parts] == [part.draft for part in expected]
        pool.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(under_way(b"<!-- die -->"))
        runner.run(under_way(b"<!-- hang -->"))


async def test_of_an_item_that_ended_its_worker_no_more_than_the_header_is_read_here() -> None:
    """Nor, on MLLP, of one that failed before and for which no worker is there."""
    runtime = next(r for r in bind_feeds(load_adapters()) if r.feed.id == "wujiang-hl7v2")
    body = (SAMPLES / "wujiang" / "samples" / "01-admit-a01.hl7").read_bytes()
    read: list[bytes] = []

    def parse(item: Delivery) -> Parsed:
        read.append(item.body)
        return runtime.parse(item)

    item = replace(delivery(body), feed="wujiang-hl7v2", door="wujiang-hl7v2")

    async def receive(door: str, body: bytes) -> Answer:
        raise NoWorker("none")

    ours = replace(runtime, parse=parse)
    ingest: Any = SimpleNamespace(receive=receive, doors={item.door: ours}, delivery=lambda door, body: item)
    over_mllp = await mllp._server(item.door, ingest, load_config({}, {}))._handler(body)
    assert isinstance(over_mllp, bytes)
    for answer in (failure(ours, item, lost=True).body, over_mllp):
        assert b"MSA|AE|" + body.split(b"|")[9] in answer
    assert read == [body.split(b"\r")[0]] * 2


async def test_workers_that_have_read_other_tables_are_not_asked(runtime: FeedRuntime) -> None:
    pool = Workers(1, worker_feeds, runtime.maps)
    await pool.start()
    here = replace(runtime, maps="other tables", parse=_here)
    with pytest.raises(LookupError, match="here"):
        await pool(here, delivery(BIG))
    with pytest.raises(HieError, match="tables have just changed"):
        await pool(here, delivery(BIG), suspect=True)
    assert (await pool(replace(runtime, parse=_here), delivery(BIG)))[1]
    pool.close()


def _here(_: Delivery) -> Parsed:
    raise LookupError("here")


async def test_an_item_that_needs_a_worker_does_not_wait_for_ever(
    runtime: FeedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no worker to come, an item that had failed waited in silence, and every other one behind it."""
    pool = Workers(1, worker_feeds)
    assert (pool.up, pool.are_missing) == (0, False)
    monkeypatch.setattr(workers_module, "WAIT_SECONDS", 0.01)
    with pytest.raises(NoWorker, match="No worker process comes up"):
        await pool(runtime, delivery(SMALL), suspect=True)
    assert pool.are_missing
    assert (await pool(runtime, delivery(BIG)))[1], "another is prepared here"


async def test_renewed_workers_let_the_old_ones_finish(runtime: FeedRuntime) -> None:
    """Also when the whole process group is told to end, as systemd does: the server ends its workers when it has."""
    pool = Workers(1, worker_feeds, runtime.maps)
    await pool.start()
    under_way = [asyncio.create_task(pool(runtime, delivery(BIG + b"\n" * n))) for n in range(5)]
    await asyncio.sleep(0)
    [old] = pool._working
    assert old._process is not None
    old._process.terminate()
    pool.renew(worker_feeds, "next")
    assert all(parts for _, parts in await asyncio.gather(*under_way))
    await asyncio.wait_for(old.ended.wait(), 30)
    assert (await pool(replace(runtime, maps="next", parse=_here), delivery(BIG), suspect=True))[1]
    assert [worker is not old for worker in pool._working] == [True]
    pool.close()


async def test_a_worker_that_cannot_settle_ahead_prepares(runtime: FeedRuntime) -> None:
    pool = Workers(1, worker_feeds, runtime.maps, no_settles)
    await pool.start()
    found = await pool.ahead(runtime, delivery(BIG))
    pool.close()
    assert not isinstance(found, Ahead)
    assert found[1] != []


async def test_workers_settle_ahead_for_a_running_server(tmp_path: Path) -> None:
    """A whole exchange with a worker of its own: what it settles is taken, and the ledger balances."""
    quiet = {"processes": 1, "port": 0, "mllp_port": -1, "drop_poll_seconds": 0, "workers": 1}
    exchange = await open_exchange(load_config({"data": tmp_path, **quiet}, {}))
    taken: list[bool] = []
    take = Ahead.take

    async def noted(self: Ahead, *given: Any) -> Any:
        answer = await take(self, *given)
        taken.append(answer is not None)
        return answer

    try:
        await exchange.start()
        workers = exchange._workers
        assert workers is not None
        async with asyncio.timeout(60), workers._changed:
            await workers._changed.wait_for(workers._alive)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ahead, "take", noted)
            for number in range(8):
                answer = await exchange.ingest.receive("wujiang-hl7v2", adt(number))
                assert b"MSA|AA|" in answer.body
            assert b"\nhie_pipeline_workers 1\n" in (await exchange._metrics()).body
            assert b'"ready"' in (await exchange._readyz()).body
            patch.setattr(Workers, "are_missing", True)
            assert b'"degraded"' in (await exchange._readyz()).body
        found = await ledger(exchange.store)
        assert (found.received, found.stored, found.balanced) == (8, 8, True)
        assert taken[-1], "what a worker settled was taken"
    finally:
        await exchange.close()
