"""Large code systems in a file: looked up where they lie, never read into memory (`hie terminology load` writes it)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from hie.terminology.codeschema import Connections
from hie.terminology.codesql import Sql, conditions
from hie.terminology.concept import Concept, Designation, Property, Selection
from hie.terminology.filters import checked
from hie.terminology.port import SystemInfo

_COLUMNS = "c.code, c.display, c.definition, c.abstract, c.inactive, c.extra"
_SYSTEMS = (
    "SELECT id, url, version, name, title, language, value_set, case_sensitive, hierarchical, concepts, first, last, "
    "properties, file, format, loaded FROM system ORDER BY loaded DESC, id DESC"
)


class CodeFile:
    """The `Loaded` of a file. What is loaded while this runs is noticed at the next question; no file, no systems."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connections = Connections(path)
        self._files: tuple[tuple[int, int, int] | None, ...] = ()
        self._systems: tuple[StoredSystem, ...] = ()
        self._revision = 0

    @property
    def revision(self) -> int:
        """See `Loaded.revision`."""
        self.systems()
        return self._revision

    def find(self, url: str, version: str | None = None) -> "StoredSystem | None":
        """See `Loaded.find`."""
        return next((s for s in self.systems() if s.info.url == url and version in (None, s.info.version)), None)

    def infos(self) -> Sequence[SystemInfo]:
        """See `Loaded.infos`."""
        return tuple(system.info for system in self.systems())

    def systems(self) -> "tuple[StoredSystem, ...]":
        """All code systems, the last loaded first; the list is read again when the file or its log has changed."""
        files = (_stamp(self.path), _stamp(self.path.with_name(self.path.name + "-wal")))
        if files != self._files:
            if self._files and self._files[0] is not None and (files[0] is None or files[0][0] != self._files[0][0]):
                self._connections.close()
                self._connections = Connections(self.path)
            self._systems = tuple(self._read()) if files[0] is not None else ()
            self._files = files
            self._revision += 1
        return self._systems

    def _read(self) -> "Iterator[StoredSystem]":
        with self._connections.use() as connection:
            rows = list(connection.execute(_SYSTEMS))
        for row in rows:
            yield StoredSystem(self._connections, row)

    def close(self) -> None:
        """Close the file."""
        self._connections.close()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Which file this is and when it was last written; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class StoredSystem:
    """One code system of a file; a `CodeSystem`."""

    def __init__(self, connections: Connections, row: Sequence[Any]) -> None:
        self._connections = connections
        self._id, self._first, self._last = int(row[0]), int(row[10]), int(row[11])
        self.source_file, self.source_format, self.loaded = str(row[13]), str(row[14]), str(row[15])
        self.info = SystemInfo(
            url=row[1],
            version=row[2],
            name=row[3],
            title=row[4],
            language=row[5],
            value_set=row[6],
            case_sensitive=bool(row[7]),
            hierarchical=bool(row[8]),
            count=row[9],
            properties=orjson.loads(row[12]),
            source="loaded",
        )

    def _key(self, code: str) -> str:
        return code if self.info.case_sensitive else code.casefold()

    def _one(self, sql: str, values: tuple[object, ...]) -> Sequence[Any] | None:
        with self._connections.use() as connection:
            return next(iter(connection.execute(sql, values).fetchall()), None)

    def _all(self, sql: str, values: tuple[object, ...]) -> list[Any]:
        with self._connections.use() as connection:
            return connection.execute(sql, values).fetchall()

    def get(self, code: str) -> Concept | None:
        """See `CodeSystem.get`."""
        row = self._one(
            f"SELECT {_COLUMNS} FROM concept c WHERE c.system = ? AND c.key = ?",  # noqa: S608
            (self._id, self._key(code)),
        )
        return None if row is None else _concept(row)

    def parents(self, code: str) -> Sequence[str]:
        """See `CodeSystem.parents`."""
        sql = (
            "SELECT p.code FROM concept c JOIN edge e ON e.child = c.id JOIN concept p ON p.id = e.parent "
            "WHERE c.system = ? AND c.key = ? ORDER BY p.id"
        )
        return [row[0] for row in self._all(sql, (self._id, self._key(code)))]

    def children(self, code: str) -> Sequence[str]:
        """See `CodeSystem.children`."""
        sql = (
            "SELECT k.code FROM concept c JOIN edge e ON e.parent = c.id JOIN concept k ON k.id = e.child "
            "WHERE c.system = ? AND c.key = ? ORDER BY k.id"
        )
        return [row[0] for row in self._all(sql, (self._id, self._key(code)))]

    def subsumes(self, ancestor: str, descendant: str) -> bool:
        """See `CodeSystem.subsumes`."""
        if self._key(ancestor) == self._key(descendant):
            return self.get(ancestor) is not None
        sql = (
            "SELECT 1 FROM closure WHERE ancestor = (SELECT id FROM concept WHERE system = ? AND key = ?) "
            "AND descendant = (SELECT id FROM concept WHERE system = ? AND key = ?)"
        )
        values = (self._id, self._key(ancestor), self._id, self._key(descendant))
        return self._one(sql, values) is not None

    def select(self, wanted: Selection, skip: int = 0) -> Iterator[Concept]:
        """See `CodeSystem.select`; rows are read as they are asked for."""
        text, values = self._conditions(wanted)
        sql = (
            f"SELECT {_COLUMNS} FROM concept c WHERE c.id BETWEEN ? AND ? AND {text} "  # noqa: S608
            "ORDER BY c.id LIMIT -1 OFFSET ?"
        )
        with self._connections.use() as connection:
            cursor = connection.cursor()
            try:
                for row in cursor.execute(sql, (self._first, self._last, *values, skip)):
                    yield _concept(row)
            finally:
                cursor.close(True)

    def pick(self, code: str, wanted: Selection) -> Concept | None:
        """See `CodeSystem.pick`."""
        text, values = self._conditions(wanted)
        sql = f"SELECT {_COLUMNS} FROM concept c WHERE c.system = ? AND c.key = ? AND {text}"  # noqa: S608
        row = self._one(sql, (self._id, self._key(code), *values))
        return None if row is None else _concept(row)

    def size(self, wanted: Selection) -> int | None:
        """See `CodeSystem.size`."""
        if wanted.everything:
            return self.info.count
        text, values = self._conditions(wanted)
        sql = f"SELECT count(*) FROM concept c WHERE c.id BETWEEN ? AND ? AND {text}"  # noqa: S608
        row = self._one(sql, (self._first, self._last, *values))
        return None if row is None else int(row[0])

    def _conditions(self, wanted: Selection) -> Sql:
        for group in (wanted.filters, *wanted.without):
            checked(group)
        return conditions(self._id, self.info.hierarchical, self._key, wanted)


def _concept(row: Sequence[Any]) -> Concept:
    code, display, definition, abstract, inactive, extra = row
    more: Mapping[str, Any] = orjson.loads(extra) if extra else {}
    return Concept(
        code,
        display,
        definition,
        tuple(Designation(value, language) for language, value in more.get("names", ())),
        tuple(Property(name, "String", value) for name, value in more.get("properties", ())),
        bool(abstract),
        bool(inactive),
    )
