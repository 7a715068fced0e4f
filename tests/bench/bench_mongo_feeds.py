"""What an item of the feeds costs on MongoDB: CPU of the server's processes and of `mongod`, commands by name.

    python -m tests.bench.bench_mongo_feeds [--patients 220] [--connections 8]

Starts a replica set of one member and a server on it, on temporary directories and free ports, sends simulated traffic
of the three regions, and prints milliseconds of CPU and commands an item.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from hie.simulate.history import World
from tests.bench.bench_feeds import TAKEN, wait_ready
from tests.bench.feeders import feed, items
from tests.mongo_store import database_uri
from tests.mongod import ReplicaSet, find_mongod

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of CPU of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def commands(member: ReplicaSet) -> dict[str, int]:
    """How many commands of each name `mongod` has had."""
    with member.members[0].client() as client:
        found = client.admin.command("serverStatus")["metrics"]["commands"]
    return {name: one["total"] for name, one in found.items() if isinstance(one, dict) and "total" in one}


@contextlib.contextmanager
def served(uri: str, data: Path) -> Iterator[tuple[int, int, int]]:
    """A server on a store; yields its process, HTTP port and MLLP port."""
    command = [sys.executable, "-m", "hie.cli", "serve", "--store", uri, "--data", str(data), "--port", "0"]
    with (data / "server.log").open("w") as log:
        process = subprocess.Popen([*command, "--mllp-port", "0"], stdout=log, stderr=log)
        try:
            url, mllp = wait_ready(data, process)
            yield process.pid, int(url.rpartition(":")[2]), mllp
        finally:
            process.terminate()
            process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=220)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    mongod = find_mongod()
    assert mongod is not None, "no mongod"
    members = ReplicaSet(mongod, members=1)
    with contextlib.ExitStack() as stack:
        stack.callback(members.stop)
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hie-bench-")))
        members.start()
        pid, http, mllp = stack.enter_context(served(database_uri(members.uri, "bench"), data))
        first = World(seed=1008, patients=20, start=datetime(2024, 1, 6), days=30)
        asyncio.run(feed(items(first), http, mllp, options.connections))
        traffic = list(items(World(seed=8, patients=options.patients, start=datetime(2025, 1, 6), days=30)))
        assert members.members[0].process is not None
        watched = {"process that writes": [pid], "mongod": [members.members[0].process.pid], "workers": children(pid)}
        before, asked = {name: sum(map(cpu, pids)) for name, pids in watched.items()}, commands(members)
        sent = asyncio.run(feed(traffic, http, mllp, options.connections))
        assert not sent.answers.keys() - TAKEN, sent.answers
        print(f"{sent.items} items")
        for name, pids in watched.items():
            print(f"{name:22}{(sum(map(cpu, pids)) - before[name]) * 1000 / sent.items:8.2f} ms of CPU an item")
        for name, number in sorted(commands(members).items()):
            each = (number - asked.get(name, 0)) / sent.items
            if each > 0.02:
                print(f"{name:22}{each:8.2f} an item")


if __name__ == "__main__":
    main()
