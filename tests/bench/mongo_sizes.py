"""Bytes on disk of every collection and index of a MongoDB database, for benchmarks."""

from typing import Any

from pymongo import AsyncMongoClient


async def sizes(uri: str) -> None:
    """Print them, after a checkpoint."""
    async with AsyncMongoClient[Any](uri) as client:
        await client.admin.command("fsync")
        database = client.get_default_database()
        resources = await database["resource"].estimated_document_count()
        whole = 0
        for name in sorted(await database.list_collection_names()):
            stats = await database.command("collStats", name)
            whole += stats["totalSize"]
            print(f"  {name}: {stats['count']:,} documents of {stats.get('avgObjSize', 0):,} bytes,", end=" ")
            print(f"{stats['storageSize'] / 1e6:,.0f} MB, indexes", end=" ")
            print(", ".join(f"{index} {size / 1e6:,.0f}" for index, size in stats["indexSizes"].items()), "MB")
        print(f"  whole: {whole / 1e6:,.0f} MB, {whole / max(resources, 1):,.0f} bytes a resource", flush=True)
