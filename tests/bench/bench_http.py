"""The FHIR API over real sockets: load, small transactions, reads and searches. By hand:

    python -m tests.bench.bench_http --synthea FOLDER [--resources 100000] [--data DIR]

Servers of their own (`hie serve`: SQLite, `synchronous=FULL`, structure validation on), clients in this process. The
load posts transaction Bundles of a Synthea folder, again and again under new ids, over 8 connections. A second server
keeps 10,000 resources; searches are timed at the end, on both in turns: what counts is the ratio.
"""

import argparse
import asyncio
import bz2
import contextlib
import itertools
import os
import random
import re
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter, process_time
from urllib.parse import quote, urlsplit

import orjson
import uvloop

from tests.bench.bench_feeds import server
from tests.bench.bench_store import fsyncs
from tests.bench.http_client import Client

SEARCHES = {
    "Patient?identifier=": "Patient?identifier={identifier}",
    "Patient?name=&_count=1": "Patient?name={name}&_count=1",
    "Observation?patient=&code=&_count=50": "Observation?patient={patient}&code=8302-2&_count=50",
    "Observation?patient=&_sort=-date": "Observation?patient={patient}&_sort=-date&_count=50",
    "Observation?code=&_sort=-date": "Observation?code=8302-2&_sort=-date&_count=50",
    "Observation?code=&value-quantity=gt": "Observation?code=8302-2&value-quantity=gt170&_count=50",
    "Observation?date=ge": "Observation?date=ge2019&_count=50",
    "Condition?subject:Patient.identifier=": "Condition?subject:Patient.identifier={identifier}",
    "Patient?_has:Observation:patient:code=": "Patient?_has:Observation:patient:code=8302-2&_count=10",
    "Encounter?patient=&_include=": "Encounter?patient={patient}&_include=Encounter:practitioner&_count=50",
    "Patient/$everything": "Patient/{patient}/$everything?_count=200",
}


_OWN_UUID = re.compile(rb"(?<!\|)[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
"""Their first part. Not those behind `|`: conditional references to hospitals and practitioners, loaded once."""


def bundles(folder: Path) -> tuple[list[tuple[bytes, int]], list[tuple[bytes, int]]]:
    """Bundles of hospitals and practitioners, and those of patients, with the number of their entries."""
    shared, patients = [], []
    for path in sorted(folder.glob("*.bz2")):
        content = orjson.loads(bz2.decompress(path.read_bytes()))
        (shared if path.name.startswith("0-") else patients).append((orjson.dumps(content), len(content["entry"])))
    return shared, patients


def again_and_again(patients: list[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """The Bundles for ever, each time under other ids."""
    cut = [(_OWN_UUID.split(text), entries) for text, entries in patients]
    for salt in itertools.count(1):
        prefix = f"{salt:08x}".encode()
        for parts, entries in cut:
            yield prefix.join(parts), entries


class Cpu:
    """CPU milliseconds since it was made: of the processes that this one started, and of this one."""

    def __init__(self) -> None:
        self._servers, self._client = _ticks(os.getpid()), process_time()

    def each(self, done: int) -> str:
        """What one of `done` cost the server, each of its processes, the busiest first, and the client."""
        tick = 1e3 / os.sysconf("SC_CLK_TCK") / max(done, 1)
        used = [(ticks - self._servers.get(pid, 0)) * tick for pid, ticks in _ticks(os.getpid()).items()]
        client = (process_time() - self._client) * 1e3 / max(done, 1)
        shares = " ".join(f"{one:.3f}" for one in sorted(used, reverse=True) if one >= 0.001)
        return f"CPU ms each: server {sum(used):.3f} (its processes {shares}), client {client:.3f}"


def _ticks(parent: int) -> dict[int, int]:
    """Process id -> clock ticks used, for the descendants of a process."""
    used = {}
    children = " ".join(path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children"))
    for child in map(int, children.split()):
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        used |= {child: int(fields[11]) + int(fields[12]), **_ticks(child)}
    return used


async def over(port: int, connections: int, work: Callable[[Client], Awaitable[None]]) -> None:
    """Run `work` on so many connections at once."""
    clients = [await Client.connect(port) for _ in range(connections)]
    await asyncio.gather(*(work(client) for client in clients))
    for client in clients:
        client.close()


class Load:
    """Bundles posted so far, and how fast each tenth of them was."""

    def __init__(self, port: int, source: Iterator[tuple[bytes, int]]) -> None:
        self._port = port
        self._source = source
        self.done = 0

    async def to(self, total: int, report: int) -> None:
        """Post until the store has `total` resources of the load; prints the rate of each `report`."""
        began, cpu = perf_counter(), Cpu()
        mark = began
        first = last = self.done

        async def sender(client: Client) -> None:
            nonlocal mark, last
            while self.done < total:
                body, entries = next(self._source)
                answer = await client.post("/fhir", body)
                assert answer.status == 200, answer.body[:500]
                self.done += entries
                if self.done - last >= report:
                    now = perf_counter()
                    print(f"  {self.done:>9,} resources  {(self.done - last) / (now - mark):>8,.0f}/s", flush=True)
                    mark, last = now, self.done

        await over(self._port, 8, sender)
        if first < last < self.done:
            rest = (self.done - last) / (perf_counter() - mark)
            print(f"  {self.done:>9,} resources  {rest:>8,.0f}/s", flush=True)
        rate = (self.done - first) / (perf_counter() - began)
        done = self.done - first
        print(f"  load, 8 connections, {done:,} resources: {rate:,.0f}/s  {cpu.each(done)}", flush=True)


async def small(port: int, connections: int, seconds: float) -> None:
    """Transactions of two entries, each durable on its own."""
    done, until, cpu = 0, perf_counter() + seconds, Cpu()

    async def sender(client: Client) -> None:
        nonlocal done
        while perf_counter() < until:
            answer = await client.post("/fhir", _pair(f"{random.getrandbits(60):x}"))
            assert answer.status == 200, answer.body[:500]
            done += 1

    await over(port, connections, sender)
    print(f"  two-entry transactions, {connections} connections: {done / seconds:,.0f}/s  {cpu.each(done)}", flush=True)


def _pair(name: str) -> bytes:
    patient = {"resourceType": "Patient", "name": [{"family": "Wang"}], "id": name}
    result = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "1-1"}]},
        "subject": {"reference": f"Patient/{name}"},
        "effectiveDateTime": "2026-01-01",
    }
    entries = [
        {"resource": patient, "request": {"method": "PUT", "url": f"Patient/{name}"}},
        {"resource": result, "request": {"method": "POST", "url": "Observation"}},
    ]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entry_list(entries)})


def entry_list(entries: list[dict[str, object]]) -> list[dict[str, object]]:
    """The entries with a fullUrl each, as a Bundle wants them."""
    return [{"fullUrl": f"urn:uuid:00000000-0000-4000-8000-{n:012d}", **entry} for n, entry in enumerate(entries)]


async def samples(port: int, wanted: int = 200) -> list[dict[str, str]]:
    """Patients to ask about: id, identifier, family name."""
    client = await Client.connect(port)
    page = orjson.loads((await client.get(f"/fhir/Patient?_count={wanted}&identifier:missing=false")).body)
    client.close()
    return [
        {
            "patient": entry["resource"]["id"],
            "identifier": quote(entry["resource"]["identifier"][0]["value"]),
            "name": quote(entry["resource"]["name"][0]["family"]),
        }
        for entry in page["entry"]
    ]


async def latencies(ports: Sequence[int], rounds: int) -> dict[str, list[float]]:
    """Median milliseconds of each search on each server, one connection to each, asked in turns."""
    asked, found = [await samples(port) for port in ports], {}
    clients = [await Client.connect(port) for port in ports]
    for label, path in SEARCHES.items():
        took: list[list[float]] = [[] for _ in ports]
        for number, place in itertools.product(range(rounds), range(len(ports))):
            people = asked[place]
            url = "/fhir/" + path.format(**people[number % len(people)])
            began = perf_counter()
            answer = await clients[place].get(url)
            took[place].append((perf_counter() - began) * 1e3)
            assert answer.status == 200, answer.body[:500]
        found[label] = [statistics.median(times) for times in took]
    for client in clients:
        client.close()
    return found


async def rates(port: int, seconds: float, connections: int = 8) -> None:
    """Requests a second over several connections: the reads and searches that have an aim."""
    asked = await samples(port)
    paths = {
        "read by id": "Patient/{patient}",
        "Observation?patient=&code=&_count=50": SEARCHES["Observation?patient=&code=&_count=50"],
        "Patient/$everything": SEARCHES["Patient/$everything"],
    }
    for label, path in paths.items():
        done, size, cpu = 0, 0, Cpu()
        until = perf_counter() + seconds

        async def reader(client: Client, path: str = path, until: float = until) -> None:
            nonlocal done, size
            while perf_counter() < until:
                answer = await client.get("/fhir/" + path.format(**asked[done % len(asked)]))
                assert answer.status == 200, answer.body[:500]
                done, size = done + 1, size + len(answer.raw)

        await over(port, connections, reader)
        rate = f"{done / seconds:>8,.0f}/s  {size // max(done, 1):>8,} bytes"
        print(f"  {label:40} {rate}  {cpu.each(done)}", flush=True)


async def filled(port: int, source: Sequence[list[tuple[bytes, int]]]) -> Load:
    """A load that has posted what all Bundles refer to."""
    shared, patients = source
    client = await Client.connect(port)
    for body, _ in shared:
        assert (await client.post("/fhir", body)).status == 200
    client.close()
    return Load(port, again_and_again(patients))


async def run(small_port: int, port: int, options: argparse.Namespace) -> None:
    """Fill the small store, time it, load the large one, time both."""
    source = bundles(options.synthea)
    few = min(10_000, options.resources)
    load = await filled(small_port, source)
    await load.to(few, few)
    await rates(small_port, options.seconds)
    for connections in (1, 8, 32):
        await small(small_port, connections, options.seconds)
    whole = await filled(port, source)
    await whole.to(options.resources, max(options.resources // 10, 1))
    await asyncio.sleep(options.rest)
    after = await latencies((small_port, port), options.rounds)
    await rates(port, options.seconds)
    print(f"  {'median ms at':40} {load.done:>10,} {whole.done:>10,}  ratio")
    for label, (one, other) in after.items():
        print(f"  {label:40} {one:>10.2f} {other:>10.2f} {other / one:>6.2f}")


def main() -> None:
    """Start the server and run against it."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--synthea", type=Path, required=True)
    given.add_argument("--resources", type=int, default=100_000)
    given.add_argument("--rounds", type=int, default=200)
    given.add_argument("--seconds", type=float, default=3.0)
    given.add_argument("--rest", type=float, default=5.0, help="seconds of rest between the load and the searches")
    given.add_argument("--data", type=Path, help="keep the large store here")
    options = given.parse_args()
    with contextlib.ExitStack() as stack:
        few, many = (Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hie-bench-"))) for _ in range(2))
        data = options.data or many
        data.mkdir(parents=True, exist_ok=True)
        print(f"fdatasync of 4 KB: {fsyncs(data):.0f}/s")
        ports = [int(urlsplit(stack.enter_context(server(place))[0]).port or 0) for place in (few, data)]
        uvloop.run(run(*ports, options))


if __name__ == "__main__":
    main()
