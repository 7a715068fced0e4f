"""The hierarchy of a code system that is being loaded: parents by the form of ICD-10 codes, and the closure."""

import re
from bisect import insort
from collections.abc import Callable, Iterator

import apsw

from hie.base.errors import Category, HieError

_RANGE = re.compile(r"([a-z]\d\d)-([a-z]\d\d)")
_MARK = re.compile(r"[+*†].*")
_MOST_RANGES = 20_000
"""Chapters and blocks of ICD-10 are some three hundred; they alone are held in memory."""


def prefixes(code: str) -> Iterator[str]:
    """What may be above an ICD-10 code, nearest first: `e11.900x001` -> `e11.900x00`, ..., `e11.9`, `e11`.

    A dagger or asterisk and what follows it do not count.
    """
    plain = _MARK.sub("", code)
    if plain != code and plain:
        yield plain
    while len(plain) > 3:
        plain = plain[:-1].rstrip(".")
        yield plain


def by_prefix(connection: apsw.Connection, system: int, first: int, last: int, told: Callable[[int], None]) -> None:
    """Give every concept without a parent the one that its code shows: a shorter code, else a block or chapter."""
    blocks = _blocks(connection, first, last)
    find, add = connection.cursor(), connection.cursor()
    rows = connection.cursor().execute(
        "SELECT id, key FROM concept c WHERE id BETWEEN ? AND ? "
        "AND NOT EXISTS (SELECT 1 FROM edge WHERE child = c.id) ORDER BY id",
        (first, last),
    )
    for number, key in rows:
        parent = _above(find, system, str(key)) or _block(blocks, str(key))
        if parent is not None and parent != number:
            add.execute("INSERT OR IGNORE INTO edge VALUES (?, ?)", (number, parent))
        if int(number) % 1000 == 0:
            told(int(number) - first + 1)


def _above(find: apsw.Cursor, system: int, key: str) -> int | None:
    if _RANGE.fullmatch(key):
        return None
    for candidate in prefixes(key):
        for row in find.execute("SELECT id FROM concept WHERE system = ? AND key = ?", (system, candidate)).fetchall():
            return int(str(row[0]))
    return None


Block = tuple[int, str, str, int]
"""(how many categories it spans, first, last, number of its concept)."""


def _blocks(connection: apsw.Connection, first: int, last: int) -> list[Block]:
    """The ranges among the codes, the narrowest first."""
    found: list[Block] = []
    rows = connection.execute(
        "SELECT id, key FROM concept WHERE id BETWEEN ? AND ? AND key GLOB '???-???'", (first, last)
    )
    for number, key in rows:
        parts = _RANGE.fullmatch(str(key))
        if parts is not None and parts[1] <= parts[2]:
            insort(found, (_place(parts[2]) - _place(parts[1]), parts[1], parts[2], int(number)))
        if len(found) > _MOST_RANGES:
            raise HieError(Category.INVALID, "The file has more blocks (A00-A09) than ICD-10 can have")
    return found


def _place(category: str) -> int:
    return ord(category[0]) * 100 + int(category[1:3])


def _block(blocks: list[Block], key: str) -> int | None:
    """The narrowest block around a category, or around a block without being it."""
    parts = _RANGE.fullmatch(key)
    low, high = (parts[1], parts[2]) if parts is not None else (key[:3], key[:3])
    for _, start, end, number in blocks:
        if start <= low and high <= end and (start, end) != (low, high):
            return number
        if parts is None and start == low == high == end:
            return number
    return None


def close(connection: apsw.Connection, first: int, last: int) -> None:
    """Store each concept with all its ancestors and itself; raises INVALID when a concept is its own ancestor."""
    connection.execute(
        "INSERT INTO closure WITH RECURSIVE up(ancestor, descendant) AS ("
        "SELECT id, id FROM concept WHERE id BETWEEN ? AND ? "
        "UNION SELECT e.parent, up.descendant FROM up JOIN edge e ON e.child = up.ancestor) "
        "SELECT ancestor, descendant FROM up ORDER BY ancestor, descendant",
        (first, last),
    )
    ring = connection.execute(
        "SELECT c.code FROM edge e JOIN closure x ON x.ancestor = e.child AND x.descendant = e.parent "
        "JOIN concept c ON c.id = e.child WHERE e.child BETWEEN ? AND ? LIMIT 1",
        (first, last),
    ).fetchall()
    if ring:
        raise HieError(Category.INVALID, f"The hierarchy is a ring: {ring[0][0]} is above itself")
