"""A server to kill: runs `hie serve`, or a liar that answers before anything is stored (the control).

    python -m tests.chaos.exchange DATA [--lying]
"""

import asyncio
import sys
from pathlib import Path

from hie.base.outcome import Answer
from hie.commands.serve import serve
from hie.config import load_config
from hie.pipeline.ingest import Ingest

BACKGROUND: set[asyncio.Task[Answer]] = set()


async def answer_first(self: Ingest, door: str, body: bytes) -> Answer:
    """What must never happen: AA now, the work later."""
    control = body.split(b"|")[9]
    task = asyncio.get_running_loop().create_task(HONEST(self, door, body))
    BACKGROUND.add(task)
    task.add_done_callback(BACKGROUND.discard)
    await asyncio.sleep(0)
    return Answer(b"MSH|^~\\&|HIE|YRD|||||ACK|1|P|2.4\rMSA|AA|" + control + b"|\r", "application/hl7-v2")


HONEST = Ingest.receive


def main() -> None:
    if "--lying" in sys.argv:
        Ingest.receive = answer_first  # type: ignore[method-assign]
    config = load_config({"data": Path(sys.argv[1]), "port": 0, "mllp_port": 0, "drop_poll_seconds": 0}, {})
    asyncio.run(serve(config, lambda _: None))


if __name__ == "__main__":
    main()
