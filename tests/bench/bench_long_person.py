"""What a very long person costs: a merge that moves all of it, and a message that comes late.

    python -m tests.bench.bench_long_person [--store sqlite|mongodb] [--reports 291] [--results 84] [--cache 3]

Starts a server of its own (and a replica set of one member with `--cache` GiB), sends reports about one person over
MLLP, each a day before the one before it, then one more in their middle, and an A40 that retires the person. Prints the
seconds from sending to answer.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from tests.bench.bench_feeds import send, server
from tests.bench.bench_mongo_feeds import served
from tests.bench.messages import merge, report
from tests.mongo_store import database_uri
from tests.mongod import ReplicaSet, find_mongod

CONNECTIONS = 4


@contextlib.contextmanager
def running(store: str, cache: float, data: Path) -> Iterator[tuple[int, int]]:
    """A server on a store; yields its HTTP and MLLP port."""
    if store == "sqlite":
        with server(data) as (url, mllp):
            yield int(url.rpartition(":")[2]), mllp
        return
    mongod = find_mongod()
    assert mongod is not None, "no mongod"
    member = ReplicaSet(mongod, members=1, cache_gb=cache)
    with contextlib.ExitStack() as stack:
        stack.callback(member.stop)
        member.start()
        with member.members[0].client() as client:
            client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=60)  # as a server has it
        _, http, mllp = stack.enter_context(served(database_uri(member.uri, "long"), data))
        yield http, mllp


def results(http: int) -> int:
    """Results in the store."""
    with urllib.request.urlopen(f"http://127.0.0.1:{http}/fhir/Observation?_summary=count", timeout=60) as answer:
        return int(json.load(answer)["total"])


def timed(port: int, bodies: list[bytes], connections: int = 1) -> float:
    """Seconds until all bodies were answered AA."""
    began = time.perf_counter()
    asyncio.run(send(port, bodies, connections))
    return time.perf_counter() - began


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--store", choices=("sqlite", "mongodb"), default="sqlite")
    arguments.add_argument("--reports", type=int, default=291)
    arguments.add_argument("--results", type=int, default=84)
    arguments.add_argument("--cache", type=float, default=3)
    options = arguments.parse_args()
    days = [date(2026, 1, 1) - timedelta(days=n) for n in range(options.reports + 1)]
    late = days.pop(len(days) // 2)
    with (
        tempfile.TemporaryDirectory(prefix="hie-bench-") as folder,
        running(options.store, options.cache, Path(folder)) as (http, mllp),
    ):
        whole = timed(mllp, [report(1, day, options.results) for day in days], CONNECTIONS)
        print(f"{options.reports} reports, {results(http)} results: {whole:.1f} s over {CONNECTIONS} connections")
        print(f"one more that comes late: {timed(mllp, [report(1, late, options.results)]):.2f} s")
        print(f"a merge that moves them: {timed(mllp, [merge(2, 1)]):.1f} s")


if __name__ == "__main__":
    main()
