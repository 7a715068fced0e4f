"""Rows of `Table`s added, changed and removed inside a transaction, collected until it is flushed."""

from collections.abc import Callable, Sequence

import apsw

from hie.store.sqlite.recent import Recent
from hie.store.sqlite.tables import TableReading, condition_of, equality, is_clustered, sql_name
from hie.store.sqlite.undo import Undo
from hie.store.sqlite.waiting import WaitingRows, plain
from hie.store.table import Above, Row, Table, Value, Where, check_access, matches


class TableWriting(TableReading):
    """insert, upsert, update and remove beside the reading.

    Rows that are upserted are collected until `flush`, and reads by equality or above a bound see them before. Whatever
    else must find or change rows in the file calls `before` first, which has everything written.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        tables: Sequence[Table],
        undo: Undo,
        before: Callable[[], None],
        recent: Recent | None = None,
    ) -> None:
        """`recent` is told what is written."""
        super().__init__(connection, tables)
        self._before = before
        self._recent = recent
        self._tables = {table.name: table for table in tables}
        self._waiting = {table.name: WaitingRows(table, undo) for table in tables}
        self._inserting = {table.name: _insert(table) for table in tables}
        self._replacing = {table.name: _replace(table) for table in tables}

    @property
    def waiting(self) -> bool:
        """Whether anything is still to be written."""
        return any(waiting.rows for waiting in self._waiting.values())

    def get(self, table: Table, *key: Value) -> Row | None:
        """One row by its primary key."""
        waiting = self._waiting[table.name]
        if (values := waiting.rows.get(key)) is not None:
            return dict(zip(table.columns, values, strict=True))
        row = super().get(table, *key)
        if row is not None:
            waiting.there.add(key)
        return row

    def select(
        self,
        table: Table,
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int | None = None,
        descending: bool = False,
    ) -> list[Row]:
        """Rows that meet `where`; ValueError when no key or index serves it."""
        waiting = self._waiting[table.name]
        if not waiting.rows:
            return super().select(table, where, order=order, limit=limit, descending=descending)
        equal = where
        if not plain(where):
            equal = {column: value for column, value in where.items() if type(value) is not Above}
        if order or not plain(equal):
            self._before()
            return super().select(table, where, order=order, limit=limit, descending=descending)
        more = None if limit is None else limit + len(waiting.rows)
        mine = {waiting.key(row): row for row in waiting.matching(equal) if matches(row, where)}
        found = [(waiting.key(row), row) for row in super().select(table, where, limit=more)]
        rows = [mine.pop(key, row) for key, row in found if key not in waiting.rows or key in mine]
        rows += mine.values()
        if len(table.key) > 1 or is_clustered(table):
            rows.sort(key=waiting.key)
        return rows[:limit]

    def count(self, table: Table, where: Where) -> int:
        """How many rows meet `where`."""
        if self._waiting[table.name].rows:
            self._before()
        return super().count(table, where)

    def insert(self, table: Table, row: Row) -> None:
        """Add a row; apsw.ConstraintError when a key is taken."""
        values = self._waiting[table.name].values(row)
        self._before()
        self._connection.execute(self._inserting[table.name], values)
        self._wrote(table.name, values)

    def upsert(self, table: Table, row: Row) -> None:
        """Add or replace the row with the same key; apsw.ConstraintError when another row has its unique value."""
        waiting = self._waiting[table.name]
        values = waiting.values(row)
        self._wrote(table.name, values)
        if not table.unique:
            waiting.set(values)
            return
        self._before()
        if super().get(table, *waiting.key_of(values)) is None:
            self._connection.execute(self._inserting[table.name], values)
        elif sql := self._replacing[table.name]:
            self._connection.execute(sql, (*waiting.others(values), *waiting.key_of(values)))

    def update(self, table: Table, row: Row) -> bool:
        """Change the other columns of `row` in the row with its key; whether there is one."""
        changes = {column: value for column, value in row.items() if column not in table.key}
        if not changes or not row.keys() <= table.columns.keys():
            raise ValueError(f"table {table.name}: nothing to change, or an unknown column")
        self._before()
        self._changed(table)
        assigned = ", ".join(f"{column} = ?" for column in changes)
        condition, values = condition_of({column: row[column] for column in table.key})
        sql = f"UPDATE {sql_name(table)} SET {assigned}{condition}"
        self._connection.execute(sql, (*changes.values(), *values))
        return self._connection.changes() > 0

    def remove(self, table: Table, where: Where) -> int:
        """Delete the rows that meet `where`; returns how many."""
        check_access(table, where)
        self._before()
        self._changed(table)
        condition, values = condition_of(where)
        self._connection.execute(f"DELETE FROM {sql_name(table)}{condition}", values)
        self._waiting[table.name].there.clear()
        return self._connection.changes()

    def take(self, name: str, new: Sequence[tuple[Value, ...]], known: Sequence[tuple[Value, ...]]) -> None:
        """Add or replace full rows of a table without unique indexes; the file is known to have the `known` ones."""
        waiting = self._waiting[name]
        waiting.there.update(map(waiting.key_of, known))
        for values in (*new, *known):
            self._wrote(name, values)
            waiting.set(values)

    def key(self, table: Table, row: Row) -> tuple[Value, ...]:
        """The key of a row."""
        found: tuple[Value, ...] = self._waiting[table.name].key(row)
        return found

    def collected(self) -> list[tuple[str, list[tuple[Value, ...]], list[tuple[Value, ...]]]]:
        """What was collected, as `take` takes it."""
        found = []
        for name, waiting in self._waiting.items():
            if waiting.rows:
                new = [row for key, row in waiting.rows.items() if key not in waiting.there]
                found.append((name, new, [row for key, row in waiting.rows.items() if key in waiting.there]))
        return found

    def _wrote(self, name: str, values: tuple[Value, ...]) -> None:
        if self._recent is not None:
            self._recent.wrote(name, values)

    def _changed(self, table: Table) -> None:
        if self._recent is not None:
            self._recent.changed(table.name)

    def flush(self) -> None:
        """Write the rows that were collected; apsw.ConstraintError when another row has a unique value of theirs.

        A row that was not seen in the file is most likely new. An upsert would be one statement for both, but inside a
        transaction SQLite journals every page that it touches.
        """
        for name, waiting in self._waiting.items():
            if waiting.rows:
                self._write(name, waiting)

    def _write(self, name: str, waiting: WaitingRows) -> None:
        keys = sorted(waiting.rows) if is_clustered(self._tables[name]) else list(waiting.rows)
        new = [waiting.rows[key] for key in keys if key not in waiting.there]
        known = [waiting.rows[key] for key in keys if key in waiting.there]
        if self._many(self._inserting[name].replace("INSERT", "INSERT OR IGNORE", 1), new) < len(new):
            known += new
        sql = self._replacing[name]
        if sql:
            arranged = [(*waiting.others(row), *waiting.key_of(row)) for row in known]
            if self._many(sql, arranged) < len(known):
                raise apsw.ConstraintError("a unique value is taken")
        waiting.written()

    def _many(self, sql: str, rows: list[tuple[Value, ...]]) -> int:
        """Run a statement for each row; how many rows it changed."""
        if not rows:
            return 0
        before = self._connection.total_changes()
        self._connection.executemany(sql, rows)
        return self._connection.total_changes() - before

    def discard(self) -> None:
        """Forget the rows that were collected, and which are in the file."""
        for waiting in self._waiting.values():
            waiting.discard()

    def unsure(self) -> None:
        """Forget which rows are in the file: some were taken back."""
        for waiting in self._waiting.values():
            waiting.there.clear()


def _insert(table: Table) -> str:
    marks = ", ".join("?" * len(table.columns))
    return f"INSERT INTO {sql_name(table)} ({', '.join(table.columns)}) VALUES ({marks})"


def _replace(table: Table) -> str:
    """Change all columns but the key, nothing when there are none."""
    others = [column for column in table.columns if column not in table.key]
    assigned = ", ".join(f"{column} = ?" for column in others)
    return f"UPDATE {sql_name(table)} SET {assigned}{equality(table.key)}" if others else ""
