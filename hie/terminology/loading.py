"""Loading a large code system into the file, row by row, in one transaction (`hie terminology load`).

Who reads the file meanwhile sees the old state until the new one is complete; a load that is interrupted leaves nothing
behind. The same file with the same options again changes nothing. Memory does not grow with the size: rows stream in,
and what has to be sorted or joined is sorted and joined on disk.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw
import orjson

from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.terminology.codeschema import counted, fetched, open_for_loading
from hie.terminology.formats import FORMATS, CodeRow, Format, Reading, rows_of
from hie.terminology.grammar import is_language
from hie.terminology.hierarchy import by_prefix, close
from hie.terminology.text import search_text

Progress = Callable[[str, int, int], None]
"""(phase `reading`, `hierarchy` or `index`; done; total): called now and then."""


@dataclass(frozen=True)
class Source:
    """What is loaded, and what the code system is called. `columns`: what (`code`, `display`, ...) -> column."""

    path: Path
    url: str
    format: str = "csv"
    version: str = ""
    name: str = ""
    title: str = ""
    language: str = "zh-CN"
    value_set: str = ""
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def how(self) -> Format:
        """The format with columns named by the caller.

        Raises INVALID for a format or a kind of column not known, for no URL, and for what is no language."""
        if not self.url.strip():
            raise HieError(Category.INVALID, "A code system is known by its URL: give one")
        if not is_language(self.language):
            raise HieError(Category.INVALID, f"{self.language!r} is no language tag, such as zh-CN or en (BCP-47)")
        found = FORMATS.get(self.format)
        if found is None:
            raise HieError(Category.INVALID, f"There is no format {self.format!r}: {', '.join(FORMATS)}")
        named = {what: (column.lower(),) for what, column in self.columns}
        if not named.keys() <= {"code", "display", "definition", "parent", "inactive"}:
            raise HieError(Category.INVALID, "Columns are named for code, display, definition, parent or inactive")
        return replace(found, columns={**found.columns, **named})


@dataclass(frozen=True, slots=True)
class Report:
    """What a load did; `unchanged`: the same file was loaded before, so nothing was done.

    `repeated` codes stood twice (the first counts), `orphans` name a parent that is not in the file.
    """

    concepts: int
    repeated: int = 0
    without_code: int = 0
    orphans: int = 0
    unchanged: bool = False


def load(file: Path, source: Source, now: datetime, progress: Progress = lambda phase, done, total: None) -> Report:
    """Put a code system into `file`, in place of the same version of it.

    Raises INVALID for a file that cannot be read or a hierarchy that is a ring, CONFLICT when another load is running.
    """
    how, digest = source.how, _digest(source)
    connection = open_for_loading(file)
    try:
        known = fetched(
            connection, "SELECT concepts, digest FROM system WHERE url = ? AND version = ?", source.url, source.version
        )
        if known and known[0][1] == digest:
            return Report(int(known[0][0]), unchanged=True)
        connection.execute("BEGIN IMMEDIATE")
        try:
            report = _Load(connection, source, how, progress).run(digest, now)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        return report
    except apsw.BusyError:
        raise HieError(Category.CONFLICT, "Another load into this file is running") from None
    finally:
        connection.close()


def remove(file: Path, url: str, version: str | None = None) -> int:
    """Take a code system (all its versions when None) out of the file; how many were there."""
    connection = open_for_loading(file)
    try:
        with connection:
            rows = fetched(connection, "SELECT id, version FROM system WHERE url = ?", url)
            wanted = [row[0] for row in rows if version in (None, row[1])]
            for number in wanted:
                _drop(connection, number)
        return len(wanted)
    finally:
        connection.close()


def _digest(source: Source) -> str:
    sha = hashlib.sha256(repr(replace(source, path=Path(source.path.name))).encode())
    with source.path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha.update(chunk)
    return sha.hexdigest()


def _drop(connection: apsw.Connection, system: int) -> None:
    row = fetched(connection, "SELECT first, last FROM system WHERE id = ?", system)[0]
    for table, column in (("edge", "child"), ("closure", "descendant"), ("concept", "id")):
        connection.execute(f"DELETE FROM {table} WHERE {column} BETWEEN ? AND ?", row)  # noqa: S608
    connection.execute("DELETE FROM property WHERE system = ?", (system,))
    connection.execute("DELETE FROM system WHERE id = ?", (system,))


class _Load:
    """One load, inside its transaction."""

    def __init__(self, connection: apsw.Connection, source: Source, how: Format, progress: Progress) -> None:
        self._connection = connection
        self._source = source
        self._how = how
        self._progress = progress
        self._reading = Reading(source.path.stat().st_size)
        self._properties: dict[str, None] = {}

    def _value(self, sql: str, *values: Any) -> int:
        return counted(self._connection, sql, *values)

    def run(self, digest: str, now: datetime) -> Report:
        source = self._source
        old = "SELECT id FROM system WHERE url = ? AND version = ?"
        for (number,) in fetched(self._connection, old, source.url, source.version):
            _drop(self._connection, number)
        system = self._value("SELECT coalesce(max(id), 0) + 1 FROM system")
        first = self._value("SELECT coalesce(max(id), 0) + 1 FROM concept")
        last, repeated = self._read(system, first)
        orphans, edges = self._hierarchy(system, first, last)
        self._progress("index", 0, 1)
        self._connection.execute(
            "INSERT OR IGNORE INTO property SELECT ?, name, value, concept FROM temp.said "
            "ORDER BY name, value, concept",
            (system,),
        )
        concepts = self._value("SELECT count(*) FROM concept WHERE id BETWEEN ? AND ?", first, last)
        row = (
            system, source.url, source.version, source.name, source.title, source.language, source.value_set,
            self._how.case_sensitive, edges > 0, concepts, first, last,
            orjson.dumps(dict.fromkeys(self._properties, "string")).decode(), source.path.name, source.format, digest,
            instant(now),
        )  # fmt: skip
        self._connection.execute(f"INSERT INTO system VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608
        for table in ("said", "above"):
            self._connection.execute(f"DROP TABLE temp.{table}")
        return Report(concepts, repeated, self._reading.without_code, orphans)

    def _read(self, system: int, first: int) -> tuple[int, int]:
        """Insert the concepts; the number of the last, and how many codes were repeated."""
        self._connection.execute("CREATE TEMP TABLE said(name TEXT, value TEXT, concept INTEGER)")
        self._connection.execute("CREATE TEMP TABLE above(child INTEGER, parent TEXT)")
        add = self._connection.cursor()
        number, repeated = first - 1, 0
        for row in rows_of(self._source.path, self._how, self._reading):
            add.execute(
                "INSERT OR IGNORE INTO concept VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
                self._columns(number + 1, system, row),
            )
            if self._connection.changes() == 0:
                repeated += 1
                continue
            number += 1
            for name, value in row.properties:
                self._properties[name] = None
                add.execute("INSERT INTO temp.said VALUES (?, ?, ?)", (name, value, number))
            for parent in row.parents:
                add.execute("INSERT INTO temp.above VALUES (?, ?)", (number, self._key(parent)))
            if number % 1000 == 0:
                self._progress("reading", self._reading.done, self._reading.total)
        self._progress("reading", self._reading.total, self._reading.total)
        return number, repeated

    def _key(self, code: str) -> str:
        return code if self._how.case_sensitive else code.casefold()

    def _columns(self, number: int, system: int, row: CodeRow) -> tuple[Any, ...]:
        extra = {"names": row.names, "properties": row.properties}
        told = {name: value for name, value in extra.items() if value}
        return (
            number, system, self._key(row.code), row.code, row.display, row.inactive,
            search_text(row.code, (row.display, *(name for _, name in row.names))), row.definition,
            orjson.dumps(told).decode() if told else None,
        )  # fmt: skip

    def _hierarchy(self, system: int, first: int, last: int) -> tuple[int, int]:
        """Store edges and closure; how many parents are missing, how many edges there are."""
        run = self._connection.execute
        run(
            "INSERT OR IGNORE INTO edge SELECT a.child, c.id FROM temp.above a "
            "JOIN concept c ON c.system = ? AND c.key = a.parent WHERE c.id <> a.child",
            (system,),
        )
        orphans = self._value(
            "SELECT count(*) FROM temp.above a WHERE NOT EXISTS "
            "(SELECT 1 FROM concept c WHERE c.system = ? AND c.key = a.parent)",
            system,
        )
        if self._how.by_prefix:
            by_prefix(self._connection, system, first, last, self._told(last - first + 1))
        edges = self._value("SELECT count(*) FROM edge WHERE child BETWEEN ? AND ?", first, last)
        if edges:
            close(self._connection, first, last)
        return orphans, edges

    def _told(self, total: int) -> Callable[[int], None]:
        return lambda done: self._progress("hierarchy", done, total)
