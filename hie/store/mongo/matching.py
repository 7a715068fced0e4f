"""Single clauses -> match conditions on resource documents, and the index that answers each."""

from collections.abc import Callable, Sequence
from typing import Any

from hie.search.clause import (
    Compare,
    CompositeMatch,
    IdIs,
    InCompartment,
    Kind,
    Match,
    Near,
    Present,
    StringTest,
    UpdatedIs,
)
from hie.store.mongo import schema
from hie.store.mongo.conditions import NEVER, Condition, element, keys, updated
from hie.store.mongo.keys import BEYOND, CODE, COMPARTMENT, REFERENCE, WIDE, key, name
from hie.store.mongo.placing import lies_with, named_place, patients_of

Scope = tuple[str, ...]
"""Names of the resource types that are looked at; never empty, but for a database without resources."""

_ARRAYS = {Kind.STRING: "s", Kind.DATE: "d", Kind.NUMBER: "q", Kind.QUANTITY: "q"}
_INDEX_OF = {"s": schema.STRINGS, "d": schema.DATES, "q": schema.QUANTITIES}
_KM_PER_DEGREE = 111.0
_EARTH_KM = 6371.0088


def one_of(values: Sequence[Any]) -> Condition:
    """Equal to one of `values`."""
    return {"$eq": values[0]} if len(values) == 1 else {"$in": list(values)}


def either(conditions: Sequence[Condition]) -> Condition:
    """One of `conditions` holds."""
    if not conditions:
        return NEVER
    return conditions[0] if len(conditions) == 1 else {"$or": list(conditions)}


def matches(clause: Match, scope: Scope) -> list[tuple[Condition, str]]:
    """Conditions, one of which must hold, and the index that answers each."""
    array = _ARRAYS.get(clause.kind)
    if array is None:
        return key_matches(clause, scope)
    params = one_of(_params(scope, clause.param))
    found: list[tuple[Condition, str]] = []
    for test in clause.tests:
        if isinstance(test, StringTest) and test.compare in _INSIDE:
            inside = _INSIDE[test.compare](test.text)
            found.append(({"s.p": params, "$expr": _some(scope, clause.param, inside)}, schema.STRINGS))
            continue
        for one in element(test, clause.kind):
            condition: Condition = {array: {"$elemMatch": {"p": params, **one}}}
            if "v" in one:
                found.append(({"k": {"$eq": key(clause.param, WIDE)}, **condition}, schema.KEYS))
                continue
            found.append((condition, schema.CANONICAL if "b" in one else _INDEX_OF[array]))
    return found


def key_matches(clause: Match, scope: Scope) -> list[tuple[Condition, str]]:
    """Conditions on the keys of a document, one of which must hold, and the index that answers each."""
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


def _some(scope: Scope, code: str, inside: Any) -> Any:
    """Some string of the parameter, `$$one`, for which the expression `inside` is true."""
    condition = {"$and": [{"$in": ["$$one.p", _literal(_params(scope, code))]}, inside]}
    filtered = {"$filter": {"input": {"$ifNull": ["$s", []]}, "as": "one", "cond": condition}}
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


def presence(clause: Present, scope: Scope) -> tuple[Condition, str]:
    """There is a value of the parameter; the index that answers it, empty when none does."""
    array = _ARRAYS.get(clause.kind)
    if array is not None:
        return {f"{array}.p": one_of(_params(scope, clause.param))}, _INDEX_OF[array]
    if clause.kind is Kind.SPECIAL:
        return {"g.p": {"$eq": clause.param}}, ""
    if clause.kind is Kind.COMPOSITE:
        return {"c.p": {"$eq": clause.param}}, ""
    return _key_range(clause.param + CODE, clause.param + BEYOND), schema.KEYS


def composite(clause: CompositeMatch) -> Condition:
    """One element of the composite parameter meets all tests of an alternative."""
    alternatives: list[Condition] = []
    for tests in clause.alternatives:
        parts = [
            either(element(test, kind, f"e{number}."))
            for number, (test, kind) in enumerate(zip(tests, clause.kinds, strict=True))
        ]
        alternatives.append({"$and": parts})
    return {"c": {"$elemMatch": {"p": {"$eq": clause.param}, "$or": alternatives}}}


def updated_in(clause: UpdatedIs) -> Condition:
    """Last written in one of the ranges."""
    return either([one for test in clause.tests for one in updated(test)])


def names(clause: IdIs, scope: Scope) -> Condition:
    """One of the ids, in any type of the scope."""
    place = named_place(scope[0], clause.ids) if len(scope) == 1 else {}
    return {"_id": {"$in": [name(kind, one) for kind in scope for one in clause.ids]}, **place}


def compartment(clause: InCompartment) -> Condition:
    """In the compartment of one of the Patients."""
    if not clause.patients:
        return NEVER
    return {"k": one_of([key("", COMPARTMENT, one) for one in clause.patients]), "p": lies_with(clause.patients)}


def near(clause: Near) -> tuple[Condition, Condition]:
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
