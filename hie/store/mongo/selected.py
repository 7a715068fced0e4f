"""What selections of rows are known to give, kept from batch to batch beside the rows (`hie.store.mongo.kept`).

A *look* is a table with values of some of its columns. Most looks of a feed find nothing: no redirect of a patient, no
root that hangs on another. That is as true after a batch as before, but for the rows that the batch changed.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from hie.store.mongo.tables import Found, Key, Look
from hie.store.table import Row, Table, Where

MOST = 4000
"""Looks that are kept."""

_LARGE = 16 << 10
"""Bytes of the rows of one look from which on it is not kept."""


def look_of(table: Table, where: Where) -> Look | None:
    """The look that conditions amount to; None when they ask for more than equality."""
    columns = tuple(sorted(where))
    values: Any = tuple(where[column] for column in columns)
    if not values or not all(value is None or isinstance(value, str | int | bytes) for value in values):
        return None
    return table.name, columns, values


def sorted_out(looks: Iterable[Look], rows: Found) -> dict[Look, Found]:
    """What each of some looks at one table finds among these rows."""
    found: dict[Look, Found] = {look: {} for look in looks}
    kinds = {(name, columns) for name, columns, _ in found}
    for key, row in rows.items():
        for name, columns in kinds:
            look = (name, columns, tuple(row[column] for column in columns))
            if look in found:
                found[look][key] = row
    return found


class Selected:
    """Looks and what they find, brought in step with every change of a row."""

    def __init__(self) -> None:
        self._found: OrderedDict[Look, Found] = OrderedDict()
        self._columns: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        self._holding: defaultdict[tuple[str, Key], set[Look]] = defaultdict(set)

    def get(self, look: Look) -> Found | None:
        """What a look finds; None when that is not known."""
        found = self._found.get(look)
        if found is not None:
            self._found.move_to_end(look)
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._found.clear()
        self._columns.clear()
        self._holding.clear()

    def keep(self, looks: Mapping[Look, Found]) -> None:
        """Remember what looks have found; what changed since is to be told after that."""
        for look, found in looks.items():
            self._drop(look)
            if sum(_size(row) for row in found.values()) > _LARGE:
                continue
            self._found[look] = dict(found)
            self._columns[look[0]].add(look[1])
            for key in found:
                self._holding[look[0], key].add(look)
        while len(self._found) > MOST:
            self._drop(next(iter(self._found)))

    def change(self, table: str, key: Key, row: Row | None) -> None:
        """A row is as it is now; None: removed."""
        for look in self._holding.pop((table, key), ()):
            del self._found[look][key]
        if row is None:
            return
        for columns in self._columns.get(table, ()):
            look = (table, columns, tuple(row[column] for column in columns))
            if look in self._found:
                self._found[look][key] = row
                self._holding[table, key].add(look)
                if sum(_size(one) for one in self._found[look].values()) > _LARGE:
                    self._drop(look)

    def _drop(self, look: Look) -> None:
        for key in self._found.pop(look, ()):
            holders = self._holding[look[0], key]
            holders.discard(look)
            if not holders:
                del self._holding[look[0], key]


def _size(row: Row) -> int:
    return sum(len(value) if isinstance(value, str | bytes) else 8 for value in row.values())
