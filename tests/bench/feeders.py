"""Senders of simulated traffic that cost little: what they take of the machine, the server does not get.

A person's items always go over the same sender, in order, each after the answer to the one before, as a region's
platform does it. `hie simulate` does the same for people (with retries, rates and a log); this is for measuring.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from hie.commands.delivery import CONTENT_TYPES, MLLP_DOOR
from hie.simulate.history import World
from hie.simulate.item import Item
from hie.simulate.traffic import traffic
from hie.wire.mllp import Frame, FrameMachine, wrap
from tests.bench.http_client import Client

TRIES = 3
WAITING = 8
"""Items that wait for one sender; more are not made."""


@dataclass
class Tally:
    """What was sent: items, and answers by `AA`, `AE`, `AR` or HTTP status."""

    items: int = 0
    answers: dict[str, int] = field(default_factory=dict)

    def add(self, answer: str) -> None:
        """Count one item."""
        self.items += 1
        self.answers[answer] = self.answers.get(answer, 0) + 1


def items(world: World) -> Iterator[Item]:
    """The items of simulated traffic."""
    return (line for line in traffic(world) if isinstance(line, Item))


async def feed(
    stream: Iterable[Item], http: int, mllp: int, senders: int, told: Callable[[Tally], None] = lambda _: None
) -> Tally:
    """Send all items to the ports of a server on loopback; `told` is called after each."""
    tally = Tally()
    queues: list[asyncio.Queue[Item | None]] = [asyncio.Queue(WAITING) for _ in range(senders)]

    async def work(queue: "asyncio.Queue[Item | None]") -> None:
        sender = Sender(http, mllp)
        while (item := await queue.get()) is not None:
            tally.add(await sender.send(item))
            told(tally)
        sender.close()

    async with asyncio.TaskGroup() as group:
        for queue in queues:
            group.create_task(work(queue))
        for item in stream:
            await queues[item.person % senders].put(item)
        for queue in queues:
            await queue.put(None)
    return tally


class Sender:
    """One MLLP and one HTTP connection, opened when they are needed and anew when the server closed them."""

    def __init__(self, http: int, mllp: int) -> None:
        self._http, self._mllp = http, mllp
        self._client: Client | None = None
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, item: Item) -> str:
        """Send one item and give its answer."""
        return await (self._frame(item) if item.door == MLLP_DOOR else self._post(item))

    async def _post(self, item: Item) -> str:
        """A server may close an idle connection just as a request is on its way: it goes over a new one then."""
        for _ in range(TRIES):
            if self._client is None or self._client.closed:
                self._client = await Client.connect(self._http)
            with contextlib.suppress(ConnectionError):
                answer = await self._client.post(f"/feeds/{item.door}", item.body, CONTENT_TYPES[item.door])
                return str(answer.status)
        raise ConnectionError(f"closed {TRIES} times")

    async def _frame(self, item: Item) -> str:
        if self._line is None or self._line[0].at_eof():
            self._line = await asyncio.open_connection("127.0.0.1", self._mllp)
        reader, writer = self._line
        writer.write(wrap(item.body))
        machine = FrameMachine(1 << 24)
        while chunk := await reader.read(65536):
            for part in machine.feed(chunk):
                if isinstance(part, Frame):
                    return part.body[part.body.index(b"MSA|") + 4 :][:2].decode()
        raise ConnectionError("the server closed the connection")

    def close(self) -> None:
        """End both."""
        if self._client is not None:
            self._client.close()
        if self._line is not None:
            self._line[1].close()
