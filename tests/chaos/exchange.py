"""Servers to kill: prepares everything once, then forks a fresh server process for every line on standard input.

    python -m tests.chaos.exchange DATA [--lying]

Each server is a process of its own with its own start, recovery and sockets; only imports and compiled tables are
shared, so that a hundred lives take minutes instead of an hour. A liar answers before anything is stored (the control).
"""

import asyncio
import os
import sys
from pathlib import Path

import hie.app.exchange
import hie.app.maps
from hie.app import load_adapters
from hie.app.feeds import read_tables
from hie.base.outcome import Answer
from hie.commands.serve import serve
from hie.config import load_config
from hie.fhir.definitions import load_definitions
from hie.pipeline.ingest import Ingest

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


def main() -> None:
    if "--lying" in sys.argv:
        Ingest.receive = answer_first  # type: ignore[method-assign]
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
