"""One worker process: the server's end of it, and what runs inside it.

The worker takes items in the order in which they were sent and answers each at once, so the first one without an answer
is the one at work: when the process ends or takes too long, that item is the cause, and the others go elsewhere.
"""

import asyncio
import logging
import os
import select
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from typing import cast

from hie.base.children import start_child
from hie.base.errors import Elsewhere, where
from hie.base.memory import settle_memory
from hie.base.record import Delivery, Parsed
from hie.pipeline.ahead import Ahead
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.handover import (
    HEAD,
    READY,
    Frames,
    frame,
    pack_delivery,
    pack_failure,
    pack_prepared,
    pack_settled,
    unpack_answer,
    unpack_delivery,
)
from hie.pipeline.prepare import Prepared, prepare

SECONDS = 60.0
"""How long the pure stages may take for one item before their worker is given up."""

PATIENCE = 2.0
"""How long others wait behind the item at work before they go elsewhere."""

END_SECONDS = 1.0
"""How long is waited for a process that was killed to be gone, at most."""

ENDING_SECONDS = 60
"""How long a worker that is told to end goes on for its server, which ends it before: when it has finished."""

log = logging.getLogger("hie.pipeline")

Build = Callable[[], Mapping[str, FeedRuntime]]
"""Makes the feeds inside a worker; a function at the top of a module, because it is named to the new process."""

Settle = Callable[[Delivery, Parsed, Sequence[Prepared]], Ahead | None]
"""Settles a prepared item ahead; None when it cannot."""

OpenSettles = Callable[[Mapping[str, FeedRuntime]], Settle]
"""Makes that inside a worker, for its feeds; a function at the top of a module."""


class Lost(Exception):
    """The worker ended, or was ended because it took too long, over this item."""


class Passed(Exception):
    """The worker cannot take this item now; another may."""


class Worker(asyncio.Protocol):
    """The server's end of one process. `ended` is set when the process is gone."""

    def __init__(self, build: Build, settles: OpenSettles | None = None) -> None:
        self._build = build
        self._settles = settles
        self._frames = Frames()
        self._asked: deque[asyncio.Future[bytes]] = deque()
        self._since = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._reason = "the worker terminated abruptly"
        self._transport: asyncio.Transport | None = None
        self._process: BaseProcess | None = None
        self.ended = asyncio.Event()
        self._came = asyncio.Event()

    async def start(self) -> bool:
        """Bring the process up; returns whether it is when it is ready or gone. Raises OSError when there can be none.

        The fork server may have to be started first: nothing else waits for that."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = await asyncio.to_thread(start_child, serve, theirs, self._build, self._settles)
            except BaseException:
                ours.close()
                raise
        await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)
        await self._came.wait()
        return not self.ended.is_set()

    @property
    def items(self) -> int:
        """How many items it has."""
        return len(self._asked)

    @property
    def is_late(self) -> bool:
        """Whether the item at work has taken longer than others wait for."""
        return bool(self._asked) and time.monotonic() - self._since > PATIENCE

    async def prepare(self, delivery: Delivery, *, ahead: bool = False) -> tuple[Parsed, list[Prepared]] | Ahead:
        """The pure stages for one delivery; with `ahead` it may come back settled. Raises `Elsewhere` for what failed
        there, `Lost` when the worker was lost over it, `Passed` when the item has to go elsewhere."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        if not self._asked:
            self._since = time.monotonic()
        self._asked.append(answer)
        assert self._transport is not None
        self._transport.write(frame(pack_delivery(delivery, ahead=ahead)))
        if self._watch is None:
            self._watch = loop.call_later(min(PATIENCE, SECONDS), self._look)
        found = unpack_answer(await answer, delivery)
        if isinstance(found, str):
            raise Elsewhere(found)
        return found

    async def finish(self) -> None:
        """End the process when it has answered what it was asked."""
        while waited_for := [answer for answer in self._asked if not answer.done()]:
            await asyncio.wait(waited_for)
        self.end()

    def end(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.join(END_SECONDS)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process has been started."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answers, in the order of the questions."""
        for content in self._frames.feed(data):
            if content == READY:
                self._came.set()
                continue
            answer = self._asked.popleft()
            self._since = time.monotonic()
            if not answer.done():
                answer.set_result(content)

    def connection_lost(self, error: Exception | None) -> None:
        """The process is gone: the item at work was the cause, the others go elsewhere."""
        self.end()
        if self._watch is not None:
            self._watch.cancel()
        if self._asked:
            cause = self._asked.popleft()
            if not cause.done():
                cause.set_exception(Lost(self._reason))
        self._pass_on()
        self.ended.set()
        self._came.set()

    def _look(self) -> None:
        """Look whether the item at work takes too long, for the others or for the worker."""
        self._watch = None
        if not self._asked:
            return
        taken = time.monotonic() - self._since
        if taken >= SECONDS:
            self._reason = "the worker took too long"
            self.end()
            return
        if taken >= PATIENCE:
            self._pass_on(1)
        self._watch = asyncio.get_running_loop().call_later(min(PATIENCE, SECONDS), self._look)

    def _pass_on(self, first: int = 0) -> None:
        """Let the items from the `first` on go elsewhere; answers that still come are not looked at."""
        for answer in list(self._asked)[first:]:
            if not answer.done():
                answer.set_exception(Passed())


# -- inside the process ----------------------------------------------------------------------------------------------


def serve(link: socket.socket, build: Build, settles: OpenSettles | None) -> None:
    """Prepare what comes over the link until the server is gone; settle it ahead where that is asked for.

    Whoever ends the whole process group or control group, as Ctrl-C and systemd do, means the server: it has to finish.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(ENDING_SECONDS))
    threading.Thread(target=_follow, args=(link,), daemon=True).start()
    feeds = build()
    settle = _opened(settles, feeds) if settles is not None else _never
    settle_memory()
    link.sendall(frame(READY))
    with link.makefile("rb", 1 << 18) as asked:
        while head := asked.read(HEAD):
            link.sendall(frame(_answer(feeds, settle, asked.read(int.from_bytes(head, "big")))))


def _answer(feeds: Mapping[str, FeedRuntime], settle: Settle, content: bytes) -> bytes:
    try:
        delivery, ahead = unpack_delivery(content)
        parsed, parts = prepare(feeds[delivery.feed], delivery)
        settled = settle(delivery, parsed, parts) if ahead else None
        return pack_prepared(delivery, parsed, parts) if settled is None else pack_settled(settled)
    except Exception as error:
        return pack_failure(where(error))


def _opened(settles: OpenSettles, feeds: Mapping[str, FeedRuntime]) -> Settle:
    try:
        return settles(feeds)
    except Exception as error:
        log.error("this worker settles nothing ahead reason=%s", where(error))
        return _never


def _never(_: Delivery, __: Parsed, ___: Sequence[Prepared]) -> None:
    """Settles nothing ahead."""


def _follow(link: socket.socket) -> None:
    """End with the server, also when it was killed while an item is at work."""
    hung_up = select.poll()
    hung_up.register(link, select.POLLRDHUP)
    hung_up.poll()
    os._exit(0)
