"""`Table` values as SQL: created once, read by statements whose values are always bound."""

from collections.abc import Sequence
from functools import lru_cache

import apsw

from hie.store.sqlite.database import translated
from hie.store.sqlite.waiting import plain
from hie.store.table import Above, AtMost, Condition, OneOf, Row, Table, Value, Where, check_access

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
        self._getting = {t.name: self._selecting[t.name] + equality(t.key) for t in tables}
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
            condition, values = condition_of(where)
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
            sql = self._shapes[table.name, columns] = self._selecting[table.name] + equality(columns)
        return sql

    def count(self, table: Table, where: Where) -> int:
        """How many rows meet `where`."""
        check_access(table, where)
        condition, values = condition_of(where)
        sql = f"SELECT count(*) FROM {sql_name(table)}{condition}"
        return int(self._connection.execute(sql, values).get)


class RowReader:
    """`get`, `select` and `count` of `hie.store.port.Reader`, on the tables of one connection."""

    _tables: TableReading

    async def get(self, table: Table, *key: Value) -> Row | None:
        """See `Reader.get`."""
        with translated():
            return self._tables.get(table, *key)

    async def select(
        self,
        table: Table,
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int | None = None,
        descending: bool = False,
    ) -> list[Row]:
        """See `Reader.select`."""
        with translated():
            return self._tables.select(table, where, order=order, limit=limit, descending=descending)

    async def count(self, table: Table, where: Where) -> int:
        """See `Reader.count`."""
        with translated():
            return self._tables.count(table, where)


def condition_of(where: Where) -> tuple[str, tuple[Value, ...]]:
    """The WHERE that stands for `where`, empty for none, and the values for its `?`."""
    parts = [_compare(column, condition) for column, condition in where.items()]
    text = " AND ".join(part for part, _ in parts)
    return (f" WHERE {text}" if text else ""), tuple(value for _, values in parts for value in values)


@lru_cache(maxsize=1024)
def equality(columns: tuple[str, ...]) -> str:
    """The WHERE that compares columns with values."""
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
