"""The adapters of the regions, found as plug-ins."""

import logging
from importlib.metadata import entry_points
from pathlib import Path

from hie.base.errors import HieError, where
from hie.plugin import API_VERSION, Adapter

log = logging.getLogger("hie")


def load_adapters() -> tuple[Adapter, ...]:
    """The adapters of all installed packages (entry-point group `hie.adapters`), in order of their names.

    One that fails to load, or was made for another API version, is left out with a logged reason; the others run.
    """
    found = []
    for point in sorted(entry_points(group="hie.adapters"), key=lambda point: point.name):
        try:
            adapter = point.load()
        except Exception as error:
            log.error("adapter disabled name=%s reason=%s", point.name, _reason(error))
            continue
        if not isinstance(adapter, Adapter) or adapter.api_version != API_VERSION:
            log.error("adapter disabled name=%s reason=api-version", point.name)
            continue
        found.append(adapter)
    return tuple(found)


def _reason(error: Exception) -> str:
    """Why a package does not load: what is wrong with its tables or its Python, else the type and the place."""
    if isinstance(error, HieError):
        return error.message
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError@{Path(error.filename).name}:{error.lineno}"
    return where(error)
