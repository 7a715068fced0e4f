"""The composition root: configuration in, running exchange out. The only place that knows concrete classes.

The names are imported when they are asked for: a reading process needs a third of what an exchange does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hie.app.adapters import load_adapters
    from hie.app.exchange import Exchange, open_exchange
    from hie.app.feeds import bind_feeds, worker_feeds
    from hie.app.reading import Reading, open_reading

__all__ = [
    "Exchange", "Reading", "bind_feeds", "load_adapters", "open_exchange", "open_reading", "worker_feeds",
]  # fmt: skip

_MODULES = {
    "Exchange": "exchange",
    "Reading": "reading",
    "bind_feeds": "feeds",
    "load_adapters": "adapters",
    "open_exchange": "exchange",
    "open_reading": "reading",
    "worker_feeds": "feeds",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"hie.app.{_MODULES[name]}"), name)
