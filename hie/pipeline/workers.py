"""Workers: the pure stages in processes of their own, so that no message can stop the server and a second core is used.

A message that hangs or kills its worker costs itself only: the worker is replaced, and the item is kept and tried again
like any other failure. What it costs and gains: docs/decisions/0005-workers.md.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from hie.base.errors import Category, HieError
from hie.base.record import Delivery, Parsed
from hie.pipeline.ahead import Ahead
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import Prepared, prepare
from hie.pipeline.worker import Build, OpenSettles, Passed, Worker

log = logging.getLogger("hie.pipeline")

AGAIN_SECONDS = 1.0
"""How long to wait before a worker that did not come up is replaced."""

WAIT_SECONDS = 20.0
"""How long an item that failed before waits for a worker to be there, and how long none may be there until the server
counts as degraded."""


class NoWorker(HieError):
    """UNAVAILABLE: no worker can take an item that is prepared in one or not at all."""

    def __init__(self, reason: str) -> None:
        super().__init__(Category.UNAVAILABLE, reason)


class Preparation(Protocol):
    """Whatever runs the pure stages for one delivery."""

    async def __call__(
        self, runtime: FeedRuntime, delivery: Delivery, *, suspect: bool = False
    ) -> tuple[Parsed, list[Prepared]]:
        """Parse, map and check; raises whatever goes wrong. `suspect`: the item failed before, so that it is prepared
        in a worker or, where there are workers, not at all: raises `NoWorker` when none comes."""
        ...


class Settlement(Protocol):
    """Whatever settles an item ahead that was not known before, or else only prepares it."""

    async def __call__(self, runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]] | Ahead:
        """What the item comes to; raises whatever goes wrong."""
        ...


async def prepare_here(
    runtime: FeedRuntime, delivery: Delivery, *, suspect: bool = False
) -> tuple[Parsed, list[Prepared]]:
    """The pure stages in this process."""
    return prepare(runtime, delivery)


class Workers:
    """`count` processes that prepare items. While none of them can take an item, this process prepares it itself."""

    def __init__(self, count: int, build: Build, maps: str = "", settles: OpenSettles | None = None) -> None:
        """`maps` is the version of the tables that the feeds of `build` work by; `settles` makes what settles ahead."""
        self._build = build
        self._settles = settles
        self._maps = maps
        self._count = count
        self._working: list[Worker] = []
        self._all: set[Worker] = set()
        self._keeping: list[asyncio.Task[None]] = []
        self._changed = asyncio.Condition()
        self._seen = time.monotonic()

    async def start(self) -> None:
        """Bring the workers up; returns when they are. One that ends is replaced from then on."""
        self._keeping = [asyncio.create_task(self._keep()) for _ in range(self._count)]
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._working) == self._count)

    @property
    def up(self) -> int:
        """How many workers can take items."""
        return len(self._alive())

    @property
    def are_missing(self) -> bool:
        """Whether no worker has been there for so long that none seems to come."""
        return not self._alive() and time.monotonic() - self._seen > WAIT_SECONDS

    async def __call__(
        self, runtime: FeedRuntime, delivery: Delivery, *, suspect: bool = False
    ) -> tuple[Parsed, list[Prepared]]:
        """See `Preparation`."""
        found = await self._prepare(runtime, delivery, suspect=suspect)
        assert not isinstance(found, Ahead)
        return found

    async def ahead(self, runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]] | Ahead:
        """See `Settlement`."""
        return await self._prepare(runtime, delivery, ahead=self._settles is not None)

    async def _prepare(
        self, runtime: FeedRuntime, delivery: Delivery, *, suspect: bool = False, ahead: bool = False
    ) -> tuple[Parsed, list[Prepared]] | Ahead:
        while True:
            worker = await self._any(runtime) if suspect else self._free(runtime)
            if worker is None:
                return prepare(runtime, delivery)
            with suppress(Passed):
                return await worker.prepare(delivery, ahead=ahead)

    def renew(self, build: Build, maps: str) -> None:
        """Work by other tables from now on: new workers read them, the old ones finish what they have begun."""
        self._build, self._maps = build, maps
        leaving, self._working = self._working, []
        self._keeping += [asyncio.create_task(worker.finish()) for worker in leaving]

    def close(self) -> None:
        """End the workers; a busy one is not waited for."""
        for task in self._keeping:
            task.cancel()
        for worker in self._all:
            worker.end()

    def _free(self, runtime: FeedRuntime) -> Worker | None:
        """The worker with the fewest items, None while each is gone or busy with an item that takes long, or has read
        other tables than those of `runtime`."""
        return _least(worker for worker in self._alive() if not worker.is_late) if self._fits(runtime) else None

    def _fits(self, runtime: FeedRuntime) -> bool:
        return not self._maps or runtime.maps == self._maps

    async def _any(self, runtime: FeedRuntime) -> Worker | None:
        """The worker with the fewest items, waited for; raises `NoWorker` when none comes, and when they have read
        other tables."""
        if not self._fits(runtime):
            raise NoWorker("The tables have just changed; send again.")
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._changed:
                await self._changed.wait_for(self._alive)
        except TimeoutError:
            raise NoWorker("No worker process comes up, and the item needs one; send again later.") from None
        return _least(self._alive())

    def _alive(self) -> list[Worker]:
        return [worker for worker in self._working if not worker.ended.is_set()]

    async def _keep(self) -> None:
        """Keep one worker running."""
        while True:
            build = self._build
            worker = Worker(build, self._settles)
            self._all.add(worker)
            said = "failed; it is replaced"
            try:
                if not await worker.start():
                    await asyncio.sleep(AGAIN_SECONDS)
                elif build is self._build:
                    await self._live(worker)
                else:
                    worker.end()
            except OSError as error:
                said = f"cannot be started errno={error.errno}; it is tried again"
                await asyncio.sleep(AGAIN_SECONDS)
            self._all.discard(worker)
            if build is self._build:
                log.error("a worker %s", said)

    async def _live(self, worker: Worker) -> None:
        """Give a worker items until it ends."""
        async with self._changed:
            self._working.append(worker)
            self._changed.notify_all()
        await worker.ended.wait()
        self._seen = time.monotonic()
        if worker in self._working:
            self._working.remove(worker)


def _least(workers: Iterable[Worker]) -> Worker | None:
    return min(workers, key=lambda worker: worker.items, default=None)
