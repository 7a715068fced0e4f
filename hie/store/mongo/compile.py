"""Clauses -> match conditions on resource documents, in two forms.

An *arm* is a condition that an index answers, and the name of that index: it can drive a search. A *probe* is a
condition on documents that were found already; chains and `_has` in it are joins (`$lookup`) that run in the server, so
no list of ids is ever collected in the client. A probe is kept from the planner's view, so that the index that was
chosen is the one that is used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hie.search.clause import (
    And,
    Chain,
    Clause,
    Compare,
    CompositeMatch,
    Has,
    IdIs,
    InCompartment,
    Kind,
    Match,
    Near,
    Not,
    Or,
    Present,
    StringTest,
    TypeIs,
    UpdatedIs,
)
from hie.store.mongo import schema
from hie.store.mongo.conditions import NEVER, Condition, element, keys, updated
from hie.store.mongo.keys import BEYOND, CODE, COMPARTMENT, REFERENCE, WIDE, key, name
from hie.store.mongo.placing import lies_with, named_place, patients_of

Stage = dict[str, Any]

Scope = tuple[str, ...]
"""Names of the resource types that are looked at; never empty, but for a database without resources."""

_ARRAYS = {Kind.STRING: "s", Kind.DATE: "d", Kind.NUMBER: "q", Kind.QUANTITY: "q"}
_INDEX_OF = {"s": schema.STRINGS, "d": schema.DATES, "q": schema.QUANTITIES}
_TYPED = (schema.STRINGS, schema.DATES, schema.QUANTITIES, schema.CANONICAL)
_KM_PER_DEGREE = 111.0
_EARTH_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class Arm:
    """A condition that holds for current resources of the scope only, and the index that answers it."""

    match: Condition
    index: str


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


def one_of(values: Sequence[Any]) -> Condition:
    """Equal to one of `values`."""
    return {"$eq": values[0]} if len(values) == 1 else {"$in": list(values)}


def hidden(condition: Condition) -> Condition:
    """The same condition, of which the planner makes no index bounds."""
    return {"$nor": [{"$nor": [condition]}]}


# -- probes ----------------------------------------------------------------------------------------------------------


def probe(clause: Clause, scope: Scope, joins: Joins) -> Condition:
    """A condition on a document of the scope; joins that it needs are added to `joins`."""
    return _PROBES[type(clause)](clause, scope, joins)


def _either(conditions: Sequence[Condition]) -> Condition:
    if not conditions:
        return NEVER
    return conditions[0] if len(conditions) == 1 else {"$or": list(conditions)}


def _probe_all(clause: And, scope: Scope, joins: Joins) -> Condition:
    parts = [probe(part, scope, joins) for part in clause.clauses]
    return {"$and": parts} if parts else {}


def _probe_any(clause: Or, scope: Scope, joins: Joins) -> Condition:
    return _either([probe(part, scope, joins) for part in clause.clauses])


def _probe_match(clause: Match, scope: Scope, joins: Joins) -> Condition:
    return _either([condition for condition, _ in _matches(clause, scope)])


def _matches(clause: Match, scope: Scope) -> list[tuple[Condition, str]]:
    """Conditions, one of which must hold, and the index that answers each."""
    array = _ARRAYS.get(clause.kind)
    if array is None:
        return _key_matches(clause, scope)
    names = one_of(_params(scope, clause.param))
    found: list[tuple[Condition, str]] = []
    for test in clause.tests:
        if isinstance(test, StringTest) and test.compare in _INSIDE:
            inside = _INSIDE[test.compare](test.text)
            found.append(({"s.p": names, "$expr": _some("$s", scope, clause.param, inside)}, schema.STRINGS))
            continue
        for one in element(test, clause.kind):
            condition: Condition = {array: {"$elemMatch": {"p": names, **one}}}
            if "v" in one:
                found.append(({"k": {"$eq": key(clause.param, WIDE)}, **condition}, schema.KEYS))
                continue
            found.append((condition, schema.CANONICAL if "b" in one else _INDEX_OF[array]))
    return found


def _key_matches(clause: Match, scope: Scope) -> list[tuple[Condition, str]]:
    points: list[str] = []
    found: list[tuple[Condition, str]] = []
    for test in clause.tests:
        exact, prefixes = keys(test, clause.param)
        points += exact
        found += [(_key_range(*ends), schema.KEYS) for ends in prefixes]
    if points:
        found.insert(0, ({"k": one_of(list(dict.fromkeys(points)))}, schema.KEYS))
    patients = patients_of(clause, scope)
    return [({**condition, "p": lies_with(patients)}, index) for condition, index in found] if patients else found


def _key_range(low: str, high: str) -> Condition:
    return {"k": {"$elemMatch": {"$gte": low, "$lt": high}}}


def _params(scope: Scope, code: str) -> list[str]:
    return [f"{kind}.{code}" for kind in scope] or [""]


def _some(array: str, scope: Scope, code: str, inside: Any) -> Any:
    """Some element of the parameter, `$$one`, for which the expression `inside` is true."""
    condition = {"$and": [{"$in": ["$$one.p", _literal(_params(scope, code))]}, inside]}
    filtered = {"$filter": {"input": {"$ifNull": [array, []]}, "as": "one", "cond": condition}}
    return {"$ne": [filtered, []]}


def _literal(value: Any) -> Any:
    return {"$literal": value}


def _contains(text: str) -> Any:
    return {"$gte": [{"$indexOfBytes": ["$$one.f", _literal(text)]}, 0]}


def _ends(text: str) -> Any:
    """The text stands where it would if it were the end; looked for from there only."""
    size = len(text.encode())
    start = {"$subtract": [{"$strLenBytes": "$$one.f"}, size]}
    found = {"$indexOfBytes": ["$$one.f", _literal(text), {"$max": [start, 0]}]}
    return {"$and": [{"$gte": [start, 0]}, {"$eq": [found, start]}]}


_INSIDE: dict[Compare, Callable[[str], Any]] = {Compare.CONTAINS: _contains, Compare.ENDS: _ends}


def _presence(clause: Present, scope: Scope) -> tuple[Condition, str]:
    array = _ARRAYS.get(clause.kind)
    if array is not None:
        return {f"{array}.p": one_of(_params(scope, clause.param))}, _INDEX_OF[array]
    if clause.kind is Kind.SPECIAL:
        return {"g.p": {"$eq": clause.param}}, ""
    if clause.kind is Kind.COMPOSITE:
        return {"c.p": {"$eq": clause.param}}, ""
    return _key_range(clause.param + CODE, clause.param + BEYOND), schema.KEYS


def _composite(clause: CompositeMatch) -> Condition:
    alternatives: list[Condition] = []
    for tests in clause.alternatives:
        parts = [
            _either(element(test, kind, f"e{number}."))
            for number, (test, kind) in enumerate(zip(tests, clause.kinds, strict=True))
        ]
        alternatives.append({"$and": parts})
    return {"c": {"$elemMatch": {"p": {"$eq": clause.param}, "$or": alternatives}}}


def _updated(clause: UpdatedIs) -> Condition:
    return _either([one for test in clause.tests for one in updated(test)])


def _names(clause: IdIs, scope: Scope) -> Condition:
    place = named_place(scope[0], clause.ids) if len(scope) == 1 else {}
    return {"_id": {"$in": [name(kind, one) for kind in scope for one in clause.ids]}, **place}


def _compartment(clause: InCompartment) -> Condition:
    if not clause.patients:
        return NEVER
    return {"k": one_of([key("", COMPARTMENT, one) for one in clause.patients]), "p": lies_with(clause.patients)}


def _near(clause: Near) -> tuple[Condition, Condition]:
    """A range on the latitude, and the exact distance."""
    reach = clause.km / _KM_PER_DEGREE + 0.001
    band = {"g": {"$elemMatch": {"a": {"$gte": clause.latitude - reach, "$lte": clause.latitude + reach}}}}
    filtered = {"$filter": {"input": {"$ifNull": ["$g", []]}, "as": "one", "cond": {"$lte": [_km(clause), clause.km]}}}
    return band, {"$expr": {"$ne": [filtered, []]}}


def _km(clause: Near) -> Any:
    """`hie.search.match.distance` from the point to `$$one`."""
    first, second = {"$degreesToRadians": clause.latitude}, {"$degreesToRadians": "$$one.a"}
    across = {"$degreesToRadians": {"$subtract": ["$$one.o", clause.longitude]}}
    up, along = ({"$sin": {"$divide": [angle, 2]}} for angle in ({"$subtract": [second, first]}, across))
    half = {"$add": [{"$pow": [up, 2]}, {"$multiply": [{"$cos": first}, {"$cos": second}, {"$pow": [along, 2]}]}]}
    return {"$multiply": [2 * _EARTH_KM, {"$asin": {"$min": [1.0, {"$sqrt": half}]}}]}


def targets(code: str) -> Any:
    """What the references of parameter `code` point to, as an expression."""
    return after_mark(code, REFERENCE)


def after_mark(code: str, mark: str) -> Any:
    """What stands behind `mark` in the keys of parameter `code`, as an expression."""
    start, stop = _literal(code + mark), _literal(code + chr(ord(mark) + 1))
    ours = {"$and": [{"$gte": ["$$one", start]}, {"$lt": ["$$one", stop]}]}
    chosen = {"$filter": {"input": {"$ifNull": ["$k", []]}, "as": "one", "cond": ours}}
    rest = {"$substrBytes": ["$$one", len((code + mark).encode()), -1]}
    return {"$map": {"input": chosen, "as": "one", "in": rest}}


def reference_to_me(code: str) -> Any:
    """The key of references of parameter `code` to this document, as an expression."""
    return {"$concat": [_literal(code + REFERENCE), "$_id"]}


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
    Present: lambda clause, scope, joins: _presence(clause, scope)[0],
    CompositeMatch: lambda clause, scope, joins: _composite(clause),
    IdIs: lambda clause, scope, joins: _names(clause, scope),
    UpdatedIs: lambda clause, scope, joins: _updated(clause),
    TypeIs: lambda clause, scope, joins: {"t": {"$in": list(clause.types)}},
    InCompartment: lambda clause, scope, joins: _compartment(clause),
    Near: lambda clause, scope, joins: {"$and": list(_near(clause))},
    Chain: _probe_chain,
    Has: _probe_has,
}

# -- arms ------------------------------------------------------------------------------------------------------------


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
    return [_of_scope(condition, index, scope) for condition, index in _matches(clause, scope)]


def _arms_present(clause: Present, scope: Scope) -> list[Arm] | None:
    condition, index = _presence(clause, scope)
    return [_of_scope(condition, index, scope)] if index else None


def _arms_composite(clause: CompositeMatch, scope: Scope) -> list[Arm] | None:
    if clause.kinds[0] not in (Kind.TOKEN, Kind.REFERENCE):
        return None
    first = Match(clause.param, clause.kinds[0], tuple(tests[0] for tests in clause.alternatives))
    whole = _composite(clause)
    return [_of_scope({**condition, **whole}, index, scope) for condition, index in _key_matches(first, scope)]


def _arms_updated(clause: UpdatedIs, scope: Scope) -> list[Arm] | None:
    return [_of_scope(one, schema.UPDATED, scope) for test in clause.tests for one in updated(test)]


def _arms_near(clause: Near, scope: Scope) -> list[Arm] | None:
    band, exact = _near(clause)
    return [_of_scope({**band, **exact}, schema.POSITIONS, scope)]


_ARMS: dict[type, Callable[[Any, Scope], list[Arm] | None]] = {
    And: _arms_all,
    Or: _arms_any,
    Match: _arms_match,
    Present: _arms_present,
    CompositeMatch: _arms_composite,
    IdIs: lambda clause, scope: [_of_scope(_names(clause, scope), "_id_", scope)],
    UpdatedIs: _arms_updated,
    InCompartment: lambda clause, scope: [_of_scope(_compartment(clause), schema.KEYS, scope)],
    Near: _arms_near,
}

_RANKS: dict[type, int] = {IdIs: 0, InCompartment: 1, Match: 3, CompositeMatch: 3, Or: 4, Near: 4, UpdatedIs: 6}


def rank(clause: Clause) -> int:
    """How likely a clause is to be selective, least first, before anything is counted."""
    if isinstance(clause, Match) and clause.kind is Kind.REFERENCE:
        return 2
    return _RANKS.get(type(clause), 9)
