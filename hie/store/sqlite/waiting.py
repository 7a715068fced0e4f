"""Rows of one table that are still to be written, and how to find them by what they say."""

from operator import itemgetter
from typing import Any

from hie.store.sqlite.undo import Undo
from hie.store.table import Row, Table, Value, Where

Key = tuple[Value, ...]
Values = tuple[Value, ...]


_PLAIN = frozenset({str, int})


def plain(where: Where) -> bool:
    """Whether all conditions are equality with a value that is not None."""
    return _PLAIN.issuperset(map(type, where.values()))


def picking(places: tuple[Any, ...]) -> Any:
    """What takes some members out of a row, always as a tuple."""
    if len(places) == 1:
        return lambda row: (row[places[0]],)
    return itemgetter(*places) if places else lambda _: ()


class WaitingRows:
    """`rows` by their key, each with all columns in declared order; `there` are keys that the file is known to have."""

    def __init__(self, table: Table, undo: Undo) -> None:
        self._table = table
        self._undo = undo
        columns = tuple(table.columns)
        self._columns = table.columns.keys()
        self.rows: dict[Key, Values] = {}
        self.there: set[Key] = set()
        self.key: Any = picking(table.key)
        self.key_of: Any = picking(tuple(columns.index(column) for column in table.key))
        self.others: Any = picking(tuple(n for n, column in enumerate(columns) if column not in table.key))
        self._all: Any = picking(columns)
        self._found: dict[tuple[str, ...], dict[Values, dict[Key, None]]] = {}

    def values(self, row: Row) -> Values:
        """All columns of `row`; ValueError for an unknown column or a key column that is None."""
        table = self._table
        full: Values = self._all(row if row.keys() == self._columns else table.full(row))
        if None in self.key_of(full):
            raise ValueError(f"table {table.name}: a key column is None")
        return full

    def set(self, values: Values) -> None:
        """Add or replace a row."""
        key = self.key_of(values)
        self._undo.set(self.rows, key, values)
        for columns, found in self._found.items():
            found.setdefault(self._picking(columns)(values), {})[key] = None

    def matching(self, where: Where) -> list[Row]:
        """The rows that have these values."""
        columns = tuple(where)
        if columns not in self._found:
            self._found[columns] = {}
            pick = self._picking(columns)
            for key, values in self.rows.items():
                self._found[columns].setdefault(pick(values), {})[key] = None
        asked: Any = tuple(where.values())
        pick = self._picking(columns)
        found = [self.rows[key] for key in self._found[columns].get(asked, ()) if key in self.rows]
        return [dict(zip(self._table.columns, values, strict=True)) for values in found if pick(values) == asked]

    def _picking(self, columns: tuple[str, ...]) -> Any:
        names = list(self._table.columns)
        return picking(tuple(names.index(column) for column in columns))

    def written(self) -> None:
        """The rows are in the file."""
        self.there.update(self.rows)
        self.rows.clear()
        self._found.clear()

    def discard(self) -> None:
        """Forget everything."""
        if self.rows or self.there:
            self.rows.clear()
            self.there.clear()
            self._found.clear()
