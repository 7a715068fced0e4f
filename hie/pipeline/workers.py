"""Workers: the pure stages in processes of their own, so that no message can stop the server.

A message that hangs or kills its worker costs itself only: the worker is replaced, and the item is kept and tried again
like any other failure. Small items are prepared at once. What it costs: docs/decisions/0005-workers.md.
"""

import asyncio
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Protocol

from hie.base.errors import Category, HieError
from hie.base.record import Delivery, Parsed
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import Prepared, prepare

log = logging.getLogger("hie.pipeline")

LEAST_BYTES = 1500
"""Items below this size are prepared in the calling process."""

SECONDS = 60.0
"""How long the pure stages may take for one item before their worker is given up."""

Build = Callable[[], Mapping[str, FeedRuntime]]
"""Makes the feeds inside a worker; a function at the top of a module, because it is named to the new process."""


class Preparation(Protocol):
    """Whatever runs the pure stages for one delivery."""

    async def __call__(self, runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]]:
        """Parse, map and check; raises whatever goes wrong."""
        ...


async def prepare_here(runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]]:
    """The pure stages in this process."""
    return prepare(runtime, delivery)


class Workers:
    """`count` processes that prepare items. Until they are up, and for small items, this process does it itself."""

    def __init__(self, count: int, build: Build) -> None:
        self._count = count
        self._build = build
        self._pool: ProcessPoolExecutor | None = None
        self._up = asyncio.Event()

    async def start(self) -> None:
        """Bring the workers up; returns when they are."""
        pool = self._pool = ProcessPoolExecutor(
            self._count,
            multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._build, os.getpid()),
        )
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, _ready) for _ in range(self._count)))
        if self._pool is pool:
            self._up.set()

    async def __call__(self, runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]]:
        """See `Preparation`."""
        if not self._up.is_set() or len(delivery.body) < LEAST_BYTES:
            return prepare(runtime, delivery)
        return await self._hand_over(delivery)

    async def isolated(self, runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]]:
        """Always in a worker, of any size: for items that failed before."""
        await self._up.wait()
        return await self._hand_over(delivery)

    async def _hand_over(self, delivery: Delivery) -> tuple[Parsed, list[Prepared]]:
        pool = self._pool
        if pool is None:
            raise HieError(Category.UNAVAILABLE, "The workers have ended.")
        try:
            work = asyncio.get_running_loop().run_in_executor(pool, _prepare, delivery)
            return await asyncio.wait_for(work, SECONDS)
        except Exception:
            if pool is self._pool and self._up.is_set():
                await self._replace(pool)
            raise

    async def _replace(self, pool: ProcessPoolExecutor) -> None:
        """Give up workers that may hang or be gone; new ones come up in the background."""
        self._up.clear()
        log.error("a worker failed; workers are replaced")
        _end(pool)
        self._again = asyncio.create_task(self.start())

    def close(self) -> None:
        """End the workers; idle ones end by themselves, a busy one is not waited for."""
        self._up.clear()
        pool, self._pool = self._pool, None
        if pool is not None:
            _end(pool)
            pool.shutdown(wait=True)


def _end(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


# -- inside a worker -------------------------------------------------------------------------------------------------

_FEEDS: dict[str, FeedRuntime] = {}
"""The feeds of this worker process, made by `_begin`."""


def _begin(build: Build, parent: int) -> None:
    _FEEDS.update(build())
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    """End with the server, also when it was killed."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)


def _ready() -> None:
    """Answers once the worker is up."""


def _prepare(delivery: Delivery) -> tuple[Parsed, list[Prepared]]:
    """The pure stages; trees stay here, the transaction does not need them."""
    parsed, parts = prepare(_FEEDS[delivery.feed], delivery)
    slim = [replace(part, record=replace(part.record, tree=None)) for part in parts]
    return replace(parsed, records=tuple(replace(record, tree=None) for record in parsed.records)), slim
