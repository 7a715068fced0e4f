"""`hie simulate`: made-up traffic to files, MLLP or HTTP, with the truth beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import httpx

from hie.base.errors import Category, HieError
from hie.simulate.history import World
from hie.simulate.item import Item
from hie.simulate.people import Person
from hie.simulate.traffic import traffic
from hie.simulate.truth import item_line, person_line, to_json
from hie.wire.mllp import Frame, FrameMachine, wrap

MLLP_DOOR = "wujiang-hl7v2"
CONTENT_TYPES = {
    "wujiang-hl7v2": "application/hl7-v2",
    "jiashan-cda": "application/xml",
    "jiashan-soap": "text/xml",
    "qingpu-xml": "application/xml",
}
"""Door -> content type of a POST."""

ANSWER_BYTES = 16 * 2**20
ANSWER_SECONDS = 30.0

Send = Callable[[Item, int], Awaitable[str | None]]
"""Delivers an item with its number; gives the file name, when it became one."""


@dataclass(frozen=True)
class Target:
    """Where items go: a folder, or an MLLP address and a base URL (either may be missing)."""

    out: Path | None = None
    mllp: str | None = None
    http: str | None = None
    truth: Path | None = None
    rate: float = 0.0

    @property
    def truth_file(self) -> Path:
        """Where the truth is written: as told, else `truth.jsonl` in the folder or here."""
        return self.truth or (self.out or Path()) / "truth.jsonl"


@dataclass
class Sent:
    """What was done: items by door, people, and items left out because nothing takes them."""

    people: int = 0
    items: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    left_out: int = 0
    seconds: float = 0.0


async def simulate(world: World, target: Target, progress: Callable[[Sent], None] = lambda _: None) -> Sent:
    """Make the traffic and deliver it, one item after the other, at most `rate` items a second.

    Raises INVALID without a target or with one that cannot be read, UNAVAILABLE when a server does not take an item.
    """
    if not (target.out or target.mllp or target.http):
        raise HieError(Category.INVALID, "Say where the traffic goes: --out DIR, --mllp HOST:PORT or --http URL.")
    sent, started = Sent(), monotonic()
    target.truth_file.parent.mkdir(parents=True, exist_ok=True)
    with target.truth_file.open("w", encoding="utf-8") as truth:
        async with _sender(target) as send:
            for line in traffic(world):
                if isinstance(line, Person):
                    truth.write(to_json(person_line(world, line)))
                    sent.people += 1
                    continue
                number = sum(sent.items.values()) + 1
                if target.rate > 0:
                    await asyncio.sleep(max(0.0, started + (number - 1) / target.rate - monotonic()))
                await _deliver(line, number, send, sent, truth.write)
                progress(sent)
    sent.seconds = monotonic() - started
    return sent


async def _deliver(item: Item, number: int, send: dict[str, Send], sent: Sent, write: Callable[[str], object]) -> None:
    deliver = send.get(item.door)
    if deliver is None:
        sent.left_out += 1
        return
    file = await deliver(item, number)
    write(to_json(item_line(item, number, file)))
    sent.items[item.door] = sent.items.get(item.door, 0) + 1
    sent.bytes += len(item.body)


@asynccontextmanager
async def _sender(target: Target) -> AsyncIterator[dict[str, Send]]:
    """How items of each door are delivered."""
    async with contextlib.AsyncExitStack() as stack:
        send: dict[str, Send] = {}
        if target.out is not None:
            out = target.out
            send = dict.fromkeys(CONTENT_TYPES, lambda item, number: _to_file(out, item, number))
        if target.http is not None:
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=target.http, timeout=ANSWER_SECONDS))
            send |= dict.fromkeys(CONTENT_TYPES, lambda item, _: _to_http(client, item))
        if target.mllp is not None:
            line = await stack.enter_async_context(_mllp(target.mllp))
            send[MLLP_DOOR] = lambda item, _: line(item)
        yield send


async def _to_file(out: Path, item: Item, number: int) -> str:
    """One file per item in a folder per day; their names sort in order of arrival."""
    name = f"{item.at:%Y-%m-%d}/{number:07d}-{item.door}.{item.ending}"
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(item.body)
    return name


async def _to_http(client: httpx.AsyncClient, item: Item) -> None:
    path = f"/feeds/{item.door}"
    response = await client.post(path, content=item.body, headers={"Content-Type": CONTENT_TYPES[item.door]})
    if response.status_code >= 500 or response.status_code in (401, 403, 404):
        raise HieError(Category.UNAVAILABLE, f"POST {path} answered {response.status_code}.")


@asynccontextmanager
async def _mllp(address: str) -> AsyncIterator[Callable[[Item], Awaitable[None]]]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise HieError(Category.INVALID, f"{address!r} is no HOST:PORT.")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))

    async def line(item: Item) -> None:
        writer.write(wrap(item.body))
        await writer.drain()
        machine = FrameMachine(ANSWER_BYTES)
        async with asyncio.timeout(ANSWER_SECONDS):
            while chunk := await reader.read(65536):
                if any(isinstance(part, Frame) for part in machine.feed(chunk)):
                    return
        raise HieError(Category.UNAVAILABLE, "The MLLP server closed the connection without an answer.")

    try:
        yield line
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

