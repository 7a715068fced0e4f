"""A small HTTP/1.1 client for benchmarks: one kept connection, no more work than it must do."""

import asyncio
from dataclasses import dataclass


@dataclass
class Answer:
    """Status and body of one answer."""

    status: int
    body: bytes


class Client:
    """One connection to a server on loopback; requests one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> "Client":
        """Open the connection."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 26))

    async def get(self, path: str) -> Answer:
        """GET, JSON."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: application/fhir+json\r\n\r\n".encode())
        return await self._answer()

    async def post(self, path: str, body: bytes) -> Answer:
        """POST of JSON; the answer carries no bodies."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/fhir+json\r\n"
            f"Prefer: return=minimal\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        return await self._answer()

    async def _answer(self) -> Answer:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), None)
        if length is not None:
            return Answer(int(head[9:12]), await self._reader.readexactly(length))
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return Answer(int(head[9:12]), body)

    def close(self) -> None:
        """End the connection."""
        self._writer.close()
