"""Clauses -> SQL over the entry tables, in two forms.

*Arms* list the numbers of resources that meet a clause, straight from an index: they can drive a search. A *probe* is a
condition on one resource whose number is known, answered from tables clustered by resource. A search runs the arms of
its most selective clause and probes the others, so no key column is ever skipped. The LIMIT in every EXISTS keeps
SQLite from turning it into a join, whose order it would choose itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import orjson

from hie.search.plan import (
    And,
    Chain,
    Clause,
    CompositeMatch,
    Has,
    IdentifierTest,
    IdIs,
    InCompartment,
    Kind,
    Match,
    Near,
    Not,
    OfTypeTest,
    Op,
    Or,
    Present,
    RangeTest,
    Test,
    TypeIs,
    UpdatedIs,
    Words,
)
from hie.store.sqlite.conditions import DAY, NEVER, Conditions, Sql, date_condition, joined, one_of
from hie.store.sqlite.index import IDENTIFIER, OF_TYPE
from hie.store.sqlite.names import Names

TABLES = {
    Kind.TOKEN: "token",
    Kind.URI: "token",
    Kind.STRING: "string",
    Kind.REFERENCE: "reference",
    Kind.DATE: "date",
    Kind.NUMBER: "number",
    Kind.QUANTITY: "quantity",
    Kind.COMPOSITE: "composite",
    Kind.SPECIAL: "near",
}
"""Where the entries of a kind of parameter are."""

_SUFFIX: dict[type, str] = {IdentifierTest: IDENTIFIER, OfTypeTest: OF_TYPE}
_KM_PER_DEGREE = 111.0

Scope = tuple[int, ...]
"""Numbers of the resource types that are looked at."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A SELECT of one column `resource`; `ordered` when its rows come in ascending order without sorting.

    `live` when it lists only current resources of the scope.
    """

    sql: Sql
    ordered: bool = False
    live: bool = True


class Compiler:
    """Compiles for the state of one connection; `estimate` counts the rows of arms up to a cap."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        self._connection = connection
        self._names = names
        self._conditions = Conditions(connection, names)

    # -- probes --------------------------------------------------------------------------------------------------

    def probe(self, clause: Clause, scope: Scope, at: str) -> Sql:
        """A condition on the resource whose number is the SQL expression `at`."""
        return _PROBES[type(clause)](self, clause, scope, at)

    def _probe_all(self, clause: And, scope: Scope, at: str) -> Sql:
        return joined([self.probe(part, scope, at) for part in clause.clauses] or [Sql("1")], "AND")

    def _probe_any(self, clause: Or, scope: Scope, at: str) -> Sql:
        return joined([self.probe(part, scope, at) for part in clause.clauses] or [NEVER], "OR")

    def _probe_not(self, clause: Not, scope: Scope, at: str) -> Sql:
        inner = self.probe(clause.clause, scope, at)
        return Sql(f"NOT {inner.text}", inner.values)

    def _probe_match(self, clause: Match, scope: Scope, at: str) -> Sql:
        return joined([_exists(row, at) for row in self._rows(clause, scope)] or [NEVER], "OR")

    def _probe_present(self, clause: Present, scope: Scope, at: str) -> Sql:
        params = self.params(scope, clause.param)
        return _exists((TABLES[clause.kind], one_of("param", params), Sql("1")), at) if params else NEVER

    def _probe_composite(self, clause: CompositeMatch, scope: Scope, at: str) -> Sql:
        found = [self._composite(clause, tests, scope) for tests in clause.alternatives]
        parts = [Sql(f"EXISTS ({sql.text} AND c0.resource = {at})", sql.values) for sql in found]
        return joined(parts or [NEVER], "OR")

    def _composite(self, clause: CompositeMatch, tests: Sequence[Test], scope: Scope) -> Sql:
        """Tuples that pass, as SELECT of `resource` with an open WHERE."""
        params = one_of("c0.param", self.params(scope, clause.param))
        tables, wheres = ["composite c0"], [params, Sql("c0.part = 0")]
        for number, (test, kind) in enumerate(zip(tests, clause.kinds, strict=True)):
            alias = f"c{number}"
            if number:
                same = " AND ".join(f"{alias}.{column} = c0.{column}" for column in ("resource", "param", "tuple"))
                tables.append(f"JOIN composite {alias} ON {same} AND {alias}.part = {number}")
            wheres.append(self._conditions.condition(test, kind, f"{alias}.", "key"))
        where = joined(wheres, "AND")
        return Sql(f"SELECT c0.resource AS resource FROM {' '.join(tables)} WHERE {where.text}", where.values)

    def _probe_id(self, clause: IdIs, scope: Scope, at: str) -> Sql:
        marks = ", ".join("?" * len(clause.ids))
        return Sql(f"(SELECT id FROM resource WHERE pk = {at}) IN ({marks})", clause.ids)

    def _probe_updated(self, clause: UpdatedIs, scope: Scope, at: str) -> Sql:
        value = f"(SELECT last_updated FROM resource WHERE pk = {at})"
        return joined([date_condition(test, value, f"({value} + 1)") for test in clause.tests], "OR")

    def _probe_type(self, clause: TypeIs, scope: Scope, at: str) -> Sql:
        found = one_of("type", self.scope(clause.types))
        return Sql(f"EXISTS (SELECT 1 FROM resource WHERE pk = {at} AND {found.text} LIMIT 1)", found.values)

    def _probe_compartment(self, clause: InCompartment, scope: Scope, at: str) -> Sql:
        patients = one_of("patient", self._patients(clause))
        return Sql(
            f"EXISTS (SELECT 1 FROM compartment WHERE resource = {at} AND {patients.text} LIMIT 1)", patients.values
        )

    def _patients(self, clause: InCompartment) -> list[int]:
        found = (self._conditions.resource("Patient", name) for name in clause.patients)
        return [pk for pk in found if pk is not None]

    def _probe_words(self, clause: Words, scope: Scope, at: str) -> Sql:
        body = f"(SELECT v.body FROM resource r JOIN version v ON v.seq = r.seq WHERE r.pk = {at})"
        return Sql(f"hie_words({body}, ?, ?)", (orjson.dumps(clause.words).decode(), int(clause.narrative)))

    def _probe_near(self, clause: Near, scope: Scope, at: str) -> Sql:
        return _exists(("near", Sql("1"), self._near(clause)), at)

    def _near(self, clause: Near) -> Sql:
        reach = clause.km / _KM_PER_DEGREE + 0.001
        return Sql(
            "latitude BETWEEN ? AND ? AND hie_km(?, ?, latitude, longitude) <= ?",
            (clause.latitude - reach, clause.latitude + reach, clause.latitude, clause.longitude, clause.km),
        )

    def _probe_chain(self, clause: Chain, scope: Scope, at: str) -> Sql:
        targets, x = self.scope(clause.types), _inner(at)
        params = one_of(f"{x}.param", self.params(scope, clause.param))
        inner = self.probe(clause.clause, targets, f"{x}.target")
        where = joined([params, live(f"{x}.target", targets), inner], "AND")
        text = f"EXISTS (SELECT 1 FROM reference {x} WHERE {x}.resource = {at} AND {where.text} LIMIT 1)"
        return Sql(text, where.values)

    def _probe_has(self, clause: Has, scope: Scope, at: str) -> Sql:
        sources, x = self.scope((clause.type,)), _inner(at)
        params = one_of(f"{x}.param", self.params(sources, clause.param))
        where = joined([params, self.probe(clause.clause, sources, f"{x}.resource")], "AND")
        text = f"EXISTS (SELECT 1 FROM reference {x} WHERE {x}.target = {at} AND {where.text} LIMIT 1)"
        return Sql(text, where.values)

    # -- arms ----------------------------------------------------------------------------------------------------

    def arms(self, clause: Clause, scope: Scope) -> list[Arm] | None:
        """The resources that meet `clause`, duplicates possible; None when no index lists them."""
        make = _ARMS.get(type(clause))
        return make(self, clause, scope) if make else None

    def _arms_any(self, clause: Or, scope: Scope) -> list[Arm] | None:
        found: list[Arm] = []
        for part in clause.clauses:
            arms = self.arms(part, scope)
            if arms is None:
                return None
            found += arms
        return found

    def _arms_all(self, clause: And, scope: Scope) -> list[Arm] | None:
        driver, arms, _ = self.choose(clause.clauses, scope)
        if arms is None:
            return None
        rest = [part for part in clause.clauses if part is not driver]
        if not rest:
            return arms
        probes = joined([self.probe(part, scope, "d.resource") for part in rest], "AND")
        return [
            Arm(
                Sql(
                    f"SELECT d.resource AS resource FROM ({arm.sql.text}) d WHERE {probes.text}",
                    arm.sql.values + probes.values,
                ),
                arm.ordered,
                arm.live,
            )
            for arm in arms
        ]

    def _arms_match(self, clause: Match, scope: Scope) -> list[Arm] | None:
        arms: list[Arm] = []
        for table, params, condition in self._rows(clause, scope):
            if condition is NEVER:
                continue
            if table == "date":
                arms += _date_arms(clause, params)
                continue
            where = joined([params, condition], "AND")
            ordered = where.text in _ORDERED
            arms.append(Arm(Sql(f"SELECT resource FROM {table} WHERE {where.text}", where.values), ordered))
        return arms

    def _arms_present(self, clause: Present, scope: Scope) -> list[Arm] | None:
        params = self.params(scope, clause.param)
        where = one_of("param", params)
        return [Arm(Sql(f"SELECT resource FROM {TABLES[clause.kind]} WHERE {where.text}", where.values))]

    def _arms_composite(self, clause: CompositeMatch, scope: Scope) -> list[Arm] | None:
        if clause.kinds[0] not in (Kind.TOKEN, Kind.REFERENCE):
            return None
        return [Arm(self._composite(clause, tests, scope)) for tests in clause.alternatives]

    def _arms_id(self, clause: IdIs, scope: Scope) -> list[Arm] | None:
        types, marks = one_of("type", scope), ", ".join("?" * len(clause.ids))
        where = f"{types.text} AND id IN ({marks}) AND deleted = 0"
        return [Arm(Sql(f"SELECT pk AS resource FROM resource WHERE {where}", types.values + clause.ids))]

    def _arms_updated(self, clause: UpdatedIs, scope: Scope) -> list[Arm] | None:
        if any(test.op is Op.NE for test in clause.tests):
            return None
        types = one_of("type", scope)
        arms = []
        for test in clause.tests:
            low, high = _INSTANT[test.op](test)
            where = f"last_updated >= ? AND last_updated < ? AND deleted = 0 AND {types.text}"
            sql = Sql(f"SELECT pk AS resource FROM resource WHERE {where}", (low, high, *types.values))
            arms.append(Arm(sql))
        return arms

    def _arms_compartment(self, clause: InCompartment, scope: Scope) -> list[Arm] | None:
        patients = self._patients(clause)
        where = joined([one_of("patient", patients), one_of("type", scope)], "AND")
        ordered = len(patients) == 1 and len(scope) == 1
        return [Arm(Sql(f"SELECT resource FROM compartment WHERE {where.text}", where.values), ordered)]

    def _arms_near(self, clause: Near, scope: Scope) -> list[Arm] | None:
        where = joined([one_of("param", self.params(scope, "near")), self._near(clause)], "AND")
        return [Arm(Sql(f"SELECT resource FROM near WHERE {where.text}", where.values))]

    def _arms_chain(self, clause: Chain, scope: Scope) -> list[Arm] | None:
        targets = self.scope(clause.types)
        params = one_of("x.param", self.params(scope, clause.param))
        found = self.arms(clause.clause, targets)
        if found is None:
            return None
        join = f"CROSS JOIN reference x ON {params.text} AND x.target = i.resource"
        return [
            Arm(
                Sql(
                    f"SELECT x.resource AS resource FROM ({arm.sql.text}) i {join}",
                    arm.sql.values + params.values,
                )
            )
            for arm in (checked(arm, targets) for arm in found)
        ]

    def _arms_has(self, clause: Has, scope: Scope) -> list[Arm] | None:
        sources = self.scope((clause.type,))
        params = one_of("x.param", self.params(sources, clause.param))
        found = self.arms(clause.clause, sources)
        if found is None:
            return None
        join = f"CROSS JOIN reference x ON x.resource = i.resource AND {params.text}"
        return [
            Arm(
                Sql(
                    f"SELECT x.target AS resource FROM ({arm.sql.text}) i {join}",
                    arm.sql.values + params.values,
                ),
                live=False,
            )
            for arm in (checked(arm, sources) for arm in found)
        ]

    # -- choosing what drives ------------------------------------------------------------------------------------

    def choose(
        self, clauses: Sequence[Clause], scope: Scope
    ) -> tuple[Clause | None, list[Arm] | None, list[tuple[Clause, int, bool]]]:
        """The clause to drive with, its arms, and what was counted: (clause, rows, whether the count was capped).

        Counts grow in rounds, so a selective clause is found after few rows, however dense the others are.
        """
        drivable = [(clause, arms) for clause in clauses if (arms := self.arms(clause, scope)) is not None]
        if not drivable:
            return None, None, []
        if len(drivable) == 1:
            return (*drivable[0], [])
        counts: list[tuple[Clause, int, bool]] = []
        for cap in _CAPS:
            counts = []
            for clause, arms in drivable:
                rows = self.estimate(arms, cap)
                counts.append((clause, rows, rows >= cap))
                if rows == 0:
                    break
            if any(not capped for _, _, capped in counts):
                break
        best = min(range(len(counts)), key=lambda number: (counts[number][1], _RANK.get(type(drivable[number][0]), 9)))
        return (*drivable[best], counts)

    def estimate(self, arms: Sequence[Arm], cap: int) -> int:
        """How many rows the arms list, counted to `cap` at most."""
        rows = 0
        for arm in arms:
            sql = f"SELECT count(*) FROM (SELECT 1 FROM ({arm.sql.text}) LIMIT ?)"
            rows += int(self._connection.execute(sql, (*arm.sql.values, cap - rows)).get)
            if rows >= cap:
                break
        return rows

    # -- names ---------------------------------------------------------------------------------------------------

    def scope(self, types: Sequence[str]) -> Scope:
        """The numbers of the types; all that there are when `types` is empty."""
        if not types:
            return tuple(pk for name, pk in self._names.types().items() if name)
        return tuple(pk for name in types if (pk := self._names.type(name)) is not None)

    def params(self, scope: Scope, code: str) -> list[int]:
        """The numbers of the parameter `code` of all types in the scope."""
        return [pk for type_pk in scope if (pk := self._names.param(type_pk, code)) is not None]

    def _rows(self, clause: Match, scope: Scope) -> list[tuple[str, Sql, Sql]]:
        """(table, condition on param, condition on values) for each table that the tests look into."""
        grouped: dict[str, list[Test]] = {}
        for test in clause.tests:
            grouped.setdefault(_SUFFIX.get(type(test), ""), []).append(test)
        rows = []
        for suffix, tests in grouped.items():
            params = self.params(scope, clause.param + suffix)
            kind = Kind.TOKEN if suffix else clause.kind
            if not params:
                continue
            found = [self._conditions.condition(test, kind) for test in tests]
            some = _merged([condition for condition in found if condition is not NEVER])
            if some is not None:
                rows.append((TABLES[kind], one_of("param", params), some))
        return rows


def _merged(conditions: list[Sql]) -> Sql | None:
    """The conditions with OR; equalities on one column become one IN."""
    if not conditions:
        return None
    column = conditions[0].text.partition(" ")[0]
    single = f"{column} = ?"
    many = f"{column} IN ("
    if len(conditions) > 1 and all(
        c.text == single or (c.text.startswith(many) and "SELECT" not in c.text) for c in conditions
    ):
        numbers = list(dict.fromkeys(value for condition in conditions for value in condition.values))
        return one_of(column, numbers)
    return joined(conditions, "OR")


def _inner(at: str) -> str:
    """A table alias for a subquery on `at`: x1 at the top, then x2 below x1, and so on."""
    alias = at.partition(".")[0]
    return f"x{int(alias[1:]) + 1}" if alias[1:].isdigit() else "x1"


def _exists(row: tuple[str, Sql, Sql], at: str) -> Sql:
    table, params, condition = row
    text = f"EXISTS (SELECT 1 FROM {table} WHERE resource = {at} AND {params.text} AND {condition.text} LIMIT 1)"
    return Sql(text, params.values + condition.values)


def live(at: str, scope: Scope) -> Sql:
    """Whether a number is that of a current resource of the scope."""
    types = one_of("type", scope)
    return Sql(
        f"EXISTS (SELECT 1 FROM resource WHERE pk = {at} AND deleted = 0 AND {types.text} LIMIT 1)", types.values
    )


def checked(arm: Arm, scope: Scope) -> Arm:
    """The arm without what is not current or not of the scope."""
    if arm.live:
        return arm
    check = live("e.resource", scope)
    sql = f"SELECT e.resource AS resource FROM ({arm.sql.text}) e WHERE {check.text}"
    return Arm(Sql(sql, arm.sql.values + check.values), arm.ordered)


def _date_arms(clause: Match, params: Sql) -> list[Arm]:
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


_ORDERED = {"(param = ? AND concept = ?)", "(param = ? AND target = ?)", "(param = ? AND text = ?)"}
_CAPS = (100, 2000, 50_000)
"""Rows counted of each clause, round by round, until one is known to be selective."""

_RANK = {IdIs: 0, InCompartment: 1, Match: 2, Chain: 3, Has: 4}

_EARLIEST, _LATEST = -(1 << 62), 1 << 62
_INSTANT: dict[Op, Callable[[RangeTest], tuple[float, float]]] = {
    Op.EQ: lambda test: (test.low, test.high),
    Op.AP: lambda test: (test.low, test.high),
    Op.GT: lambda test: (test.high, _LATEST),
    Op.SA: lambda test: (test.high, _LATEST),
    Op.GE: lambda test: (test.low, _LATEST),
    Op.LT: lambda test: (_EARLIEST, test.low),
    Op.EB: lambda test: (_EARLIEST, test.low),
    Op.LE: lambda test: (_EARLIEST, test.high),
}
"""An instant against a date: [from, to) in which it lies."""

_PROBES: dict[type, Callable[[Compiler, Any, Scope, str], Sql]] = {
    And: Compiler._probe_all,
    Or: Compiler._probe_any,
    Not: Compiler._probe_not,
    Match: Compiler._probe_match,
    Present: Compiler._probe_present,
    CompositeMatch: Compiler._probe_composite,
    IdIs: Compiler._probe_id,
    UpdatedIs: Compiler._probe_updated,
    TypeIs: Compiler._probe_type,
    InCompartment: Compiler._probe_compartment,
    Words: Compiler._probe_words,
    Near: Compiler._probe_near,
    Chain: Compiler._probe_chain,
    Has: Compiler._probe_has,
}
_ARMS: dict[type, Callable[[Compiler, Any, Scope], list[Arm] | None]] = {
    And: Compiler._arms_all,
    Or: Compiler._arms_any,
    Match: Compiler._arms_match,
    Present: Compiler._arms_present,
    CompositeMatch: Compiler._arms_composite,
    IdIs: Compiler._arms_id,
    UpdatedIs: Compiler._arms_updated,
    InCompartment: Compiler._arms_compartment,
    Near: Compiler._arms_near,
    Chain: Compiler._arms_chain,
    Has: Compiler._arms_has,
}
