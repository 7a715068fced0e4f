"""Two index layouts on one `mongod`, side by side. By hand: python -m tests.bench.bench_mongo_layout --help

*arrays* is the layout of the store (`hie.store.mongo.keys`). *values* has one document per value, in partial indexes
that begin with the parameter and value and end with the resource, so searches are covered. Both hold the same bodies;
both are filled in transactions of 1,000 resources, majority and journal, without the work of extraction in the time.
"""

import argparse
import asyncio
import random
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
from pymongo import ASCENDING, AsyncMongoClient, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from hie.fhir.definitions import official
from hie.search.entries import Entries
from hie.search.extract import Extractors
from hie.store.mongo.client import DURABLE
from hie.store.mongo.keys import CODE, REFERENCE, index_fields, key, target
from hie.store.mongo.schema import INDEXES
from tests.bench.bench_store import load, rounds
from tests.mongod import ReplicaSet, find_mongod

Documents = list[dict[str, Any]]
_CHUNK = 1000


def _partial(name: str, present: str, *fields: str) -> IndexModel:
    there = {present: {"$exists": True}}
    return IndexModel([(one, ASCENDING) for one in fields], name=name, partialFilterExpression=there)


VALUES = [
    _partial("token", "c", "p", "c", "y", "n"),
    _partial("reference", "o", "p", "o", "n"),
    _partial("string", "f", "p", "f", "n"),
    _partial("date", "d", "p", "d", "h", "n"),
    _partial("number", "l", "p", "l", "h", "n"),
    IndexModel([("n", ASCENDING), ("p", ASCENDING)], name="owner"),
]


def values(kind: str, number: int, entries: Entries) -> Documents:
    """One document per value."""
    found: Documents = []
    found += [{"c": code, "y": system, "x": text, "p": p} for p, system, code, text in entries.token if p != "_id"]
    found += [{"c": uri, "y": "", "p": p} for p, uri in entries.uri]
    found += [{"o": target(entry), "p": entry[0]} for entry in entries.reference if target(entry)]
    found += [{"o": owner, "p": "@"} for _, owner in entries.compartments]
    found += [{"f": text, "x": exact, "p": p} for p, text, exact in entries.string]
    found += [{"d": low, "h": high, "p": p} for p, low, high in entries.date if p != "_lastUpdated"]
    found += [{"l": low, "h": high, "p": p} for p, low, high in entries.number]
    found += [{"l": e[1], "h": e[2], "u": e[5], "p": e[0]} for e in entries.quantity]
    for one in found:
        one["p"] = f"{kind}.{one['p']}"
        one["n"] = number
    return found


async def fill(
    client: AsyncMongoClient[Any], database: AsyncDatabase[Any], chunks: list[dict[str, Documents]]
) -> float:
    """Seconds for all chunks, each one transaction."""
    start = perf_counter()
    for chunk in chunks:
        async with client.start_session() as session:
            await session.start_transaction(write_concern=DURABLE)
            for name, documents in chunk.items():
                await database[name].insert_many(documents, ordered=False, session=session)
            await session.commit_transaction()
    return perf_counter() - start


async def size(database: AsyncDatabase[Any], names: list[str]) -> tuple[int, int]:
    """Bytes of documents and of indexes on disk."""
    stats = [await database.command("collStats", name) for name in names]
    return sum(one["storageSize"] for one in stats), sum(one["totalIndexSize"] for one in stats)


async def timed(name: str, ask: Callable[[], Awaitable[Any]], repeat: int) -> None:
    """Median and p99."""
    times = []
    hits = 0
    for _ in range(repeat):
        start = perf_counter()
        hits = len(await ask())
        times.append((perf_counter() - start) * 1000)
    times.sort()
    print(
        f"  {name:<60} p50 {statistics.median(times):>8.2f}  p99 {times[int(len(times) * 0.99)]:>8.2f} ms  {hits} hits"
    )


async def ask_arrays(database: AsyncDatabase[Any], patients: list[str], repeat: int) -> None:
    """The searches, in the layout of the store."""
    resources = database["resource"]

    def find(condition: dict[str, Any]) -> Awaitable[Any]:
        return resources.find({"t": "Observation", **condition}, {"n": 1}, hint="keys").sort("n", 1).limit(51).to_list()

    def patient() -> str:
        return key("patient", REFERENCE, random.choice(patients))

    weight, final = key("code", CODE, "29463-7"), key("status", CODE, "final")
    await timed("arrays: patient", lambda: find({"k": patient()}), repeat)
    await timed("arrays: patient and code", lambda: find({"k": {"$all": [patient(), weight]}}), repeat)
    await timed("arrays: code, dense", lambda: find({"k": weight}), repeat)
    await timed("arrays: status and code, dense", lambda: find({"k": {"$all": [weight, final]}}), repeat)


async def ask_values(database: AsyncDatabase[Any], patients: list[str], repeat: int) -> None:
    """The same searches over values: the ids of each clause, joined in the server."""
    rows = database["value"]

    def find(first: dict[str, Any], *others: dict[str, Any]) -> Awaitable[Any]:
        stages: list[dict[str, Any]] = [{"$match": first}, {"$sort": {"n": 1}}]
        for number, other in enumerate(others):
            inner = [{"$match": other}, {"$limit": 1}, {"$project": {"_id": 1}}]
            join = {"from": "value", "localField": "n", "foreignField": "n", "pipeline": inner, "as": f"j{number}"}
            stages += [{"$lookup": join}, {"$match": {f"j{number}": {"$ne": []}}}]
        stages += [{"$limit": 51}, {"$project": {"_id": 0, "n": 1}}]

        async def ask() -> Any:
            return await (await rows.aggregate(stages)).to_list()

        return ask()

    def patient() -> dict[str, Any]:
        return {"p": "Observation.patient", "o": random.choice(patients)}

    weight = {"p": "Observation.code", "c": "29463-7", "y": "http://loinc.org"}
    final = {"p": "Observation.status", "c": "final"}
    await timed("values: patient", lambda: find(patient()), repeat)
    await timed("values: patient and code", lambda: find(patient(), weight), repeat)
    await timed("values: code, dense", lambda: find(weight), repeat)
    await timed("values: status and code, dense", lambda: find(weight, final), repeat)


async def main() -> None:
    """Fill both, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--synthea", type=Path, required=True)
    parser.add_argument("--resources", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=100)
    options = parser.parse_args()
    extract = Extractors(official()).extract
    arrays: list[dict[str, Documents]] = []
    valued: list[dict[str, Documents]] = []
    patients: list[str] = []
    number = count = 0
    for resources in rounds(load(options.synthea), options.resources):
        for resource in resources:
            if number % _CHUNK == 0:
                arrays.append({"resource": [], "version": []})
                valued.append({"head": [], "value": [], "version": []})
            number += 1
            entries, kind = extract(resource), resource["resourceType"]
            name = f"{kind}/{resource['id']}"
            version = {"_id": number, "t": kind, "i": resource["id"], "v": 1, "u": number, "b": orjson.dumps(resource)}
            head = {"_id": name, "n": number, "v": 1, "w": number, "u": number, "t": kind}
            arrays[-1]["version"].append(version)
            arrays[-1]["resource"].append({**head, **index_fields(kind, entries)})
            valued[-1]["version"].append(version)
            valued[-1]["head"].append(head)
            found = values(kind, number, entries)
            count += len(found)
            valued[-1]["value"] += found
            if kind == "Patient":
                patients.append(name)
    print(f"{number:,} resources, {count / number:.1f} values each")
    mongod = find_mongod()
    assert mongod is not None, "no mongod"
    own = ReplicaSet(mongod, 1, cache_gb=2).start()
    try:
        async with AsyncMongoClient[Any](own.uri) as client:
            for label, chunks in (("arrays", arrays), ("values", valued)):
                database = client[label]
                await database["version"].create_indexes(INDEXES["version"])
                if label == "arrays":
                    await database["resource"].create_indexes(INDEXES["resource"])
                else:
                    await database["head"].create_indexes([IndexModel([("t", 1), ("n", 1)])])
                    await database["value"].create_indexes(VALUES)
                seconds = await fill(client, database, chunks)
                await client.admin.command("fsync")
                data, index = await size(database, list(chunks[0]))
                print(f"{label}: {number / seconds:,.0f} resources/s; documents {data / number:,.0f},", end=" ")
                print(f"indexes {index / number:,.0f} bytes a resource", flush=True)
            await ask_arrays(client["arrays"], patients, options.repeat)
            await ask_values(client["values"], patients, options.repeat)
    finally:
        own.stop()


if __name__ == "__main__":
    asyncio.run(main())
