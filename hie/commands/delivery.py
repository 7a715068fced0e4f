"""Deliveries of `hie simulate`: one item to a file, over HTTP or over MLLP, as a sender of the region would.

A sender sends one item at a time and waits for the answer; when nothing answers, or the exchange says that it failed,
it sends the same bytes again (Wujiang §1, common rules §2).
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from hie.base.errors import Category, HieError
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
TRIES = 8
"""How often an item is sent before the server counts as gone."""
FIRST_PAUSE = 0.1
"""Seconds before the second try; each further pause is twice as long."""

_CODE = re.compile(rb"(?:^|\r)MSA\|(\w\w)")


@dataclass(frozen=True, slots=True)
class Delivered:
    """How an item was answered (`AA`, `AE`, `AR`, or the HTTP status), or the file it became."""

    answer: str = ""
    file: str | None = None


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
            send |= dict.fromkeys(CONTENT_TYPES, lambda item, _: _patiently(lambda: _to_http(client, item), to.http))
        if to.mllp is not None:
            line = _Line(to.mllp)
            stack.push_async_callback(line.close)
            send[MLLP_DOOR] = lambda item, _: _patiently(lambda: line.send(item), to.mllp)
        yield send


def _must_be_url(text: str) -> None:
    if not text.startswith(("http://", "https://")):
        raise HieError(Category.INVALID, f"{text!r} is no URL: write it as http://127.0.0.1:8080.")


async def _patiently(send: Callable[[], Awaitable[Delivered | None]], address: str | None) -> Delivered:
    """Send until the item is taken. Raises UNAVAILABLE after the last try."""
    reached = False
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
        with contextlib.suppress(OSError, TimeoutError, httpx.TransportError):
            answer = await send()
            if answer is not None:
                return answer
            reached = True
    if reached:
        raise HieError(Category.UNAVAILABLE, f"{address} did not take an item in {TRIES} tries: its log says why.")
    raise HieError(Category.UNAVAILABLE, f"No answer from {address} after {TRIES} tries: does the server run?")


async def _to_file(out: Path, item: Item, number: int) -> Delivered:
    """One file per item in a folder per day; their names sort in order of arrival."""
    name = f"{item.at:%Y-%m-%d}/{number:07d}-{item.door}.{item.ending}"
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(item.body)
    return Delivered(file=name)


async def _to_http(client: httpx.AsyncClient, item: Item) -> Delivered | None:
    path = f"/feeds/{item.door}"
    response = await client.post(path, content=item.body, headers={"Content-Type": CONTENT_TYPES[item.door]})
    if response.status_code in (401, 403, 404, 415):
        raise HieError(Category.UNAVAILABLE, f"POST {path} answered {response.status_code}.")
    return None if response.status_code in (429, 500, 502, 503, 504) else Delivered(str(response.status_code))


class _Line:
    """An MLLP connection, opened when it is needed and anew when it broke."""

    def __init__(self, address: str) -> None:
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit() or not 0 < int(port) < 65536:
            raise HieError(Category.INVALID, f"{address!r} is no HOST:PORT.")
        self._host, self._port = host.strip("[]"), int(port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, item: Item) -> Delivered | None:
        """Send one item; None when the connection ended without an answer or the exchange failed."""
        try:
            answer = await self._exchange(item.body)
        except BaseException:
            await self.close()
            raise
        if answer is None:
            await self.close()
        if answer is None or b"internal-error" in answer:
            return None
        found = _CODE.search(answer)
        return Delivered(found[1].decode() if found else "?")

    async def _exchange(self, body: bytes) -> bytes | None:
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
        return None

    async def close(self) -> None:
        """Close the connection, if there is one."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()
