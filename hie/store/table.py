"""Tables: rows that are not FHIR resources (raw items, contributions, links), declared once for every store.

A stage declares its tables as values of `Table`; a store (SQLite, MongoDB, memory) creates and serves them. Rows are
plain dicts of `str`, `int`, `bytes` or `None`. Every query names a declared key or index, so no store ever scans.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | bytes | None
Row = dict[str, Value]


@dataclass(frozen=True)
class Table:
    """One table: `columns` name -> type, the primary `key`, further `indexes`, each a tuple of columns.

    `unique` indexes refuse a second row with the same values (rows with a NULL in them are not compared).
    """

    name: str
    columns: Mapping[str, type]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class AtMost:
    """Condition on a column: value <= `bound`. Only on the last column of a condition (the range part of an index)."""

    bound: str | int


@dataclass(frozen=True)
class Above:
    """Condition on a column: value > `bound`; with the same limits as `AtMost`. Used for keyset paging."""

    bound: str | int


@dataclass(frozen=True)
class OneOf:
    """Condition on a column: value is one of `values`."""

    values: tuple[Value, ...]


Condition = Value | AtMost | Above | OneOf
Where = Mapping[str, Condition]
