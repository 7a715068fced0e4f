"""Group commit: many jobs, one transaction, one wait for the majority.

One task takes queued jobs and runs them one after the other in a transaction that holds the clock of the store, so
jobs are serial in effect, on however many servers they run. Exactly once in effect: with the clock every batch leaves
its own key there, under the name of its process, in the same transaction. When an answer to a commit is lost, the batch
runs again with the same key; if it finds the key, the first run did commit, and the results of that run are given out.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from time import monotonic
from typing import Any

from pymongo import AsyncMongoClient, timeout
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, DuplicateKeyError, OperationFailure, PyMongoError

from hie.base.clock import Clock
from hie.store.jobs import Job, Jobs
from hie.store.mongo.batch import WRITES, Batch
from hie.store.mongo.client import OPERATION_SECONDS, UNKNOWN, passing, situation
from hie.store.mongo.kept import Kept
from hie.store.mongo.proof import Proof
from hie.store.mongo.running import Attempts, Failed, Limits, Restart, Running, again
from hie.store.mongo.seen import Seen
from hie.store.mongo.turns import Turns
from hie.store.mongo.writers import Writers
from hie.store.port import Transaction

log = logging.getLogger("hie.store")

_CONFLICT = 112
"""Server code WriteConflict: another transaction has the clock."""

_COMMITTED = 4 << 20
"""Bytes, roughly, for which a commit gets a second more: the server writes them once more, in its journals."""


class GroupWriter:
    """Settles the `jobs` that wait. `transact` makes the `Transaction` that jobs get."""

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
        self.proof = Proof()
        self._writers = Writers(client, database, self.proof)
        self._turns = Turns(database, clock, self._writers)
        self._kept = Kept()
        self.failing = False
        """Whether the store was lost and no batch has been committed since; its beginning and its end are logged."""
        self.jobs = Jobs(limits.waiting, self._settle)
        self._running = Running(database, limits, self.jobs, transact)

    async def close(self) -> None:
        """Work off the queue and stop."""
        await self.proof.close()
        await self.jobs.close()
        await self._writers.close()

    async def _settle(self) -> None:
        batch = Attempts(until=self.jobs.waiting[0].since + self._limits.patience)
        try:
            await self._commit_all(batch)
        except Exception as error:
            if not batch.jobs and self.jobs.waiting:
                batch.jobs.append(self.jobs.waiting.popleft())
            if len(batch.jobs) > 1 and not batch.unknown and not again(error):
                await self._one_by_one(batch.jobs)
                return
            lost = isinstance(error, PyMongoError) and passing(error)
            for job in [*batch.jobs, *(self.jobs.overdue(self._limits.patience) if lost else ())]:
                job.fail(_told(error))

    async def _one_by_one(self, jobs: list[Job]) -> None:
        """The server refuses what a batch wrote: only the job at fault is to fail."""
        for job in jobs:
            alone = Attempts([job], closed=True, careful=True, until=job.since + self._limits.patience)
            try:
                await self._commit_all(alone)
            except Exception as error:
                job.fail(_told(error))

    # -- attempts ------------------------------------------------------------------------------------------------

    async def _commit_all(self, batch: Attempts) -> None:
        """Run the batch until it is committed, or its time is up."""
        with self._writers.at_work():
            await self._repeat(batch)
        await self._turns.give_way()

    async def _repeat(self, batch: Attempts) -> None:
        tries = 0
        while True:
            try:
                results = await self._attempt(batch)
            except Restart:
                tries = 0
                continue
            except DuplicateKeyError:
                batch.careful = True
                tries += 1
                if tries > 5:
                    raise
                continue
            except PyMongoError as error:
                if not passing(error) or self._given_up(batch):
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
                _tell(job, result)
            return

    async def _attempt(self, batch: Attempts) -> dict[Job, Any]:
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
            most, lasts = self._limits.most, self._limits.lasts
            run = Batch(self._database, session, first, now, self._kept, most=most, lasts=lasts, careful=batch.careful)
            try:
                results = await self._running.run_all(batch, run)
                batch.closed = True
                await run.send()
            finally:
                await run.line.stop()
            self._writers.holds = False
            if run.wrote:
                batch.unknown[batch.tries] = results
            await self._commit(session, batch, OPERATION_SECONDS + run.done.size / _COMMITTED)
            self._seen.note(session)
        self._kept.commit(first - 1 + WRITES, run.done.current, run.done.rows)
        self._kept.commit_found(run.done.found, run.done.altered, run.done.rows)
        return results

    async def _commit(self, session: AsyncClientSession, batch: Attempts, seconds: float) -> None:
        while True:
            try:
                with timeout(seconds):
                    await session.commit_transaction()
            except (ConnectionFailure, OperationFailure) as error:
                if not error.has_error_label(UNKNOWN) or self._given_up(batch):
                    raise
                await asyncio.sleep(0.05)
                continue
            return

    def _given_up(self, batch: Attempts) -> bool:
        """Whether the time of a batch is up, or nobody waits for its jobs, or those that would join it, any more."""
        waiting = (*batch.jobs, *self.jobs.waiting)
        return monotonic() > batch.until or all(job.future.done() for job in waiting)


def _told(error: Exception) -> Exception:
    return situation(error) if isinstance(error, PyMongoError) else error


def _tell(job: Job, result: Any) -> None:
    if isinstance(result, Failed):
        job.fail(result.error)
    else:
        job.resolve(result)
