"""A reading process: answers what only reads from the store itself, passes everything else on to the owner.

It lives as long as the owner: when that is gone, by whatever way, the channel ends and so does this process.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import uvloop

from hie.base.errors import where
from hie.base.memory import settle_memory
from hie.front.channel import Channel, Message
from hie.front.door import Door
from hie.front.passing import ANSWERS, App, Asking

log = logging.getLogger("hie.front")


@dataclass(frozen=True, slots=True)
class Site:
    """What a reading process serves; `renew` takes up definitions that the owner has changed, `take` what it tells."""

    app: App
    renew: Callable[[], Awaitable[None]]
    take: Callable[[Any], None]


OpenSite = Callable[[Any, App], AbstractAsyncContextManager[Site]]
"""Makes the site inside a reader, from settings that can be pickled and what passes requests on to the owner; a
function at the top of a module."""


def run_reader(open_site: OpenSite, given: Any, level: str, doors: socket.socket, talk: socket.socket) -> None:
    """The life of the process. Connections come over `doors`, messages over `talk`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(_Reader(doors, talk).serve(open_site, given))


class _Reader:
    def __init__(self, doors: socket.socket, talk: socket.socket) -> None:
        self._doors = doors
        self._talk = talk
        self._stop = asyncio.Event()
        self._channel: Channel
        self._site: Site
        self._door: Door

    async def serve(self, open_site: OpenSite, given: Any) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        self._owner = Asking(lambda message: self._channel.send(message))
        self._channel = await Channel.over(self._talk, self._take, self._lost)
        async with open_site(given, self._owner) as self._site:
            self._door = Door(self._site.app)
            await self._door.open()
            self._doors.setblocking(False)
            loop.add_reader(self._doors.fileno(), self._accept)
            settle_memory()
            self._channel.send(("up",))
            await self._stop.wait()
            loop.remove_reader(self._doors.fileno())
            await self._door.close()
        self._channel.close()

    def _accept(self) -> None:
        """Take the connections that the owner has sent."""
        while True:
            try:
                message, handles, _, _ = socket.recv_fds(self._doors, 1, 1)
            except BlockingIOError:
                return
            if not message:
                self._stop.set()
                return
            for handle in handles:
                self._door.take(socket.socket(fileno=handle))

    def _lost(self) -> None:
        self._owner.end()
        self._stop.set()

    def _take(self, message: Message) -> None:
        if message[0] in ANSWERS:
            self._owner.take(message)
        elif message[0] == "renew":
            asyncio.get_running_loop().create_task(self._renew(message[1]))
        elif message[0] == "tell":
            self._site.take(message[1])
        elif message[0] == "stop":
            self._stop.set()

    async def _renew(self, number: int) -> None:
        try:
            await self._site.renew()
        except Exception as error:
            log.error("definitions not renewed reason=%s", where(error))
        self._channel.send(("renewed", number))
