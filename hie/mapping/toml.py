"""TOML tables that know the line and column they stand on, so that a mistake is reported where it was made."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hie.base.tablefile import toml_headers, toml_problem
from hie.mapping.problem import Problem, meant

_NESTED = ("field", "event")
"""Keys of a table whose values are tables of their own."""


@dataclass(frozen=True)
class Table:
    """One table of a file: its content, the place of its header, and line and column of the value of each key."""

    file: str
    line: int
    data: Mapping[str, Any]
    places: Mapping[str, tuple[int, int]]
    column: int = 1

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key."""
        return self.data.get(key, default)

    def problem(self, reason: str, key: str = "") -> Problem:
        """A problem at a key, or at the header when the key is not written."""
        line, column = self.places.get(key, (self.line, self.column))
        return Problem(self.file, line, reason, column)


@dataclass(frozen=True)
class Source:
    """A file taken apart: tables by header name, in order. `nested` gives the tables below the n-th of a name."""

    file: str
    tables: Mapping[str, tuple[Table, ...]]
    children: Mapping[tuple[str, int], tuple[Table, ...]]

    def all(self, name: str) -> tuple[Table, ...]:
        """The tables under a header such as `resource`."""
        return self.tables.get(name, ())

    def nested(self, name: str, index: int) -> tuple[Table, ...]:
        """The tables under `resource.field` that belong to the resource number `index` (from 0)."""
        return self.children.get((name, index), ())

    def values(self) -> Iterator[tuple[Table, str, Any]]:
        """Every value with its table and key, at every level once."""
        for rows in (*self.tables.values(), *self.children.values()):
            for table in rows:
                yield from ((table, key, value) for key, value in table.data.items() if key not in _NESTED)


def read(file: str, text: str) -> tuple[Source, list[Problem]]:
    """Read one file. Text that is no TOML gives an empty source and the problem."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, column, reason = toml_problem(error, text)
        return Source(file, {}, {}), [Problem(file, line, reason, column)]
    problems = [
        Problem(file, _line_of(key, text), f"{key!r} stands in no table: write it below a header such as [[resource]]")
        for key, value in data.items()
        if not isinstance(value, dict) and not (isinstance(value, list) and value and isinstance(value[0], dict))
    ]
    tables: dict[str, list[Table]] = {}
    children: dict[tuple[str, int], list[Table]] = {}
    for name, line, column, places in toml_headers(text):
        outer, dot, inner = name.rpartition(".")
        index = len(tables.get(outer, ())) - 1 if dot else -1
        siblings = children.setdefault((name, index), []) if dot else tables.setdefault(name, [])
        content = _content(data, outer, index, inner, len(siblings))
        if content is None:
            problems.append(Problem(file, line, f"[{name}] cannot be read: {_misplaced(data, outer, tables)}", column))
            continue
        siblings.append(Table(file, line, content, places, column))
    return Source(file, {k: tuple(v) for k, v in tables.items()}, {k: tuple(v) for k, v in children.items()}), problems


def _misplaced(data: Mapping[str, Any], outer: str, tables: Mapping[str, Any]) -> str:
    if isinstance(data.get(outer), dict) and outer in tables:
        return f"the header above is written [[{outer}]], with double brackets"
    return f"there is no [[{outer}]] above{meant(outer, tables)}"


def _line_of(key: str, text: str) -> int:
    """The line on which a key above all headers is written."""
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if line.lstrip().lstrip("\"'").startswith(key)), 1)


def _content(data: Mapping[str, Any], outer: str, index: int, inner: str, number: int) -> Mapping[str, Any] | None:
    place: Any = data
    if outer:
        place = data.get(outer)
        if not isinstance(place, list) or not 0 <= index < len(place):
            return None
        place = place[index]
    found = place.get(inner)
    if isinstance(found, list):
        found = found[number] if number < len(found) else None
    return found if isinstance(found, dict) else None
