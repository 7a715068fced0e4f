"""Drop folders: which feeds have one, and what their files are answered with."""

import asyncio
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from hie.app.fhirdoor import FhirDoor
from hie.base.errors import Category, HieError
from hie.base.tasks import end
from hie.config import Config
from hie.feeds.filedrop import DropAnswer, DropFolder
from hie.feeds.limits import DropLimits
from hie.pipeline.ingest import Ingest

END_SECONDS = 10.0
"""How long an end waits for the file that is under way: else it is gone on with at the next start."""

NO_REQUEST: Mapping[str, Any] = MappingProxyType({"headers": (), "scheme": "http"})
"""The request of who reads in a file that was dropped: it came over no connection."""


class Drops:
    """The drop folders of one exchange; `fhir` are the doors whose answers are completed as those of HTTP are."""

    def __init__(self, ingest: Ingest, config: Config, fhir: Mapping[str, FhirDoor]) -> None:
        self._ingest = ingest
        self._fhir = fhir
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        feeds = ingest.feeds.values() if config.drop_poll_seconds > 0 else ()
        self.folders = [self._folder(runtime.feed.id, config) for runtime in feeds if runtime.feed.drop]

    def _folder(self, feed: str, config: Config) -> DropFolder:
        return DropFolder(
            config.data / "drop" / feed,
            partial(self._ingest.knows, feed),
            partial(self.taken, feed),
            partial(self._too_large, feed),
            DropLimits(config.max_body, config.drop_poll_seconds),
        )

    async def start(self) -> None:
        """Make the folders, and begin to look into them; raises `OSError` when they cannot be made."""
        for folder in self.folders:
            await asyncio.to_thread(folder.prepare)
            self._tasks.append(asyncio.create_task(folder.run(self._stop)))

    def leave_off(self) -> None:
        """Begin no further file."""
        self._stop.set()

    async def stop(self) -> None:
        """Finish the files that are under way, if they can be in `END_SECONDS`."""
        self.leave_off()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=END_SECONDS)
        await end(*self._tasks)

    async def taken(self, door: str, body: bytes, begun: bool) -> DropAnswer:
        """What the bytes of a file are answered with; raises UNAVAILABLE for a file that is tried again later."""
        answer = await self._ingest.receive(door, body, begun=begun)
        if answer.status == 503:
            raise HieError(Category.UNAVAILABLE, "The file is tried again later.")
        fhir = self._fhir.get(door)
        told = answer.body if fhir is None else await fhir.complete(NO_REQUEST, answer.body)
        return DropAnswer(told, answer.status != 422)

    async def _too_large(self, door: str, size: int, head: bytes) -> DropAnswer:
        return DropAnswer((await self._ingest.refuse(door, size, head)).body, False)
