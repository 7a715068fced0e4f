"""The file of large code systems: its tables, and connections to it (SQLite through `apsw`).

Concepts of one code system have consecutive numbers in the order of their source. `closure` holds every concept with
each of its ancestors, itself included, so a question about the hierarchy is one lookup. `property` is ordered for
filters; what an answer shows of properties and designations stands in `concept.extra` as JSON.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import apsw

from hie.base.errors import Category, HieError

FORMAT = 1
"""`PRAGMA user_version` of a file that this code can read."""

TABLES = """
CREATE TABLE system(
  id INTEGER PRIMARY KEY, url TEXT NOT NULL, version TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL,
  language TEXT NOT NULL, value_set TEXT NOT NULL, case_sensitive INTEGER NOT NULL, hierarchical INTEGER NOT NULL,
  concepts INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, properties TEXT NOT NULL,
  file TEXT NOT NULL, format TEXT NOT NULL, digest TEXT NOT NULL, loaded TEXT NOT NULL, UNIQUE(url, version));
CREATE TABLE concept(
  id INTEGER PRIMARY KEY, system INTEGER NOT NULL, key TEXT NOT NULL, code TEXT NOT NULL, display TEXT NOT NULL,
  abstract INTEGER NOT NULL, inactive INTEGER NOT NULL, search TEXT NOT NULL, definition TEXT NOT NULL, extra TEXT);
CREATE UNIQUE INDEX concept_key ON concept(system, key);
CREATE TABLE edge(child INTEGER NOT NULL, parent INTEGER NOT NULL, PRIMARY KEY(child, parent)) WITHOUT ROWID;
CREATE INDEX edge_down ON edge(parent, child);
CREATE TABLE closure(
  ancestor INTEGER NOT NULL, descendant INTEGER NOT NULL, PRIMARY KEY(ancestor, descendant)) WITHOUT ROWID;
CREATE INDEX closure_up ON closure(descendant, ancestor);
CREATE TABLE property(
  system INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, concept INTEGER NOT NULL,
  PRIMARY KEY(system, name, value, concept)) WITHOUT ROWID;
"""


def open_for_loading(path: Path) -> apsw.Connection:
    """A connection that writes, with the tables made; its memory does not depend on what is loaded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make(path)
    connection = _connected(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    connection.set_busy_timeout(5000)
    version = _format(connection, path)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "temp_store = FILE", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    if version == 0:
        _make_tables(connection)
    elif version != FORMAT:
        raise _other_format(path)
    return connection


def _make(path: Path) -> None:
    """Make an empty file that is there with its tables or not at all: a server that runs looks at it with each message.
    Where the file system has no hard links, `path` is left to be made in place."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    connection = apsw.Connection(str(draft))
    try:
        _make_tables(connection)
    finally:
        connection.close()
    with suppress(OSError):
        os.link(draft, path)
    draft.unlink()


def _connected(path: Path, flags: int) -> apsw.Connection:
    """The file, opened; raises UNAVAILABLE when it cannot be (a folder, no right to read it, no file descriptor)."""
    try:
        return apsw.Connection(str(path), flags=flags)
    except apsw.Error as error:
        raise HieError(Category.UNAVAILABLE, f"{path} cannot be opened: {type(error).__name__}") from None


def _make_tables(connection: apsw.Connection) -> None:
    with connection:
        connection.execute(TABLES)
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _format(connection: apsw.Connection, path: Path) -> Any:
    """The number of the format of a file; raises UNAVAILABLE for one that is no SQLite database."""
    try:
        return connection.pragma("user_version")
    except apsw.NotADBError:
        connection.close()
        raise HieError(Category.UNAVAILABLE, f"{path} is no file of code systems") from None


def _other_format(path: Path) -> HieError:
    return HieError(Category.UNAVAILABLE, f"{path} was written by another version; delete it and load the files again")


class Connections:
    """Read-only connections to a file, each used by one thread at a time; kept for the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: list[apsw.Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def use(self) -> Iterator[apsw.Connection]:
        """A connection, for the time of the block."""
        with self._lock:
            connection = self._free.pop() if self._free else None
        if connection is None:
            connection = self._opened()
        try:
            yield connection
        finally:
            with self._lock:
                self._free.append(connection)

    def _opened(self) -> apsw.Connection:
        connection = _connected(self._path, apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(5000)
        connection.create_scalar_function("regexp", _regexp, 2, deterministic=True)
        if _format(connection, self._path) != FORMAT:
            connection.close()
            raise _other_format(self._path)
        return connection

    def close(self) -> None:
        """Close what is free."""
        with self._lock:
            free, self._free = self._free, []
        for connection in free:
            connection.close()


def fetched(connection: apsw.Connection, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    return connection.execute(sql, values).fetchall()


def counted(connection: apsw.Connection, sql: str, *values: Any) -> int:
    """The one number that a statement gives."""
    return int(fetched(connection, sql, *values)[0][0])


@lru_cache(maxsize=64)
def _matcher(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


def _regexp(*given: Any) -> int:
    """`value REGEXP pattern`: SQLite gives the pattern first."""
    pattern, value = given
    return int(_matcher(str(pattern))(str(value)) is not None)
