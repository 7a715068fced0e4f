"""Clauses as arms (`hie.store.sqlite.arms`), and which clause drives.

A search runs the arms of its most selective clause and probes the others (`hie.store.sqlite.probing`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hie.search.clause import (
    And,
    Chain,
    Clause,
    CompositeMatch,
    Has,
    IdIs,
    InCompartment,
    Kind,
    Match,
    Near,
    Op,
    Or,
    Present,
    QuantityTest,
    RangeTest,
    UpdatedIs,
    Words,
)
from hie.store.sqlite.arms import Arm, checked, date_arms, plain, split
from hie.store.sqlite.coded import coded_arms
from hie.store.sqlite.conditions import NEVER, Sql, joined, one_of
from hie.store.sqlite.probing import TABLES, Probing, Scope
from hie.store.sqlite.texts import expression


@dataclass(frozen=True, slots=True)
class Choice:
    """The clause that drives, its arms, and what was counted: (clause, rows, whether the count was capped).

    `sure` is False when counting ended before it was known which clause lists the fewest. The clause may be two of the
    given ones together.
    """

    clause: Clause
    arms: list[Arm]
    counts: list[tuple[Clause, int, bool]]
    sure: bool = True

    def rest(self, clauses: Sequence[Clause]) -> list[Clause]:
        """Those of the given clauses that do not drive."""
        driving = (self.clause, *self.clause.clauses) if isinstance(self.clause, And) else (self.clause,)
        return [part for part in clauses if all(part is not one for one in driving)]


class Compiler(Probing):
    """Probes and arms; `choose` picks what drives."""

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
        choice = self.choose(clause.clauses, scope)
        if choice is None:
            return None
        rest = choice.rest(clause.clauses)
        if not rest:
            return choice.arms
        probes = joined([self.probe(part, scope, "d.resource") for part in rest], "AND")
        return [
            Arm(
                Sql(
                    f"SELECT d.resource AS resource FROM ({arm.sql.text}) d WHERE {probes.text}",
                    arm.sql.values + probes.values,
                ),
                arm.ordered,
                arm.live,
                arm.loose,
            )
            for arm in choice.arms
        ]

    def _arms_match(self, clause: Match, scope: Scope) -> list[Arm] | None:
        arms: list[Arm] = []
        for table, params, condition in self.rows(clause, scope):
            if condition is NEVER:
                continue
            if table == "date":
                arms += date_arms(clause, params)
            elif table == "quantity":
                arms += self._quantity_arms(clause, params)
            else:
                arms += split(table, params, condition) or [plain(clause, table, params, condition)]
        return arms

    def _quantity_arms(self, clause: Match, params: Sql) -> list[Arm]:
        found = [part for test in clause.tests if isinstance(test, QuantityTest)
                 for part in self.conditions.quantity_arms(test)]  # fmt: skip
        wheres = [joined([params, part], "AND") for part in found]
        return [
            Arm(Sql(f"SELECT resource FROM quantity WHERE {where.text}", where.values), loose="NOT NULL" in where.text)
            for where in wheres
        ]

    def _arms_present(self, clause: Present, scope: Scope) -> list[Arm] | None:
        params = self.params(scope, clause.param)
        where = one_of("param", params)
        return [Arm(Sql(f"SELECT resource FROM {TABLES[clause.kind]} WHERE {where.text}", where.values))]

    def _arms_composite(self, clause: CompositeMatch, scope: Scope) -> list[Arm] | None:
        if clause.kinds[0] not in (Kind.TOKEN, Kind.REFERENCE):
            return None
        return [Arm(self.composite(clause, tests, scope)) for tests in clause.alternatives]

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
        patients = self.patients(clause)
        where = joined([one_of("patient", patients), one_of("type", scope)], "AND")
        ordered = len(patients) == 1 and len(scope) == 1
        return [Arm(Sql(f"SELECT resource FROM compartment WHERE {where.text}", where.values), ordered)]

    def _arms_near(self, clause: Near, scope: Scope) -> list[Arm] | None:
        where = joined([one_of("param", self.params(scope, "near")), self.near(clause)], "AND")
        return [Arm(Sql(f"SELECT resource FROM near WHERE {where.text}", where.values))]

    def _arms_words(self, clause: Words, scope: Scope) -> list[Arm] | None:
        """What the text index has, and what it has not reached, by reading; many of those are for another clause."""
        reached = int(self.connection.execute("SELECT seq FROM texts.reached WHERE one = 1").get or 0)
        newest = int(self.connection.execute("SELECT max(seq) FROM version").get or 0)
        types = one_of("r.type", scope)
        current = f"CROSS JOIN resource r ON r.pk = v.resource AND r.seq = v.seq AND r.deleted = 0 AND {types.text}"
        indexed = f"FROM texts.words w CROSS JOIN version v ON v.seq = w.rowid {current} WHERE w.words MATCH ?"
        beyond = f"FROM version v {current} WHERE v.seq > ? AND hie_words(v.body, ?, ?)"
        wanted = (orjson.dumps(clause.words).decode(), int(clause.narrative))
        found = [Arm(Sql(f"SELECT r.pk AS resource {indexed}",
                         (*types.values, expression(clause.words, clause.narrative))))]  # fmt: skip
        if reached < newest:
            read = Sql(f"SELECT r.pk AS resource {beyond}", (*types.values, reached, *wanted))
            found.append(Arm(read, loose=newest - reached > _READ))
        return found

    def _arms_chain(self, clause: Chain, scope: Scope) -> list[Arm] | None:
        targets = self.scope(clause.types)
        params = one_of("x.param", self.params(scope, clause.param))
        found = self.arms(clause.clause, targets)
        if found is None:
            return None
        join = f"CROSS JOIN reference x ON {params.text} AND x.target = i.resource"
        return [
            Arm(Sql(f"SELECT x.resource AS resource FROM ({arm.sql.text}) i {join}", arm.sql.values + params.values))
            for arm in (checked(arm, targets) for arm in found)
        ]

    def _arms_has(self, clause: Has, scope: Scope) -> list[Arm] | None:
        sources = self.scope((clause.type,))
        params = one_of("x.param", self.params(sources, clause.param))
        found = self.arms(clause.clause, sources)
        if found is None:
            return None
        join = f"CROSS JOIN reference x ON x.resource = i.resource AND {params.text}"
        made = (
            Sql(f"SELECT x.target AS resource FROM ({arm.sql.text}) i {join}", arm.sql.values + params.values)
            for arm in (checked(arm, sources) for arm in found)
        )
        return [Arm(sql, live=False) for sql in made]

    # -- choosing what drives ------------------------------------------------------------------------------------

    def choose(self, clauses: Sequence[Clause], scope: Scope, *, sure: bool = True) -> Choice | None:
        """The clause to drive with; None when no index lists any.

        Counts grow in rounds, so a selective clause is found after few rows, however dense the others are. With `sure`
        off they end after the first when all are dense and one comes in order.
        """
        together = coded_arms(clauses, scope, self)
        if together is not None and (rows := self.estimate(together[1], _FEW)) < _FEW:
            return Choice(*together, [(together[0], rows, False)])
        drivable = [(clause, arms) for clause in clauses if (arms := self.arms(clause, scope)) is not None]
        strict = [pair for pair in drivable if not any(arm.loose for arm in pair[1])]
        drivable = sorted(strict or drivable, key=_likely)
        if not drivable:
            return None
        if len(drivable) == 1:
            return Choice(*drivable[0], [])
        first, arms = drivable[0]
        if (rows := self.estimate(arms, _FEW)) < _FEW:
            return Choice(first, arms, [(first, rows, False)])
        counts: list[tuple[Clause, int, bool]] = []
        for cap in _CAPS:
            counts, least = [], cap
            for clause, arms in drivable:
                rows = self.estimate(arms, least)
                counts.append((clause, rows, rows >= least))
                least = max(min(least, rows), 1)
            if least < cap:
                break
            ordered = [pair for pair in drivable if all(arm.ordered for arm in pair[1])]
            if ordered and not sure:
                return Choice(*ordered[0], counts, sure=False)
        order = [(rows, not all(arm.ordered for arm in arms))
                 for (_, rows, _), (_, arms) in zip(counts, drivable, strict=True)]  # fmt: skip
        return Choice(*drivable[order.index(min(order))], counts)

    def estimate(self, arms: Sequence[Arm], cap: int) -> int:
        """How many rows the arms list, counted to `cap` at most."""
        rows = 0
        for arm in arms:
            sql = f"SELECT count(*) FROM (SELECT 1 FROM ({arm.sql.text}) LIMIT ?)"
            rows += int(self.connection.execute(sql, (*arm.sql.values, cap - rows)).get)
            if rows >= cap:
                break
        return rows


def _likely(pair: tuple[Clause, list[Arm]]) -> tuple[int, bool]:
    """Clauses that name a resource or a person come first."""
    clause = pair[0]
    return _RANK.get(type(clause), 9), not (isinstance(clause, Match) and clause.kind is Kind.REFERENCE)


_CAPS = (100, 2000, 10_000)
"""Rows counted of each clause, round by round, until one is known to be selective."""

_FEW = 1000
"""When the likeliest clause lists fewer rows it drives; the others are not counted."""

_READ = 2000
"""Versions beyond the text index that a search for words reads gladly."""

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
    Words: Compiler._arms_words,
    Chain: Compiler._arms_chain,
    Has: Compiler._arms_has,
}
