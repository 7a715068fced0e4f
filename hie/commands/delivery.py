"""Deliveries of `hie simulate`: one item to a file, over HTTP or over MLLP, as a sender of the region would.

A sender sends one item at a time and waits for the answer; when nothing answers, or the exchange says that it failed,
it sends the same bytes again (Wujiang §1, common rules §2). A server that took an item before may be starting anew: it
gets minutes, not seconds.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from hie.base.errors import Category, HieError
from hie.commands.patience import IN_BETWEEN, NOT_TAKEN, PATIENCE, Tries, asked_pause
from hie.simulate.item import Item
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

_CODE = re.compile(rb"(?:^|\r)MSA\|(\w\w)")


@dataclass(frozen=True, slots=True)
class Delivered:
    """How an item was answered (`AA`, `AE`, `AR`, or the HTTP status), or the file it became."""

    answer: str = ""
    file: str | None = None


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The exchange answered that it did not take an item, and for how many seconds it asks to wait."""

    seconds: float = 0.0


Send = Callable[[Item, int], Awaitable[Delivered]]
"""Delivers an item with its number."""


@dataclass(frozen=True)
class Addresses:
    """Where items go: a folder, or an MLLP address and a base URL (either may be missing)."""

    out: Path | None = None
    mllp: str | None = None
    http: str | None = None


@asynccontextmanager
async def sender(to: Addresses) -> AsyncIterator[dict[str, Send]]:
    """One sender: door -> how its items are delivered. Raises INVALID for an address that is none."""
    async with contextlib.AsyncExitStack() as stack:
        send: dict[str, Send] = {}
        if to.out is not None:
            out = to.out
            send = dict.fromkeys(CONTENT_TYPES, lambda item, number: _to_file(out, item, number))
        if to.http is not None:
            _must_be_url(to.http)
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=to.http, timeout=ANSWER_SECONDS))
            send |= dict.fromkeys(CONTENT_TYPES, _Patient(partial(_to_http, client), to.http).send)
        if to.mllp is not None:
            line = _Line(to.mllp)
            stack.push_async_callback(line.close)
            send[MLLP_DOOR] = _Patient(line.send, to.mllp).send
        yield send


def _must_be_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit:
        raise HieError(Category.INVALID, f"{text!r} is no URL: write it as http://127.0.0.1:8080.")


class _Patient:
    """Sends an item over one connection until it is taken."""

    def __init__(self, send: Callable[[Item], Awaitable[Delivered | NotTaken]], address: str) -> None:
        self._send = send
        self._address = address
        self._patience = 0.0

    async def send(self, item: Item, _: int) -> Delivered:
        """Deliver one item. Raises UNAVAILABLE after the last try."""
        tries = Tries(self._patience)
        while True:
            answer = await self._try(item)
            if isinstance(answer, Delivered):
                self._patience = PATIENCE
                return answer
            if not tries.again():
                raise HieError(Category.UNAVAILABLE, self._complaint(answer, tries.number))
            await tries.pause(answer.seconds if answer else 0.0)

    async def _try(self, item: Item) -> Delivered | NotTaken | None:
        """One try; None when nothing answered."""
        try:
            return await self._send(item)
        except (OSError, TimeoutError, httpx.TransportError):
            return None

    def _complaint(self, last: NotTaken | None, tries: int) -> str:
        if last is None:
            return f"No answer from {self._address} after {tries} tries: does the server run?"
        return f"{self._address} did not take an item in {tries} tries: its log says why."


async def _to_file(out: Path, item: Item, number: int) -> Delivered:
    """One file per item in a folder per day; their names sort in order of arrival."""
    name = f"{item.at:%Y-%m-%d}/{number:07d}-{item.door}.{item.ending}"
    path = out / name
    try:
        path.write_bytes(item.body)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.body)
    return Delivered(file=name)


_ANSWERS = (200, 202, 400, 413, 422)
"""What the exchange answers to an item that it has read (common rules §2)."""
_LATER = frozenset({500}) | NOT_TAKEN | IN_BETWEEN
"""What is answered by an exchange, or by what stands before it, that did not take the item, or may be sent it again."""


async def _to_http(client: httpx.AsyncClient, item: Item) -> Delivered | NotTaken:
    path = f"/feeds/{item.door}"
    response = await client.post(path, content=item.body, headers={"Content-Type": CONTENT_TYPES[item.door]})
    if response.status_code in _LATER:
        return NotTaken(asked_pause(response))
    if response.status_code not in _ANSWERS:
        raise HieError(Category.UNAVAILABLE, f"POST {path} answered {response.status_code}.")
    return Delivered(str(response.status_code))


class _Line:
    """An MLLP connection, opened when it is needed and anew when it broke."""

    def __init__(self, address: str) -> None:
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdecimal() or len(port) > len("65535") or not 0 < int(port) < 65536:
            raise HieError(Category.INVALID, f"{address!r} is no HOST:PORT: write it as 127.0.0.1:2575.")
        self._host, self._port = host.strip("[]"), int(port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, item: Item) -> Delivered | NotTaken:
        """Send one item; raises OSError or TimeoutError when no answer came."""
        try:
            answer = await self._exchange(item.body)
        except BaseException:
            await self.close()
            raise
        if b"internal-error" in answer:
            return NotTaken()
        found = _CODE.search(answer)
        return Delivered(found[1].decode() if found else "?")

    async def _exchange(self, body: bytes) -> bytes:
        async with asyncio.timeout(ANSWER_SECONDS):
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port)
            reader, writer = self._streams
            writer.write(wrap(body))
            await writer.drain()
            machine = FrameMachine(ANSWER_BYTES)
            while chunk := await reader.read(65536):
                for part in machine.feed(chunk):
                    if isinstance(part, Frame):
                        return part.body
        raise ConnectionResetError

    async def close(self) -> None:
        """Close the connection, if there is one."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()
