"""Group commit: many jobs, one fsync.

One task owns the writing connection. It runs queued jobs one after the other inside one transaction, has written what
they collected, and commits when the queue is empty or the batch is full or old. Statements run inline on the event
loop, because a thread hop costs more than a statement; only COMMIT, which waits for the disk, runs in a thread. While
it does, jobs queue up and form the next batch: the slower the disk, the larger the batch.

When SQLite refuses something of what a batch collected, the jobs are run again, each by itself, so that only the one
whose it was fails.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import apsw

from hie.base.errors import Category, HieError, where
from hie.base.tasks import log_failure
from hie.store.jobs import Job, Jobs
from hie.store.sqlite.database import FULL, translated
from hie.store.sqlite.names import Names

log = logging.getLogger("hie.store")

_SILENT_SECONDS = 60.0
"""After a failure was logged."""


@dataclass(frozen=True)
class Limits:
    """`jobs` per batch; `seconds` a batch may collect; `waiting` jobs before BUSY."""

    jobs: int = 1000
    seconds: float = 0.1
    waiting: int = 5000


class Unit(Protocol):
    """What runs jobs and keeps what they write until it is flushed; see `SqliteTransaction`."""

    refused: bool

    def begin(self) -> None:
        """A batch begins."""
        ...

    async def run(self, job: Callable[[Any], Awaitable[Any]], *, alone: bool = False) -> Any:
        """Run one job; `alone`: write at once what it leaves to be written."""
        ...

    def flush(self) -> None:
        """Write what the jobs left to be written."""
        ...

    def discard(self) -> None:
        """Forget it: the transaction is lost."""
        ...


class GroupWriter:
    """Settles the `jobs` that wait. Must be made on the event loop that uses it.

    `after_commit` runs in the committing thread, between transactions; where it fails, what was committed stays so.
    """

    def __init__(
        self, connection: apsw.Connection, unit: Unit, names: Names, limits: Limits, after_commit: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._unit = unit
        self._after_commit = after_commit
        self._names = names
        self._limits = limits
        self._thread = ThreadPoolExecutor(1, "hie-commit")
        self._tell_at = 0.0
        self.failing = False
        self.jobs = Jobs(limits.waiting, self._settle)

    async def close(self) -> None:
        """Work off the queue and stop."""
        await self.jobs.close()
        self._thread.shutdown()

    async def _settle(self) -> None:
        done: list[tuple[Job, Any]] = []
        try:
            await self._batch(done)
        except Exception as error:
            self._fail(done, error)
        else:
            for job, result in done:
                job.resolve(result)

    async def _batch(self, done: list[tuple[Job, Any]]) -> None:
        queue, alone = self.jobs.waiting, self.jobs.waiting[0].alone
        with translated():
            self._connection.execute("BEGIN IMMEDIATE")
            before = self._connection.total_changes()
            self._unit.begin()
            until = monotonic() + self._limits.seconds
            while queue and len(done) < self._limits.jobs and monotonic() < until and not self._unit.refused:
                if queue[0].alone != alone:
                    break
                job = queue.popleft()
                if not job.future.done():
                    await self._run(job, done)
                    await asyncio.sleep(0)
            if not self._flushed():
                self.jobs.again(job for job, _ in done)
                done.clear()
                return
        if self._connection.total_changes() == before:
            self._commit()
        else:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._commit)
            self.failing = False
        self._names.committed()

    def _flushed(self) -> bool:
        """Write what was collected; when that cannot be, the transaction is undone."""
        try:
            if not self._unit.refused:
                self._unit.flush()
                return True
        except Exception as error:
            log.warning("a batch is run again, job by job reason=%s", where(error))
        self._undo()
        return False

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except apsw.FullError as error:
            raise HieError(Category.UNAVAILABLE, FULL) from error
        except apsw.Error as error:
            raise HieError(Category.UNAVAILABLE, f"The store could not commit: {type(error).__name__}.") from error
        try:
            self._after_commit()
        except Exception as error:
            log_failure(error)

    async def _run(self, job: Job, done: list[tuple[Job, Any]]) -> None:
        try:
            result = await self._unit.run(job.run, alone=job.alone)
        except (Exception, asyncio.CancelledError) as error:
            if not self._connection.in_transaction:
                done.append((job, None))
                raise
            if self._unit.refused:
                done.append((job, None))
            else:
                job.fail(error)
        else:
            done.append((job, result))

    def _fail(self, done: list[tuple[Job, Any]], error: Exception) -> None:
        """Nothing of the batch is durable: undo it, and tell every job of it; the first failure is logged, and one a
        minute, as small writes may find the room that large ones do not."""
        situation = _situation(error)
        if not self.failing and monotonic() >= self._tell_at:
            log.error("the store does not take writes reason=%s", situation.message)
            self._tell_at = monotonic() + _SILENT_SECONDS
        self.failing = True
        self._undo()
        if not done and self.jobs.waiting:
            done.append((self.jobs.waiting.popleft(), None))
        for job, _ in done:
            job.fail(HieError(situation.category, situation.message))

    def _undo(self) -> None:
        if self._connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                self._connection.execute("ROLLBACK")
        self._unit.discard()


def _situation(error: Exception) -> HieError:
    if isinstance(error, HieError):
        return error
    return HieError(Category.UNAVAILABLE, f"The store could not write: {type(error).__name__}.")
