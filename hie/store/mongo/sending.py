"""The way of a batch's writes to the server, one message after the other: a session takes one operation at a time."""

import asyncio
from collections.abc import Sequence, Set
from typing import Any

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne, timeout
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

from hie.base.tasks import end
from hie.store.mongo.client import OPERATION_SECONDS
from hie.store.mongo.layer import Document, Layer
from hie.store.mongo.schema import RESOURCE, VERSION, collection
from hie.store.mongo.tables import Key, by_key, document
from hie.store.table import Table

Piece = tuple[str, list[Any]]
"""A collection, and the operations that go there in one command."""

_TAKEN = 11000
"""Server code of a taken unique key."""

_ORDER: dict[type, int] = {DeleteOne: 0, UpdateOne: 1, ReplaceOne: 1, InsertOne: 2}
"""Removed rows first: they may hold a unique value that another row gets."""


class Line:
    """The line of one transaction to the server."""

    def __init__(self, database: AsyncDatabase[Any], session: AsyncClientSession) -> None:
        self._database = database
        self._session = session
        self._sending: asyncio.Task[None] | None = None
        self.broken: Exception | None = None
        """The server's error that ended the transaction."""
        self.spoilt = False
        """Whether `broken` is about what was sent, so that any of the jobs may be at fault."""

    @property
    def busy(self) -> bool:
        """Whether something is on its way to the server."""
        return self._sending is not None and not self._sending.done()

    def begin(self, found: list[Piece]) -> None:
        """Send these while the jobs go on; the line must not be busy. Raises what was refused of those before."""
        self._raise()
        self._sending = asyncio.create_task(self.write(found), name="hie-store-send")

    async def settle(self) -> None:
        """Wait for what is on its way; raises what the server refused."""
        if self._sending is not None:
            await asyncio.wait([self._sending])
            self._raise()

    async def write(self, found: list[Piece]) -> None:
        """Send these, one after the other; raises what the server refuses, `DuplicateKeyError` for a taken key."""
        for name, writes in found:
            with timeout(2 * OPERATION_SECONDS):
                await self._bulk(name, writes)

    async def stop(self) -> None:
        """Give up what is on its way."""
        if self._sending is not None:
            await end(self._sending)

    def _raise(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None and (error := sending.exception()) is not None:
            if isinstance(error, Exception):
                self.broken, self.spoilt = error, True
            raise error

    async def _bulk(self, name: str, writes: list[Any]) -> None:
        writes.sort(key=lambda write: _ORDER[type(write)])
        try:
            await self._database[name].bulk_write(writes, session=self._session)
        except BulkWriteError as error:
            if any(one.get("code") == _TAKEN for one in error.details.get("writeErrors", ())):
                raise DuplicateKeyError("taken", _TAKEN) from error
            raise


def pieces(layers: Sequence[Layer], *, rows: bool) -> list[Piece]:
    """What the layers of a batch, the lowest first, have not sent, which counts as sent from here on; rows only if
    `rows`."""
    found = [piece for layer in layers for piece in _resources(layer, layers)]
    if rows:
        found += [piece for layer in layers for piece in _rows(layer, layers)]
    return found


def _resources(layer: Layer, layers: Sequence[Layer]) -> list[Piece]:
    for version in layer.versions:
        if version["_id"] in layer.ends:
            version["e"] = layer.ends.pop(version["_id"])[0]
    found: list[Piece] = [
        (VERSION, [InsertOne(version) for version in layer.versions]),
        (VERSION, [UpdateOne({"_id": write, **at}, {"$set": {"e": e}}) for write, (e, at) in layer.ends.items()]),
        (RESOURCE, [_resource_write(*item, layer.places[item[0]], layers) for item in layer.resources.items()]),
    ]
    _there(layer.resources.keys(), layers)
    layer.versions, layer.resources, layer.places, layer.ends = [], {}, {}, {}
    layer.waiting = 0
    return [piece for piece in found if piece[1]]


def _resource_write(name: str, indexed: Document, place: Document, layers: Sequence[Layer]) -> Any:
    if _is_fresh(name, layers):
        return InsertOne(indexed)
    return ReplaceOne({"_id": name, **place}, indexed)


def _rows(layer: Layer, layers: Sequence[Layer]) -> list[Piece]:
    tables: dict[str, list[Any]] = {}
    for pair, table in layer.changed.items():
        tables.setdefault(collection(table), []).append(_row_write(table, pair, layer, layers))
    _there(layer.changed.keys(), layers)
    layer.changed, layer.held = {}, 0
    return [*tables.items()]


def _row_write(table: Table, pair: tuple[str, Key], layer: Layer, layers: Sequence[Layer]) -> Any:
    row = layer.rows[pair]
    if row is None:
        return DeleteOne(by_key(table, pair[1]))
    if _is_fresh(pair, layers):
        return InsertOne(document(table, row))
    return ReplaceOne(by_key(table, pair[1]), document(table, row), upsert=True)


def _is_fresh(what: Any, layers: Sequence[Layer]) -> bool:
    """Whether the server does not have what has this name or key."""
    return any(what in layer.fresh for layer in layers)


def _there(sent: Set[Any], layers: Sequence[Layer]) -> None:
    """The server has these from here on."""
    for layer in layers:
        layer.fresh -= sent
