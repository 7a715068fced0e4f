"""What the store's own statements cost of an item: the least that any program on this layout would take.

    python -m tests.bench.bench_floor [--people 200] [--connections 8]

A server takes in simulated traffic of the three regions and notes every statement of the connection that writes, with
its values. They then run again on a copy of the store as it was before, without the program around them: what is left
is SQLite and the kernel. Prints CPU in ms an item, of COMMIT and of all others, and how many items shared a commit.
"""

import argparse
import asyncio
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw

from hie.cli import main as hie
from hie.simulate.history import World
from hie.store.sqlite.checkpoint import Checkpointer
from hie.store.sqlite.database import connect
from tests.bench.bench_feeds import resources, server
from tests.bench.feeders import feed, items

Said = tuple[str, Any, bool]
"""A statement, its values, and whether it ran once for each of them."""


class Noting(apsw.Connection):
    """A connection that notes what it is told, unless it only reads."""

    noted: list[Said]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.noted = []
        if not options.get("flags", 0) & apsw.SQLITE_OPEN_READONLY:
            _NOTING.append(self)

    def execute(self, statements: str, bindings: Any = None, **options: Any) -> apsw.Cursor:
        """As ever, and noted."""
        self.noted.append((statements, bindings, False))
        return super().execute(statements, bindings, **options)

    def executemany(self, statements: str, sequenceofbindings: Iterable[Any], **options: Any) -> apsw.Cursor:
        """As ever, and noted."""
        rows = list(sequenceofbindings)
        self.noted.append((statements, rows, True))
        return super().executemany(statements, rows, **options)


_NOTING: list[Noting] = []


def serve_noting(path: Path) -> None:
    """Serve, and keep what the connection that writes was told in a file. The others that may write do little."""
    try:
        with patch.object(apsw, "Connection", Noting):
            hie()
    finally:
        path.write_bytes(pickle.dumps(max((one.noted for one in _NOTING), key=len, default=[])))


def take_in(data: Path, people: int, seed: int, connections: int, noted: Path | None = None) -> int:
    """Serve a store and send it the traffic of so many people; returns the number of items."""
    traffic = list(items(World(seed=seed, patients=people, start=datetime(2025, 1, 6), days=30)))
    program = ["tests.bench.bench_floor", "--noted", str(noted)] if noted else ["hie.cli"]
    with server(data, program) as (url, port):
        asyncio.run(feed(traffic, int(url.rpartition(":")[2]), port, connections))
    return len(traffic)


def again(data: Path, noted: Iterable[Said]) -> tuple[float, float, int]:
    """Run statements again; returns the CPU seconds of all others, of the commits, and how many commits there were."""
    connection = connect(data / "hie.sqlite", cache_mib=64)
    checkpointer = Checkpointer(connection, connect(data / "hie.sqlite"))
    others = commits = 0.0
    number = 0
    for statement, values, many in noted:
        committing = statement == "COMMIT"
        began = time.thread_time()
        if many:
            connection.executemany(statement, values)
        else:
            connection.execute(statement, values).fetchall()
        took = time.thread_time() - began
        if committing:
            commits, number = commits + took, number + 1
            checkpointer.relieve()
        else:
            others += took
    return others, commits, number


def run(folder: Path, people: int, connections: int) -> None:
    """Take in, run again, print."""
    data, before, file = folder / "data", folder / "before", folder / "noted"
    data.mkdir()
    take_in(data, 60, seed=9, connections=connections)
    shutil.copytree(data, before)
    at_first = resources(data)
    number = take_in(data, people, seed=8, connections=connections, noted=file)
    noted: list[Said] = pickle.loads(file.read_bytes())
    begun = next(place for place, (statement, _, _) in enumerate(noted) if statement == "BEGIN IMMEDIATE")
    others, commits, batches = again(before, noted[begun:])
    assert resources(before) == resources(data)
    each = 1000 / number
    print(
        f"{number} items, {(resources(data) - at_first) / number:.1f} resources each, {number / batches:.1f} a commit"
    )
    print(f"CPU in ms an item: statements {others * each:.2f}, COMMIT {commits * each:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hie-bench-") as folder:
        run(Path(folder), options.people, options.connections)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--noted"]:
        where = Path(sys.argv[2])
        del sys.argv[1:3]
        serve_noting(where)
    else:
        main()
