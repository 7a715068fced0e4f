"""A small HTTP/1.1 client for benchmarks: one kept connection, one request at a time, no more work than it must do.

It shares the machine with the server, so every instruction of it counts against the server's rate. An answer is
collected as the socket delivers it and looked at once, when it is complete.
"""

import asyncio
from dataclasses import dataclass
from typing import cast

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(slots=True)
class Answer:
    """One answer as it came, head and all."""

    raw: bytes

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.raw[9:12])

    @property
    def body(self) -> bytes:
        """What follows the head."""
        return self.raw[self.raw.index(_END) + len(_END) :]


class Client(asyncio.Protocol):
    """One connection to a server on loopback; requests one after the other."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._chunks: list[bytes] = []
        self._missing = 0
        self._waiting: asyncio.Future[Answer] | None = None

    @classmethod
    async def connect(cls, port: int) -> "Client":
        """Open the connection."""
        _, client = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return client

    async def get(self, path: str) -> Answer:
        """GET, JSON."""
        return await self._asked(
            b"GET %b HTTP/1.1\r\nHost: localhost\r\nAccept: application/fhir+json\r\n\r\n" % path.encode()
        )

    @property
    def closed(self) -> bool:
        """Whether the server closed the connection."""
        return self._transport.is_closing()

    async def post(self, path: str, body: bytes, content_type: str = "application/fhir+json") -> Answer:
        """POST; the answer carries no bodies of resources."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Prefer: return=minimal\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return await self._asked(head.encode() + body)

    async def _asked(self, request: bytes) -> Answer:
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the request that waits."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Collect; the first chunk tells how much is to come."""
        if self._chunks:
            self._missing -= len(data)
        else:
            self._missing = _whole(data) - len(data)
        self._chunks.append(data)
        if self._missing == 0:
            self._complete()

    def _complete(self) -> None:
        whole = b"".join(self._chunks)
        self._chunks.clear()
        assert self._waiting is not None
        self._waiting.set_result(Answer(whole))

    def close(self) -> None:
        """End the connection."""
        self._waiting = None
        self._transport.close()


def _whole(data: bytes) -> int:
    """The size of an answer, from its first chunk: the head is in it, as servers send it at once."""
    end = data.index(_END) + len(_END)
    head = data[:end].lower()
    at = head.index(_LENGTH) + len(_LENGTH)
    return end + int(head[at : head.index(b"\r", at)])
