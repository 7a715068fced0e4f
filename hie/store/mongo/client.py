"""Connecting: the guarantees that every operation states, the deployment that must be able to give them, and what the
server's refusals mean for a caller."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import AsyncMongoClient, ReadPreference, WriteConcern, timeout
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
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

FIRST_SECONDS = 15.0
"""How long a start looks for the primary: longer than an election takes."""

DEFAULT_DATABASE = "hie"
_LEAST_WIRE = 13
"""MongoDB 5.0: the first in which defaults cannot silently be weaker than a majority."""

_TIME_LIMIT = (50, 262)
"""Server codes MaxTimeMSExpired and ExceededTimeLimit."""

_BEYOND_CACHE = 388
"""Server code TransactionTooLargeForCache: no use to try it again."""

OVER_CACHE = "The transaction is larger than the cache of MongoDB takes: see to cacheSizeGB."
OVER_TIME = "The transaction takes longer than MongoDB lets it: see to transactionLifetimeLimitSeconds."
"""What is told of a job that is too much; names the setting that an operator may change."""

_REPLACED_TOO_LARGE = (17419, 17420)
"""Server codes of a replacement and of an upsert that would make too large a document."""

_REFUSALS = {
    18: "MongoDB does not take the login of the URI: see to user, password and authSource (their database).",
    13: "MongoDB lets the user of the URI not do this: it needs readWrite on the database, and clusterMonitor.",
}
"""Server code -> what an operator has to see to: AuthenticationFailed, Unauthorized."""

UNKNOWN = "UnknownTransactionCommitResult"
"""Label of the driver: whether the transaction was committed could not be told."""

_TRY_AGAIN = ("TransientTransactionError", UNKNOWN)

_NOT_INITIATED = "a server waits to be told its replica set (rs.initiate)"

_VALUES = re.compile(r"[:\"'(]")
"""Where a complaint about a URI begins to quote it: a password that is not escaped may be taken for another part."""

_TIMES = re.compile(r" ?\(configured timeouts:[^)]*\)|, Timeout: .*", re.DOTALL)
"""What the driver adds to why it does not reach a server."""

_INSERTED_TOO_LARGE = "object to insert too large"
"""The server's message for an insert; its code is that of any bad value."""


def connect(uri: str) -> AsyncMongoClient[Any]:
    """A client for the event loop that runs; raises INVALID for a URI that is none, or weakens a guarantee."""
    try:
        client: AsyncMongoClient[Any] = AsyncMongoClient(
            uri, serverSelectionTimeoutMS=int(FIRST_SECONDS * 1000), appname="hie", tz_aware=True
        )
    except (PyMongoError, ValueError) as error:
        why = _VALUES.split(str(error))[0].strip()
        raise HieError(Category.INVALID, f"The MongoDB URI cannot be used: {why or type(error).__name__}.") from error
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
    hello = await _greeted(client)
    with translated(60):
        sharded = hello.get("msg") == "isdbgrid"
        _refuse(_weak_server(hello, sharded))
        defaults = await client.admin.command("getDefaultRWConcern")
        _refuse(_weak_defaults(defaults))
        if not sharded:
            config = await client.admin.command("replSetGetConfig")
            _refuse(_weak_set(config["config"]))
            status = await client.admin.command("serverStatus", repl=0, metrics=0)
            _refuse(None if status["storageEngine"]["persistent"] else "the storage engine does not keep data on disk")


async def _greeted(client: AsyncMongoClient[Any]) -> dict[str, Any]:
    """What the primary says of itself; raises UNAVAILABLE with what the driver found instead of one."""
    try:
        with timeout(FIRST_SECONDS):
            found: dict[str, Any] = await client.admin.command("hello")
    except (ConnectionFailure, ConfigurationError) as error:
        members = client.topology_description.server_descriptions().values()
        alone = any(member.server_type_name == "RSGhost" for member in members)
        why = _NOT_INITIATED if alone else _TIMES.sub("", str(error)).strip(" .")
        raise HieError(Category.UNAVAILABLE, f"MongoDB cannot be reached: {why}.") from error
    except PyMongoError as error:
        raise situation(error) from error
    return found


async def cache_bytes(client: AsyncMongoClient[Any]) -> int | None:
    """Size of the cache in which the primary must hold an open transaction; None where a router stands before it."""
    with translated():
        status = await client.admin.command("serverStatus", repl=0, metrics=0)
    found = status.get("wiredTiger", {}).get("cache", {}).get("maximum bytes configured")
    return None if found is None else int(found)


async def transaction_seconds(client: AsyncMongoClient[Any]) -> int | None:
    """How long the primary lets a transaction live; None where a router stands before it."""
    with translated():
        found = (await client.admin.command("getParameter", "*")).get("transactionLifetimeLimitSeconds")
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
    if _BEYOND_CACHE in (code, *(one["code"] for one in _refused(error))):
        return HieError(Category.TOO_LARGE, OVER_CACHE)
    if isinstance(error, DocumentTooLarge) or code == 10334 or _too_large(error):
        return HieError(Category.TOO_LARGE, "A document is larger than the store takes (16 MiB).")
    if isinstance(error, ConnectionFailure):
        return HieError(Category.UNAVAILABLE, f"The store does not answer: {type(error).__name__}.")
    if code in _REFUSALS:
        return HieError(Category.UNAVAILABLE, _REFUSALS[code])
    return HieError(Category.UNAVAILABLE, f"The store refuses: {type(error).__name__} {code or ''}".strip() + ".")


def _too_large(error: PyMongoError) -> bool:
    """Whether a bulk write was refused for its size: the driver lets documents pass that are a little too large."""
    return any(
        one["code"] in _REPLACED_TOO_LARGE or one["errmsg"].startswith(_INSERTED_TOO_LARGE) for one in _refused(error)
    )


def _refused(error: PyMongoError) -> list[dict[str, Any]]:
    """What the server says of each write that it refused in a bulk write."""
    found: list[dict[str, Any]] = error.details.get("writeErrors", []) if isinstance(error, BulkWriteError) else []
    return found


def passing(error: PyMongoError) -> bool:
    """Whether the same transaction may go through when it is tried again."""
    return isinstance(error, ConnectionFailure) or error.timeout or any(map(error.has_error_label, _TRY_AGAIN))
