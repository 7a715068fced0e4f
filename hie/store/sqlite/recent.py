"""What the latest transactions wrote, to tell whether a snapshot of the store still shows the truth.

Transactions that write are numbered in the file (table `batch`), by whatever process writes them. A snapshot has the
number of its last one; it shows the truth about a place as long as no transaction after it wrote there.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apsw

from hie.store.effects import VERSION, Look, Values
from hie.store.sqlite.waiting import picking
from hie.store.table import Table

_READ = "SELECT n FROM batch"
_WRITE = "UPDATE batch SET n = ?"

KEPT = 40_000
"""Places of which it is remembered when they were written, in each of two generations; older snapshots are refused."""


def batch_of(connection: apsw.Connection) -> int:
    """The number of the last transaction that the connection sees."""
    return int(connection.execute(_READ).get)


def place_of(table: Table, columns: Iterable[str]) -> str:
    """The place of a look at rows of a table by the values of some columns."""
    return f"{table.name}:{','.join(columns)}"


class Recent:
    """Remembers places by the number of the transaction that wrote there last; see `holds`.

    Which columns of a table are looked at is learnt from the first look, which is refused.
    """

    def __init__(self, connection: apsw.Connection, tables: Sequence[Table]) -> None:
        self._connection = connection
        self._columns = {table.name: tuple(table.columns) for table in tables}
        self._shapes: dict[str, list[tuple[str, Callable[[Any], Values]]]] = {table.name: [] for table in tables}
        self._since: dict[str, int] = {VERSION: 0}
        self._young: dict[Look, int] = {}
        self._old: dict[Look, int] = {}
        self._floor = self._next_floor = 0
        self._last = -1
        self._now = 0
        self._unwritten = False

    def begin(self) -> None:
        """A transaction begins: another process may have written since the last one."""
        found = batch_of(self._connection)
        if found != self._last:
            self._floor = self._next_floor = found
        self._last, self._now = found, found + 1
        if len(self._young) > KEPT:
            self._old, self._young = self._young, {}
            self._floor, self._next_floor = self._next_floor, found

    def number(self) -> None:
        """Number the transaction in the file, if it writes anything that can be looked at."""
        if self._unwritten:
            self._connection.execute(_WRITE, (self._now,))
            self._last, self._unwritten = self._now, False

    def wrote(self, table: str, values: Values) -> None:
        """A row, with all columns in declared order, was added or replaced."""
        self._unwritten = True
        for place, pick in self._shapes[table]:
            self._young[place, pick(values)] = self._now

    def wrote_version(self, resource_type: str, resource_id: str) -> None:
        """A version of a resource was written."""
        self._unwritten = True
        self._young[VERSION, (resource_type, resource_id)] = self._now

    def changed(self, table: str) -> None:
        """Any rows of a table may have been changed or removed."""
        self._unwritten = True
        for place, _ in self._shapes[table]:
            self._since[place] = self._now

    def holds(self, batch: int, looked: Iterable[Look]) -> bool:
        """Whether a snapshot with the transactions up to `batch` shows the truth about all places looked at."""
        young, old, since = self._young, self._old, self._since
        holds = batch >= self._floor
        for look in looked:
            known = since.get(look[0])
            if known is None:
                self._learn(look[0])
                holds = False
            elif known > batch or young.get(look, 0) > batch or old.get(look, 0) > batch:
                holds = False
        return holds

    def _learn(self, place: str) -> None:
        """Remember what is written to a place, from now on."""
        table, _, columns = place.partition(":")
        all_columns = self._columns[table]
        self._shapes[table].append((place, picking(tuple(all_columns.index(name) for name in columns.split(",")))))
        self._since[place] = self._now
