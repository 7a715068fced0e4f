"""The HTTP server of one process: speaks HTTP on connections that are handed to it; it does not listen."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hie.front.passing import App

END_SECONDS = 10
"""How long an end waits for what was asked before it, here and of a reader; what still runs then (a replay of
everything) is cut off."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: it would end the process before the store is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Door:
    """Serves `app`. Begin with `open`, hand connections to `take`, end with `close`."""

    def __init__(self, app: App) -> None:
        self._settings = uvicorn.Config(
            app,
            http=HttpToolsProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            timeout_graceful_shutdown=END_SECONDS,
        )
        self._server = _Server(self._settings)
        self._task: asyncio.Task[None] | None = None
        self._taking: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Get ready to take connections."""
        self._task = asyncio.create_task(self._server.serve(sockets=[]))
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.001)

    def take(self, connection: socket.socket) -> None:
        """Serve a connection that was accepted."""
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(self._take(connection))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    def end(self) -> None:
        """Let `wait` return: answer what was asked, close connections."""
        self._server.should_exit = True

    async def wait(self) -> None:
        """Until `end`, and what was asked before it is answered."""
        assert self._task is not None
        await asyncio.wait([self._task])

    async def close(self) -> None:
        """`end` and `wait`."""
        self.end()
        await self.wait()

    async def _take(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> HttpToolsProtocol:
        return HttpToolsProtocol(config=self._settings, server_state=self._server.server_state, app_state={})
