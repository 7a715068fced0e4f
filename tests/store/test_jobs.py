"""The queue of a store and the task that works it off."""

import asyncio
import contextlib

import pytest

from hie.store.jobs import Jobs


@pytest.mark.parametrize("closing", [False, True])
async def test_a_task_that_is_cancelled_in_a_batch_ends_although_the_batch_took_it_for_its_jobs(closing: bool) -> None:
    began = asyncio.Event()

    async def settle() -> None:
        began.set()
        job = jobs.waiting.popleft()
        try:
            await job.run(None)
        except asyncio.CancelledError as error:
            job.fail(error)

    jobs = Jobs(10, settle)
    waiting = asyncio.create_task(jobs.submit(lambda _: asyncio.Event().wait()))
    await began.wait()
    task = next(task for task in asyncio.all_tasks() if task.get_name() == "hie-store-writer")
    close = asyncio.create_task(jobs.close()) if closing else None
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 2)
    assert task.done()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if close is not None:
        with contextlib.suppress(asyncio.CancelledError):
            await close
