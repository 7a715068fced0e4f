"""Clauses that are tried on documents which were found already.

Chains and `_has` are joins (`$lookup`) that run in the server, so no list of ids is ever collected in the client.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hie.search.clause import (
    And,
    Chain,
    Clause,
    CompositeMatch,
    Has,
    IdIs,
    InCompartment,
    Match,
    Near,
    Not,
    Or,
    Present,
    TypeIs,
    UpdatedIs,
)
from hie.store.mongo import schema
from hie.store.mongo.conditions import Condition
from hie.store.mongo.matching import (
    Scope,
    compartment,
    composite,
    either,
    matches,
    names,
    near,
    one_of,
    presence,
    reference_to_me,
    targets,
    updated_in,
)

Stage = dict[str, Any]


@dataclass(slots=True)
class Joins:
    """The joins that a condition needs before it can be tried, in order."""

    stages: list[Stage] = field(default_factory=list)
    count: int = 0

    def add(self, local: Any, foreign: str, pipeline: Sequence[Stage]) -> Condition:
        """Join the documents whose `foreign` is `local`; the condition that there is one that passes `pipeline`."""
        number = self.count
        self.count += 1
        self.stages += [
            {"$set": {f"x{number}": local}},
            {
                "$lookup": {
                    "from": schema.RESOURCE,
                    "localField": f"x{number}",
                    "foreignField": foreign,
                    "pipeline": [*pipeline, {"$limit": 1}, {"$project": {"_id": 1}}],
                    "as": f"j{number}",
                }
            },
        ]
        return {f"j{number}": {"$ne": []}}


def probe(clause: Clause, scope: Scope, joins: Joins) -> Condition:
    """A condition on a document of the scope; joins that it needs are added to `joins`."""
    return _PROBES[type(clause)](clause, scope, joins)


def _probe_all(clause: And, scope: Scope, joins: Joins) -> Condition:
    parts = [probe(part, scope, joins) for part in clause.clauses]
    return {"$and": parts} if parts else {}


def _probe_any(clause: Or, scope: Scope, joins: Joins) -> Condition:
    return either([probe(part, scope, joins) for part in clause.clauses])


def _probe_match(clause: Match, scope: Scope, joins: Joins) -> Condition:
    return either([condition for condition, _ in matches(clause, scope)])


def filtered(clause: Clause, scope: Scope) -> list[Stage]:
    """Stages that leave the documents of the scope that meet `clause`."""
    joins = Joins()
    condition = probe(clause, scope, joins)
    kind: Stage = {"$match": {"t": one_of(scope or ("",))}}
    if joins.stages:
        return [kind, *joins.stages, {"$match": condition}]
    return [{"$match": {**kind["$match"], "$and": [condition]}}]


def _probe_chain(clause: Chain, scope: Scope, joins: Joins) -> Condition:
    return joins.add(targets(clause.param), "_id", filtered(clause.clause, clause.types))


def _probe_has(clause: Has, scope: Scope, joins: Joins) -> Condition:
    return joins.add(reference_to_me(clause.param), "k", filtered(clause.clause, (clause.type,)))


_PROBES: dict[type, Callable[[Any, Scope, Joins], Condition]] = {
    And: _probe_all,
    Or: _probe_any,
    Not: lambda clause, scope, joins: {"$nor": [probe(clause.clause, scope, joins)]},
    Match: _probe_match,
    Present: lambda clause, scope, joins: presence(clause, scope)[0],
    CompositeMatch: lambda clause, scope, joins: composite(clause),
    IdIs: lambda clause, scope, joins: names(clause, scope),
    UpdatedIs: lambda clause, scope, joins: updated_in(clause),
    TypeIs: lambda clause, scope, joins: {"t": {"$in": list(clause.types)}},
    InCompartment: lambda clause, scope, joins: compartment(clause),
    Near: lambda clause, scope, joins: {"$and": list(near(clause))},
    Chain: _probe_chain,
    Has: _probe_has,
}
