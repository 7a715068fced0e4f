"""kill -9 at random moments under load: every acknowledged message is there, exactly once.

A sender that got no answer sends the same bytes again, as the interface asks (Wujiang §1). The control runs the same
checks on a server that acknowledges before it stores, and must find losses: a test that cannot fail proves nothing.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hie.app import open_exchange
from hie.base.ids import raw_item_id
from hie.config import load_config
from hie.pipeline.verify import verify
from hie.staging.tables import PART, RAW_ITEM
from hie.wire.mllp import Frame, FrameMachine, wrap
from tests.bench.bench_feeds import wait_ready
from tests.bench.messages import adt

FEED = "wujiang-hl7v2"
SEED = int(os.environ.get("HIE_KILL_SEED", "20261122"))
KILLS = int(os.environ.get("HIE_KILLS", "60"))
CONNECTIONS = 4


class Sender:
    """Sends messages of its own over one connection; remembers what was acknowledged and what is in doubt."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self.acknowledged: list[bytes] = []
        self.doubt: bytes | None = None

    async def send(self, port: int) -> None:
        """Send until the connection breaks."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            machine = FrameMachine(1 << 20)
            try:
                while True:
                    body = self.doubt or adt(next(self._numbers), event="A04", run="K")
                    self.doubt = body
                    writer.write(wrap(body))
                    await self._answer(reader, machine)
                    self.acknowledged.append(body)
                    self.doubt = None
            finally:
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, machine: FrameMachine) -> None:
        while True:
            chunk = await reader.read(65536)
            if not chunk:
                raise ConnectionResetError
            for frame in machine.feed(chunk):
                assert isinstance(frame, Frame)
                assert b"MSA|AA|" in frame.body, frame.body
                return


class Lives:
    """Server processes on one data directory, one after the other."""

    def __init__(self, data: Path, *how: str) -> None:
        self._data = data
        command = [sys.executable, "-m", "tests.chaos.exchange", str(data), *how]
        with (data / "server.log").open("a") as log:
            self._nursery = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
            )

    def start(self) -> tuple[int, int]:
        """Start a server; returns its process id and its MLLP port."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write("next\n")
        pid = int(self._nursery.stdout.readline())
        return pid, wait_ready(self._data, self._nursery)[1]

    def buried(self) -> None:
        """Wait until the server that was killed is gone."""
        assert self._nursery.stdout is not None
        assert self._nursery.stdout.readline() == "gone\n"

    def end(self) -> None:
        """No more servers."""
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        self._nursery.wait(60)
        assert self._nursery.stdout is not None
        self._nursery.stdout.close()


async def one_life(lives: Lives, senders: list[Sender], rng: random.Random) -> None:
    """Start a server, send to it, kill it at a random moment."""
    pid, port = await asyncio.to_thread(lives.start)
    sending = [asyncio.create_task(sender.send(port)) for sender in senders]
    await asyncio.sleep(rng.uniform(0.0, 0.25))
    os.kill(pid, signal.SIGKILL)
    await asyncio.gather(*sending)
    await asyncio.to_thread(lives.buried)


async def lost_or_doubled(data: Path, senders: list[Sender]) -> list[str]:
    """What is wrong with the store, checked message by message."""
    exchange = await open_exchange(load_config({"data": data, "workers": 0}, {}))
    try:
        result = await verify(exchange.store, exchange.operator())
        wrong = list(result.problems)
        for body in (body for sender in senders for body in sender.acknowledged):
            item = raw_item_id(FEED, body)
            row = await exchange.store.get(RAW_ITEM, item)
            parts = await exchange.store.select(PART, {"item": item})
            if row is None or row["state"] != "stored" or row["body"] != body or len(parts) != 1:
                wrong.append(f"{item}: acknowledged, but not stored once")
                continue
            for name in str(parts[0]["resources"], "utf-8").strip('[]"').split('","'):
                version = await exchange.store.read(*name.split("/"))
                if version is None or version.version != 1:
                    wrong.append(f"{item}: {name.split('/')[0]} written {version.version if version else 0} times")
        return wrong
    finally:
        await exchange.close()


async def run(data: Path, kills: int, *how: str) -> tuple[list[str], int]:
    rng = random.Random(SEED)
    numbers = iter(range(1, 10_000_000))
    senders = [Sender(numbers) for _ in range(CONNECTIONS)]
    lives = Lives(data, *how)
    for _ in range(kills):
        await one_life(lives, senders, rng)
    await asyncio.to_thread(lives.end)
    return await lost_or_doubled(data, senders), sum(len(sender.acknowledged) for sender in senders)


@pytest.mark.parametrize("how", [(), ("--ahead",)], ids=["here", "ahead"])
async def test_every_acknowledged_message_survives_exactly_once(
    how: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Settled where the store is written, or ahead on snapshots; half of the kills each."""
    kills = KILLS // 2
    wrong, acknowledged = await run(tmp_path, kills, *how)
    with capsys.disabled():
        print(f"\n{kills} kills, {acknowledged} messages acknowledged, seed {SEED}: {len(wrong)} lost or doubled")
    assert acknowledged > kills
    assert wrong == []


async def test_the_control_loses_messages(tmp_path: Path) -> None:
    wrong, acknowledged = await run(tmp_path, 6, "--lying")
    assert acknowledged > 6
    assert wrong != []
