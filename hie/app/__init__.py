"""The composition root: configuration in, running exchange out. The only place that knows concrete classes."""

from hie.app.exchange import Exchange, open_exchange
from hie.app.feeds import bind_feeds, load_adapters, worker_feeds
from hie.app.reading import open_reading

__all__ = ["Exchange", "bind_feeds", "load_adapters", "open_exchange", "open_reading", "worker_feeds"]
