"""Ingest and search rates of the MongoDB store. By hand: python -m tests.bench.bench_mongo --help

The same material and searches as `bench_store`; one `mongod` (a replica set of one member) on this machine with 2 GiB
of cache, or the one that `HIE_TEST_MONGODB_URI` names. Prints the sizes of collections and indexes.
"""

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.store.mongo import open_mongo
from tests.bench.bench_store import ingest, load, rounds, searches, small
from tests.mongo_store import database_uri
from tests.mongod import ReplicaSet, find_mongod


async def sizes(uri: str, resources: int) -> None:
    """Bytes on disk of every collection and index, after a checkpoint."""
    async with AsyncMongoClient[Any](uri) as client:
        await client.admin.command("fsync")
        database = client.get_default_database()
        whole = 0
        for name in sorted(await database.list_collection_names()):
            stats = await database.command("collStats", name)
            whole += stats["totalSize"]
            print(f"  {name}: {stats['count']:,} documents of {stats.get('avgObjSize', 0):,} bytes,", end=" ")
            print(f"{stats['storageSize'] / 1e6:,.0f} MB, indexes", end=" ")
            print(", ".join(f"{index} {size / 1e6:,.0f}" for index, size in stats["indexSizes"].items()), "MB")
        print(f"  whole: {whole / 1e6:,.0f} MB, {whole / max(resources, 1):,.0f} bytes a resource", flush=True)


async def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--synthea", type=Path, required=True, help="folder with *.json.bz2")
    parser.add_argument("--resources", type=int, default=10_000)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--members", type=int, default=1)
    options = parser.parse_args()
    own = None
    given = os.environ.get("HIE_TEST_MONGODB_URI")
    if given is None:
        mongod = find_mongod()
        assert mongod is not None, "no mongod"
        own = ReplicaSet(mongod, options.members, cache_gb=2).start()
        given = own.uri
    try:
        uri = database_uri(given, "bench")
        store = await open_mongo(uri, extract=Extractors(official()).extract)
        bundles = load(options.synthea)
        report = max(options.resources // 10, 1)
        await ingest(store, rounds(bundles, options.resources), options.senders, report)
        await sizes(uri, options.resources)
        await searches(store, options.repeat)
        await store.close()
        empty = await open_mongo(database_uri(given, "small"), extract=Extractors(official()).extract)
        for senders in (1, 8, 32):
            await small(empty, senders)
        await empty.close()
    finally:
        if own is not None:
            own.stop()


if __name__ == "__main__":
    asyncio.run(main())
