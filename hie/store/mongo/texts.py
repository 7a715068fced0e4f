"""The text index for `_text` and `_content`, written behind the commits (docs/decisions/0016).

One document of `text` per version: `_id` number of its write, `t` type, `i` name of the resource, `c` the terms of all
its text, `x` those of its narrative. It is never changed and says nothing about later versions. Terms that are too many
for one document lie in several: each has the number as `w` as well, and all but the first another `_id`.
`control/text` has `reached`, the number of the last version that is in, and which process follows: one at a time, but
two would only do the same work twice.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from time import monotonic, time
from typing import Any

import orjson
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, PyMongoError

from hie.base.errors import HieError
from hie.base.tasks import end
from hie.search.text import content_terms, narrative_terms
from hie.store.mongo.keys import name
from hie.store.mongo.schema import CONTROL, TEXT, VERSION
from hie.store.mongo.seen import Seen

BATCH = 100
"""Versions that are taken in at a time."""

_AT_ONCE = 5
"""Versions that are read into terms before others get their turn: a quarter of a millisecond."""

PART = 6 << 20
"""Bytes of terms in one document, of all its text and of its narrative each: both fit into what MongoDB takes."""

_ELEMENT = 16
"""Bytes of an element of an array beside its text, at most."""

_LONG = 256 << 10
"""Bytes of a body from which on its terms are made in a thread: it takes more than a moment."""

_REST_SECONDS = 1.0
_ALONE, _BESIDE = 0.3, 3.0
"""Rest after a batch as a part of the time that it took: while nothing else is asked of the store, and beside work."""

_CLAIM_SECONDS = 15.0
_TAKEN = 11000
"""Server code of a taken unique key."""


def text_documents(number: int, resource_type: str, resource_id: str, body: bytes) -> list[dict[str, Any]]:
    """The documents of a version."""
    resource = orjson.loads(body)
    every, narrated = (_parts(found(resource)) for found in (content_terms, narrative_terms))
    one = {"_id": number, "t": resource_type, "i": name(resource_type, resource_id)}
    pairs: Iterable[tuple[list[str], list[str]]] = zip_longest(every, narrated, fillvalue=[])
    found = [{**one, "c": c, **({"x": x} if x else {})} for c, x in pairs]
    if len(found) == 1:
        return found
    return [{**part, "w": number, "_id": f"{number}.{at}" if at else number} for at, part in enumerate(found)]


def _parts(found: Iterable[str]) -> list[list[str]]:
    """Terms in order, as many together as a document may have of one kind; one part, maybe empty, at least."""
    parts: list[list[str]] = [[]]
    size = 0
    for term in sorted(found):
        size += len(term.encode()) + _ELEMENT
        if size > PART:
            parts.append([])
            size = len(term.encode()) + _ELEMENT
        parts[-1].append(term)
    return parts


async def _documents(versions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    documents = []
    for number, one in enumerate(versions):
        told = (one["_id"], one["t"], one["i"], one["b"])
        documents += await asyncio.to_thread(text_documents, *told) if len(one["b"]) > _LONG else text_documents(*told)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return documents


class TextFollower:
    """A task that takes in what is committed, by whichever process."""

    def __init__(self, database: AsyncDatabase[Any], seen: Seen) -> None:
        self._database = database
        self._seen = seen
        self._name = uuid.uuid4().hex
        self._task = asyncio.get_running_loop().create_task(self._work(), name="hie-text")

    async def close(self) -> None:
        """Stop; what was taken in stays."""
        await end(self._task)

    async def _work(self) -> None:
        with contextlib.suppress(PyMongoError):
            begin = {"$setOnInsert": {"reached": 0}}
            await self._database[CONTROL].update_one({"_id": "text"}, begin, upsert=True)
        while True:
            more, begun, answers = False, monotonic(), self._seen.answers
            with contextlib.suppress(PyMongoError, HieError):
                more = await self._step()
            rest = _ALONE if self._seen.answers - answers <= 1 else _BESIDE
            await asyncio.sleep(min(rest * (monotonic() - begun), _REST_SECONDS) if more else _REST_SECONDS)

    async def _step(self) -> bool:
        """Take in the next versions, if this process is the one to; whether there may be more."""
        now = time()
        mine = {"_id": "text", "$or": [{"by": self._name}, {"until": {"$not": {"$gt": now}}}]}
        claim = {"$set": {"by": self._name, "until": now + _CLAIM_SECONDS}}
        state = await self._database[CONTROL].find_one_and_update(mine, claim)
        if state is None:
            return False
        async with self._seen.reading() as session:
            beyond = self._database[VERSION].find({"_id": {"$gt": state["reached"]}}, {"t": 1, "i": 1, "b": 1},
                                                  session=session)  # fmt: skip
            found = await beyond.sort("_id", 1).limit(BATCH).to_list()
        if found:
            await self._add(await _documents([one for one in found if one.get("b")]))
            reached = {"$set": {"reached": found[-1]["_id"]}}
            await self._database[CONTROL].update_one({"_id": "text", "reached": state["reached"]}, reached)
        return len(found) == BATCH

    async def _add(self, documents: list[dict[str, Any]]) -> None:
        if not documents:
            return
        try:
            await self._database[TEXT].insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if any(one.get("code") != _TAKEN for one in error.details["writeErrors"]):
                raise
