"""What this process has seen of the store's history, so that no read runs back behind it.

After a change of the primary the new one may, for a moment, take less for committed than the old one has answered with.
Every read outside of a transaction therefore names the time of what was last read or written here (causal consistency);
the server waits until it can answer from there on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession

from hie.store.mongo.client import OPERATION_SECONDS, translated


class Seen:
    """The latest time that a read or a commit of this process was answered with; `answers`: how many there were."""

    def __init__(self, client: AsyncMongoClient[Any]) -> None:
        self._client = client
        self._time: Timestamp | None = None
        self.answers = 0

    def note(self, session: AsyncClientSession) -> None:
        """Remember what a session has seen."""
        self.answers += 1
        time = session.operation_time
        if time is not None and (self._time is None or time > self._time):
            self._time = time

    @asynccontextmanager
    async def reading(self, seconds: float = OPERATION_SECONDS) -> AsyncIterator[AsyncClientSession]:
        """A session whose reads see at least that; raises what the server's refusals mean, after `seconds` as well."""
        with translated(seconds):
            async with self._client.start_session(causal_consistency=True) as session:
                if self._time is not None:
                    session.advance_operation_time(self._time)
                yield session
                self.note(session)
