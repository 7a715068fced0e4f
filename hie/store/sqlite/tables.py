"""`Table` values as SQL: created once, served by statements whose values are always bound."""

from collections.abc import Sequence
from functools import lru_cache

import apsw

from hie.store.table import Above, AtMost, Condition, OneOf, Row, Table, Value, Where, check_access

_TYPES = {str: "TEXT", int: "INTEGER", bytes: "BLOB"}


def sql_name(table: Table) -> str:
    """The SQL name of a table; the prefix keeps stage tables apart from the store's own."""
    return f"stage_{table.name}"


def create(connection: apsw.Connection, table: Table) -> None:
    """Create the table and its indexes if they are not there; add columns that it has since got.

    A table with a key of several columns is read by ranges of it and is clustered by it; so is one without blobs.
    """
    name = sql_name(table)
    columns = ", ".join(f"{column} {_TYPES[kind]}" for column, kind in table.columns.items())
    clustered = " WITHOUT ROWID" if len(table.key) > 1 or bytes not in table.columns.values() else ""
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
        self._inserting = {table.name: _insert(table) for table in tables}
        self._upserting = {table.name: _insert(table) + _on_conflict(table) for table in tables}

    def get(self, table: Table, *key: Value) -> Row | None:
        """One row by its primary key."""
        if len(key) != len(table.key):
            raise ValueError(f"table {table.name}: the key has {len(table.key)} columns")
        rows = self.select(table, dict(zip(table.key, key, strict=True)))
        return rows[0] if rows else None

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

    def count(self, table: Table, where: Where) -> int:
        """How many rows meet `where`."""
        check_access(table, where)
        condition, values = _condition(where)
        sql = f"SELECT count(*) FROM {sql_name(table)}{condition}"
        return int(self._connection.execute(sql, values).get)


class TableWriting(TableReading):
    """insert, upsert and remove beside the reading."""

    def insert(self, table: Table, row: Row) -> None:
        """Add a row; apsw.ConstraintError when a key is taken."""
        self._put(self._inserting[table.name], table, row)

    def upsert(self, table: Table, row: Row) -> None:
        """Add or replace the row with the same key; apsw.ConstraintError when another row has its unique value."""
        self._put(self._upserting[table.name], table, row)

    def update(self, table: Table, row: Row) -> bool:
        """Change the other columns of `row` in the row with its key; whether there is one."""
        changes = {column: value for column, value in row.items() if column not in table.key}
        if not changes or not row.keys() <= table.columns.keys():
            raise ValueError(f"table {table.name}: nothing to change, or an unknown column")
        assigned = ", ".join(f"{column} = ?" for column in changes)
        condition, values = _condition({column: row[column] for column in table.key})
        sql = f"UPDATE {sql_name(table)} SET {assigned}{condition}"
        self._connection.execute(sql, (*changes.values(), *values))
        return self._connection.changes() > 0

    def remove(self, table: Table, where: Where) -> int:
        """Delete the rows that meet `where`; returns how many."""
        check_access(table, where)
        condition, values = _condition(where)
        self._connection.execute(f"DELETE FROM {sql_name(table)}{condition}", values)
        return self._connection.changes()

    def _put(self, sql: str, table: Table, row: Row) -> None:
        full = table.full(row)
        for column in table.key:
            if full[column] is None:
                raise ValueError(f"table {table.name}: a key column is None")
        self._connection.execute(sql, tuple(full.values()))


def _insert(table: Table) -> str:
    marks = ", ".join("?" * len(table.columns))
    return f"INSERT INTO {sql_name(table)} ({', '.join(table.columns)}) VALUES ({marks})"


def _on_conflict(table: Table) -> str:
    assigned = ", ".join(f"{column} = excluded.{column}" for column in table.columns if column not in table.key)
    action = f"UPDATE SET {assigned}" if assigned else "NOTHING"
    return f" ON CONFLICT ({', '.join(table.key)}) DO {action}"


def _condition(where: Where) -> tuple[str, tuple[Value, ...]]:
    values = tuple(where.values())
    if all(type(value) is str or type(value) is int for value in values):
        return _equal(tuple(where)), values  # type: ignore[return-value]
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
