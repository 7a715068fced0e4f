"""The processes that write into one database: the session of each and its sign of life, outside of any transaction.

The transaction of a process that was killed stays open in MongoDB, and the clock with it, for a minute and longer
(`transactionLifetimeLimitSeconds`). So a process writes in one session, whose id it leaves in the collection `writer`,
and gives a sign of life every second while it has a batch in hand. Who waits for the clock looks there every second:
a process that was silent for some looks is dead, stopped or cut off, and its session is ended (`killSessions`, which a
user may do to sessions of its own). Nobody's time of day is compared, and only looks count that the store answered.
Where the other was only stopped, it finds its transaction gone and runs it again, as after a change of the primary.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from secrets import token_hex
from time import monotonic, time
from typing import Any

from pymongo import AsyncMongoClient, ReadPreference, WriteConcern, timeout
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from hie.base.tasks import end
from hie.store.mongo.client import DURABLE, OPERATION_SECONDS, SNAPSHOT
from hie.store.mongo.proof import Proof
from hie.store.mongo.schema import CLOCK, CONTROL, WRITER

log = logging.getLogger("hie.store")

SIGN_SECONDS = 1.0
"""From one sign of life to the next, and from one look at the others' to the next."""

SILENT_LOOKS = 5
"""Looks without a new sign after which a process's session is ended."""

_SESSION_SECONDS = 600.0
"""How long a session is used: the server forgets one that rests for 30 minutes."""

_FORGOTTEN_SECONDS = 86_400
"""How long what a process left is kept after its last sign."""

GOODBYE_SECONDS = 2.0
"""How long a process that leaves tries to tell the store so; what it does not hear of runs out by itself."""

_ABORT_SECONDS = 1.0
"""How long the end of a transaction that failed is waited for; the next one in the same session ends it for certain."""


class Writers:
    """This process (`process`, a name by chance) among those that write."""

    def __init__(self, client: AsyncMongoClient[Any], database: AsyncDatabase[Any], proof: Proof) -> None:
        self.process = token_hex(8)
        self._client = client
        self._database = database
        self._noted = database.get_collection(WRITER, write_concern=DURABLE)
        self._signs = database.get_collection(WRITER, write_concern=WriteConcern(w=1))
        self._proof = proof
        self._session: AsyncClientSession | None = None
        self._session_until = 0.0
        self._committed = False
        self._in_hand: float | None = None
        self.holds = False
        """Whether this process has the clock, and its jobs run."""
        self._looked = 0.0
        self._silent: dict[str, tuple[Any, int]] = {}
        self._task = asyncio.get_running_loop().create_task(self._give_signs(), name="hie-store-signs")

    async def close(self) -> None:
        """Leave: no sign is given, or expected, any more."""
        await end(self._task)
        if self._session is not None:
            with suppress(PyMongoError), timeout(GOODBYE_SECONDS):
                await self._session.end_session()
                await self._signs.delete_one({"_id": self.process})

    # -- this process --------------------------------------------------------------------------------------------

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """A batch is in hand: signs of life are given from a second on, so that most batches need none."""
        self._in_hand = monotonic()
        try:
            yield
        finally:
            self._in_hand = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncClientSession]:
        """A transaction in the session of this process, ended when it is left without a commit.

        One that could not be told so, as the line was lost, is ended by the server when the next begins in the same
        session. Raises what the driver raises.
        """
        session = await self._noted_session()
        self._committed = False
        await session.start_transaction(SNAPSHOT, DURABLE, ReadPreference.PRIMARY)
        try:
            yield session
            self._committed = not session.in_transaction
        finally:
            self.holds = False
            if session.in_transaction:
                with timeout(_ABORT_SECONDS):
                    await session.abort_transaction()

    async def _noted_session(self) -> AsyncClientSession:
        """The session, of which the store knows; another one only where the last transaction is certain to be over."""
        if self._session is None or (self._committed and monotonic() >= self._session_until):
            if self._session is not None:
                await self._session.end_session()
            self._session = self._client.start_session(causal_consistency=False)
            self._session_until = 0.0
        if monotonic() >= self._session_until:
            with timeout(OPERATION_SECONDS):
                await self._sign(self._noted, self._session)
                await self._signs.delete_many({"at": {"$lt": int(time()) - _FORGOTTEN_SECONDS}})
            self._session_until = monotonic() + _SESSION_SECONDS
        return self._session

    async def _give_signs(self) -> None:
        while True:
            await asyncio.sleep(SIGN_SECONDS)
            began = self._in_hand
            if self._session is None or began is None or monotonic() - began < SIGN_SECONDS:
                continue
            try:
                with timeout(2 * SIGN_SECONDS):
                    await self._sign(self._signs, self._session)
            except PyMongoError:
                if self._in_hand == began:
                    self._proof.stall(began)
                continue
            if self.holds:
                self._proof.see()

    async def _sign(self, where: Any, session: AsyncClientSession) -> None:
        left = {"session": session.session_id["id"], "holds": self.holds, "at": int(time())}
        await where.update_one({"_id": self.process}, {"$set": left, "$inc": {"signs": 1}}, upsert=True)

    # -- the others ----------------------------------------------------------------------------------------------

    def trust(self) -> None:
        """The clock was free: who was silent need not be dead."""
        self._silent.clear()

    async def look(self) -> bool:
        """Look at the signs of the others, a second after the last look, and end what silent ones left open. Whether
        somebody was seen to write. Raises what the driver raises, after which all looks count anew: who was cut off
        from the store could give no sign."""
        await asyncio.sleep(self._looked + SIGN_SECONDS - monotonic())
        try:
            with timeout(2 * SIGN_SECONDS):
                clock = await self._database[CONTROL].find_one({"_id": CLOCK}, {"seq": 1}) or {}
                others = await self._signs.find({"_id": {"$ne": self.process}}).to_list()
            self._looked = monotonic()
            lives = [self._is_new(other, clock.get("seq")) for other in others]
            silent = [other for other in others if self._silent[other["_id"]][1] == SILENT_LOOKS]
            if silent:
                await self._end(silent)
        except PyMongoError:
            self.trust()
            raise
        if any(lives):
            self._proof.see()
        return any(lives)

    def _is_new(self, other: dict[str, Any], seq: Any) -> bool:
        """Whether this process was seen to have the clock, or anybody to write, since the last look."""
        sign = (other["signs"], other["session"], seq)
        last, looks = self._silent.get(other["_id"], (None, 0))
        self._silent[other["_id"]] = (sign, looks + 1 if last == sign else 0)
        return last is not None and last != sign and (other["holds"] or last[2] != seq)

    async def _end(self, silent: list[dict[str, Any]]) -> None:
        """None of them holds the clock from here on; it may be that none did."""
        self.trust()
        with timeout(OPERATION_SECONDS):
            await self._database.command("killSessions", [{"id": other["session"]} for other in silent])
        log.warning("ended the sessions of servers that give no sign count=%d", len(silent))
