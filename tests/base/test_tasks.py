"""Background work ends when it is told to, and goes on when it fails."""

import asyncio
import contextlib

from hie.base.tasks import end, every


async def test_work_that_fails_is_done_again() -> None:
    told: list[Exception] = []
    done = asyncio.Event()

    async def work() -> None:
        if len(told) == 2:
            done.set()
            return
        raise ValueError(len(told))

    task = asyncio.create_task(every(0, work, told.append))
    await asyncio.wait_for(done.wait(), 5)
    await end(task)
    assert [str(error) for error in told] == ["0", "1"]
    assert task.cancelled()


async def test_a_task_whose_cancellation_was_made_an_error_is_ended_all_the_same() -> None:
    """As a driver does with a connection that is read while the task is cancelled."""
    told: list[Exception] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ConnectionError from None

    task = asyncio.create_task(every(60, work, told.append))
    await asyncio.sleep(0)
    await asyncio.wait_for(end(task), 5)
    assert task.done()
    assert len(told) == 1


async def test_ending_waits_for_what_has_failed_and_for_nothing() -> None:
    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    with contextlib.suppress(ValueError):
        await task
    await end(task)
    await end()
