"""Arms: SELECTs that list resources straight from an index, and the plain ways to make them."""

import re
from dataclasses import dataclass

from hie.search.clause import Clause, Compare, Kind, Match, Op, RangeTest, StringTest
from hie.store.sqlite.conditions import DAY, NEVER, Sql, date_condition, joined
from hie.store.sqlite.probing import Probing, Scope, live


@dataclass(frozen=True, slots=True)
class Arm:
    """A SELECT of one column `resource`; `ordered` when its rows come in ascending order without sorting.

    `live` when it lists only current resources of the scope; `loose` when it reads far more rows than it lists.
    """

    sql: Sql
    ordered: bool = False
    live: bool = True
    loose: bool = False


def checked(arm: Arm, scope: Scope) -> Arm:
    """The arm without what is not current or not of the scope."""
    if arm.live:
        return arm
    check = live("e.resource", scope)
    sql = f"SELECT e.resource AS resource FROM ({arm.sql.text}) e WHERE {check.text}"
    return Arm(Sql(sql, arm.sql.values + check.values), arm.ordered, True, arm.loose)


def pairs(table: str, params: Sql, condition: Sql) -> list[tuple[int, int]] | None:
    """Each (param, value), where the condition is plain equality on few of them."""
    column = _EQUAL.get(table)
    if column is None or not (condition.text == f"{column} = ?" or _LISTED[column].fullmatch(condition.text)):
        return None
    found = [(param, value) for param in params.values for value in condition.values]
    return found if len(found) <= MOST_ARMS else None


def equal_pairs(
    clause: Clause, param: str, kind: Kind, scope: Scope, compiler: Probing
) -> list[tuple[int, int]] | None:
    """Each (param, value) of a clause on this parameter of one type that asks for plain equality with few values; None
    for any other clause, and where there is nothing that has such a value."""
    if not (isinstance(clause, Match) and (clause.param, clause.kind) == (param, kind)) or len(scope) != 1:
        return None
    found: list[tuple[int, int]] = []
    for table, params, condition in compiler.rows(clause, scope):
        some = [] if condition is NEVER else pairs(table, params, condition)
        if some is None or params.values != tuple(compiler.params(scope, param)):
            return None
        found += some
    return found or None


def split(table: str, params: Sql, condition: Sql) -> list[Arm] | None:
    """One ordered arm for each (param, value), where the condition is plain equality on few of them."""
    found = pairs(table, params, condition)
    if found is None:
        return None
    sql = f"SELECT resource FROM {table} WHERE param = ? AND {_EQUAL[table]} = ?"
    return [Arm(Sql(sql, pair), True) for pair in found]


def plain(clause: Match, table: str, params: Sql, condition: Sql) -> Arm:
    """The rows that meet the condition, as they come."""
    where = joined([params, condition], "AND")
    loose = any(isinstance(test, StringTest) and test.compare in _INSIDE for test in clause.tests)
    return Arm(Sql(f"SELECT resource FROM {table} WHERE {where.text}", where.values), loose=loose)


def date_arms(clause: Match, params: Sql) -> list[Arm]:
    """A bound on the end of a range alone gets a bound on its start too: for all but long ranges it is near."""
    arms = []
    for test in clause.tests:
        assert isinstance(test, RangeTest)
        where = joined([params, date_condition(test, "low", "high")], "AND")
        bound = {Op.GT: test.high, Op.GE: test.low, Op.AP: test.low}.get(test.op)
        if bound is None:
            arms.append(_date_arm(where, "1"))
            continue
        near = int(bound) - DAY
        arms.append(_date_arm(where, "low > ?", near))
        arms.append(_date_arm(where, f"high - low > {DAY} AND +low <= ?", near))
    return arms


def _date_arm(where: Sql, more: str, *values: int) -> Arm:
    text = f"SELECT resource FROM date WHERE {where.text} AND {more}"
    return Arm(Sql(text, where.values + values))


_EQUAL = {"token": "concept", "reference": "target"}
_LISTED = {column: re.compile(rf"{column} IN \([?, ]+\)") for column in _EQUAL.values()}
MOST_ARMS = 32
"""A clause with more values is not taken apart."""

_INSIDE = (Compare.CONTAINS, Compare.ENDS)
