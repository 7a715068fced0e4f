"""Whether memory stays flat and speed stays up: mixed traffic of the three regions, for as many messages as you like.

    python -m tests.bench.bench_soak [--messages 100000] [--every 10000] [--connections 8] [--data DIR]

Starts a server of its own in another process (SQLite, full durability, free ports) and sends what `hie simulate`
invents through MLLP and HTTP. Every `--every` messages it prints messages/s, resources/s and the memory of the server
(all of its processes: its own, and pages of the mapped database, which the system may take back) and of the sender; at
the end the slope of the server's own memory over the second half, when caches are full, and the ledger.
"""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from hie.simulate.dirt import even
from hie.simulate.history import World
from tests.bench.bench_feeds import resources, server
from tests.bench.feeders import Tally, feed, items

START = datetime(2025, 1, 6)
PER_PERSON = 4
"""Messages that a person of 30 days sends at least."""


@dataclass
class Sample:
    """One row: messages so far, what was made since the row before, memory in MB."""

    messages: int
    seconds: float
    made: int
    server: float
    mapped: float
    sender: float


@dataclass
class Soak:
    """Takes a sample every so many messages."""

    data: Path
    every: int
    messages: int
    rows: list[Sample] = field(default_factory=list)
    last: tuple[float, int, int] = (0.0, 0, 0)

    def show(self, sent: Tally) -> None:
        """Called after each message."""
        if sent.items % self.every == 0 or sent.items == self.messages:
            self._row(sent.items)

    def _row(self, n: int) -> None:
        at, made = time.monotonic(), resources(self.data)
        seconds, before = at - self.last[0], self.last
        below = children(os.getpid())
        row = Sample(n, seconds, made - before[2], memory(below), memory(below, "RssFile"), memory([os.getpid()]))
        self.rows.append(row)
        print(
            f"{n:>9}{(n - before[1]) / seconds:>10.0f}{row.made / seconds:>12.0f}{row.server:>12.1f}"
            f"{row.mapped:>12.1f}{row.sender:>12.1f}",
            flush=True,
        )
        self.last = (time.monotonic(), n, made)


def children(parent: int) -> list[int]:
    """All processes below a process."""
    below: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{parent}/task").iterdir():
            for child in (task / "children").read_text().split():
                below += [int(child), *children(int(child))]
    return below


def memory(pids: list[int], kind: str = "RssAnon") -> float:
    """Resident memory of processes, in MB: `RssAnon` is their own, `RssFile` pages of files (the mapped database)."""
    found = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            found += sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
    return found * 1024 / 1e6


def slope(rows: list[Sample]) -> float:
    """KB of server memory per 1,000 messages, by least squares."""
    middle_n = sum(row.messages for row in rows) / len(rows)
    middle_m = sum(row.server for row in rows) / len(rows)
    spread = sum((row.messages - middle_n) ** 2 for row in rows)
    together = sum((row.messages - middle_n) * (row.server - middle_m) for row in rows)
    return together / spread * 1e6 if spread else 0.0


async def soak(data: Path, url: str, mllp: int, options: argparse.Namespace) -> Soak:
    """Send until there is enough."""
    found = Soak(data, options.every, options.messages, last=(time.monotonic(), 0, resources(data)))
    world = World(options.seed, options.messages // PER_PERSON + 1000, START, options.days, even(options.dirt))
    stream = islice(items(world), options.messages)
    await feed(stream, int(url.rpartition(":")[2]), mllp, options.connections, found.show)
    return found


def versions(data: Path) -> list[tuple[str, int]]:
    """What the store is made of: rows by resource type."""
    with contextlib.closing(sqlite3.connect(data / "hie.sqlite")) as connection:
        return connection.execute("SELECT type, count(*) FROM version GROUP BY type ORDER BY 2 DESC").fetchall()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--dirt", type=float, default=0.05)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        data = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hie-soak-")))
        data.mkdir(parents=True, exist_ok=True)
        url, mllp = stack.enter_context(server(data))
        heads = f"{'messages':>9}{'/s':>10}{'resources/s':>12}{'server MB':>12}{'mapped MB':>12}{'sender MB':>12}"
        print(heads, flush=True)
        rows = asyncio.run(soak(data, url, mllp, options)).rows
        print(f"slope over the second half: {slope(rows[len(rows) // 2 :]):.1f} KB per 1,000 messages")
        with urllib.request.urlopen(f"{url}/admin/ledger", timeout=60) as answer:
            print("ledger balanced:", '"balanced":true' in answer.read().decode().replace(" ", ""))
        print("database:", f"{(data / 'hie.sqlite').stat().st_size / 1e6:.0f} MB", versions(data)[:8])


if __name__ == "__main__":
    main()
