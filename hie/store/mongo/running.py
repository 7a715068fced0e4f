"""The jobs of a batch, run one after the other in one transaction."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from secrets import token_bytes
from time import monotonic
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, PyMongoError

from hie.store.jobs import Job, Jobs
from hie.store.mongo.batch import Batch
from hie.store.mongo.client import passing
from hie.store.mongo.scouting import FEWEST, MOST, Scouting
from hie.store.port import Transaction

_BATCH_SHARE, _JOB_SHARE = 64, 20
"""Which part of the server's cache a batch is closed at, and the largest single job may have."""

_LIFE_SHARE = 5 / 6
"""Which part of the life of a transaction its jobs may take: what they wrote last is still to be sent."""


@dataclass(frozen=True)
class Limits:
    """Admission: `jobs` and `size` (bytes) at which a batch is closed, `seconds` it may collect, `waiting` jobs before
    BUSY, `most` bytes of one job at all and the seconds that it `lasts` at most (TOO_LARGE): the server ends a
    transaction after 60, if it is not told otherwise. `patience` seconds after which a job is refused that could not be
    written: more than an election takes, or the end of what a silent process left open."""

    jobs: int = 500
    size: int = 4 << 20
    seconds: float = 0.1
    waiting: int = 5000
    most: int = 64 << 20
    lasts: float = 50.0
    patience: float = 75.0

    @classmethod
    def of_server(cls, cache: int | None, lifetime: int | None) -> "Limits":
        """What a server takes with `cache` bytes that lets a transaction live for `lifetime` seconds: index and journal
        make a batch about twice as large, and from a tenth of the cache on, in changes that are not committed, the
        server makes writers wait, or rolls back."""
        size, most = (cls.size, cls.most) if cache is None else (cache // _BATCH_SHARE, cache // _JOB_SHARE)
        return cls(size=min(cls.size, size), most=most, lasts=cls.lasts if lifetime is None else lifetime * _LIFE_SHARE)


@dataclass
class Attempts:
    """One batch over all its runs: its jobs, the key it leaves, and the results of runs that may have committed."""

    jobs: list[Job] = field(default_factory=list)
    key: bytes = field(default_factory=lambda: token_bytes(16))
    closed: bool = False
    careful: bool = False
    unknown: dict[int, dict[Job, Any]] = field(default_factory=dict)
    tries: int = 0
    until: float = 0.0


@dataclass(frozen=True)
class Failed:
    """A job raised; told when the transaction whose data it saw is committed."""

    error: BaseException


class Restart(Exception):
    """Run the batch again: a job that failed had sent writes already."""


class Running:
    """Runs the jobs of batches, taking those that wait. `transact` makes the `Transaction` that jobs get."""

    def __init__(
        self, database: AsyncDatabase[Any], limits: Limits, jobs: Jobs, transact: Callable[[Batch], Transaction]
    ) -> None:
        self._database = database
        self._limits = limits
        self._jobs = jobs
        self._transact = transact

    async def run_all(self, batch: Attempts, run: Batch) -> dict[Job, Any]:
        """Run the jobs that the batch has, and, until it is closed or full, those that wait; returns their results.

        Raises the driver's error that ended the transaction, or `Restart`.
        """
        results: dict[Job, Any] = {}
        await self._scout(batch, run)
        transaction = self._transact(run)
        until = monotonic() + self._limits.seconds
        for job in list(batch.jobs):
            await self._run(job, batch, run, transaction, results)
        while not batch.closed and self._jobs.waiting and monotonic() < until:
            if len(batch.jobs) >= self._limits.jobs or run.done.size >= self._limits.size:
                break
            job = self._jobs.waiting.popleft()
            if job.future.done():
                continue
            batch.jobs.append(job)
            await self._run(job, batch, run, transaction, results)
            await asyncio.sleep(0)
        return results

    async def _scout(self, batch: Attempts, run: Batch) -> None:
        """Read ahead for the jobs that wait, if there are some."""
        waiting = [] if batch.closed else [*islice(self._jobs.waiting, MOST)]
        jobs = [job.run for job in (*batch.jobs, *waiting)]
        if len(jobs) >= FEWEST:
            await Scouting(self._database, run).look(jobs)

    async def _run(
        self, job: Job, batch: Attempts, run: Batch, transaction: Transaction, results: dict[Job, Any]
    ) -> None:
        run.begin()
        try:
            result = await job.run(transaction)
        except (Exception, asyncio.CancelledError) as error:
            if run.line.broken is not None and (run.line.spoilt or again(run.line.broken)):
                raise run.line.broken from error
            if run.sent or run.line.broken is not None:
                batch.jobs.remove(job)
                job.fail(error)
                raise Restart from error
            if run.job.guessed:
                raise DuplicateKeyError("it may have failed as a row was taken to be new") from error
            results[job] = Failed(error)
            run.forget()
            return
        if run.line.broken is not None:
            raise run.line.broken
        results[job] = result
        run.keep()


def again(error: Exception) -> bool:
    """Whether a batch is run again after this."""
    return isinstance(error, DuplicateKeyError) or (isinstance(error, PyMongoError) and passing(error))
