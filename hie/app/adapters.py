"""The adapters of the regions, found as plug-ins."""

import logging
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from hie.base.errors import HieError, where
from hie.plugin import API_VERSION, Adapter

log = logging.getLogger("hie")


def load_adapters() -> tuple[Adapter, ...]:
    """The adapters of all installed packages (entry-point group `hie.adapters`), in order of their names.

    One that fails to load, was made for another API version, or has the region, a feed or a door of another (of one
    that ships, or that comes before it) is left out with a logged reason; the others run.
    """
    found: dict[str, Adapter] = {}
    for point in sorted(entry_points(group="hie.adapters"), key=lambda point: (not _ships(point), point.name)):
        try:
            adapter = point.load()
        except Exception as error:
            log.error("adapter disabled name=%s reason=%s", point.name, _reason(error))
            continue
        if not isinstance(adapter, Adapter) or adapter.api_version != API_VERSION:
            log.error("adapter disabled name=%s reason=api-version", point.name)
            continue
        if taken := _taken(adapter, found.values()):
            log.error("adapter disabled name=%s reason=%s", point.name, taken)
            continue
        found[point.name] = adapter
    return tuple(adapter for _, adapter in sorted(found.items()))


def _ships(point: EntryPoint) -> bool:
    """Whether the exchange itself brings the adapter."""
    return point.dist is not None and point.dist.name == "hie"


def _taken(adapter: Adapter, others: Iterable[Adapter]) -> str:
    """What `adapter` has in common with another and each must have for itself; empty when there is nothing."""
    mine = _claims(adapter)
    return next(
        (f"{claim} is that of region {o.region} too" for o in others for claim in sorted(mine & _claims(o))), ""
    )


def _claims(adapter: Adapter) -> set[str]:
    doors = {f"door {door!r}" for feed in adapter.feeds for door in feed.doors}
    return {f"region {adapter.region!r}", *doors}


def _reason(error: Exception) -> str:
    """Why a package does not load: what is wrong with its tables or its Python, else the type and the place."""
    if isinstance(error, HieError):
        return error.message
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError@{Path(error.filename).name}:{error.lineno}"
    return where(error)
