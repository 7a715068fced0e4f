"""The text index for `_text` and `_content`: a file of its own beside the store, written behind the commits.

It takes in versions in order of writing and adds their terms (`hie.search.text`) to an FTS5 table whose row number is
that of the version, so a row is never changed and says nothing about later versions. `reached` is the last version that
is in; a search finds what is beyond by reading bodies. So writing a resource costs nothing here, and an answer is exact
however far the index is. The file can be lost: it is made anew from the versions. `text_follower.py` drives it.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw
import orjson

from hie.base.errors import HieError
from hie.search.text import content_terms, narrative_terms
from hie.store.sqlite.database import connect

BATCH = 500
"""Versions a commit."""

_NARRATIVE = "\u241e"
"""Before each term of the narrative; no term has it."""

_SCHEMA = """
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(terms, content='', columnsize=0, detail=none, tokenize='ascii');
CREATE TABLE IF NOT EXISTS reached (
    one INTEGER PRIMARY KEY, seq INTEGER NOT NULL, resource INTEGER, last_updated INTEGER
);
INSERT OR IGNORE INTO reached VALUES (1, 0, NULL, NULL);
"""
_REACHED = "SELECT seq, resource, last_updated FROM reached WHERE one = 1"
_MORE = f"SELECT seq, resource, last_updated, body FROM version WHERE seq > ? ORDER BY seq LIMIT {BATCH}"


def text_path(path: Path) -> Path:
    """The file of the text index of a store."""
    return path.with_name(path.name + "-text")


def attach(connection: apsw.Connection, path: Path) -> None:
    """Let a connection of the store read its text index, as schema `texts`."""
    connection.execute("ATTACH ? AS texts", (f"file:{quote(str(text_path(path).absolute()))}?mode=ro",))


def expression(words: Iterable[str], narrative: bool) -> str:
    """The FTS5 query for rows with terms that begin with each of `words`."""
    mark = _NARRATIVE if narrative else ""
    return " AND ".join(f'"{mark}{word}"*' for word in words)


def _row(body: bytes) -> str:
    resource = orjson.loads(body)
    return " ".join([*content_terms(resource), *(_NARRATIVE + term for term in narrative_terms(resource))])


def ensure(path: Path) -> None:
    """Make the text index of the store at `path`, whose tables must be there; one that is damaged, or belongs to
    another store, begins anew."""
    store = connect(path, cache_mib=2, read_only=True)
    _sound(text_path(path), store).close()
    store.close()


class TextIndex:
    """The index of the store at `path`, to take in what it does not have."""

    def __init__(self, path: Path) -> None:
        self._store = connect(path, cache_mib=2, read_only=True)
        self._file = _made(text_path(path))

    def close(self) -> None:
        """Close both files."""
        self._file.close()
        self._store.close()

    def step(self) -> int:
        """Take in the next versions, at most `BATCH`; how many there were."""
        reached = int(self._file.execute(_REACHED).get[0])
        rows: list[Any] = self._store.execute(_MORE, (reached,)).fetchall()
        if not rows:
            return 0
        found = [(seq, _row(body)) for seq, _, _, body in rows if body]
        with self._file:
            self._file.execute("UPDATE reached SET seq = ?, resource = ?, last_updated = ? WHERE one = 1 AND seq = ?",
                               (*rows[-1][:3], reached))  # fmt: skip
            if self._file.changes():  # no other process took them in meanwhile
                self._file.executemany("INSERT INTO words (rowid, terms) VALUES (?, ?)", found)
        return len(rows)


def _sound(path: Path, store: apsw.Connection) -> apsw.Connection:
    with contextlib.suppress(apsw.Error, HieError):
        file = _made(path)
        seq, *known = file.execute(_REACHED).get
        there: Any = store.execute("SELECT resource, last_updated FROM version WHERE seq = ?", (seq,)).fetchone()
        if seq == 0 or list(there or ()) == known:
            return file
        file.close()
    for one in path.parent.glob(f"{path.name}*"):
        one.unlink()
    return _made(path)


def _made(path: Path) -> apsw.Connection:
    file = connect(path, cache_mib=8)
    # What a loss of power takes from a derived file is taken in again.
    file.execute("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 1000")
    with file:
        file.execute(_SCHEMA)
    return file
