"""`Table` values as SQL: created once, served by statements whose values are always bound."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import apsw

from hie.store.sqlite.recent import Recent
from hie.store.sqlite.undo import Undo
from hie.store.sqlite.waiting import WaitingRows, plain
from hie.store.table import Above, AtMost, Condition, OneOf, Row, Table, Value, Where, check_access, matches

_TYPES = {str: "TEXT", int: "INTEGER", bytes: "BLOB"}


def sql_name(table: Table) -> str:
    """The SQL name of a table; the prefix keeps stage tables apart from the store's own."""
    return f"stage_{table.name}"


def is_clustered(table: Table) -> bool:
    """Whether its rows lie in order of the key. Rows with blobs do not: SQLite keeps at most 1,002 bytes of a row in
    such a tree and gives the rest a page of its own, and rows written together would lie apart."""
    return bytes not in table.columns.values()


def create(connection: apsw.Connection, table: Table) -> None:
    """Create the table and its indexes if they are not there; add columns that it has since got.

    What was created otherwise by an earlier release stays so: the statements are the same.
    """
    name = sql_name(table)
    columns = ", ".join(f"{column} {_TYPES[kind]}" for column, kind in table.columns.items())
    clustered = " WITHOUT ROWID" if is_clustered(table) else ""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {name} ({columns}, PRIMARY KEY ({', '.join(table.key)})){clustered}"
    )
    there = {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
    for column in table.columns.keys() - there:
        connection.execute(f"ALTER TABLE {name} ADD COLUMN {column} {_TYPES[table.columns[column]]}")
        connection.execute(f"UPDATE {name} SET {column} = ?", (table.defaults.get(column),))
    for kind, indexes in (("UNIQUE INDEX", table.unique), ("INDEX", table.indexes)):
        for index in indexes:
            label = f"{name}__{'__'.join(index)}"
            connection.execute(f"CREATE {kind} IF NOT EXISTS {label} ON {name} ({', '.join(index)})")


class TableReading:
    """get, select and count on one connection."""

    def __init__(self, connection: apsw.Connection, tables: Sequence[Table]) -> None:
        self._connection = connection
        self._selecting = {t.name: f"SELECT {', '.join(t.columns)} FROM {sql_name(t)}" for t in tables}
        self._getting = {t.name: self._selecting[t.name] + _equal(t.key) for t in tables}
        self._shapes: dict[tuple[str, tuple[str, ...]], str] = {}

    def get(self, table: Table, *key: Value) -> Row | None:
        """One row by its primary key."""
        if len(key) != len(table.key):
            raise ValueError(f"table {table.name}: the key has {len(table.key)} columns")
        row = self._connection.execute(self._getting[table.name], key).fetchone()
        return None if row is None else dict(zip(table.columns, row, strict=True))

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
        if plain(where) and not order:
            values: tuple[Value, ...] = tuple(where.values())  # type: ignore[arg-type]
            sql = self._equal(table, tuple(where))
        else:
            check_access(table, where, order)
            condition, values = _condition(where)
            sql = self._selecting[table.name] + condition
        if order:
            direction = " DESC" if descending else ""
            sql += f" ORDER BY {', '.join(column + direction for column in order)}"
        if limit is not None:
            sql, values = sql + " LIMIT ?", (*values, limit)
        columns = table.columns
        return [dict(zip(columns, row, strict=True)) for row in self._connection.execute(sql, values)]

    def _equal(self, table: Table, columns: tuple[str, ...]) -> str:
        """The statement that compares `columns`, made and checked once."""
        sql = self._shapes.get((table.name, columns))
        if sql is None:
            check_access(table, dict.fromkeys(columns))
            sql = self._shapes[table.name, columns] = self._selecting[table.name] + _equal(columns)
        return sql

    def count(self, table: Table, where: Where) -> int:
        """How many rows meet `where`."""
        check_access(table, where)
        condition, values = _condition(where)
        sql = f"SELECT count(*) FROM {sql_name(table)}{condition}"
        return int(self._connection.execute(sql, values).get)


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
        condition, values = _condition({column: row[column] for column in table.key})
        sql = f"UPDATE {sql_name(table)} SET {assigned}{condition}"
        self._connection.execute(sql, (*changes.values(), *values))
        return self._connection.changes() > 0

    def remove(self, table: Table, where: Where) -> int:
        """Delete the rows that meet `where`; returns how many."""
        check_access(table, where)
        self._before()
        self._changed(table)
        condition, values = _condition(where)
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
    return f"UPDATE {sql_name(table)} SET {assigned}{_equal(table.key)}" if others else ""


def _condition(where: Where) -> tuple[str, tuple[Value, ...]]:
    parts = [_compare(column, condition) for column, condition in where.items()]
    text = " AND ".join(part for part, _ in parts)
    return (f" WHERE {text}" if text else ""), tuple(value for _, values in parts for value in values)


@lru_cache(maxsize=1024)
def _equal(columns: tuple[str, ...]) -> str:
    return " WHERE " + " AND ".join(f"{column} = ?" for column in columns) if columns else ""


def _compare(column: str, condition: Condition) -> tuple[str, tuple[Value, ...]]:
    match condition:
        case None:
            return f"{column} IS NULL", ()
        case AtMost(bound):
            return f"{column} <= ?", (bound,)
        case Above(bound):
            return f"{column} > ?", (bound,)
        case OneOf(values):
            some = tuple(value for value in values if value is not None)
            null = f" OR {column} IS NULL" if len(some) < len(values) else ""
            return f"({column} IN ({', '.join('?' * len(some))}){null})", some
        case _:
            return f"{column} = ?", (condition,)
