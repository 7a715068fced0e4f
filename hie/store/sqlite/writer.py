"""Group commit: many jobs, one fsync.

One task owns the writing connection. It takes queued jobs, runs each under a savepoint inside one transaction, and
commits when the queue is empty or the batch is full or old. Statements run inline on the event loop, because a thread
hop costs more than a statement; only COMMIT, which waits for the disk, runs in a thread. While it does, jobs queue up
and form the next batch: the slower the disk, the larger the batch.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any

import apsw

from hie.base.errors import Category, HieError
from hie.store.sqlite.database import translated
from hie.store.sqlite.names import Names


@dataclass(frozen=True)
class Limits:
    """`jobs` per batch; `seconds` a batch may collect; `waiting` jobs before BUSY."""

    jobs: int = 1000
    seconds: float = 0.1
    waiting: int = 5000


@dataclass
class _Job:
    run: Callable[[], Awaitable[Any]]
    future: asyncio.Future[Any]


class GroupWriter:
    """The queue and the task that works it off. Must be made on the event loop that uses it.

    `after_commit` runs in the committing thread, between transactions.
    """

    def __init__(
        self, connection: apsw.Connection, names: Names, limits: Limits, after_commit: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._after_commit = after_commit
        self._names = names
        self._limits = limits
        self._queue: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "hie-commit")
        self._closing = False
        self._task = asyncio.get_running_loop().create_task(self._work(), name="hie-store-writer")
        self.failing = False

    async def submit(self, run: Callable[[], Awaitable[Any]]) -> Any:
        """Queue `run` and wait until what it wrote is durable; raises what it raises, or BUSY or UNAVAILABLE."""
        if self._closing:
            raise HieError(Category.UNAVAILABLE, "The store is closing.")
        if len(self._queue) >= self._limits.waiting:
            raise HieError(Category.BUSY, "Too many writes are waiting.")
        job = _Job(run, asyncio.get_running_loop().create_future())
        self._queue.append(job)
        self._wake.set()
        return await job.future

    async def close(self) -> None:
        """Work off the queue and stop."""
        self._closing = True
        self._wake.set()
        await self._task
        self._thread.shutdown()

    async def _work(self) -> None:
        while self._queue or not self._closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            done: list[tuple[_Job, Any]] = []
            try:
                await self._batch(done)
            except Exception as error:
                self._fail(done, error)
            else:
                self.failing = False
                for job, result in done:
                    _resolve(job, result)

    async def _batch(self, done: list[tuple[_Job, Any]]) -> None:
        with translated():
            self._connection.execute("BEGIN IMMEDIATE")
            before = self._connection.total_changes()
            until = monotonic() + self._limits.seconds
            while self._queue and len(done) < self._limits.jobs and monotonic() < until:
                job = self._queue.popleft()
                if not job.future.done():
                    await self._run(job, done)
                    await asyncio.sleep(0)
        if self._connection.total_changes() == before:
            self._commit()
        else:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._commit)
        self._names.committed()

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            raise HieError(Category.UNAVAILABLE, f"The store could not commit: {type(error).__name__}.") from error
        self._after_commit()

    async def _run(self, job: _Job, done: list[tuple[_Job, Any]]) -> None:
        mark = self._names.mark()
        self._connection.execute("SAVEPOINT job")
        try:
            result = await job.run()
        except (Exception, asyncio.CancelledError) as error:
            if not self._connection.in_transaction:
                done.append((job, None))
                raise
            self._connection.execute("ROLLBACK TO job; RELEASE job")
            self._names.rollback(mark)
            if not job.future.done():
                job.future.set_exception(error)
        else:
            self._connection.execute("RELEASE job")
            done.append((job, result))

    def _fail(self, done: list[tuple[_Job, Any]], error: Exception) -> None:
        """Nothing of the batch is durable: undo it, and tell every job of it."""
        self.failing = True
        if self._connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                self._connection.execute("ROLLBACK")
        self._names.rollback()
        if not done and self._queue:
            done.append((self._queue.popleft(), None))
        for job, _ in done:
            if not job.future.done():
                job.future.set_exception(_situation(error))


def _situation(error: Exception) -> HieError:
    if isinstance(error, HieError):
        return HieError(error.category, error.message)
    return HieError(Category.UNAVAILABLE, f"The store could not write: {type(error).__name__}.")


def _resolve(job: _Job, result: Any) -> None:
    if not job.future.done():
        job.future.set_result(result)
