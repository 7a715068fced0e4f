"""Requests that one process passes on to another: ASGI on both ends, messages of a `Channel` in between.

    asking end                             answering end
    ("ask", number, scope, chunk, more)    runs the application
    ("more", number, chunk, more)          more of the request body; in both None for a caller that hung up
                                           ("start", number, status, headers, chunk, more)
    ("next", number)                       ("body", number, chunk, more)

An answer in several pieces is sent one piece after the other, each when the one before has left: a slow reader holds up
its own answer only, and no piles grow. A "start" after the first says that the rest of the answer does not come.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from typing import Any

from hie.base.errors import where
from hie.base.tasks import end
from hie.front.channel import Message

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Tell = Callable[[Message], None]

ASKS = frozenset({"ask", "more", "next"})
ANSWERS = frozenset({"start", "body"})
_CARRIED = ("type", "asgi", "http_version", "server", "client", "scheme", "method", "root_path", "path", "raw_path",
            "query_string", "headers", "prepared")  # fmt: skip
_FAILED = ("start", 500, [(b"content-type", b"text/plain"), (b"content-length", b"0")], b"", False)
_GONE = ("start", 503, [(b"retry-after", b"1"), (b"content-length", b"0")], b"", False)

log = logging.getLogger("hie.front")


class Asking:
    """The asking end, itself an ASGI application; `tell` sends a message to the answering end."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._numbers = count()
        self._answers: dict[int, asyncio.Queue[Message]] = {}
        self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one HTTP request and relay the answer."""
        number = next(self._numbers)
        answers = self._answers[number] = asyncio.Queue()
        if self._ended:
            answers.put_nowait(_GONE)
        chunk, more = _piece(await receive())
        self._tell(("ask", number, [scope.get(key) for key in _CARRIED], chunk, more))
        pump = asyncio.create_task(self._pump(number, receive)) if more else None
        try:
            await self._relay(number, answers, send)
        finally:
            del self._answers[number]
            if pump is not None:
                pump.cancel()

    def take(self, message: Message) -> None:
        """A message of the answering end."""
        waiting = self._answers.get(message[1])
        if waiting is not None:
            waiting.put_nowait((message[0], *message[2:]))

    def end(self) -> None:
        """The answering end is gone: whoever waits, or still asks, is told to come again."""
        self._ended = True
        for waiting in self._answers.values():
            waiting.put_nowait(_GONE)

    async def _pump(self, number: int, receive: Receive) -> None:
        more = True
        while more:
            chunk, more = _piece(await receive())
            self._tell(("more", number, chunk, more))

    async def _relay(self, number: int, answers: "asyncio.Queue[Message]", send: Send) -> None:
        """An answer that is cut off is left unfinished: the server then closes the connection, and nobody takes what
        came for the whole."""
        _, status, headers, chunk, more = await answers.get()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": chunk, "more_body": more})
        while more:
            self._tell(("next", number))
            kind, *_, chunk, more = await answers.get()
            if kind == "start":
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": more})


def _piece(message: MutableMapping[str, Any]) -> tuple[bytes | None, bool]:
    """What a message of `receive` brings of the request body, None when the caller hung up; and whether more comes."""
    if message["type"] == "http.disconnect":
        return None, False
    return message.get("body", b""), message.get("more_body", False)


class Answering:
    """The answering end: runs `app` for each request; `tell` sends a message to the asking end."""

    def __init__(self, app: App, tell: Tell) -> None:
        self._app = app
        self._tell = tell
        self._running: dict[int, _Exchange] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, message: Message) -> None:
        """A message of the asking end."""
        if message[0] == "ask":
            _, number, carried, chunk, more = message
            running = self._running[number] = _Exchange(number, self._tell)
            running.came(chunk, more)
            task = asyncio.create_task(self._run(number, running, dict(zip(_CARRIED, carried, strict=True))))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif (known := self._running.get(message[1])) is not None:
            if message[0] == "more":
                known.came(message[2], message[3])
            else:
                known.left.set()

    def end(self) -> None:
        """The asking end is gone: pieces are not waited for any more; what runs is finished."""
        for running in self._running.values():
            running.came(None, False)
            running.hung_up = True
            running.left.set()

    async def finished(self, seconds: float) -> None:
        """Wait for what runs, `seconds` at most; what still runs then (a replay of everything) is cut off."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            await end(*late)

    async def _run(self, number: int, running: "_Exchange", scope: Scope) -> None:
        try:
            await self._app(scope, running.receive, running.send)
        except Exception as error:
            log.error("unexpected %s at %s", type(error).__name__, where(error))
        finally:
            del self._running[number]
            if not running.finished:
                self._tell((_FAILED[0], number, *_FAILED[1:]))


class _Exchange:
    """One request at the answering end: its body as it comes, its answer as it goes."""

    def __init__(self, number: int, tell: Tell) -> None:
        self._number = number
        self._tell = tell
        self._body: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._head: tuple[int, list[tuple[bytes, bytes]]] = (500, [])
        self.left = asyncio.Event()
        self.started = self.finished = False
        self.hung_up = False

    def came(self, chunk: bytes | None, more: bool) -> None:
        """A piece of the request body; None when the caller hung up."""
        gone = {"type": "http.disconnect"}
        self._body.put_nowait(gone if chunk is None else {"type": "http.request", "body": chunk, "more_body": more})

    async def receive(self) -> MutableMapping[str, Any]:
        """The `receive` of ASGI."""
        return await self._body.get()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """The `send` of ASGI; after a piece that is not the last it waits until that has left."""
        if message["type"] == "http.response.start":
            self._head = (message["status"], [(bytes(name), bytes(value)) for name, value in message["headers"]])
            return
        chunk, more = bytes(message.get("body", b"")), message.get("more_body", False)
        self.left.clear()
        self.finished = not more
        if self.started:
            self._tell(("body", self._number, chunk, more))
        else:
            self.started = True
            self._tell(("start", self._number, *self._head, chunk, more))
        if more and not self.hung_up:
            await self.left.wait()
