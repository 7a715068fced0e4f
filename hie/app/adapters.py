"""The adapters of the regions, found as plug-ins."""

import logging
from importlib.metadata import entry_points

from hie.base.errors import where
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
            log.error("adapter disabled name=%s reason=%s", point.name, where(error))
            continue
        if not isinstance(adapter, Adapter) or adapter.api_version != API_VERSION:
            log.error("adapter disabled name=%s reason=api-version", point.name)
            continue
        found.append(adapter)
    return tuple(found)
