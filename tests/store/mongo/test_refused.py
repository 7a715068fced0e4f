"""A server that refuses what a batch asks for, or did it and says otherwise: every write counts once, or fails."""

import asyncio
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from hie.base.errors import HieError
from hie.store.port import Transaction
from hie.store.table import Table
from tests.mongo_store import empty_store

COUNTED = Table("counted", {"id": str, "n": int}, key=("id",))
COMMIT, WRITE = ["commitTransaction"], ["insert", "update", "findAndModify", "bulkWrite"]
TRANSIENT = {"errorLabels": ["TransientTransactionError"]}
NOT_REPLICATED = {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "timed out", "errInfo": {"wtimeout": True}}


async def add(tx: Transaction) -> int:
    row = await tx.get(COUNTED, "a")
    number = int(str(row["n"])) + 1 if row else 1
    await tx.upsert(COUNTED, {"id": "a", "n": number})
    return number


async def refuse(client: AsyncMongoClient[Any], commands: list[str], how: dict[str, Any]) -> int:
    """Have the server refuse the next of these commands so; skips where it takes no failpoints. Returns how often it
    has refused any."""
    point = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": {"failCommands": commands, **how}}
    try:
        return int((await client.admin.command(point))["count"])
    except OperationFailure:
        pytest.skip("this mongod was not started with enableTestCommands")


@pytest.mark.parametrize(
    ("commands", "how", "fails"),
    [
        pytest.param(COMMIT, {"errorCode": 251, **TRANSIENT}, False, id="the transaction is gone"),
        pytest.param(COMMIT, {"writeConcernError": NOT_REPLICATED}, False, id="committed, a majority not known"),
        pytest.param(COMMIT, {"closeConnection": True}, False, id="the line is cut before the commit"),
        pytest.param(COMMIT, {"errorCode": 50}, False, id="the commit takes too long"),
        pytest.param(COMMIT, {"errorCode": 13}, True, id="the commit is not allowed"),
        pytest.param(COMMIT, {"errorCode": 14031}, True, id="the disk is full"),
        pytest.param(WRITE, {"errorCode": 314, **TRANSIENT}, False, id="the cache is full"),
        pytest.param(WRITE, {"closeConnection": True}, False, id="the line is cut before a write"),
    ],
)
async def test_a_write_counts_once_or_fails(
    mongodb_uri: str, commands: list[str], how: dict[str, Any], fails: bool
) -> None:
    store = await empty_store(mongodb_uri, "refused", [COUNTED])
    async with AsyncMongoClient[Any](mongodb_uri) as client:
        before = await refuse(client, commands, how)
        told = await asyncio.gather(*(store.write(add) for _ in range(9)), return_exceptions=True)
        off = await client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert off["count"] == before + 1
    counted = [one for one in told if isinstance(one, int)]
    refused = [one for one in told if isinstance(one, HieError)]
    assert len(counted) + len(refused) == 9
    assert bool(refused) is fails
    assert sorted(counted) == list(range(1, len(counted) + 1))
    assert await store.write(add) == len(counted) + 1
    await store.close()
