"""Clauses as probes: conditions on one resource whose number is known.

They are answered from tables clustered by resource or by a full index key, so none skips a key column. The LIMIT in
every EXISTS keeps SQLite from turning it into a join, whose order it would choose itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import apsw
import orjson

from hie.search.clause import (
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
    Or,
    Present,
    Test,
    TypeIs,
    UpdatedIs,
    Words,
)
from hie.store.sqlite.conditions import NEVER, Conditions, Sql, date_condition, joined, one_of
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


class Probing:
    """Probes, for the state of one connection."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        self.connection = connection
        self._names = names
        self.conditions = Conditions(connection, names)

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
        return joined([_exists(row, at) for row in self.rows(clause, scope)] or [NEVER], "OR")

    def _probe_present(self, clause: Present, scope: Scope, at: str) -> Sql:
        params = self.params(scope, clause.param)
        return _exists((TABLES[clause.kind], one_of("param", params), Sql("1")), at) if params else NEVER

    def _probe_composite(self, clause: CompositeMatch, scope: Scope, at: str) -> Sql:
        found = [self.composite(clause, tests, scope) for tests in clause.alternatives]
        parts = [Sql(f"EXISTS ({sql.text} AND c0.resource = {at})", sql.values) for sql in found]
        return joined(parts or [NEVER], "OR")

    def composite(self, clause: CompositeMatch, tests: Sequence[Test], scope: Scope) -> Sql:
        """Tuples that pass, as SELECT of `resource` with an open WHERE."""
        params = one_of("c0.param", self.params(scope, clause.param))
        tables, wheres = ["composite c0"], [params, Sql("c0.part = 0")]
        for number, (test, kind) in enumerate(zip(tests, clause.kinds, strict=True)):
            alias = f"c{number}"
            if number:
                same = " AND ".join(f"{alias}.{column} = c0.{column}" for column in ("resource", "param", "tuple"))
                tables.append(f"JOIN composite {alias} ON {same} AND {alias}.part = {number}")
            wheres.append(self.conditions.condition(test, kind, f"{alias}.", "key"))
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
        patients = one_of("patient", self.patients(clause))
        return Sql(
            f"EXISTS (SELECT 1 FROM compartment WHERE resource = {at} AND {patients.text} LIMIT 1)", patients.values
        )

    def patients(self, clause: InCompartment) -> list[int]:
        """The numbers of the Patients that there are."""
        found = (self.conditions.resource("Patient", name) for name in clause.patients)
        return [pk for pk in found if pk is not None]

    def _probe_words(self, clause: Words, scope: Scope, at: str) -> Sql:
        body = f"(SELECT v.body FROM resource r JOIN version v ON v.seq = r.seq WHERE r.pk = {at})"
        return Sql(f"hie_words({body}, ?, ?)", (orjson.dumps(clause.words).decode(), int(clause.narrative)))

    def _probe_near(self, clause: Near, scope: Scope, at: str) -> Sql:
        return _exists(("near", Sql("1"), self.near(clause)), at)

    def near(self, clause: Near) -> Sql:
        """The condition on a row of `near`: a band of latitudes by index, then the distance."""
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

    # -- names ---------------------------------------------------------------------------------------------------

    def scope(self, types: Sequence[str]) -> Scope:
        """The numbers of the types; all that there are when `types` is empty."""
        if not types:
            return tuple(pk for name, pk in self._names.types().items() if name)
        return self._names.those(types)

    def params(self, scope: Scope, code: str) -> list[int]:
        """The numbers of the parameter `code` of all types in the scope."""
        return [pk for type_pk in scope if (pk := self._names.param(type_pk, code)) is not None]

    def rows(self, clause: Match, scope: Scope) -> list[tuple[str, Sql, Sql]]:
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
            found = [self.conditions.condition(test, kind) for test in tests]
            some = merged([condition for condition in found if condition is not NEVER])
            if some is not None:
                rows.append((TABLES[kind], one_of("param", params), some))
        return rows


def merged(conditions: Sequence[Sql]) -> Sql | None:
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


_PROBES: dict[type, Callable[[Probing, Any, Scope, str], Sql]] = {
    And: Probing._probe_all,
    Or: Probing._probe_any,
    Not: Probing._probe_not,
    Match: Probing._probe_match,
    Present: Probing._probe_present,
    CompositeMatch: Probing._probe_composite,
    IdIs: Probing._probe_id,
    UpdatedIs: Probing._probe_updated,
    TypeIs: Probing._probe_type,
    InCompartment: Probing._probe_compartment,
    Words: Probing._probe_words,
    Near: Probing._probe_near,
    Chain: Probing._probe_chain,
    Has: Probing._probe_has,
}
