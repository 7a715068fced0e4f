"""Sort keys as SQL: values, order, and where a page begins.

Resources without a value come last either way. Equal ones go by number, falling when the first key falls, so that the
index of that key is read in one direction; among those without a first value the number always rises.
"""

from collections.abc import Sequence
from typing import Any

from hie.search.clause import Kind
from hie.search.plan import SortKey
from hie.store.sqlite.conditions import Sql, joined, one_of
from hie.store.sqlite.dated import Pair, dated_select
from hie.store.sqlite.probing import Probing, Scope

_VALUES: dict[Kind, str] = {
    Kind.DATE: "SELECT low AS v FROM date x WHERE {where}",
    Kind.STRING: "SELECT text AS v FROM string x WHERE {where}",
    Kind.NUMBER: "SELECT low AS v FROM number x WHERE {where}",
    Kind.QUANTITY: (
        "SELECT CASE WHEN canonical IS NULL THEN low ELSE canonical_low END AS v FROM quantity x WHERE {where}"
    ),
    Kind.TOKEN: "SELECT c.code AS v FROM token x JOIN concept c ON c.pk = x.concept WHERE {where} AND c.code <> ''",
    Kind.URI: "SELECT c.code AS v FROM token x JOIN concept c ON c.pk = x.concept WHERE {where}",
    Kind.REFERENCE: (
        "SELECT CASE t.name WHEN '' THEN r.id ELSE t.name || '/' || r.id END AS v FROM reference x "
        "JOIN resource r ON r.pk = x.target JOIN type t ON t.pk = r.type WHERE {where} AND r.id <> ''"
    ),
}
"""The values of one resource that a key of each kind is the least or greatest of."""

_OWN = {"_id": "SELECT id FROM resource WHERE pk = s.resource",
        "_lastUpdated": "SELECT last_updated FROM resource WHERE pk = s.resource"}  # fmt: skip

WALKS: dict[Kind, tuple[str, str, str]] = {
    Kind.DATE: ("date", "low", "high"),
    Kind.STRING: ("string", "text", "exact"),
}
"""Kinds whose index is in sort order: table, value column, the column that tells equal values apart."""


def with_keys(keys: Sequence[SortKey], scope: Scope, compiler: Probing, found: Sql) -> Sql:
    """SELECT of `pk`, `k0`, `k1`, ... for each `resource` of `found`."""
    columns = [_column(key, scope, compiler) for key in keys]
    listed = "".join(f", ({column.text}) AS k{number}" for number, column in enumerate(columns))
    values = tuple(value for column in columns for value in column.values)
    return Sql(f"SELECT s.resource AS pk{listed} FROM ({found.text}) s", values + found.values)


def _column(key: SortKey, scope: Scope, compiler: Probing) -> Sql:
    if key.param in _OWN:
        return Sql(_OWN[key.param])
    params = one_of("x.param", compiler.params(scope, key.param))
    chosen = "max" if key.descending else "min"
    inner = _VALUES[key.kind].format(where=f"x.resource = s.resource AND {params.text}")
    return Sql(f"SELECT {chosen}(v) FROM ({inner})", params.values)


def order(keys: Sequence[SortKey]) -> str:
    """The ORDER BY list."""
    parts = [f"k{number} IS NULL, k{number}{' DESC' if key.descending else ''}" for number, key in enumerate(keys)]
    return ", ".join([*parts, "CASE WHEN k0 IS NULL THEN pk ELSE -pk END" if keys[0].descending else "pk"])


def after(keys: Sequence[SortKey], position: list[Any]) -> Sql:
    """What lies behind `position` (sort values, then the number of the last resource shown)."""
    falling = keys[0].descending and position[0] is not None
    condition = Sql("pk < ?" if falling else "pk > ?", (position[-1],))
    for number in reversed(range(len(keys))):
        column, value = f"k{number}", position[number]
        if value is None:
            condition = Sql(f"({column} IS NULL AND {condition.text})", condition.values)
            continue
        sign = "<" if keys[number].descending else ">"
        text = f"({column} IS NULL OR {column} {sign} ? OR ({column} = ? AND {condition.text}))"
        condition = Sql(text, (value, value, *condition.values))
    return condition


def walk(
    key: SortKey,
    scope: Scope,
    compiler: Probing,
    probes: Sequence[Sql],
    position: list[Any] | None,
    window: int,
    dated: Sequence[Pair] = (),
) -> Sql | None:
    """SELECT of (resource, value) from the next `window` rows of the key's index, in order; None when it has none.

    With `dated` only what these list is walked, and `probes` are those of the other clauses.
    """
    down = " DESC" if key.descending else ""
    if key.param == "_lastUpdated":
        parts = [one_of("type", scope), Sql("deleted = 0"), *_beyond("last_updated", "pk", position, down)]
        rows = joined(parts, "AND")
        select = f"SELECT pk AS resource, last_updated AS value, 0 AS other FROM resource WHERE {rows.text}"
        first = Sql("1")
    else:
        params = compiler.params(scope, key.param)
        if not params:
            return None
        table, value, other = WALKS[key.kind]
        if dated:
            chosen = "max" if key.descending else "min"
            own = one_of("param", params)
            rows = dated_select(dated, joined(_beyond("low", "resource", position, down) or [Sql("1")], "AND"))
            first = Sql(f"w.value = (SELECT {chosen}(low) FROM date WHERE resource = w.resource AND {own.text})",
                        own.values)  # fmt: skip
            return _walked(rows.text, rows.values, [*probes, first], down, window)
        rows = joined([one_of("param", params), *_beyond(value, "resource", position, down)], "AND")
        select = f"SELECT resource, {value} AS value, {other} AS other FROM {table} WHERE {rows.text}"
        # A resource stands where its least (greatest) value does, once.
        whose = one_of("param", params)
        first = Sql(
            f"(w.value, w.other) = (SELECT {value}, {other} FROM {table} WHERE resource = w.resource AND {whose.text} "
            f"ORDER BY {value}{down}, {other} LIMIT 1)",
            whose.values,
        )
    return _walked(select, rows.values, [*probes, first], down, window)


def _walked(select: str, values: tuple[Any, ...], conditions: Sequence[Sql], down: str, window: int) -> Sql:
    where = joined(conditions, "AND")
    text = (
        f"SELECT w.resource, w.value FROM ({select} ORDER BY value{down}, resource{down} LIMIT {window}) w "
        f"WHERE {where.text} ORDER BY w.value{down}, w.resource{down}"
    )
    return Sql(text, values + where.values)


def rows_of(key: SortKey, scope: Scope, compiler: Probing, most: int) -> int:
    """How many rows the index of the key has, counted to `most`."""
    if key.param == "_lastUpdated":
        where, table = joined([one_of("type", scope), Sql("deleted = 0")], "AND"), "resource"
    else:
        where, table = one_of("param", compiler.params(scope, key.param)), WALKS[key.kind][0]
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {where.text} LIMIT ?)"
    return int(compiler.connection.execute(sql, (*where.values, most)).get)


def _beyond(value: str, pk: str, position: list[Any] | None, down: str) -> list[Sql]:
    if position is None:
        return []
    sign = "<" if down else ">"
    last, number = position
    return [Sql(f"{value} {sign}= ?", (last,)), Sql(f"({value} {sign} ? OR {pk} {sign} ?)", (last, number))]
