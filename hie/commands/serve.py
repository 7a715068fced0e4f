"""Serve: runs an exchange with its HTTP server until it is told to stop."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from hie.app import Exchange, Reading, open_exchange, open_reading
from hie.app.address import listening
from hie.app.hosts import known_hosts
from hie.base.memory import settle_memory
from hie.commands.datadir import DataDirectory
from hie.config import ANY, Config
from hie.front.door import Door
from hie.front.readers import Readers, listen

log = logging.getLogger("hie")

MOST = 4
"""Reading processes that are started without being asked for."""


@dataclass(frozen=True)
class Running:
    """An exchange that serves: `url` is where."""

    exchange: Exchange
    url: str
    door: Door

    def told_to_stop(self) -> asyncio.Event:
        """What SIGINT or SIGTERM sets from now on; a second one ends the process at once."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number, stop)
        return stop

    def _stop(self, number: int, stop: asyncio.Event) -> None:
        stop.set()
        asyncio.get_running_loop().remove_signal_handler(number)


@contextlib.asynccontextmanager
async def running(config: Config, readers: int = 0) -> AsyncIterator[Running]:
    """Hold the data directory, open the exchange, serve HTTP, with `readers` processes beside this one; on leaving,
    stop in the opposite order.

    Raises CONFLICT when the directory or the SQLite file is taken, UNAVAILABLE when they or an address cannot be used,
    and the `HieError` of broken tables.
    """
    with DataDirectory(config.data, config.store_path) as directory:
        exchange = await open_exchange(config)
        try:
            exchange.maps.must_fit()
            await exchange.start()
            async with _http(exchange, config, readers) as started:
                directory.announce(started.url)
                yield started
        finally:
            await exchange.close()


@contextlib.asynccontextmanager
async def _http(exchange: Exchange, config: Config, number: int) -> AsyncIterator[Running]:
    with listening("The HTTP server", config.host, config.port, "--port"):
        sockets = listen(config.host, config.port)
    port = sockets[0].getsockname()[1]
    host = f"[{config.host}]" if ":" in config.host else config.host
    if ANY in config.known_hosts:
        log.warning("requests are served whatever name they ask by: setting allowed_hosts is *")
    door = Door(known_hosts(exchange.web, config))
    given = Reading(config, exchange.names)
    readers = Readers(number, open_reading, given, config.log_level, exchange.web, door)
    exchange.fhir.spread, exchange.tell = readers.renew, readers.tell
    readers.tell(exchange.silences.told())
    await door.open()
    await readers.start()
    readers.accept(sockets)
    try:
        yield Running(exchange, f"http://{host}:{port}", door)
    finally:
        readers.refuse()
        await readers.close()
        await door.close()


def readers_of(config: Config) -> int:
    """How many processes read beside the one that writes."""
    if config.store_path is None:
        return 0
    number = config.processes or min(os.cpu_count() or 1, MOST)
    return number if number > 1 else 0


async def serve(config: Config, announce: Callable[[Running], None]) -> None:
    """Serve until SIGINT or SIGTERM."""
    async with running(config, readers_of(config)) as started:
        stop = started.told_to_stop()
        settle_memory()
        announce(started)
        await stop.wait()


def set_up_logging(level: str) -> None:
    """One line per event on standard error: time, level, logger, message."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
