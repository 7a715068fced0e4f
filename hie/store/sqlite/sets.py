"""The set that a clause means on one connection: what lists it, what is tried on what is listed, how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from hie.search.clause import And, Clause
from hie.store.sqlite.arms import Arm, checked
from hie.store.sqlite.conditions import Sql, joined, one_of
from hie.store.sqlite.driving import Compiler
from hie.store.sqlite.probing import Scope


@dataclass(frozen=True)
class Source:
    """What drives, and what is probed. `arms` are live; `best` and `counts` are for explaining.

    `sure` is False when what drives was taken without counting how dense the other clauses are.
    """

    arms: list[Arm]
    probes: list[Clause]
    best: Clause | None
    counts: list[tuple[Clause, int, bool]]
    sure: bool = True


class Sets:
    """Sources, and SELECTs of what they list."""

    def __init__(self, connection: apsw.Connection, compiler: Compiler) -> None:
        self._connection = connection
        self.compiler = compiler

    def source(self, clause: Clause, scope: Scope, *, sure: bool = True) -> Source:
        """The clause that drives, and the rest as probes; with `sure` off, counting ends when nothing is selective."""
        clauses = flat(clause)
        choice = self.compiler.choose(clauses, scope, sure=sure)
        if choice is None:
            return Source([self.everything(scope)], clauses, None, [])
        live = [checked(arm, scope) for arm in choice.arms]
        return Source(live, choice.rest(clauses), choice.clause, choice.counts, choice.sure)

    def everything(self, scope: Scope) -> Arm:
        """All current resources of the types."""
        if set(scope) == set(self.compiler.scope(())):
            return Arm(Sql("SELECT pk AS resource FROM resource WHERE deleted = 0"), True)
        types = one_of("type", scope)
        text = f"SELECT pk AS resource FROM resource WHERE {types.text} AND deleted = 0"
        return Arm(Sql(text, types.values), len(scope) == 1)

    def listing(self, source: Source, scope: Scope, more: Sequence[Sql] = ()) -> Sql:
        """SELECT of each matching `resource` once; one arm that comes in order holds none twice."""
        arms = " UNION ALL ".join(arm.sql.text for arm in source.arms) or "SELECT NULL AS resource WHERE 0"
        values = tuple(value for arm in source.arms for value in arm.sql.values)
        probes = [*more, *(self.compiler.probe(part, scope, "d.resource") for part in source.probes)]
        where = joined(probes or [Sql("1")], "AND")
        text = f"SELECT DISTINCT d.resource AS resource FROM ({arms}) d WHERE {where.text}"
        return Sql(text, values + where.values)

    def total(self, source: Source, scope: Scope) -> int:
        """How many there are."""
        found = self.listing(source, scope)
        return int(self._connection.execute(f"SELECT count(*) FROM ({found.text})", found.values).get)


def flat(clause: Clause) -> list[Clause]:
    """The clauses that must all hold."""
    if isinstance(clause, And):
        return [part for inner in clause.clauses for part in flat(inner)]
    return [clause]
