"""An empty MongoDB store for one test. Databases are kept for the session and emptied, as making indexes takes long."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pymongo import AsyncMongoClient, WriteConcern

from hie.store.mongo import MongoStore, open_mongo
from hie.store.mongo.schema import CLOCK, CONTROL
from hie.store.table import Table


def database_uri(uri: str, name: str) -> str:
    """The URI with this database."""
    head, _, options = uri.partition("?")
    return f"{head.rstrip('/')}/{name}?{options}"


async def empty_store(uri: str, name: str, tables: Sequence[Table] = (), **options: Any) -> MongoStore:
    """The store of database `name`, without data.

    Emptied with majority: a majority read would still see what only one member has deleted.
    """
    whole = database_uri(uri, name)
    async with AsyncMongoClient[Any](whole) as client:
        database = client.get_default_database(write_concern=WriteConcern("majority"))
        there = await database.list_collection_names()
        await asyncio.gather(*(database[one].delete_many({}) for one in there if one != CONTROL))
        if CONTROL in there:
            await database[CONTROL].update_one({"_id": CLOCK}, {"$set": {"seq": 0, "last": 0}})
            await database[CONTROL].update_one({"_id": "text"}, {"$set": {"reached": 0}})
    return await open_mongo(whole, tables, **options)
