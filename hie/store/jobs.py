"""Jobs that wait for the one task of a store that writes: what every group commit begins with.

A job that is submitted waits until the task takes it, with others, into a batch; who submitted it is told when what it
wrote is durable.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from hie.base.errors import Category, HieError


@dataclass(eq=False, slots=True)
class Job:
    """A job, and who waits for it since when; `alone`: it is run again, by itself, as its batch was refused."""

    run: Callable[[Any], Awaitable[Any]]
    future: asyncio.Future[Any]
    alone: bool = False
    since: float = field(default_factory=monotonic)

    def resolve(self, result: Any) -> None:
        """Tell its result, unless nobody waits any more."""
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Tell that it failed, unless nobody waits any more."""
        if not self.future.done():
            self.future.set_exception(error)


class Jobs:
    """The queue and the task that works it off. Must be made on the event loop that uses it.

    `settle` takes from `waiting`, which is not empty then, and settles what it took; it raises nothing. No
    more than `most` wait.
    """

    def __init__(self, most: int, settle: Callable[[], Awaitable[None]]) -> None:
        self.waiting: deque[Job] = deque()
        self._most = most
        self._settle = settle
        self._wake = asyncio.Event()
        self._closing = False
        self._task = asyncio.get_running_loop().create_task(self._work(), name="hie-store-writer")

    async def submit(self, run: Callable[[Any], Awaitable[Any]]) -> Any:
        """Queue `run` and wait until what it wrote is durable; raises what it raises, or BUSY or UNAVAILABLE."""
        if self._closing:
            raise HieError(Category.UNAVAILABLE, "The store is closing.")
        if len(self.waiting) >= self._most:
            raise HieError(Category.BUSY, "Too many writes are waiting.")
        job = Job(run, asyncio.get_running_loop().create_future())
        self.waiting.append(job)
        self._wake.set()
        return await job.future

    def again(self, jobs: Iterable[Job]) -> None:
        """Have jobs run again before all others, each by itself."""
        found = list(jobs)
        for job in found:
            job.alone = True
        self.waiting.extendleft(reversed(found))

    def overdue(self, seconds: float) -> list[Job]:
        """Take out those that have waited for so long, or that nobody waits for any more."""
        due = monotonic() - seconds
        found: list[Job] = []
        while self.waiting and (self.waiting[0].since <= due or self.waiting[0].future.done()):
            found.append(self.waiting.popleft())
        return found

    async def close(self) -> None:
        """Work off the queue and stop."""
        self._closing = True
        self._wake.set()
        await self._task

    async def _work(self) -> None:
        """Settle until closed, or cancelled: a batch takes what its jobs raise, and would take that for theirs."""
        task = asyncio.current_task()
        while self.waiting or not self._closing:
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            if self.waiting:
                await self._settle()
            else:
                self._wake.clear()
                await self._wake.wait()
