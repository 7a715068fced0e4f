"""Messages between two processes of one server: values over a Unix socket, in order.

A message is a tuple of plain Python values, written by `marshal`: both ends are the same program. Four bytes before it
tell its length.
"""

import asyncio
import marshal
import socket
from collections.abc import Callable
from typing import Any, cast

Message = tuple[Any, ...]
_SIZE = 4


class Channel(asyncio.Protocol):
    """One end: `take` gets each message of the other end, `ended` is called once when that is gone."""

    def __init__(self, take: Callable[[Message], None], ended: Callable[[], None]) -> None:
        self._take = take
        self._ended = ended
        self._transport: asyncio.WriteTransport
        self._unread = bytearray()

    @classmethod
    async def over(cls, end: socket.socket, take: Callable[[Message], None], ended: Callable[[], None]) -> "Channel":
        """A channel over one end of a socket pair."""
        end.setblocking(False)
        _, channel = await asyncio.get_running_loop().create_unix_connection(lambda: cls(take, ended), sock=end)
        return channel

    def send(self, message: Message) -> None:
        """Send a message; into the void when the other end is gone."""
        content = marshal.dumps(message)
        if not self._transport.is_closing():
            self._transport.writelines((len(content).to_bytes(_SIZE, "big"), content))

    def close(self) -> None:
        """End it, after what was sent."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell that the other end is gone."""
        self._ended()

    def data_received(self, data: bytes) -> None:
        """Cut messages out of what has come."""
        unread = self._unread
        unread += data
        at = 0
        while len(unread) - at >= _SIZE:
            end = at + _SIZE + int.from_bytes(unread[at : at + _SIZE], "big")
            if len(unread) < end:
                break
            message = marshal.loads(memoryview(unread)[at + _SIZE : end])  # noqa: S302 - from our own other end
            at = end
            self._take(message)
        del unread[:at]
