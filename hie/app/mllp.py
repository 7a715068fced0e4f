"""MLLP: which feed listens on which port. A frame names no feed, so each has a port of its own (common rules §1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hie.app.address import listening
from hie.base.errors import Category, HieError
from hie.config import Config
from hie.feeds.limits import MllpLimits
from hie.feeds.mllp import MllpServer
from hie.pipeline.ingest import Ingest, failure
from hie.pipeline.workers import NoWorker


@dataclass
class MllpPorts:
    """The MLLP servers of one exchange; `servers` by the id of their feed, empty until `start`."""

    ingest: Ingest
    config: Config
    servers: dict[str, MllpServer] = field(default_factory=dict)

    async def start(self) -> None:
        """Listen. Raises what `ports_of` raises, and UNAVAILABLE when an address cannot be used."""
        served = [runtime.feed.id for runtime in self.ingest.feeds.values() if runtime.feed.mllp]
        for feed, port in ports_of(served, self.config).items():
            server = _server(feed, self.ingest, self.config)
            with listening(f"MLLP of {feed}", self.config.host, port, "--mllp-port (mllp_ports for further feeds)"):
                await server.start(self.config.host, port)
            self.servers[feed] = server

    async def stop(self) -> None:
        """Let messages in progress be answered and close every connection."""
        while self.servers:
            _, server = self.servers.popitem()
            await server.stop()

    @property
    def listening(self) -> Mapping[str, int]:
        """Feed -> the port on which it listens."""
        return {feed: server.port for feed, server in self.servers.items()}

    def __str__(self) -> str:
        """The addresses, for whoever started the server."""
        shown = (f"{self.config.host}:{port} ({feed})" for feed, port in self.listening.items())
        return ", ".join(shown) or "off"

    @property
    def connections(self) -> int:
        """How many peers are connected, on all ports."""
        return sum(server.connections for server in self.servers.values())


def ports_of(served: Sequence[str], config: Config) -> dict[str, int]:
    """Feed -> port: that of `mllp_ports`, else `mllp_port`.

    Raises INVALID for a port of a feed that does not want one, CONFLICT when two feeds would get `mllp_port`.
    """
    given = config.mllp_feed_ports
    strange = sorted(given.keys() - set(served))
    if strange:
        reason = f"Setting 'mllp_ports' has a port for {strange[0]!r}, which is no feed with mllp=True"
        raise HieError(Category.INVALID, f"{reason}: {', '.join(sorted(served)) or 'there is none'}.")
    rest = [feed for feed in served if feed not in given] if config.mllp_port >= 0 else []
    if len(rest) > 1:
        wanted = f"{' and '.join(rest)} want MLLP, and port {config.mllp_port} is for one of them"
        further = f"give each other one a port with mllp_ports (HIE_MLLP_PORTS), such as '{rest[0]}=2576'"
        advice = f"{further}, or leave mllp=True out: POST /feeds/FEED is always there"
        raise HieError(Category.CONFLICT, f"{wanted}: {advice}.")
    return {**given, **dict.fromkeys(rest, config.mllp_port)}


def _server(door: str, ingest: Ingest, config: Config) -> MllpServer:
    async def handle(body: bytes) -> bytes | tuple[bytes, ...]:
        try:
            answer = await ingest.receive(door, body)
        except HieError as error:
            answer = failure(ingest.doors[door], ingest.delivery(door, body), lost=isinstance(error, NoWorker))
        return answer.frames or answer.body

    async def oversize(head: bytes) -> bytes | tuple[bytes, ...]:
        answer = await ingest.refuse(door, config.max_body + 1, head)
        return answer.frames or answer.body

    limits = MllpLimits(
        frame_bytes=config.max_body,
        frame_seconds=config.mllp_frame_seconds,
        connections=config.mllp_connections,
    )
    return MllpServer(handle, oversize, limits)
