"""Two index layouts on one `mongod`, side by side. By hand: python -m tests.bench.bench_mongo_layout --help

*arrays* is the layout of the store (`hie.store.mongo.keys`). *values* has one document per value, in partial indexes
that begin with the parameter and value and end with the resource, so searches are covered. Both hold the same bodies;
both are filled in transactions of 1,000 resources, majority and journal, without the work of extraction in the time.
`--indexes-last` builds the indexes when the documents are there: the way to a size that a layout would take hours to
reach, for its sizes and searches; the rate of filling then says nothing, and indexes are as dense as they can be.
"""

import argparse
import asyncio
import random
import statistics
from collections.abc import Awaitable, Callable, Iterator
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


def arrayed(kind: str, number: int, head: dict[str, Any], entries: Entries) -> dict[str, Documents]:
    """The documents of a resource in the layout of the store."""
    return {"resource": [{**head, **index_fields(kind, entries)}]}


def valued(kind: str, number: int, head: dict[str, Any], entries: Entries) -> dict[str, Documents]:
    """The documents of a resource with one for each value."""
    return {"head": [head], "value": values(kind, number, entries)}


Layout = Callable[[str, int, dict[str, Any], Entries], dict[str, Documents]]


def chunks(folder: Path, total: int, layout: Layout, patients: list[str]) -> Iterator[dict[str, Documents]]:
    """What goes into one transaction each; notes the names of Patients."""
    extract = Extractors(official()).extract
    chunk: dict[str, Documents] = {}
    number = 0
    for resources in rounds(load(folder), total):
        for resource in resources:
            number += 1
            kind = resource["resourceType"]
            name = f"{kind}/{resource['id']}"
            if kind == "Patient":
                patients.append(name)
            body = orjson.dumps(resource)
            head = {"_id": name, "n": number, "v": 1, "w": number, "u": number, "t": kind}
            version = {"_id": number, "t": kind, "i": resource["id"], "v": 1, "u": number, "b": body}
            made = layout(kind, number, head, extract(resource))
            for collection, documents in {**made, "version": [version]}.items():
                chunk.setdefault(collection, []).extend(documents)
            if number % _CHUNK == 0:
                yield chunk
                chunk = {}
    yield chunk


async def fill(
    client: AsyncMongoClient[Any], database: AsyncDatabase[Any], written: Iterator[dict[str, Documents]]
) -> None:
    """Write all chunks, each one transaction; prints the rate without the time in which they were made."""
    seconds, count, parts = 0.0, 0, 0
    for chunk in written:
        start = perf_counter()
        async with client.start_session() as session:
            await session.start_transaction(write_concern=DURABLE)
            for name, documents in chunk.items():
                if documents:
                    await database[name].insert_many(documents, ordered=False, session=session)
            await session.commit_transaction()
        seconds += perf_counter() - start
        count += len(chunk.get("version", ()))
        parts += len(chunk.get("value", ()))
        if count % 100_000 == 0:
            print(f"  {count:>9,} resources, {count / seconds:,.0f}/s", flush=True)
    print(f"{database.name}: {count:,} resources, {parts / max(count, 1):.1f} values each, {count / seconds:,.0f}/s")


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


async def measured(
    client: AsyncMongoClient[Any], label: str, layout: Layout, indexes: dict[str, list[IndexModel]], options: Any
) -> None:
    """Fill one layout, print its sizes and latencies, drop it."""
    database = client[label]

    async def build() -> None:
        for name, models in indexes.items():
            await database[name].create_indexes(models)

    patients: list[str] = []
    if not options.indexes_last:
        await build()
    await fill(client, database, chunks(options.synthea, options.resources, layout, patients))
    if options.indexes_last:
        start = perf_counter()
        await build()
        print(f"  indexes built in {perf_counter() - start:,.0f} s", flush=True)
    await client.admin.command("fsync")
    data, index = await size(database, ["version", *indexes.keys() - {"version"}])
    count = options.resources
    print(f"{label}: documents {data / count:,.0f}, indexes {index / count:,.0f} bytes a resource", flush=True)
    ask = ask_arrays if layout is arrayed else ask_values
    await ask(database, patients, options.repeat)
    await client.drop_database(label)


async def main() -> None:
    """One layout after the other, each on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--synthea", type=Path, required=True)
    parser.add_argument("--resources", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=100)
    parser.add_argument("--layout", choices=["arrays", "values", "both"], default="both")
    parser.add_argument("--indexes-last", action="store_true")
    options = parser.parse_args()
    mongod = find_mongod()
    assert mongod is not None, "no mongod"
    heads = {"head": [IndexModel([("t", 1), ("n", 1)])], "value": VALUES}
    mine = {"resource": INDEXES["resource"]}
    layouts: list[tuple[str, Layout, dict[str, list[IndexModel]]]] = [
        ("arrays", arrayed, mine),
        ("values", valued, heads),
    ]
    for label, layout, indexes in layouts:
        if options.layout not in (label, "both"):
            continue
        own = ReplicaSet(mongod, 1, cache_gb=2).start()
        try:
            async with AsyncMongoClient[Any](own.uri) as client:
                await measured(client, label, layout, {**indexes, "version": INDEXES["version"]}, options)
        finally:
            own.stop()


if __name__ == "__main__":
    asyncio.run(main())
