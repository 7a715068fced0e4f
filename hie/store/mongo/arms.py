"""Clauses that an index answers: what can drive a search.

What else a document must meet is kept from the planner's view, so that the index that was chosen is the one that is
used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hie.search.clause import (
    And,
    Clause,
    CompositeMatch,
    IdIs,
    InCompartment,
    Kind,
    Match,
    Near,
    Or,
    Present,
    UpdatedIs,
)
from hie.store.mongo import schema
from hie.store.mongo.conditions import Condition, updated
from hie.store.mongo.matching import Scope, compartment, composite, key_matches, matches, names, near, one_of, presence
from hie.store.mongo.probing import Joins, probe

_TYPED = (schema.STRINGS, schema.DATES, schema.QUANTITIES, schema.CANONICAL)


@dataclass(frozen=True, slots=True)
class Arm:
    """A condition that holds for current resources of the scope only, and the index that answers it."""

    match: Condition
    index: str


def hidden(condition: Condition) -> Condition:
    """The same condition, of which the planner makes no index bounds."""
    return {"$nor": [{"$nor": [condition]}]}


def arms(clause: Clause, scope: Scope) -> list[Arm] | None:
    """Conditions that together list the resources that meet `clause`; None when no index does."""
    make = _ARMS.get(type(clause))
    return make(clause, scope) if make else None


def _arms_any(clause: Or, scope: Scope) -> list[Arm] | None:
    found: list[Arm] = []
    for part in clause.clauses:
        one = arms(part, scope)
        if one is None:
            return None
        found += one
    return found


def _arms_all(clause: And, scope: Scope) -> list[Arm] | None:
    for part in sorted(clause.clauses, key=rank):
        found = arms(part, scope)
        if found is None:
            continue
        joins = Joins()
        rest = [hidden(probe(other, scope, joins)) for other in clause.clauses if other is not part]
        if joins.stages:
            return None
        if rest:
            return [Arm({**arm.match, "$and": [*arm.match.get("$and", ()), *rest]}, arm.index) for arm in found]
        return found
    return None


def _of_scope(condition: Condition, index: str, scope: Scope) -> Arm:
    """The arm; the arrays of ranges have the type in their parameter already."""
    return Arm(condition if index in _TYPED else {**condition, "t": one_of(scope or ("",))}, index)


def _arms_match(clause: Match, scope: Scope) -> list[Arm] | None:
    return [_of_scope(condition, index, scope) for condition, index in matches(clause, scope)]


def _arms_present(clause: Present, scope: Scope) -> list[Arm] | None:
    condition, index = presence(clause, scope)
    return [_of_scope(condition, index, scope)] if index else None


def _arms_composite(clause: CompositeMatch, scope: Scope) -> list[Arm] | None:
    if clause.kinds[0] not in (Kind.TOKEN, Kind.REFERENCE):
        return None
    first = Match(clause.param, clause.kinds[0], tuple(tests[0] for tests in clause.alternatives))
    whole = composite(clause)
    return [_of_scope({**condition, **whole}, index, scope) for condition, index in key_matches(first, scope)]


def _arms_updated(clause: UpdatedIs, scope: Scope) -> list[Arm] | None:
    return [_of_scope(one, schema.UPDATED, scope) for test in clause.tests for one in updated(test)]


def _arms_near(clause: Near, scope: Scope) -> list[Arm] | None:
    band, exact = near(clause)
    return [_of_scope({**band, **exact}, schema.POSITIONS, scope)]


_ARMS: dict[type, Callable[[Any, Scope], list[Arm] | None]] = {
    And: _arms_all,
    Or: _arms_any,
    Match: _arms_match,
    Present: _arms_present,
    CompositeMatch: _arms_composite,
    IdIs: lambda clause, scope: [_of_scope(names(clause, scope), "_id_", scope)],
    UpdatedIs: _arms_updated,
    InCompartment: lambda clause, scope: [_of_scope(compartment(clause), schema.KEYS, scope)],
    Near: _arms_near,
}

_RANKS: dict[type, int] = {IdIs: 0, InCompartment: 1, Match: 3, CompositeMatch: 3, Or: 4, Near: 4, UpdatedIs: 6}


def rank(clause: Clause) -> int:
    """How likely a clause is to be selective, least first, before anything is counted."""
    if isinstance(clause, Match) and clause.kind is Kind.REFERENCE:
        return 2
    return _RANKS.get(type(clause), 9)
