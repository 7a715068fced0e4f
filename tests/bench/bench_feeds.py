"""How fast messages become durable FHIR resources, through the real MLLP socket.

    python -m tests.bench.bench_feeds [--messages 2000] [--data DIR]

Starts a server of its own in another process, on a temporary directory and free ports, and sends from this one.
Prints messages/s and resources/s for ADT, ORU and simulated traffic of the three regions over 1, 8 and 32 connections,
and the disk's fsync rate beside them.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hie.simulate.history import World
from hie.simulate.item import Item
from hie.wire.mllp import Frame, FrameMachine, wrap
from tests.bench.feeders import feed, items
from tests.bench.messages import adt, oru

TAKEN = {"AA", "AE", "200", "202"}
"""How items of traffic without dirt are answered; 202: kept, some rows wait for those they belong to (common §2.5);
AE: a merge that undoes an earlier one, which clerks send now and then (Wujiang §6.5)."""


def fsync_rate(folder: Path, seconds: float = 2.0) -> float:
    """Appends of 4 KB, each followed by fdatasync, per second."""
    handle = os.open(folder / "fsync.probe", os.O_WRONLY | os.O_CREAT)
    try:
        done, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            os.write(handle, b"x" * 4096)
            os.fdatasync(handle)
            done += 1
        return done / seconds
    finally:
        os.close(handle)
        (folder / "fsync.probe").unlink()


@contextlib.contextmanager
def server(data: Path, program: Sequence[str] = ("hie.cli",)) -> Iterator[tuple[str, int]]:
    """A server in a process of its own; yields its URL and MLLP port. `program`: the module, and what goes before
    `serve`."""
    command = [sys.executable, "-m", *program, "serve", "--data", str(data), "--port", "0", "--mllp-port", "0"]
    with (data / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield wait_ready(data, process)
        finally:
            process.terminate()
            process.wait(30)


def wait_ready(data: Path, process: "subprocess.Popen[Any]", seconds: float = 60.0) -> tuple[str, int]:
    """Wait until the server says where it listens."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            url = (data / "server").read_text().strip()
            if url:
                with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
                    return url, int(json.load(answer)["mllp"]["wujiang-hl7v2"])
        time.sleep(0.02)
    raise RuntimeError(f"The server was not ready in {seconds:.0f} s. {(data / 'server.log').read_text()}")


async def answers(port: int, bodies: list[bytes]) -> AsyncIterator[bytes]:
    """Send one message after the other over one connection; yields the answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    machine = FrameMachine(1 << 24)
    try:
        for body in bodies:
            writer.write(wrap(body))
            found: list[bytes] = []
            while not found:
                found = [f.body for f in machine.feed(await reader.read(65536)) if isinstance(f, Frame)]
            yield found[0]
    finally:
        writer.close()


async def send(port: int, bodies: list[bytes], connections: int) -> float:
    """Send all bodies over several connections; returns the seconds it took; fails on any answer but AA."""

    async def one(share: list[bytes]) -> None:
        async for answer in answers(port, share):
            assert b"MSA|AA|" in answer, answer.decode(errors="replace")

    began = time.perf_counter()
    await asyncio.gather(*(one(bodies[k::connections]) for k in range(connections)))
    return time.perf_counter() - began


def mixed(data: Path, url: str, port: int, traffic: list[Item], connections: int) -> None:
    """Simulated traffic of the three regions, invented before, over MLLP and HTTP."""
    before, began = resources(data), time.perf_counter()
    sent = asyncio.run(feed(traffic, int(url.rpartition(":")[2]), port, connections))
    seconds, made = time.perf_counter() - began, resources(data) - before
    assert not sent.answers.keys() - TAKEN, sent.answers
    print(f"{'three regions, mixed':22}{connections:>12}{sent.items / seconds:>12.0f}{made / seconds:>13.0f}")


def resources(data: Path) -> int:
    """Resource versions in the store."""
    with contextlib.closing(sqlite3.connect(data / "hie.sqlite")) as connection:
        return int(connection.execute("SELECT coalesce(max(seq), 0) FROM version").fetchone()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--results", type=int, default=10)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        data = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hie-bench-")))
        data.mkdir(parents=True, exist_ok=True)
        print(f"fdatasync of 4 KB: {fsync_rate(data):.0f}/s")
        url, port = stack.enter_context(server(data))
        asyncio.run(send(port, [adt(n, run="W") for n in range(100)], 8))
        print(f"{'kind':22}{'connections':>12}{'messages/s':>12}{'resources/s':>13}")
        n = options.messages
        for connections in (1, 8, 32):
            share = n // 4 if connections == 1 else n
            start = connections * 1_000_000
            numbers = range(start, start + share)
            for name, bodies in (
                ("ADT A01", [adt(k) for k in numbers]),
                (f"ORU {options.results} results", [oru(k, options.results) for k in numbers]),
                ("ADT A08 (update)", [adt(k, event="A08") for k in numbers]),
                ("ORU 30 results", [oru(k, 30, run="Y") for k in list(numbers)[: share // 3]]),
            ):
                before = resources(data)
                seconds = asyncio.run(send(port, bodies, connections))
                made = resources(data) - before
                print(f"{name:22}{connections:>12}{len(bodies) / seconds:>12.0f}{made / seconds:>13.0f}")
            world = World(seed=connections, patients=max(share // 4, 1), start=datetime(2025, 1, 6), days=30)
            mixed(data, url, port, list(items(world)), connections)


if __name__ == "__main__":
    main()
