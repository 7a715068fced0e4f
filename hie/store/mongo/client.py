"""Connecting: the guarantees that every operation states, the deployment that must be able to give them, and what the
server's refusals mean for a caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import AsyncMongoClient, ReadPreference, WriteConcern, timeout
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidURI,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from hie.base.errors import Category, HieError

DURABLE = WriteConcern(w="majority", j=True, wtimeout=20_000)
"""Every write: in the journals of a majority before it is answered."""

MAJORITY = ReadConcern("majority")
"""Every read outside of a transaction: what a majority has, from the primary."""

SNAPSHOT = ReadConcern("snapshot")
"""Every read in a transaction: one snapshot, that the commit to a majority confirms."""

OPERATION_SECONDS = 8.0
"""How long one operation may take, a change of the primary included, before it is given up or tried again."""

DEFAULT_DATABASE = "hie"
_LEAST_WIRE = 13
"""MongoDB 5.0: the first in which defaults cannot silently be weaker than a majority."""

_TIME_LIMIT = (50, 262)
"""Server codes MaxTimeMSExpired and ExceededTimeLimit."""

_REPLACED_TOO_LARGE = (17419, 17420)
"""Server codes of a replacement and of an upsert that would make too large a document."""

_INSERTED_TOO_LARGE = "object to insert too large"
"""The server's message for an insert; its code is that of any bad value."""


def connect(uri: str, *, selection_seconds: float = 15.0) -> AsyncMongoClient[Any]:
    """A client for the event loop that runs; raises INVALID for a URI that is none, or weakens a guarantee."""
    try:
        client: AsyncMongoClient[Any] = AsyncMongoClient(
            uri, serverSelectionTimeoutMS=int(selection_seconds * 1000), appname="hie", tz_aware=True
        )
    except (InvalidURI, PyMongoError, ValueError) as error:
        raise HieError(Category.INVALID, f"The MongoDB URI cannot be used: {type(error).__name__}.") from error
    _refuse(_weak_options(client))
    return client


def _weak_options(client: AsyncMongoClient[Any]) -> str | None:
    concern = client.write_concern.document
    if concern.get("w", "majority") != "majority" or concern.get("j", True) is not True:
        return "the URI asks for a weaker write concern than w=majority, journal=true"
    if client.read_preference != ReadPreference.PRIMARY:
        return "the URI asks to read from other members than the primary"
    return None


async def check_deployment(client: AsyncMongoClient[Any]) -> None:
    """Refuse (UNAVAILABLE) a deployment that cannot give the guarantees: see `docs/operate/mongodb.md`."""
    with translated(60):
        hello = await client.admin.command("hello")
        sharded = hello.get("msg") == "isdbgrid"
        _refuse(_weak_server(hello, sharded))
        defaults = await client.admin.command("getDefaultRWConcern")
        _refuse(_weak_defaults(defaults))
        if not sharded:
            config = await client.admin.command("replSetGetConfig")
            _refuse(_weak_set(config["config"]))
            status = await client.admin.command("serverStatus", repl=0, metrics=0)
            _refuse(None if status["storageEngine"]["persistent"] else "the storage engine does not keep data on disk")


async def cache_bytes(client: AsyncMongoClient[Any]) -> int | None:
    """Size of the cache in which the primary must hold an open transaction; None where a router stands before it."""
    with translated():
        status = await client.admin.command("serverStatus", repl=0, metrics=0)
    found = status.get("wiredTiger", {}).get("cache", {}).get("maximum bytes configured")
    return None if found is None else int(found)


def _weak_server(hello: dict[str, Any], sharded: bool) -> str | None:
    if not sharded and "setName" not in hello:
        return "it is no replica set: transactions and majority writes need one"
    if hello["maxWireVersion"] < _LEAST_WIRE:
        return "it is older than MongoDB 5.0"
    return None


def _weak_defaults(defaults: dict[str, Any]) -> str | None:
    write = defaults.get("defaultWriteConcern", {}).get("w", "majority")
    if write != "majority":
        return f"its default write concern is w:{write}, not majority (setDefaultRWConcern)"
    return None


def _weak_set(config: dict[str, Any]) -> str | None:
    if not config.get("writeConcernMajorityJournalDefault", True):
        return "writeConcernMajorityJournalDefault is off: a majority may acknowledge what is not in a journal"
    return None


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise HieError(Category.UNAVAILABLE, f"This MongoDB deployment cannot keep what it acknowledges: {reason}.")


def database_of(client: AsyncMongoClient[Any]) -> AsyncDatabase[Any]:
    """The database that the URI names, `hie` without one, with the guarantees on every operation."""
    return client.get_default_database(
        DEFAULT_DATABASE, read_concern=MAJORITY, write_concern=DURABLE, read_preference=ReadPreference.PRIMARY
    )


@contextmanager
def translated(seconds: float = OPERATION_SECONDS) -> Iterator[None]:
    """Bound the time (a member that is paused would hold a socket for ever), and turn the driver's errors into
    situations; the server's messages may hold values and are left out."""
    try:
        with timeout(seconds):
            yield
    except PyMongoError as error:
        raise situation(error) from error


def situation(error: PyMongoError) -> HieError:
    """What an error of the driver means for a caller."""
    code = getattr(error, "code", None)
    if isinstance(error, DuplicateKeyError):
        return HieError(Category.CONFLICT, "A row with the same key is there already.")
    if isinstance(error, ExecutionTimeout) or code in _TIME_LIMIT:
        return HieError(Category.TIMEOUT, "The time limit of the query is used up.")
    if isinstance(error, DocumentTooLarge) or code == 10334 or _too_large(error):
        return HieError(Category.TOO_LARGE, "A document is larger than the store takes (16 MiB).")
    if isinstance(error, ConnectionFailure):
        return HieError(Category.UNAVAILABLE, f"The store does not answer: {type(error).__name__}.")
    return HieError(Category.UNAVAILABLE, f"The store refuses: {type(error).__name__} {code or ''}".strip() + ".")


def _too_large(error: PyMongoError) -> bool:
    """Whether a bulk write was refused for its size: the driver lets documents pass that are a little too large."""
    refused = error.details.get("writeErrors", ()) if isinstance(error, BulkWriteError) else ()
    return any(one["code"] in _REPLACED_TOO_LARGE or one["errmsg"].startswith(_INSERTED_TOO_LARGE) for one in refused)
