"""The clock of the store (`control/clock`), which every batch takes before anything else: servers write in turns.

A transaction that finds the clock taken is refused at once, and one that asks again by chance seldom meets the moment
between two batches of a busy server. So who is refused waits in the server, by a write outside of a transaction, which
counts as a call for the clock; and who took the clock when another had called leaves it alone for a moment after.
"""

import asyncio
from time import monotonic, time
from typing import Any

from pymongo import ReturnDocument, WriteConcern, timeout
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from hie.base.clock import Clock
from hie.store.body import stamp
from hie.store.mongo.batch import WRITES
from hie.store.mongo.client import OPERATION_SECONDS
from hie.store.mongo.schema import CLOCK, CONTROL
from hie.store.mongo.writers import Writers

_KEPT_SECONDS = 86_400
"""How long the key of a process's last batch is kept; a batch is repeated for a minute at most."""

_WAY_SECONDS = 0.02
"""How long the clock is left alone for a server that called."""

_CALL_SECONDS = 1.0
"""How long one call waits, before the signs of life of the others are looked at."""

_NOT_KEPT = WriteConcern(w=1)
"""For a call, which need not last."""


class Turns:
    """The turns of one process."""

    def __init__(self, database: AsyncDatabase[Any], clock: Clock, writers: Writers) -> None:
        self._control = database[CONTROL]
        self._calling = database.get_collection(CONTROL, write_concern=_NOT_KEPT)
        self._clock = clock
        self._writers = writers
        self._process = writers.process
        self._calls = 0
        self._called = False

    async def take(self, key: bytes, run: int, session: AsyncClientSession) -> tuple[int, int]:
        """Numbers for the writes of a batch, and its time: from here on nobody else writes until it ends.

        The key of the batch is left under the name of this process, whose batches follow one another; keys of processes
        that have been silent for a day are dropped.
        """
        now = stamp(self._clock, 0)
        at = int(time())
        silent = {"$filter": {"input": {"$objectToArray": "$by"}, "cond": {"$gt": ["$$this.v.at", at - _KEPT_SECONDS]}}}
        mine = {self._process: {"key": {"$literal": key}, "run": run, "at": at}}
        others = {"$ifNull": [{"$arrayToObject": silent}, {}]}
        taken = {"seq": {"$add": ["$seq", WRITES]}, "last": {"$max": ["$last", now]}}
        clock = await self._control.find_one_and_update(
            {"_id": CLOCK},
            [{"$set": {**taken, "by": {"$mergeObjects": [others, mine]}}}],
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        assert clock is not None  # made by `migrate`
        calls = clock.get("calls", 0)
        self._called, self._calls = calls > self._calls, calls
        return clock["seq"] - WRITES + 1, clock["last"]

    async def finished(self, key: bytes, session: AsyncClientSession) -> int | None:
        """Which run of the batch with this key did commit, of those whose answers were lost."""
        clock = await self._control.find_one({"_id": CLOCK}, session=session)
        left = ((clock or {}).get("by") or {}).get(self._process) or {}
        return int(left["run"]) if left.get("key") == key else None

    async def wait(self) -> bool:
        """Call, and wait until another server lets go of the clock, or is silent and loses it; False when the store
        does not answer, or nobody is seen to write."""
        until, lives = monotonic() + OPERATION_SECONDS, False
        while not (free := await self._call()) and monotonic() < until:
            try:
                lives = await self._writers.look() or lives
            except PyMongoError:
                return False
        return free or lives

    async def _call(self) -> bool:
        try:
            with timeout(_CALL_SECONDS):
                await self._calling.update_one({"_id": CLOCK}, {"$inc": {"calls": 1}})
        except PyMongoError:
            return False
        self._calls += 1
        self._writers.trust()
        return True

    async def give_way(self) -> None:
        """Leave the clock alone for a moment if another server had called when it was taken."""
        if self._called:
            await asyncio.sleep(_WAY_SECONDS)
