"""Opening the file: pragmas, and what SQLite's refusals mean for a caller."""

import contextlib
import os
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import apsw

from hie.base.errors import Category, HieError

PAGE_BYTES = 4096
_REFUSED = (apsw.IOError, apsw.BusyError, apsw.CantOpenError, apsw.CorruptError, apsw.NotADBError, apsw.ReadOnlyError)

FULL = "The disk of the store is full."
"""What is said where SQLite finds no room, at a statement or at the commit."""

_SMALL_MIB = 64
NEAR_PENDING = (1 << 30) // PAGE_BYTES - 2 * (_SMALL_MIB << 20) // PAGE_BYTES
"""From here on to the page at 1 GiB is less than a hash table of SQLite has places that holds the small cache."""

STATEMENTS = 400
"""Prepared statements kept per connection."""


def connect(path: Path, *, cache_mib: int = 128, read_only: bool = False) -> apsw.Connection:
    """A connection with the pragmas of this store: WAL, `synchronous=FULL`, foreign keys off.

    Plans do not depend on bound values: otherwise SQLite plans some statements anew each time that they are used.
    `cache_mib` bounds the page cache. A new file is for its owner only, and so is its log, which SQLite makes alike.
    Raises UNAVAILABLE when the file cannot be opened.
    """
    mode = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    if not read_only:
        with contextlib.suppress(OSError):  # SQLite says what is wrong
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with translated():
        connection = apsw.Connection(str(path), flags=mode | apsw.SQLITE_OPEN_URI, statementcachesize=STATEMENTS)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.set_busy_timeout(5000)
        if not read_only:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = WAL")
        connection.execute(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;"
            f"PRAGMA cache_size = -{cache_mib * 1024}; PRAGMA mmap_size = {mapped_bytes(path)};"
            "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864"
        )
    return connection


def writing_cache_mib(pages: int) -> int:
    """Page cache of the writing connection for a file of so many pages: an eighth of the memory, at most 1 GiB.

    A small file gets less. Where a B-tree splits, SQLite borrows the number of the page at 1 GiB (`PENDING_BYTE`), and
    each commit then walks the whole cache for pages beyond the end of the file, unless the end is near that page
    (`docs/decisions/0013-sqlite-layout-and-planner.md`).
    """
    return _SMALL_MIB if pages < NEAR_PENDING else max(_SMALL_MIB, min(1024, _memory() // 8 >> 20))


def fit_cache(connection: apsw.Connection) -> None:
    """Give the writing connection the page cache that fits its file as it is now."""
    connection.pragma("cache_size", -1024 * writing_cache_mib(int(connection.pragma("page_count"))))


def mapped_bytes(path: Path) -> int:
    """How much of the file is mapped for reading: what half of the memory holds, of a larger file nothing.

    A mapped page that is not in memory is read with its surroundings, as much as the system reads ahead; of a file that
    does not fit, that drives out what is needed (`docs/decisions/0013-sqlite-layout-and-planner.md`).
    """
    most = _memory() // 2
    return most if not path.exists() or path.stat().st_size <= most else 0


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class _Translated:
    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, apsw.Error):
            _raise(error)


def _raise(error: apsw.Error) -> None:
    if isinstance(error, apsw.ConstraintError):
        raise HieError(Category.CONFLICT, "A row with the same key is there already.") from error
    if isinstance(error, apsw.InterruptError):
        raise HieError(Category.TIMEOUT, "The time limit of the query is used up.") from error
    if isinstance(error, apsw.FullError):
        raise HieError(Category.UNAVAILABLE, FULL) from error
    if isinstance(error, apsw.NotADBError):
        raise HieError(Category.UNAVAILABLE, "The file of the store is no SQLite database.") from error
    if isinstance(error, _REFUSED):
        raise HieError(Category.UNAVAILABLE, f"The store refuses: {type(error).__name__}.") from error


_TRANSLATED = _Translated()


def translated() -> AbstractContextManager[None]:
    """Turn SQLite's errors into situations: full or failing disk -> UNAVAILABLE, a taken key -> CONFLICT."""
    return _TRANSLATED
