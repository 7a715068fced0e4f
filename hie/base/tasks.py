"""Background work: done again and again, and ended for certain."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from hie.base.errors import where

log = logging.getLogger("hie")

_AGAIN_SECONDS = 0.5


def log_failure(error: Exception) -> None:
    """Log what background work raised, by its place and without its message."""
    log.error("background work failed reason=%s", where(error))


async def every(seconds: float, work: Callable[[], Awaitable[Any]], failed: Callable[[Exception], None]) -> None:
    """Do `work` again and again, `seconds` apart; what it raises is told to `failed`."""
    while True:
        try:
            await work()
        except Exception as error:
            failed(error)
        await asyncio.sleep(seconds)


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended, whatever with.

    One that goes on is cancelled again: a database driver may make an ordinary error of a cancellation, and whoever
    catches that error never hears of it.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
