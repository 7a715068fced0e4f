"""Ingest and search rates of the stores, side by side. By hand: python -m tests.bench.bench_store --help

Resources are those of a folder of Synthea transaction Bundles (bzip2), repeated with new ids until there are enough;
each Bundle is one job, as a transaction would be. MongoDB is a replica set of one `mongod` on this machine with 2 GiB
of cache. Prints the fsync rate of the disk beside the numbers, and at the end one table.
"""

import argparse
import asyncio
import bz2
import contextlib
import json
import os
import random
import re
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import orjson

from hie.base.memory import settle_memory
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.search.query import parse_query
from hie.store.port import Store, Transaction
from hie.store.sqlite import SqliteStore

_UUID = re.compile(rb"[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
"""The first part of each."""


def load(folder: Path) -> list[list[dict[str, Any]]]:
    """The Bundles as lists of resources whose references are `Type/id`."""
    bundles = []
    for path in sorted(folder.glob("*.bz2")):
        content = orjson.loads(bz2.decompress(path.read_bytes()))
        bundles.append(resolved([entry["resource"] for entry in content["entry"]]))
    return bundles


def resolved(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with `urn:uuid:` references as `Type/id`."""
    kinds = {resource["id"]: resource["resourceType"] for resource in resources}
    text = re.sub(
        r'"urn:uuid:([0-9a-f-]{36})"', lambda m: f'"{kinds.get(m[1], "Basic")}/{m[1]}"', json.dumps(resources)
    )
    changed: list[dict[str, Any]] = orjson.loads(text)
    return changed


def rounds(bundles: list[list[dict[str, Any]]], total: int) -> Iterator[list[dict[str, Any]]]:
    """Bundles, over and over, until `total` resources."""
    cut = [_UUID.split(orjson.dumps(bundle)) for bundle in bundles]
    made = salt = 0
    while made < total:
        salt += 1
        prefix = f"{salt:08x}".encode()
        for parts in cut:
            resources = orjson.loads(prefix.join(parts))
            made += len(resources)
            yield resources
            if made >= total:
                return


def fsyncs(folder: Path, seconds: float = 1.0) -> float:
    """fdatasync of one appended page, per second."""
    with (folder / "probe").open("wb") as file:
        count, start = 0, perf_counter()
        while perf_counter() - start < seconds:
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return count / seconds


async def ingest(store: Store, bundles: Iterator[list[dict[str, Any]]], senders: int, report: int) -> str:
    """Write Bundles with some senders; prints the rate of each `report` resources, returns that of all."""
    done, mark, start = 0, 0, perf_counter()
    begun, cpu, used = start, process_time(), process_time()

    async def sender() -> None:
        nonlocal done, mark, start, cpu
        for resources in bundles:

            async def job(transaction: Transaction, resources: list[dict[str, Any]] = resources) -> None:
                for resource in resources:
                    await transaction.put(resource, method="POST")

            await store.write(job)
            done += len(resources)
            if done - mark >= report:
                now = perf_counter()
                rates = (done - mark) / (now - start), (done - mark) / (process_time() - cpu)
                print(f"  {done:>9,} resources  {rates[0]:>8,.0f}/s  {rates[1]:>8,.0f} per CPU second", flush=True)
                mark, start, cpu = done, now, process_time()

    await asyncio.gather(*(sender() for _ in range(senders)))
    rates = done / (perf_counter() - begun), done / (process_time() - used)
    print(
        f"  all: {done:,} resources, {rates[0]:,.0f}/s, {rates[1]:,.0f} per CPU second, {senders} senders", flush=True
    )
    return f"{rates[0]:,.0f}"


async def small(store: Store, senders: int, seconds: float = 5.0) -> str:
    """Two-entry transactions, each durable on its own, a second."""
    count, until = 0, perf_counter() + seconds

    async def sender(number: int) -> None:
        nonlocal count
        while perf_counter() < until:
            name = f"small-{number}-{count}-{random.getrandbits(40):x}"

            async def job(transaction: Transaction, name: str = name) -> None:
                await transaction.put({"resourceType": "Patient", "id": name, "name": [{"family": "Wang"}]})
                await transaction.put(
                    {
                        "resourceType": "Observation",
                        "id": name,
                        "status": "final",
                        "code": {"coding": [{"system": "http://loinc.org", "code": "1-1"}]},
                        "subject": {"reference": f"Patient/{name}"},
                        "effectiveDateTime": "2026-01-01",
                    }
                )

            await store.write(job)
            count += 1

    await asyncio.gather(*(sender(number) for number in range(senders)))
    print(f"  two-entry transactions, {senders:>3} senders: {count / seconds:>8,.0f}/s", flush=True)
    return f"{count / seconds:,.0f}"


async def timed(name: str, ask: Callable[[], Awaitable[int]], repeat: int) -> str:
    """Median and p99 of `ask` in milliseconds; returns the line of the table."""
    times, hits = [], 0
    for _ in range(repeat):
        start = perf_counter()
        hits = await ask()
        times.append((perf_counter() - start) * 1000)
        if sum(times) > 20_000:
            break
    times.sort()
    worst = times[min(len(times) - 1, int(len(times) * 0.99))]
    print(f"  {name:<62} p50 {statistics.median(times):>8.3f}  p99 {worst:>8.3f} ms  {hits:>4} hits", flush=True)
    return f"{statistics.median(times):.2f} / {worst:.1f}"


async def searches(store: Store, repeat: int) -> dict[str, str]:
    """Latency of typical searches, p50 / p99 in milliseconds, with values taken from the store."""
    patients = [version async for version in store.versions("Patient")]
    rng = random.Random(7)
    people = [orjson.loads(version.body) for version in rng.sample(patients, min(200, len(patients)))]

    async def find(kind: str, query: list[tuple[str, str]]) -> int:
        page = await store.search(parse_query(kind, query, official(), now=1_768_696_200_000_000))
        return len(page.matches)

    def asked(kind: str, *parts: tuple[str, Callable[[dict[str, Any]], str]]) -> Callable[[], Awaitable[int]]:
        def ask() -> Awaitable[int]:
            person = rng.choice(people)
            return find(kind, [(name, value(person)) for name, value in parts])

        return ask

    def fixed(text: str) -> Callable[[dict[str, Any]], str]:
        return lambda person: text

    def pid(person: dict[str, Any]) -> str:
        return f"Patient/{person['id']}"

    def family(person: dict[str, Any]) -> str:
        return str(person["name"][0]["family"])

    def identifier(person: dict[str, Any]) -> str:
        return str(person["identifier"][0]["value"])

    async def read() -> int:
        return int(await store.read("Patient", rng.choice(people)["id"]) is not None)

    found = {"read by id": await timed("read by id", read, repeat)}
    page, newest = ("_count", fixed("50")), ("_sort", fixed("-date"))
    ten = ("_count", fixed("10"))  # where a store of 10,000 has no fifty, so that both sizes show as many
    five = ("_count", fixed("5"))
    weight, since = ("code", fixed("29463-7")), ("date", fixed("ge2019-01-01"))
    patient = ("patient", pid)
    number = "subject:Patient.identifier"
    has, female = ("_has:Observation:patient:code", fixed("29463-7")), ("gender", fixed("female"))
    questions: list[tuple[str, Callable[[], Awaitable[int]]]] = [
        ("Patient?identifier=", asked("Patient", ("identifier", identifier))),
        ("Patient?family=&birthdate=", asked("Patient", ("family", family), ("birthdate", lambda p: p["birthDate"]))),
        ("Patient?name= (prefix of 3)", asked("Patient", ("name", lambda p: family(p)[:3]), page)),
        ("Observation?patient=&_count=50", asked("Observation", patient, page)),
        ("Observation?patient=&code=&_count=50", asked("Observation", patient, weight, page)),
        ("Observation?patient=&_sort=-date&_count=50", asked("Observation", patient, newest, page)),
        ("Encounter?patient=&_sort=-date", asked("Encounter", patient, newest, page)),
        ("Observation?code=&_count=50 (dense)", asked("Observation", weight, page)),
        ("Observation?code=a,b&_count=50 (dense)", asked("Observation", ("code", fixed("29463-7,8302-2")), page)),
        ("Observation?code=&_sort=-date&_count=50", asked("Observation", weight, newest, page)),
        ("Observation?date=ge2019-01-01&_count=50", asked("Observation", since, page)),
        ("Observation?code=&date=ge2019-01-01", asked("Observation", weight, since, page)),
        (
            "Observation?code=&value-quantity=gt100&_count=10",
            asked("Observation", weight, ("value-quantity", fixed("gt100||kg")), ten),
        ),
        ("Observation?_sort=-_lastUpdated&_count=50", asked("Observation", ("_sort", fixed("-_lastUpdated")), page)),
        ("Condition?subject:Patient.identifier=", asked("Condition", (number, identifier))),
        ("Patient?_has:Observation:patient:code=&_count=10", asked("Patient", has, ten)),
        ("Observation?patient.gender=female&code=", asked("Observation", ("patient.gender", fixed("female")), weight)),
        ("Patient?gender=female&_sort=family&_count=5", asked("Patient", female, ("_sort", fixed("family")), five)),
        ("Observation?code=&_summary=count", asked("Observation", weight, ("_summary", fixed("count")))),
    ]
    for name, ask in questions:
        found[name] = await timed(name, ask, repeat)
    return found


def size_of(data: Path, name: str) -> int:
    """Bytes of a SQLite store."""
    return sum(file.stat().st_size for file in data.glob(f"{name}.sqlite*"))


@contextlib.asynccontextmanager
async def sqlite(data: Path, name: str) -> AsyncIterator[tuple[Store, bool]]:
    """A SQLite store, and whether it was there."""
    path = data / f"{name}.sqlite"
    there = path.exists()
    store = await SqliteStore.open(path, extract=Extractors(official()).extract)
    yield store, there
    await store.close()
    print(f"  {size_of(data, name) / 1e6:,.0f} MB", flush=True)


@contextlib.asynccontextmanager
async def mongodb(data: Path, name: str) -> AsyncIterator[tuple[Store, bool]]:
    """A MongoDB store on a server of its own, and whether it was there."""
    from hie.store.mongo import open_mongo
    from tests.bench.mongo_sizes import sizes
    from tests.mongo_store import database_uri
    from tests.mongod import ReplicaSet, find_mongod

    mongod = find_mongod()
    assert mongod is not None, "no mongod"
    there = (data / name / "0").exists()
    own = await asyncio.to_thread(ReplicaSet(mongod, 1, cache_gb=2, keep=data / name).start)
    try:
        uri = database_uri(own.uri, "bench")
        store = await open_mongo(uri, extract=Extractors(official()).extract)
        yield store, there
        await store.close()
        await sizes(uri)
        await asyncio.to_thread(own.shut_down)
    finally:
        own.stop()


STORES = {"sqlite": sqlite, "mongodb": mongodb}


async def measure(kind: str, data: Path, options: argparse.Namespace) -> dict[str, str]:
    """Fill one store, ask it, and send small jobs to an empty one."""
    found: dict[str, str] = {}
    async with STORES[kind](data, f"{kind}-filled") as (store, there):
        if not there:
            bundles = rounds(load(options.synthea), options.resources)
            report = max(options.resources // 10, 1)
            found["resources/s"] = await ingest(store, bundles, options.senders, report)
        found |= await searches(store, options.repeat)
    async with STORES[kind](data, f"{kind}-small-{random.getrandbits(24):x}") as (store, _):
        for senders in (1, 8, 32):
            found[f"two-entry transactions/s, {senders} senders"] = await small(store, senders)
    return found


async def main() -> None:
    """Fill, measure, print. Memory is treated as in a server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--synthea", type=Path, required=True, help="folder with *.json.bz2")
    parser.add_argument("--store", choices=[*STORES, "both"], default="sqlite")
    parser.add_argument("--resources", type=int, default=10_000)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--data", type=Path, default=None, help="keep the stores here; one that is there is only asked")
    options = parser.parse_args()
    official()
    settle_memory()
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or Path(folder)
        data.mkdir(parents=True, exist_ok=True)
        print(f"fdatasync: {fsyncs(data):,.0f}/s")
        found = {}
        for kind in STORES if options.store == "both" else [options.store]:
            print(kind, flush=True)
            found[kind] = await measure(kind, data, options)
    print(f"| | {' | '.join(found)} |\n|---|{'---|' * len(found)}")
    for name in dict.fromkeys(name for one in found.values() for name in one):
        print(f"| {name} | {' | '.join(one.get(name, '') for one in found.values())} |")


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
