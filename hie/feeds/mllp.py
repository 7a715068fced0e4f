"""The MLLP server: sockets around `hie.wire.mllp.FrameMachine` (Wujiang interface §1).

One message at a time per connection: the next frame is handled after the answer to the one before is written. A peer
that misbehaves loses its own connection and nothing else.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable

from hie.feeds.limits import MllpLimits
from hie.wire.mllp import Frame, FrameMachine, Oversize, wrap

Handler = Callable[[bytes], Awaitable[bytes | tuple[bytes, ...]]]
"""Body of a frame in, body of the answer out; a tuple gives several frames (enhanced mode, §8.2)."""

OversizeAnswer = Callable[[bytes], Awaitable[bytes | tuple[bytes, ...]]]
"""Beginning of a frame that is too large in, body of the answer out (AR, `too-large`)."""

_LOG = logging.getLogger("hie.feeds.mllp")
_CHUNK = 64 * 1024


class MllpServer:
    """Listens on one port and gives every complete frame to `handler`.

    A frame over the cap gets `oversize(head)` and the connection is closed (common rules §2.3); a frame that stays
    open too long, an answer that is not taken, or an error in the handler closes the connection without an answer.
    """

    def __init__(self, handler: Handler, oversize: OversizeAnswer, limits: MllpLimits | None = None) -> None:
        self._handler = handler
        self._oversize = oversize
        self._limits = limits or MllpLimits()
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def port(self) -> int:
        """The port that is listened on; useful after `start` with port 0."""
        if self._server is None:
            raise RuntimeError("the MLLP server is not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many peers are connected."""
        return len(self._connections)

    async def start(self, host: str = "127.0.0.1", port: int = 2575) -> None:
        """Begin to listen; raises `OSError` when the address cannot be used."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=_CHUNK)

    async def stop(self) -> None:
        """Stop listening, let messages in progress be answered, close every connection."""
        if self._server is None:
            return
        self._server.close()
        tasks = [connection.stop() for connection in self._connections]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._limits.stop_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= self._limits.connections:
            _LOG.warning("connection refused: %d are open", len(self._connections))
            writer.transport.abort()
            return
        connection = _Connection(reader, writer, self._limits)
        self._connections.add(connection)
        try:
            await connection.serve(self._handler, self._oversize)
        finally:
            self._connections.discard(connection)


class _Connection:
    """One peer, from accept to close."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: MllpLimits) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._machine = FrameMachine(limits.frame_bytes)
        self._deadline: float | None = None
        self._stopping = False
        self._reading = False
        self._task = asyncio.current_task()
        peer: socket.socket | None = writer.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def stop(self) -> "asyncio.Task[None]":
        """Ask the connection to end after the message in progress; its task is returned."""
        assert self._task is not None
        self._stopping = True
        if self._reading:
            self._task.cancel()
        return self._task

    async def serve(self, handler: Handler, oversize: OversizeAnswer) -> None:
        """Read, handle, answer, until the peer goes or must go."""
        try:
            await self._converse(handler, oversize)
        except TimeoutError:
            _LOG.warning("connection closed: the peer was too slow")
            self._writer.transport.abort()
        except ConnectionError:
            _LOG.info("connection lost")
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        finally:
            await self._close()

    async def _converse(self, handler: Handler, oversize: OversizeAnswer) -> None:
        while not self._stopping and (data := await self._read()):
            for item in self._machine.feed(data):
                if not await self._answer(item, handler, oversize):
                    return

    async def _close(self) -> None:
        """Close after the last answer is taken; at once when a frame is open or the peer does not take it."""
        if self._machine.pending:
            self._writer.transport.abort()
        self._writer.close()
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                await self._writer.wait_closed()
        except (OSError, TimeoutError, asyncio.CancelledError):
            self._writer.transport.abort()

    async def _read(self) -> bytes:
        """The next bytes, empty at the end; raises `TimeoutError` when an open frame is too old."""
        loop = asyncio.get_running_loop()
        if not self._machine.pending:
            self._deadline = None
        elif self._deadline is None:
            self._deadline = loop.time() + self._limits.frame_seconds
        self._reading = True
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._reader.read(_CHUNK)
        finally:
            self._reading = False

    async def _answer(self, item: Frame | Oversize, handler: Handler, oversize: OversizeAnswer) -> bool:
        """Handle one frame; `False` when the connection ends with it."""
        self._deadline = None
        try:
            answer = await (oversize(item.head) if isinstance(item, Oversize) else handler(item.body))
        except Exception as error:
            _LOG.error("connection closed: %s in the handler", type(error).__name__)
            return False
        await self._write(*(answer if isinstance(answer, tuple) else (answer,)))
        if isinstance(item, Oversize):
            await self._linger()
            return False
        return not self._stopping

    async def _write(self, *bodies: bytes) -> None:
        """Send an answer; `ConnectionError` when the peer is gone, also where the loop has another word for it."""
        if self._writer.is_closing():
            raise ConnectionResetError
        self._writer.write(b"".join(map(wrap, bodies)))
        async with asyncio.timeout(self._limits.answer_seconds):
            await self._writer.drain()

    async def _linger(self) -> None:
        """Drop what the peer still sends: closing with unread bytes would reset the answer away."""
        self._writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger_seconds):
                while await self._reader.read(_CHUNK):
                    continue
