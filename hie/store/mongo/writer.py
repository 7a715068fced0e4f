"""Group commit: many jobs, one transaction, one wait for the majority.

One task takes queued jobs and runs them one after the other in a transaction that holds the clock of the store, so
jobs are serial in effect, on however many servers they run. Exactly once in effect: with the clock every batch leaves
its own key there, under the name of its process, in the same transaction. When an answer to a commit is lost, the batch
runs again with the same key; if it finds the key, the first run did commit, and the results of that run are given out.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import islice
from secrets import token_bytes
from time import monotonic
from typing import Any

from pymongo import AsyncMongoClient, timeout
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, DuplicateKeyError, OperationFailure, PyMongoError

from hie.base.clock import Clock
from hie.base.errors import Category, HieError
from hie.store.mongo.batch import WRITES, Batch
from hie.store.mongo.client import OPERATION_SECONDS, situation
from hie.store.mongo.kept import Kept
from hie.store.mongo.proof import Proof
from hie.store.mongo.scouting import FEWEST, MOST, Scouting
from hie.store.mongo.seen import Seen
from hie.store.mongo.turns import Turns
from hie.store.mongo.writers import Writers
from hie.store.port import Transaction

log = logging.getLogger("hie.store")

_BATCH_SHARE, _JOB_SHARE = 64, 16
"""Which part of the server's cache a batch is closed at, and the largest single job may have."""

_CONFLICT = 112
"""Server code WriteConflict: another transaction has the clock."""

_TRANSIENT = "TransientTransactionError"
_UNKNOWN = "UnknownTransactionCommitResult"


@dataclass(frozen=True)
class Limits:
    """Admission: `jobs` and `size` (bytes) at which a batch is closed, `seconds` it may collect, `waiting` jobs before
    BUSY, `most` bytes of one batch at all (TOO_LARGE), `patience` seconds over which a batch is tried again: more than
    an election takes, or the end of what a silent process left open."""

    jobs: int = 500
    size: int = 4 << 20
    seconds: float = 0.1
    waiting: int = 5000
    most: int = 64 << 20
    patience: float = 75.0

    @classmethod
    def for_cache(cls, cache: int | None) -> "Limits":
        """What a server with `cache` bytes takes: index and journal make a batch two to three times as large, and from
        a fifth of the cache on the server makes writers wait, or rolls back."""
        if cache is None:
            return cls()
        return cls(size=min(cls.size, cache // _BATCH_SHARE), most=min(cls.most, cache // _JOB_SHARE))


@dataclass(eq=False)
class _Job:
    run: Callable[[Transaction], Awaitable[Any]]
    future: asyncio.Future[Any]


@dataclass
class _Attempts:
    """One batch over all its runs: its jobs, the key it leaves, and the results of runs that may have committed."""

    jobs: list[_Job] = field(default_factory=list)
    key: bytes = field(default_factory=lambda: token_bytes(16))
    closed: bool = False
    careful: bool = False
    unknown: dict[int, dict[_Job, Any]] = field(default_factory=dict)
    tries: int = 0
    until: float = 0.0


@dataclass(frozen=True)
class _Failed:
    """A job raised; told when the transaction whose data it saw is committed."""

    error: BaseException


class _Restart(Exception):
    """Run the batch again: a job that failed had sent writes already."""


class GroupWriter:
    """The queue and the task that works it off. `transact` makes the `Transaction` that jobs get."""

    def __init__(
        self,
        client: AsyncMongoClient[Any],
        database: AsyncDatabase[Any],
        clock: Clock,
        limits: Limits,
        seen: Seen,
        transact: Callable[[Batch], Transaction],
    ) -> None:
        self._database = database
        self._limits = limits
        self._seen = seen
        self._transact = transact
        self.proof = Proof()
        self._writers = Writers(client, database, self.proof)
        self._turns = Turns(database, clock, self._writers)
        self._kept = Kept()
        self._queue: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self.failing = False
        """Whether the store was lost and no batch has been committed since; its beginning and its end are logged."""
        self._task = asyncio.get_running_loop().create_task(self._work(), name="hie-store-writer")

    async def submit(self, run: Callable[[Transaction], Awaitable[Any]]) -> Any:
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
        await self._writers.close()

    async def _work(self) -> None:
        while self._queue or not self._closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = _Attempts(until=monotonic() + self._limits.patience)
            try:
                await self._settle(batch)
            except Exception as error:
                if not batch.jobs and self._queue:
                    batch.jobs.append(self._queue.popleft())
                if len(batch.jobs) > 1 and not batch.unknown and not _again(error):
                    await self._one_by_one(batch.jobs)
                    continue
                for job in batch.jobs:
                    _fail(job, _told(error))

    async def _one_by_one(self, jobs: list[_Job]) -> None:
        """The server refuses what a batch wrote: only the job at fault is to fail."""
        for job in jobs:
            alone = _Attempts([job], closed=True, careful=True, until=monotonic() + self._limits.patience)
            try:
                await self._settle(alone)
            except Exception as error:
                _fail(job, _told(error))

    # -- attempts ------------------------------------------------------------------------------------------------

    async def _settle(self, batch: _Attempts) -> None:
        """Run the batch until it is committed, or its time is up."""
        with self._writers.at_work():
            await self._repeat(batch)
        await self._turns.give_way()

    async def _repeat(self, batch: _Attempts) -> None:
        tries = 0
        while True:
            try:
                results = await self._attempt(batch)
            except _Restart:
                tries = 0
                continue
            except DuplicateKeyError:
                batch.careful = True
                tries += 1
                if tries > 5:
                    raise
                continue
            except PyMongoError as error:
                if not _passing(error) or monotonic() > batch.until:
                    self.proof.lose()
                    raise
                self.proof.stall()
                taken = getattr(error, "code", None) == _CONFLICT
                if taken and await self._turns.wait():
                    continue
                if (taken or isinstance(error, ConnectionFailure)) and not self.failing:
                    self.failing = True
                    reason = "another server holds it, or ended in a write" if taken else type(error).__name__
                    log.error("the store does not answer, writes wait reason=%s", reason)
                tries += 1
                await asyncio.sleep(random.uniform(0, min(0.002 * 2**tries, 0.5)))  # noqa: S311
                continue
            self.proof.commit()
            if self.failing:
                self.failing = False
                log.info("the store takes writes again")
            for job, result in results.items():
                _resolve(job, result)
            return

    async def _attempt(self, batch: _Attempts) -> dict[_Job, Any]:
        async with self._writers.transaction() as session:
            batch.tries += 1
            with timeout(OPERATION_SECONDS):
                if batch.unknown:
                    finished = await self._turns.finished(batch.key, session)
                    if finished is not None:
                        return batch.unknown[finished]
                first, now = await self._turns.take(batch.key, batch.tries, session)
            self._writers.holds = True
            self._kept.begin(first - 1)
            run = Batch(self._database, session, first, now, self._kept, careful=batch.careful)
            try:
                results = await self._run_jobs(batch, run)
                batch.closed = True
                await run.send()
            finally:
                await run.stop()
            self._writers.holds = False
            if run.wrote:
                batch.unknown[batch.tries] = results
            await self._commit(session, batch.until)
            self._seen.note(session)
        self._kept.commit(first - 1 + WRITES, run.done.current, run.done.rows)
        self._kept.commit_found(run.done.found, run.done.altered, run.done.rows)
        return results

    async def _commit(self, session: AsyncClientSession, until: float) -> None:
        while True:
            try:
                with timeout(OPERATION_SECONDS):
                    await session.commit_transaction()
            except (ConnectionFailure, OperationFailure) as error:
                if not error.has_error_label(_UNKNOWN) or monotonic() > until:
                    raise
                await asyncio.sleep(0.05)
                continue
            return

    # -- jobs ----------------------------------------------------------------------------------------------------

    async def _run_jobs(self, batch: _Attempts, run: Batch) -> dict[_Job, Any]:
        results: dict[_Job, Any] = {}
        await self._scout(batch, run)
        transaction = self._transact(run)
        until = monotonic() + self._limits.seconds
        for job in list(batch.jobs):
            await self._run(job, batch, run, transaction, results)
        while not batch.closed and self._queue and monotonic() < until:
            if len(batch.jobs) >= self._limits.jobs or run.done.size >= self._limits.size:
                break
            job = self._queue.popleft()
            if job.future.done():
                continue
            batch.jobs.append(job)
            await self._run(job, batch, run, transaction, results)
            await asyncio.sleep(0)
        return results

    async def _scout(self, batch: _Attempts, run: Batch) -> None:
        """Read ahead for the jobs that wait, if there are some."""
        waiting = [] if batch.closed else [*islice(self._queue, MOST)]
        jobs = [job.run for job in (*batch.jobs, *waiting)]
        if len(jobs) >= FEWEST:
            await Scouting(self._database, run).look(jobs)

    async def _run(
        self, job: _Job, batch: _Attempts, run: Batch, transaction: Transaction, results: dict[_Job, Any]
    ) -> None:
        run.begin()
        try:
            result = await job.run(transaction)
            if run.job.size > self._limits.most:
                raise HieError(Category.TOO_LARGE, "The transaction is larger than the store takes.")
        except (Exception, asyncio.CancelledError) as error:
            if run.broken is not None and (run.spoilt or _again(run.broken)):
                raise run.broken from error
            if run.sent or run.broken is not None:
                batch.jobs.remove(job)
                _fail(job, error)
                raise _Restart from error
            results[job] = _Failed(error)
            run.forget()
            return
        if run.broken is not None:
            raise run.broken
        results[job] = result
        run.keep()


def _passing(error: PyMongoError) -> bool:
    return (
        isinstance(error, ConnectionFailure)
        or error.timeout
        or error.has_error_label(_TRANSIENT)
        or error.has_error_label(_UNKNOWN)
    )


def _again(error: Exception) -> bool:
    return isinstance(error, DuplicateKeyError) or (isinstance(error, PyMongoError) and _passing(error))


def _told(error: Exception) -> Exception:
    return situation(error) if isinstance(error, PyMongoError) else error


def _fail(job: _Job, error: BaseException) -> None:
    if not job.future.done():
        job.future.set_exception(error)


def _resolve(job: _Job, result: Any) -> None:
    if isinstance(result, _Failed):
        _fail(job, result.error)
    elif not job.future.done():
        job.future.set_result(result)
