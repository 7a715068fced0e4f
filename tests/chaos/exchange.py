"""Servers to kill: prepares everything once, then forks a fresh server process for every line on standard input.

    python -m tests.chaos.exchange DATA [--lying] [--ahead]

Each server is a process of its own with its own start, recovery and sockets; only imports and compiled tables are
shared, so that a hundred lives take minutes instead of an hour. A liar answers before anything is stored (the control).
One that settles ahead does so in its own process: workers take longer to start than such a life lasts.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hie.app.exchange
import hie.app.maps
from hie.app import load_adapters
from hie.app.feeds import read_tables
from hie.app.store import TABLES
from hie.base.clock import Clock
from hie.base.outcome import Answer
from hie.base.record import Delivery, Parsed
from hie.commands.serve import serve
from hie.config import load_config
from hie.fhir.definitions import load_definitions
from hie.pipeline.ahead import Ahead, SettlesAhead
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest
from hie.pipeline.prepare import Prepared, prepare
from hie.search.extract import Extractors
from hie.staging.tables import COUNTER, TALLY
from hie.store.port import Store
from hie.store.sqlite.ahead import Snapshots

BACKGROUND: set[asyncio.Task[Answer]] = set()
HONEST = Ingest.receive


async def answer_first(self: Ingest, door: str, body: bytes) -> Answer:
    """What must never happen: AA now, the work later."""
    control = body.split(b"|")[9]
    task = asyncio.get_running_loop().create_task(HONEST(self, door, body))
    BACKGROUND.add(task)
    task.add_done_callback(BACKGROUND.discard)
    await asyncio.sleep(0)
    return Answer(b"MSH|^~\\&|HIE|YRD|||||ACK|1|P|2.4\rMSA|AA|" + control + b"|\r", "application/hl7-v2")


class AheadHere(Ingest):
    """Settles every item ahead, on a snapshot of the file that it writes."""

    def __init__(self, store: Store, feeds: Sequence[FeedRuntime], clock: Clock, *given: Any) -> None:
        extract = Extractors(load_definitions()).extract
        snapshots = Snapshots(Path(sys.argv[1]) / "hie.sqlite", TABLES, extract, (COUNTER, TALLY))
        settles = SettlesAhead({one.feed.id: one for one in feeds}, snapshots.transaction, lambda: None)

        async def ahead(runtime: FeedRuntime, delivery: Delivery) -> tuple[Parsed, list[Prepared]] | Ahead:
            parsed, parts = prepare(runtime, delivery)
            return settles.settle(delivery, parsed, parts) or (parsed, parts)

        super().__init__(store, feeds, clock, ahead=ahead)


def main() -> None:
    if "--lying" in sys.argv:
        Ingest.receive = answer_first  # type: ignore[method-assign]
    if "--ahead" in sys.argv:
        hie.app.exchange.Ingest = AheadHere  # type: ignore[misc]
    data = Path(sys.argv[1])
    tables, definitions = read_tables(load_adapters()), load_definitions()
    hie.app.maps.read_tables = lambda *_: tables
    hie.app.exchange.load_definitions = lambda: definitions
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            quiet = {"workers": 0, "processes": 1, "drop_poll_seconds": 0}
            config = load_config({"data": data, "port": 0, "mllp_port": 0, **quiet}, {})
            asyncio.run(serve(config, lambda _: None))
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
