"""Rows of a `Table` as documents, and queries on them; the changes of a batch that is not written yet are laid over."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from hie.store.mongo.schema import collection, field
from hie.store.table import Above, AtMost, Condition, OneOf, Row, Table, Value, Where, check_access, matches

Key = tuple[Value, ...]
Look = tuple[str, tuple[str, ...], tuple[Value, ...]]
"""Name of a table, columns in order of their names, their values."""

Found = dict[Key, Row]
"""All rows that a look finds."""

Laid = Mapping[Key, Row | None]
"""Key -> row that stands for the server's; None: removed."""


def key_of(table: Table, row: Row) -> Key:
    """The key of a row; ValueError when a column of it is None."""
    key = tuple(row[column] for column in table.key)
    if None in key:
        raise ValueError(f"table {table.name}: a key column is None")
    return key


def document(table: Table, row: Row) -> dict[str, Any]:
    """A row as it is stored."""
    return {field(table, column): value for column, value in row.items()}


def by_key(table: Table, key: Key) -> dict[str, Any]:
    """The filter for one row."""
    return {field(table, column): {"$eq": value} for column, value in zip(table.key, key, strict=True)}


def _row(table: Table, stored: Mapping[str, Any]) -> Row:
    return {column: stored.get(field(table, column)) for column in table.columns}


def _compare(condition: Condition) -> dict[str, Any]:
    match condition:
        case AtMost(bound):
            return {"$lte": bound}
        case Above(bound):
            return {"$gt": bound}
        case OneOf(values):
            return {"$in": list(values)}
        case None | str() | int() | bytes():
            return {"$eq": condition}
    raise TypeError(f"{type(condition).__name__} is no condition")


def condition(table: Table, where: Where) -> dict[str, Any]:
    """The filter of `where`; every value stands behind an operator."""
    return {field(table, column): _compare(one) for column, one in where.items()}


def _one_of(table: Table, columns: Sequence[str], values: Sequence[Key]) -> list[dict[str, Any]]:
    """Filters of which one holds for the rows that have one of these values in these columns."""
    lasts: dict[Key, list[Value]] = {}
    for one in values:
        lasts.setdefault(one[:-1], []).append(one[-1])
    leading, last = columns[:-1], field(table, columns[-1])
    return [
        {**condition(table, dict(zip(leading, first, strict=True))), last: {"$in": found}}
        for first, found in lasts.items()
    ]


class TableReading:
    """get, select and count, inside a transaction (`session`) or outside."""

    def __init__(self, database: AsyncDatabase[Any], session: AsyncClientSession | None = None) -> None:
        self._database = database
        self._session = session

    async def get(self, table: Table, *key: Value) -> Row | None:
        """One row by its primary key."""
        if len(key) != len(table.key):
            raise ValueError(f"table {table.name}: the key has {len(table.key)} columns")
        found = await self._database[collection(table)].find_one(by_key(table, key), session=self._session)
        return None if found is None else _row(table, found)

    async def rows(self, table: Table, keys: Collection[Key]) -> dict[Key, Row]:
        """Rows by their primary keys, of those that are there."""
        return {key_of(table, row): row for row in await self.any_of(table, keys, ())}

    async def any_of(self, table: Table, keys: Collection[Key], looks: Collection[Look], limit: int = 0) -> list[Row]:
        """The rows that have one of these keys, or that one of these looks finds; `limit` of them at most, if any."""
        clauses: list[dict[str, Any]] = []
        for columns in sorted({columns for _, columns, _ in looks}):
            check_access(table, dict.fromkeys(columns))
            clauses += _one_of(table, columns, [values for _, some, values in looks if some == columns])
        clauses += _one_of(table, table.key, list(keys)) if keys else []
        wanted = clauses[0] if len(clauses) == 1 else {"$or": clauses}
        found = await self._database[collection(table)].find(wanted, session=self._session, limit=limit).to_list()
        return [_row(table, one) for one in found]

    async def select(
        self,
        table: Table,
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int | None = None,
        descending: bool = False,
        laid: Laid | None = None,
    ) -> list[Row]:
        """Rows that meet `where`; ValueError when no key or index serves it."""
        check_access(table, where, order)
        if limit == 0:
            return []
        cursor = self._database[collection(table)].find(condition(table, where), session=self._session)
        if order:
            cursor = cursor.sort([(field(table, one), DESCENDING if descending else ASCENDING) for one in order])
        if limit is not None:
            cursor = cursor.limit(limit + len(laid or ()))
        rows = [_row(table, found) for found in await cursor.to_list()]
        return rows if not laid else laid_over(rows, table, where, order, limit, descending, laid)

    async def count(self, table: Table, where: Where, laid: Laid | None = None) -> int:
        """How many rows meet `where`."""
        check_access(table, where)
        if laid:
            return len(await self.select(table, where, laid=laid))
        return await self._database[collection(table)].count_documents(condition(table, where), session=self._session)


def laid_over(
    rows: list[Row], table: Table, where: Where, order: Sequence[str], limit: int | None, descending: bool, laid: Laid
) -> list[Row]:
    """`rows` that the server has, with those `laid` over them, as they are asked for."""
    kept = [row for row in rows if key_of(table, row) not in laid]
    kept += [dict(row) for row in laid.values() if row is not None and matches(row, where)]
    if order:
        kept.sort(key=lambda row: [(row[column] is not None, row[column]) for column in order], reverse=descending)
    return kept[:limit]
