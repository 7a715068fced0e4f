"""The SQLite store (`apsw`): the embedded default."""

from hie.store.sqlite.reading import SqliteFollower
from hie.store.sqlite.store import SqliteStore
from hie.store.sqlite.writer import Limits

__all__ = ["Limits", "SqliteFollower", "SqliteStore"]
