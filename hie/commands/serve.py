"""Serve: runs an exchange with its HTTP server until it is told to stop."""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import uvicorn

from hie.app import Exchange, open_exchange
from hie.commands.datadir import DataDirectory
from hie.config import Config


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: it would end the process before the store is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Running:
    """An exchange that serves: `url` is where; `task` ends when the server was told to stop."""

    exchange: Exchange
    url: str
    server: uvicorn.Server
    task: asyncio.Task[None]

    async def wait(self) -> None:
        """Wait until SIGINT or SIGTERM; a second one ends the process at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        await asyncio.wait([self.task])

    def _stop(self, number: int) -> None:
        self.server.should_exit = True
        asyncio.get_running_loop().remove_signal_handler(number)


@contextlib.asynccontextmanager
async def running(config: Config) -> AsyncIterator[Running]:
    """Hold the data directory, open the exchange, serve HTTP; on leaving, stop in the opposite order.

    Raises `HieError` when the directory is taken, and `OSError` when an address cannot be used.
    """
    directory = DataDirectory(config.data)
    try:
        exchange = await open_exchange(config)
        try:
            await exchange.start()
            async with _http(exchange, config) as started:
                directory.announce(started.url)
                yield started
        finally:
            await exchange.close()
    finally:
        directory.release()


def settle_memory() -> None:
    """For a process that only serves: keep what the start has made out of garbage collection, and collect less often.

    A full collection over compiled tables and definitions stops everything for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@contextlib.asynccontextmanager
async def _http(exchange: Exchange, config: Config) -> AsyncIterator[Running]:
    settings = uvicorn.Config(
        exchange.web,
        host=config.host,
        port=config.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
    )
    server = _Server(settings)
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            raise OSError(f"The HTTP server cannot listen on {config.host} port {config.port}.")
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    host = f"[{config.host}]" if ":" in config.host else config.host
    try:
        yield Running(exchange, f"http://{host}:{port}", server, task)
    finally:
        server.should_exit = True
        await task


async def serve(config: Config, announce: Callable[[Running], None]) -> None:
    """Serve until SIGINT or SIGTERM."""
    async with running(config) as started:
        settle_memory()
        announce(started)
        await started.wait()


def set_up_logging(level: str) -> None:
    """One line per event on standard error: time, level, logger, message."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
