"""Whether writes go through, by what was seen of late: what `/readyz` says of a store on MongoDB."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic
from typing import Any

from hie.base.errors import HieError
from hie.base.tasks import end

STALL_SECONDS = 5.0
"""How long writes may fail to go through before the store is said not to take them: longer than an election of 2 s."""

KEPT_SECONDS = 10.0
"""How long a write that went through proves that the next one will."""

TRIAL_SECONDS = 2.0
"""How long a probe waits for a write of its own; the write goes on, and the next probe waits for the same."""


class Proof:
    """What one process saw of its writes; times are those of its own monotonic clock."""

    def __init__(self) -> None:
        self._seen = -inf
        self._stalled: float | None = None
        self._trial: asyncio.Task[Any] | None = None

    async def close(self) -> None:
        """No trial is waited for any more."""
        if self._trial is not None:
            await end(self._trial)

    def see(self) -> None:
        """Somebody writes: a server that has the clock lives."""
        self._seen = monotonic()

    def commit(self) -> None:
        """A batch of this process went through."""
        self._seen, self._stalled = monotonic(), None

    def stall(self, since: float | None = None) -> None:
        """A batch could not be written, and is tried again; or one that began at `since` waits for a store that does
        not answer."""
        if self._stalled is None:
            self._stalled = monotonic() if since is None else since

    def lose(self) -> None:
        """A batch was given up; the next write tells how it is now."""
        self._seen, self._stalled = -inf, None

    async def holds(self, write: Callable[[], Awaitable[Any]]) -> bool:
        """Whether writes go through, told within `TRIAL_SECONDS`; `write` makes one, for when none was seen lately."""
        if self._stalled is not None and monotonic() - max(self._stalled, self._seen) >= STALL_SECONDS:
            return False
        if monotonic() - self._seen < KEPT_SECONDS:
            return True
        if self._trial is None or self._trial.done():
            self._trial = asyncio.create_task(_tried(write), name="hie-store-trial")
        await asyncio.wait([self._trial], timeout=TRIAL_SECONDS)
        return self._trial.result() if self._trial.done() else monotonic() - self._seen < KEPT_SECONDS


async def _tried(write: Callable[[], Awaitable[Any]]) -> bool:
    try:
        await write()
    except HieError:
        return False
    return True
