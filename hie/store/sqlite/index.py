"""Entries -> rows: what of a resource goes into which table, and how a change touches only what changed."""

from collections.abc import Iterable, Set
from operator import itemgetter
from typing import Any, NamedTuple

import apsw

from hie.search.entries import Entries
from hie.store.sqlite.names import Names, Params
from hie.store.sqlite.undo import Undo

Rows = dict[str, set[tuple[Any, ...]]]
"""Table -> its rows for one resource, whose number is the first column."""

WIDTHS = {
    "token": 4,
    "string": 4,
    "reference": 4,
    "date": 4,
    "number": 4,
    "quantity": 8,
    "near": 4,
    "composite": 14,
}
"""Columns of the tables that are clustered by resource."""

_INSERT = {
    table: f"INSERT INTO {table} VALUES ({', '.join('?' * width)})"
    for table, width in {**WIDTHS, "compartment": 3, "dated": 4, "coded": 4}.items()
}
_FIRST_COLUMNS = itemgetter(0, 1)
_KEY = {
    "token": "param = ? AND concept = ? AND phrase = ?",
    "string": "param = ? AND text = ? AND exact = ?",
    "reference": "param = ? AND target = ? AND version = ?",
    "date": "param = ? AND low = ? AND high = ?",
    "number": "param = ? AND low = ? AND high = ?",
    "quantity": "param = ? AND low = ? AND high = ? AND unit = ?",
    "near": "param = ? AND latitude = ? AND longitude = ?",
    "composite": "param = ? AND tuple = ? AND part = ?",
}
_DELETE = {table: f"DELETE FROM {table} WHERE resource = ? AND {key}" for table, key in _KEY.items()}
_KEYS = {table: key.count("?") for table, key in _KEY.items()}

CODE, DATE, PATIENT = "code", "date", "patient"
"""The parameter whose resources `dated` lists by date (`hie.store.sqlite.dated`) and `coded` by patient
(`hie.store.sqlite.coded`)."""
IDENTIFIER = ":identifier"
"""Logical identifiers of references are tokens of the parameter with this behind its code."""
OF_TYPE = ":of-type"
"""Typed identifiers are tokens of the parameter with this behind its code, system `type system|type code`."""


class Waiting(NamedTuple):
    """A resource whose entries are still to be written; `new` when it has no rows yet."""

    type_pk: int
    entries: Entries
    new: bool


class Index:
    """Writes the entries of resources.

    They are collected, the last of each resource counts, and written by `flush`; rows of new resources table by table
    and sorted: neighbours in a B-tree cost one page then.
    """

    def __init__(self, connection: apsw.Connection, names: Names, undo: Undo) -> None:
        self._connection = connection
        self._names = names
        self._undo = undo
        self._waiting: dict[int, Waiting] = {}

    @property
    def waiting(self) -> bool:
        """Whether anything is still to be written."""
        return bool(self._waiting)

    def enter(self, resource: int, type_pk: int, entries: Entries, *, new: bool = False) -> None:
        """Index a resource, in place of what it has; one that is `new` has no rows yet."""
        before = self._waiting.get(resource)
        new = new if before is None else before.new
        self._undo.set(self._waiting, resource, Waiting(type_pk, entries, new))

    def flush(self) -> None:
        """Write what was collected."""
        if not self._waiting:
            return
        made = self._make()
        while not self._names.write():
            made = self._make()
        added: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _INSERT}
        for resource, (type_pk, _, new) in self._waiting.items():
            rows, patients = made[resource]
            if not new:
                self._replace(resource, type_pk, rows, patients)
                continue
            for table, some in rows.items():
                if some:
                    added[table] += some
            added["compartment"] += [(patient, type_pk, resource) for patient in patients]
            for table, some in self._derived(resource, type_pk, rows).items():
                added[table] += some
        for table, all_rows in added.items():
            if all_rows:
                all_rows.sort(key=None if table in _DELETE_DERIVED else _FIRST_COLUMNS)
                self._connection.executemany(_INSERT[table], all_rows)
        self.discard()

    def made(self, resources: Set[int]) -> None:
        """These have rows by now, though they were collected as new."""
        for resource, one in self._waiting.items():
            if one.new and resource in resources:
                self._waiting[resource] = one._replace(new=False)

    def discard(self) -> None:
        """Forget what was collected."""
        self._waiting.clear()

    def _make(self) -> dict[int, tuple[Rows, set[int]]]:
        return {
            resource: (self._rows(resource, one.type_pk, one.entries), self._patients(one.entries))
            for resource, one in self._waiting.items()
        }

    def _replace(self, resource: int, type_pk: int, made: Rows, patients: set[int]) -> None:
        """Rows that stay the same are not touched."""
        before = {table: self._there(table, resource) for table in made}
        for table, rows in made.items():
            there = before[table]
            if there != rows:
                self._delete(table, there - rows)
                self._connection.executemany(_INSERT[table], list(rows - there))
        was, now = self._derived(resource, type_pk, before), self._derived(resource, type_pk, made)
        for table in now if was != now else ():
            self._connection.executemany(_DELETE_DERIVED[table], list(was[table] - now[table]))
            self._connection.executemany(_INSERT[table], list(now[table] - was[table]))
        if self._there_patients(resource) != patients:
            self._connection.execute("DELETE FROM compartment WHERE resource = ?", (resource,))
            self._insert_compartments(resource, type_pk, patients)

    def _there(self, table: str, resource: int) -> set[tuple[Any, ...]]:
        return set(self._connection.execute(f"SELECT * FROM {table} WHERE resource = ?", (resource,)))

    def _delete(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        width = 1 + _KEYS[table]
        self._connection.executemany(_DELETE[table], [row[:width] for row in rows])

    def _there_patients(self, resource: int) -> set[int]:
        return {row[0] for row in self._connection.execute(_PATIENTS, (resource,))}

    def _insert_compartments(self, resource: int, type_pk: int, patients: set[int]) -> None:
        rows = [(patient, type_pk, resource) for patient in patients]
        if rows:
            self._connection.executemany("INSERT INTO compartment VALUES (?, ?, ?)", rows)

    def _derived(self, resource: int, type_pk: int, rows: Rows) -> dict[str, set[tuple[int, ...]]]:
        """The rows of `dated` and `coded`, read off those of the other tables; texts without a code have none."""
        params = self._names.params(type_pk)
        param = params.get(CODE)
        concepts = [concept for _, own, concept, phrase in rows["token"] if own == param and concept != phrase]
        if param is None or not concepts:
            return {"dated": set(), "coded": set()}
        date, patient = params.get(DATE), params.get(PATIENT)
        starts = [row[2] for row in rows["date"] if row[1] == date]
        ends = {min(starts), max(starts)} if starts else set()
        targets = {row[1:3] for row in rows["reference"] if row[1] == patient}
        return {
            "dated": {(param, concept, start, resource) for concept in concepts for start in ends},
            "coded": {(*target, concept, resource) for target in targets for concept in concepts},
        }

    # -- entries to rows -----------------------------------------------------------------------------------------

    def _patients(self, entries: Entries) -> set[int]:
        if not entries.compartments:
            return set()
        return {self._names.make_target(kind, name) for kind, name in entries.compartments if kind == "Patient"}

    def _rows(self, resource: int, type_pk: int, entries: Entries) -> Rows:
        names, params = self._names, self._names.params(type_pk)
        make_token, make_target = names.make_token, names.make_target
        token = {(resource, params[e[0]], *make_token(e[1], e[2], e[3])) for e in entries.token if e[0] != "_id"}
        for code, system, type_code, value in entries.of_type:
            token.add((resource, params[code + OF_TYPE], names.make_concept(f"{system}|{type_code}", value), 0))
        for code, value in entries.uri:
            token.add((resource, params[code], names.make_concept("", value), 0))
        for e in entries.reference:
            if e[5] or e[6]:
                token.add((resource, params[e[0] + IDENTIFIER], names.make_concept(e[5], e[6]), 0))
        return {
            "token": token,
            "string": {(resource, params[code], text, exact) for code, text, exact in entries.string},
            "reference": {
                (resource, params[e[0]], make_target(e[1], e[2]) if e[2] else make_target("", e[3]), e[4])
                for e in entries.reference
            },
            "date": {(resource, params[e[0]], e[1], e[2]) for e in entries.date if e[0] != "_lastUpdated"},
            "number": {(resource, params[code], low, high) for code, low, high in entries.number},
            "quantity": {(resource, params[e[0]], *self._quantity(e)) for e in entries.quantity},
            "near": {(resource, params[code], *point) for code, *point in entries.near},
            "composite": set(self._composites(resource, params, entries)) if entries.composite else set(),
        }

    def _quantity(self, entry: Any) -> tuple[Any, ...]:
        """Columns of a quantity from `low` on."""
        _, low, high, system, unit_code, unit, canonical_low, canonical_high, canonical = entry
        written = self._names.make_concept(system, unit_code, unit)
        base = None if canonical is None else self._names.make_concept("", canonical)
        return low, high, written, canonical_low, canonical_high, base

    def _composites(self, resource: int, params: Params, entries: Entries) -> Iterable[tuple[Any, ...]]:
        number: dict[str, int] = {}
        for code, parts in dict.fromkeys(entries.composite):
            number[code] = number.get(code, -1) + 1
            for part, entry in enumerate(parts):
                yield (resource, params[code], number[code], part, *self._part(entry))

    def _part(self, entry: Any) -> tuple[Any, ...]:
        """The columns from `key` on; which kind an entry is shows in its length (`hie.search.entries`)."""
        match len(entry):
            case 4:
                return *self._names.make_token(*entry[1:]), *([None] * 8)
            case 7:
                _, kind, name, url, *_ = entry
                return self._names.make_target(kind if name else "", name or url), *([None] * 9)
            case 2:
                return self._names.make_concept("", entry[1]), *([None] * 9)
            case 9:
                return None, None, None, None, *self._quantity(entry)
        if isinstance(entry[1], str):
            return None, None, entry[1], entry[2], *([None] * 6)
        return None, None, None, None, entry[1], entry[2], *([None] * 4)


_DELETE_DERIVED = {
    "dated": "DELETE FROM dated WHERE param = ? AND concept = ? AND low = ? AND resource = ?",
    "coded": "DELETE FROM coded WHERE param = ? AND target = ? AND concept = ? AND resource = ?",
}
_PATIENTS = "SELECT patient FROM compartment WHERE resource = ?"
