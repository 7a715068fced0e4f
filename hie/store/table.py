"""Tables: rows that are not FHIR resources (raw items, contributions, links), declared once for every store.

A stage declares its tables as values of `Table`; a store (SQLite, MongoDB, memory) creates and serves them. Rows are
plain dicts of `str`, `int`, `bytes` or `None`. Every query names a declared key or index, so no store ever scans.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_NAME = re.compile(r"[a-z][a-z0-9_]*")

Value = str | int | bytes | None
Row = dict[str, Value]


@dataclass(frozen=True)
class Table:
    """One table: `columns` name -> type (`str`, `int`, `bytes`), the primary `key`, further `indexes` (column tuples).

    `unique` indexes refuse a second row with the same values (rows with a NULL in them are not compared). A column that
    a row leaves out gets its value of `defaults`, else None; a column added later needs no more than a default.
    """

    name: str
    columns: Mapping[str, type]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse names that are not plain and columns that are not declared (ValueError)."""
        used = {column for index in (self.key, *self.indexes, *self.unique) for column in index} | set(self.defaults)
        if not all(_NAME.fullmatch(name) for name in (self.name, *self.columns)):
            raise ValueError(f"table {self.name}: names are lower case letters, digits and _")
        if not self.key or not used <= set(self.columns):
            raise ValueError(f"table {self.name}: no key, or a column that is not declared")

    def full(self, row: Row) -> Row:
        """`row` with every column, in declared order; ValueError for a column that is not declared."""
        if not row.keys() <= self.columns.keys():
            raise ValueError(f"table {self.name}: unknown column in {sorted(row)}")
        if len(row) == len(self.columns):
            return {column: row[column] for column in self.columns}
        return {column: row.get(column, self.defaults.get(column)) for column in self.columns}


@dataclass(frozen=True)
class AtMost:
    """Condition on a column: value <= `bound`, never None. Only on the last column (the range part of an index)."""

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


def check_access(table: Table, where: Where, order: Sequence[str] = ()) -> None:
    """Refuse (ValueError) a query that no key or index of `table` serves, in every store alike.

    The columns compared for equality must be the first of a key or index, in any order; a range column, then the
    columns of `order`, follow them there.
    """
    ranged = tuple(column for column, condition in where.items() if isinstance(condition, AtMost | Above))
    equal = frozenset(where.keys() - set(ranged))
    if not _is_served(table.key, table.unique, table.indexes, equal, ranged, tuple(order)):
        raise ValueError(f"table {table.name}: no key or index for {sorted(where)} ordered by {list(order)}")


@lru_cache(maxsize=1024)
def _is_served(
    key: tuple[str, ...],
    unique: tuple[tuple[str, ...], ...],
    indexes: tuple[tuple[str, ...], ...],
    equal: frozenset[str],
    ranged: tuple[str, ...],
    order: tuple[str, ...],
) -> bool:
    tail = list(dict.fromkeys([*ranged, *(column for column in order if column not in equal)]))
    for index in (key, *unique, *indexes):
        whole = index if index == key else (*index, *(column for column in key if column not in index))
        served = whole[len(equal) : len(equal) + len(tail)]
        if set(whole[: len(equal)]) == equal and list(served) == tail and len(ranged) < 2:
            return True
    return False


def matches(row: Row, where: Where) -> bool:
    """Whether `row` meets all conditions; a range never holds for None."""
    return all(_meets(row[column], condition) for column, condition in where.items())


def _meets(value: Value, condition: Condition) -> bool:
    match condition:
        case AtMost(bound):
            return value is not None and value <= bound  # type: ignore[operator]
        case Above(bound):
            return value is not None and value > bound  # type: ignore[operator]
        case OneOf(values):
            return value in values
        case _:
            return value == condition
