"""Versions and history on one connection (FHIR R4 http §3.1.0.2, §3.1.0.3, §3.1.0.13)."""

from collections.abc import Iterator
from typing import Any

import apsw

from hie.store.port import HistoryPage, HistoryQuery, Version
from hie.store.sqlite.names import Names

_COLUMNS = "t.name, r.id, v.version, v.last_updated, v.body, v.method"
_JOIN = "version v JOIN resource r ON r.pk = v.resource JOIN type t ON t.pk = v.type"

_CURRENT = f"""SELECT {_COLUMNS} FROM resource r JOIN version v ON v.seq = r.seq JOIN type t ON t.pk = r.type
WHERE r.type = ? AND r.id = ?"""
_ONE = f"SELECT {_COLUMNS} FROM {_JOIN} WHERE r.type = ? AND r.id = ? AND v.version = ?"
_ALL = f"""SELECT {_COLUMNS} FROM resource r JOIN version v ON v.seq = r.seq JOIN type t ON t.pk = r.type
WHERE r.type = ? AND r.id > ? AND r.deleted = 0 ORDER BY r.id LIMIT 500"""

_LOG = f"SELECT v.seq, {_COLUMNS} FROM {_JOIN} WHERE v.seq > ? ORDER BY v.seq LIMIT ?"

_LATER = "SELECT 1 FROM version n WHERE n.resource = v.resource AND n.version = v.version + 1 AND n.last_updated <= ?"

_NEWEST = "SELECT seq FROM version ORDER BY seq DESC LIMIT 1"
_ADD = "INSERT INTO version (seq, resource, type, version, last_updated, method, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
_AT = "SELECT pk, version FROM resource WHERE type = ? AND id = ?"
_FIRST = "INSERT INTO resource (last_updated, seq, deleted, type, id, version) VALUES (?, ?, ?, ?, ?, 1)"
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

    def current(self, resource_type: str, after: str) -> list[Version]:
        """Up to 500 current, not deleted resources of a type with an id above `after`, by id."""
        type_pk = self._names.type(resource_type)
        if type_pk is None:
            return []
        rows: list[Any] = self._connection.execute(_ALL, (type_pk, after)).fetchall()
        return [Version(*row) for row in rows]

    def log(self, after: int, limit: int) -> list[tuple[int, Version]]:
        """Versions in order of writing."""
        rows: list[Any] = self._connection.execute(_LOG, (after, limit)).fetchall()
        return [(row[0], Version(*row[1:])) for row in rows]

    def all(self, resource_type: str | None) -> Iterator[list[Version]]:
        """All current, not deleted resources in chunks, by type and id."""
        for name in [resource_type] if resource_type else sorted(self._names.types()):
            after = ""
            while chunk := self.current(name, after):
                yield chunk
                after = chunk[-1].id


class VersionWriting(VersionReading):
    """Reading, and appending beside it. Bodies are collected and written by `flush`; `read` sees them before."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        super().__init__(connection, names)
        self._seq: int | None = None
        self._rows: list[tuple[int, int, int, int, int, str, bytes]] = []
        self._written: dict[tuple[str, str], Version] = {}

    def point(self, type_pk: int, resource_id: str, last_updated: int, *, deleted: bool = False) -> tuple[int, int]:
        """Let a resource point to its next version, whose body `append` brings; gives both numbers."""
        if self._seq is None:
            self._seq = int(self._connection.execute(_NEWEST).get or 0)
        self._seq += 1
        connection, row = self._connection, (last_updated, self._seq, int(deleted))
        there: Any = connection.execute(_AT, (type_pk, resource_id)).get
        if there is not None:
            pk, version = there
            connection.execute(_NEXT, (*row, version + 1, pk))
            return pk, version + 1
        connection.execute(_FIRST, (*row, type_pk, resource_id))
        pk = connection.last_insert_rowid()
        self._names.note_resource(type_pk, resource_id, pk)
        return pk, 1

    def append(self, type_pk: int, pk: int, version: Version) -> None:
        """Add the version that `point` announced."""
        assert self._seq is not None
        row = (self._seq, pk, type_pk, version.version, version.last_updated, version.method, version.body)
        self._rows.append(row)
        self._written[version.type, version.id] = version

    def read(self, resource_type: str, resource_id: str) -> Version | None:
        """The current version, one that is not yet flushed included."""
        return self._written.get((resource_type, resource_id)) or super().read(resource_type, resource_id)

    def flush(self) -> None:
        """Write what was collected."""
        if self._rows:
            self._connection.executemany(_ADD, self._rows)
        self.discard()

    def discard(self) -> None:
        """Forget what was collected."""
        self._rows.clear()
        self._written.clear()

    def end(self) -> None:
        """A job is over: the next one numbers its versions by what the file holds."""
        self._seq = None
