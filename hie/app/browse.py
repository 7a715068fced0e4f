"""The record browser, wired the same way in the process that writes and in those that read."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from starlette.types import ASGIApp

from hie.base.clock import Clock, from_micros, micros
from hie.base.silence import Silence
from hie.browse.pages import Silences, browse_app
from hie.browse.render import warm
from hie.fhir.definitions import Definitions
from hie.pipeline.persons import linked
from hie.store.port import Reader

WARM_SECONDS = 2.0
"""After the start, until the pages are compiled: a third of a second's work that would hold up the first items."""

Told = Sequence[tuple[str, str, int]]
"""Silences as plain values, for another process: region, organisation, microseconds."""


class KnownSilences:
    """What is silent, as the process that writes found out last and told those that read."""

    def __init__(self) -> None:
        self.now: tuple[Silence, ...] = ()

    def __call__(self) -> tuple[Silence, ...]:
        """See `hie.browse.pages.Silences`."""
        return self.now

    def told(self) -> Told:
        """As plain values."""
        return [(one.region, one.organisation, micros(one.since)) for one in self.now]

    def take(self, told: Told) -> None:
        """Know what another process told."""
        self.now = tuple(Silence(region, organisation, from_micros(since)) for region, organisation, since in told)


def open_browse(
    store: Reader, definitions: Definitions, clock: Clock, names: Mapping[str, str], silences: Silences
) -> ASGIApp:
    """The pages over a store; `names` as in `browse_app`."""
    return browse_app(store, definitions, partial(linked, store), clock, names=names, silences=silences)


async def warm_later() -> None:
    """Compile the pages, but not while senders that waited for the server bring what they have."""
    await asyncio.sleep(WARM_SECONDS)
    await asyncio.to_thread(warm)
