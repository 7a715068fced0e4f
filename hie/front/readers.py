"""The owner's side of several processes: listens, hands connections out in turn, runs what readers pass on.

A reader that ends is replaced. While none is up, the owner answers everything itself.
"""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Sequence
from itertools import count
from multiprocessing.process import BaseProcess
from typing import Any

from hie.base.children import start_child
from hie.front.channel import Channel, Message
from hie.front.door import END_SECONDS, Door
from hie.front.passing import ASKS, Answering, App
from hie.front.reader import OpenSite, run_reader

log = logging.getLogger("hie.front")

UP_SECONDS = 10.0
"""How long the start waits for readers; after that they join when they are up."""

RENEW_SECONDS = 5.0
"""How long a write of definitions waits for readers to take them up."""

_AGAIN_SECONDS = 1.0
_BACKLOG = 2048
_LACKING = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of `host` that this machine has; raises OSError when one cannot be used.

    A file of hosts may name an address twice, and that of IPv6 where IPv6 is off.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listening: list[socket.socket] = []
    lacking: OSError | None = None
    for family, address in dict.fromkeys((family, address[:2]) for family, _, _, _, address in found):
        try:
            listening.append(socket.create_server(address, family=family, backlog=_BACKLOG))
        except OSError as error:
            if error.errno not in _LACKING:
                _close(listening)
                raise
            lacking = error
    if lacking is not None and not listening:
        raise lacking
    for one in listening:
        one.setblocking(False)
    return listening


def _close(sockets: Sequence[socket.socket]) -> None:
    for one in sockets:
        one.close()


class Readers:
    """`number` readers of `open_site(given, ...)` in front of `app`; `own` serves connections in this process."""

    def __init__(self, number: int, open_site: OpenSite, given: Any, level: str, app: App, own: Door) -> None:
        self._places = [_Place(open_site, given, level, app) for _ in range(number)]
        self._own = own
        self._turn = 0
        self._listening: Sequence[socket.socket] = ()

    async def start(self) -> None:
        """Bring the readers up; returns when they are, or after `UP_SECONDS`."""
        for place in self._places:
            place.keep()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UP_SECONDS):
                await asyncio.gather(*(place.up.wait() for place in self._places))

    def accept(self, listening: Sequence[socket.socket]) -> None:
        """Hand out what connects to these sockets from now on."""
        self._listening = listening
        for one in listening:
            asyncio.get_running_loop().add_reader(one.fileno(), self._accept, one)

    def refuse(self) -> None:
        """Listen no more."""
        for one in self._listening:
            asyncio.get_running_loop().remove_reader(one.fileno())
            one.close()

    async def close(self) -> None:
        """End the readers; what was asked of them is answered."""
        await asyncio.gather(*(place.close() for place in self._places))

    def tell(self, value: Any) -> None:
        """Let every reader know a value (what `marshal` can write), those that come up later too."""
        for place in self._places:
            place.tell(value)

    async def renew(self) -> None:
        """Let every reader take up changed definitions; returns when they have."""
        await asyncio.gather(*(place.renew() for place in self._places))

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("cannot accept a connection errno=%s", error.errno)
                self._pause(listening)
                return
            self._hand_out(connection)

    def _pause(self, listening: socket.socket) -> None:
        """Accept nothing for a while: without file descriptors to spare the socket would stay ready, and each turn of
        the loop would fail."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening.fileno())
        loop.call_later(_AGAIN_SECONDS, self._go_on, listening)

    def _go_on(self, listening: socket.socket) -> None:
        if listening.fileno() != -1:
            asyncio.get_running_loop().add_reader(listening.fileno(), self._accept, listening)

    def _hand_out(self, connection: socket.socket) -> None:
        for _ in self._places:
            self._turn = (self._turn + 1) % len(self._places)
            if self._places[self._turn].give(connection):
                connection.close()
                return
        self._own.take(connection)


class _Place:
    """One reader, and the next one when that ends."""

    def __init__(self, open_site: OpenSite, given: Any, level: str, app: App) -> None:
        self._begin = (open_site, given, level)
        self._app = app
        self._numbers = count()
        self._renewing: dict[int, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None
        self._process: BaseProcess | None = None
        self._channel: Channel | None = None
        self._doors: socket.socket | None = None
        self._answering: Answering
        self._ended = asyncio.Event()
        self._closing = False
        self._told: Any = None
        self.up = asyncio.Event()

    def keep(self) -> None:
        """See to it that there is a reader, until `close`."""
        self._task = asyncio.create_task(self._keep())

    def give(self, connection: socket.socket) -> bool:
        """Send a connection over; False when that is not possible now."""
        if self._doors is None or not self.up.is_set():
            return False
        try:
            socket.send_fds(self._doors, [b"c"], [connection.fileno()])
        except OSError:
            return False
        return True

    def tell(self, value: Any) -> None:
        """Let the reader know a value, now or when it is up."""
        self._told = value
        if self._channel is not None and self.up.is_set() and value is not None:
            self._channel.send(("tell", value))

    async def renew(self) -> None:
        """Let the reader take up changed definitions."""
        if self._channel is None or not self.up.is_set():
            return
        number = next(self._numbers)
        done = self._renewing[number] = asyncio.Event()
        self._channel.send(("renew", number))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RENEW_SECONDS):
                await done.wait()
        del self._renewing[number]

    async def close(self) -> None:
        """Let the reader answer what it was asked, and end."""
        self._closing = True
        if self._channel is not None:
            self._channel.send(("stop",))
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=END_SECONDS)
        if not self._task.done() and self._process is not None:
            self._process.kill()
        await self._task

    async def _keep(self) -> None:
        while not self._closing:
            try:
                await self._live()
                said = "ended; it is replaced"
            except OSError as error:
                said = f"cannot be started errno={error.errno}; it is tried again"
            if not self._closing:
                log.error("a reading process %s", said)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _live(self) -> None:
        """One process, from start to end; raises OSError when none can be started."""
        with contextlib.ExitStack() as ends:
            doors, their_doors, talk, their_talk = (
                ends.enter_context(end) for _ in range(2) for end in socket.socketpair(socket.AF_UNIX)
            )
            doors.setblocking(False)
            process = await asyncio.to_thread(start_child, run_reader, *self._begin, their_doors, their_talk)
            their_doors.close()
            their_talk.close()
            self._process = process
            await self._while_it_lives(doors, talk)
            await asyncio.to_thread(process.join)

    async def _while_it_lives(self, doors: socket.socket, talk: socket.socket) -> None:
        self._ended.clear()
        self._doors = doors
        self._channel = await Channel.over(talk, self._take, self._ended.set)
        self._answering = Answering(self._app, self._channel.send)
        if self._closing:
            self._channel.send(("stop",))
        await self._ended.wait()
        self.up.clear()
        self._doors = self._channel = None
        doors.close()
        self._answering.end()
        for waiting in self._renewing.values():
            waiting.set()
        if self._closing:
            await self._answering.finished(END_SECONDS)

    def _take(self, message: Message) -> None:
        kind = message[0]
        if kind in ASKS:
            self._answering.take(message)
        elif kind == "up":
            self.up.set()
            self.tell(self._told)
        elif kind == "renewed" and (waiting := self._renewing.get(message[1])) is not None:
            waiting.set()
