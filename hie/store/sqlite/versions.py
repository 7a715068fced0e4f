"""Versions and history on one connection (FHIR R4 http §3.1.0.2, §3.1.0.3, §3.1.0.13)."""

from collections.abc import Iterator, Set
from typing import Any, NamedTuple

import apsw

from hie.store.port import Cut, HistoryPage, HistoryQuery, Version
from hie.store.sqlite.names import Names
from hie.store.sqlite.undo import Undo

_COLUMNS = "t.name, r.id, v.version, v.last_updated, v.body, v.method"
_JOIN = "version v JOIN resource r ON r.pk = v.resource JOIN type t ON t.pk = v.type"

_CURRENT = f"""SELECT {_COLUMNS} FROM resource r JOIN version v ON v.seq = r.seq JOIN type t ON t.pk = r.type
WHERE r.type = ? AND r.id = ?"""
_ONE = f"SELECT {_COLUMNS} FROM {_JOIN} WHERE r.type = ? AND r.id = ? AND v.version = ?"
_ALL = f"""SELECT {_COLUMNS} FROM resource r JOIN version v ON v.seq = r.seq JOIN type t ON t.pk = r.type
WHERE r.type = ? AND r.id > ? AND r.deleted = 0 ORDER BY r.id LIMIT 500"""

_THEN = "SELECT n.seq FROM version n WHERE n.resource = r.pk AND n.seq <= {cut} ORDER BY n.version DESC LIMIT 1"
_ALL_THEN = f"""SELECT {_COLUMNS} FROM resource r
JOIN version v ON v.seq = CASE WHEN r.seq <= ?3 THEN r.seq ELSE ({_THEN.format(cut="?3")}) END
JOIN type t ON t.pk = r.type
WHERE r.type = ?1 AND r.id > ?2 AND (r.deleted = 0 OR r.seq > ?3) AND length(v.body) > 0 ORDER BY r.id LIMIT 500"""
_ONE_THEN = f"""SELECT {_COLUMNS} FROM resource r JOIN version v ON v.seq = ({_THEN.format(cut="?")})
JOIN type t ON t.pk = r.type WHERE r.type = ? AND r.id = ?"""

_LOG = f"SELECT v.seq, {_COLUMNS} FROM {_JOIN} WHERE v.seq > ? ORDER BY v.seq LIMIT ?"

_LATER = "SELECT 1 FROM version n WHERE n.resource = v.resource AND n.version = v.version + 1 AND n.last_updated <= ?"

_NEWEST = "SELECT seq FROM version ORDER BY seq DESC LIMIT 1"
_CUT = "SELECT seq, last_updated FROM version ORDER BY seq DESC LIMIT 1"
_ADD = "INSERT INTO version (seq, resource, type, version, last_updated, method, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
_AT = "SELECT pk, version FROM resource WHERE type = ? AND id = ?"
_FIRST = "INSERT INTO resource (last_updated, seq, deleted, version, pk, type, id) VALUES (?, ?, ?, ?, ?, ?, ?)"
_NEXT = "UPDATE resource SET last_updated = ?, seq = ?, deleted = ?, version = ? WHERE pk = ?"


class VersionReading:
    """read, vread, history and the walk over all current resources."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        self._connection = connection
        self._names = names

    def read(self, resource_type: str, resource_id: str) -> Version | None:
        """The current version, a deletion included."""
        return self._one(_CURRENT, resource_type, resource_id)

    def vread(self, resource_type: str, resource_id: str, version: int) -> Version | None:
        """One version."""
        return self._one(_ONE, resource_type, resource_id, version)

    def _one(self, sql: str, resource_type: str, *rest: str | int) -> Version | None:
        type_pk = self._names.type(resource_type)
        if type_pk is None:
            return None
        row: Any = self._connection.execute(sql, (type_pk, *rest)).fetchone()
        return Version(*row) if row else None

    def history(self, query: HistoryQuery) -> HistoryPage:
        """Versions, newest first; the cursor is the number of the last write that was shown."""
        condition, values = self._condition(query)
        total = int(self._connection.execute(f"SELECT count(*) FROM version v WHERE {condition}", values).get)
        before = int(query.cursor) if query.cursor else 1 << 62
        rows: list[Any] = self._connection.execute(
            f"SELECT v.seq, {_COLUMNS} FROM {_JOIN} WHERE {condition} AND v.seq < ? ORDER BY v.seq DESC LIMIT ?",
            (*values, before, query.count + 1),
        ).fetchall()
        shown = rows[: query.count]
        more = str(shown[-1][0]) if shown and len(rows) > query.count else None
        return HistoryPage([Version(*row[1:]) for row in shown], more, total)

    def _condition(self, query: HistoryQuery) -> tuple[str, list[int]]:
        parts: list[str] = ["1"]
        values: list[int] = []
        if query.type is not None:
            type_pk = self._names.type(query.type) or -1
            if query.id is not None:
                parts, values = ["v.resource = ?"], [self._pk(type_pk, query.id)]
            else:
                parts, values = ["v.type = ?"], [type_pk]
        if query.since is not None:
            parts.append("v.last_updated >= ?")
            values.append(query.since)
        if query.at is not None:
            until = query.at + 1 if query.at_until is None else query.at_until
            parts.append(f"v.last_updated < ? AND NOT EXISTS ({_LATER})")
            values += [until, query.at]
        return " AND ".join(parts), values

    def _pk(self, type_pk: int, resource_id: str) -> int:
        row = self._connection.execute("SELECT pk FROM resource WHERE type = ? AND id = ?", (type_pk, resource_id)).get
        return -1 if row is None else int(row)

    def cut(self) -> Cut:
        """The newest write."""
        row: Any = self._connection.execute(_CUT).fetchone()
        return Cut(*row) if row else Cut(0, 0)

    def as_of(self, resource_type: str, resource_id: str, cut: Cut) -> Version | None:
        """The version that was current then."""
        type_pk = self._names.type(resource_type)
        if type_pk is None:
            return None
        row: Any = self._connection.execute(_ONE_THEN, (cut.number, type_pk, resource_id)).fetchone()
        return Version(*row) if row else None

    def current(self, resource_type: str, after: str, cut: Cut | None = None) -> list[Version]:
        """Up to 500 not deleted resources of a type with an id above `after`, by id, as they are or were."""
        type_pk = self._names.type(resource_type)
        if type_pk is None:
            return []
        sql, then = (_ALL, ()) if cut is None else (_ALL_THEN, (cut.number,))
        rows: list[Any] = self._connection.execute(sql, (type_pk, after, *then)).fetchall()
        return [Version(*row) for row in rows]

    def log(self, after: int, limit: int) -> list[tuple[int, Version]]:
        """Versions in order of writing."""
        rows: list[Any] = self._connection.execute(_LOG, (after, limit)).fetchall()
        return [(row[0], Version(*row[1:])) for row in rows]

    def all(self, resource_type: str | None, cut: Cut | None = None) -> Iterator[list[Version]]:
        """All not deleted resources in chunks, by type and id, as they are or were."""
        for name in [resource_type] if resource_type else sorted(self._names.types()):
            after = ""
            while chunk := self.current(name, after, cut):
                yield chunk
                after = chunk[-1].id


class Point(NamedTuple):
    """Where a resource will point to: its newest version; `new` when the resource has no row yet."""

    last_updated: int
    seq: int
    deleted: int
    version: int
    pk: int
    new: bool


class VersionWriting(VersionReading):
    """Reading, and appending beside it. What is written is collected until `flush`; `read` sees it before."""

    def __init__(self, connection: apsw.Connection, names: Names, undo: Undo) -> None:
        super().__init__(connection, names)
        self._undo = undo
        self._seq: int | None = None
        self._points: dict[tuple[int, str], Point] = {}
        self._rows: dict[int, tuple[int, int, int, int, int, str, bytes]] = {}
        self._written: dict[tuple[str, str], Version] = {}

    @property
    def waiting(self) -> bool:
        """Whether anything is still to be written."""
        return bool(self._rows)

    def at(self, type_pk: int, resource_id: str) -> tuple[int, int] | None:
        """The number of a resource and that of its newest version (0: only referred to); None when it has no row."""
        point = self._points.get((type_pk, resource_id))
        if point is not None:
            return point.pk, point.version
        there: Any = self._connection.execute(_AT, (type_pk, resource_id)).get
        return there  # type: ignore[no-any-return]

    def point(self, type_pk: int, resource_id: str, last_updated: int, *, deleted: bool = False) -> tuple[int, int]:
        """Let a resource point to its next version, whose body `append` brings; gives both numbers."""
        if self._seq is None:
            self._seq = int(self._connection.execute(_NEWEST).get or 0)
        self._seq += 1
        place = (type_pk, resource_id)
        before = self._points.get(place)
        there = self.at(type_pk, resource_id)
        pk, version = there or (self._names.next_resource(), 0)
        new = before.new if before is not None else there is None
        point = Point(last_updated, self._seq, int(deleted), version + 1, pk, new)
        self._undo.set(self._points, place, point)
        return pk, version + 1

    def append(self, type_pk: int, pk: int, version: Version) -> None:
        """Add the version that `point` announced."""
        assert self._seq is not None
        row = (self._seq, pk, type_pk, version.version, version.last_updated, version.method, version.body)
        self._undo.set(self._rows, self._seq, row)
        self._undo.set(self._written, (version.type, version.id), version)

    def read(self, resource_type: str, resource_id: str) -> Version | None:
        """The current version, one that is not yet flushed included."""
        return self._written.get((resource_type, resource_id)) or super().read(resource_type, resource_id)

    def flush(self) -> None:
        """Write what was collected."""
        if not self._rows:
            return
        self._connection.executemany(_ADD, list(self._rows.values()))
        first = [(*point[:5], *place) for place, point in self._points.items() if point.new]
        self._connection.executemany(_FIRST, first)
        self._connection.executemany(_NEXT, [point[:5] for point in self._points.values() if not point.new])
        for place, point in self._points.items():
            if point.new:
                self._names.note_resource(*place, point.pk)
        self.discard()

    def collected(self) -> frozenset[int]:
        """The numbers of the resources whose versions were collected: they have a row after `flush`."""
        return frozenset(point.pk for point in self._points.values())

    def made(self, resources: Set[int]) -> None:
        """These have a row by now, though they were collected as new."""
        for place, point in self._points.items():
            if point.new and point.pk in resources:
                self._points[place] = point._replace(new=False)

    def discard(self) -> None:
        """Forget what was collected."""
        self._rows.clear()
        self._points.clear()
        self._written.clear()

    def mark(self) -> int | None:
        """The number of the last write, for `begin`."""
        return self._seq

    def begin(self, mark: int | None = None) -> None:
        """Go on numbering after `mark`; after what the file holds without one."""
        self._seq = mark
