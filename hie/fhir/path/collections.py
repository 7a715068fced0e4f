"""Functions on collections (FHIRPath N1 §"Existence", "Filtering and projection", "Subsetting", "Combining")."""

from hie.fhir.path.arithmetic import calculate
from hie.fhir.path.compare import Distinct, alike, distinct, distinct_set, ordered
from hie.fhir.path.function import Closure, Function, condition, each, one, truth, whole
from hie.fhir.path.node import Node, Value, Values, children, system
from hie.fhir.path.scope import Evaluation, PathError, single


def _empty(evaluation: Evaluation, items: Values) -> Values:
    return [not items]


def _exists(evaluation: Evaluation, items: Values, criteria: Closure | None = None) -> Values:
    if criteria is None:
        return [bool(items)]
    return [any(truth(found) is True for _, found in each(evaluation, items, criteria))]


def _all(evaluation: Evaluation, items: Values, criteria: Closure) -> Values:
    return [all(truth(found) is True for _, found in each(evaluation, items, criteria))]


def _booleans(items: Values) -> list[bool]:
    values = [system(item) for item in items]
    if not all(isinstance(value, bool) for value in values):
        raise PathError("true or false expected in every item")
    return values


def _count(evaluation: Evaluation, items: Values) -> Values:
    return [len(items)]


def _not(evaluation: Evaluation, items: Values) -> Values:
    value = truth(items)
    return [] if value is None else [not value]


def _where(evaluation: Evaluation, items: Values, criteria: Closure) -> Values:
    return [item for item, found in each(evaluation, items, criteria) if found and truth(found)]


def _select(evaluation: Evaluation, items: Values, projection: Closure) -> Values:
    return [value for _, found in each(evaluation, items, projection) for value in found]


def _repeat(evaluation: Evaluation, items: Values, projection: Closure) -> Values:
    seen, out, queue = Distinct(), [], items
    while queue:
        queue = [value for value in _select(evaluation, queue, projection) if seen.add(value)]
        evaluation.spend(len(queue))
        out += queue
    return out


def _repeat_all(evaluation: Evaluation, items: Values, projection: Closure) -> Values:
    out, queue = [], items
    while queue:
        queue = _select(evaluation, queue, projection)
        evaluation.spend(len(queue))
        out += queue
        if len(out) > 100_000:
            raise PathError("repeatAll() does not end")
    return out


def _aggregate(evaluation: Evaluation, items: Values, step: Closure, start: Closure | None = None) -> Values:
    outer = evaluation.total
    try:
        evaluation.total = start(evaluation, items) if start else []
        for _, found in each(evaluation, items, step):
            evaluation.total = found
        return evaluation.total
    finally:
        evaluation.total = outer


def _first(evaluation: Evaluation, items: Values) -> Values:
    return items[:1]


def _last(evaluation: Evaluation, items: Values) -> Values:
    return items[-1:]


def _tail(evaluation: Evaluation, items: Values) -> Values:
    return items[1:]


def _skip(evaluation: Evaluation, items: Values, count: Values) -> Values:
    return items[max(0, whole(count) or 0) :]


def _take(evaluation: Evaluation, items: Values, count: Values) -> Values:
    return items[: max(0, whole(count) or 0)]


def _single(evaluation: Evaluation, items: Values) -> Values:
    return one(single(items))


def _union(evaluation: Evaluation, items: Values, other: Values) -> Values:
    return distinct(items + other)


def _combine(evaluation: Evaluation, items: Values, other: Values, order: Values | None = None) -> Values:
    return items + other


def _intersect(evaluation: Evaluation, items: Values, other: Values) -> Values:
    present = distinct_set(other)
    return distinct([item for item in items if item in present])


def _exclude(evaluation: Evaluation, items: Values, other: Values) -> Values:
    present = distinct_set(other)
    return [item for item in items if item not in present]


def _subset(evaluation: Evaluation, items: Values, other: Values) -> Values:
    present = distinct_set(other)
    return [all(item in present for item in items)]


def _superset(evaluation: Evaluation, items: Values, other: Values) -> Values:
    present = distinct_set(items)
    return [all(item in present for item in other)]


def _distinct(evaluation: Evaluation, items: Values) -> Values:
    return distinct(items)


def _is_distinct(evaluation: Evaluation, items: Values) -> Values:
    return [len(distinct(items)) == len(items)]


def _children(evaluation: Evaluation, items: Values) -> Values:
    found: Values = []
    for item in items:
        if isinstance(item, Node):
            found += children(item, evaluation.definitions)
    evaluation.spend(len(found))
    return found


def _descendants(evaluation: Evaluation, items: Values) -> Values:
    out: Values = []
    layer = items
    while layer:
        layer = _children(evaluation, layer)
        out += layer
    return out


def _iif(evaluation: Evaluation, items: Values, *arguments: Closure) -> Values:
    item = single(items, "a single item before iif()")
    outer = evaluation.this
    if item is not None:
        evaluation.this = item
    try:
        if condition(arguments[0](evaluation, items)):
            return arguments[1](evaluation, items)
        return arguments[2](evaluation, items) if len(arguments) > 2 else []
    finally:
        evaluation.this = outer


def _trace(evaluation: Evaluation, items: Values, name: Closure, projection: Closure | None = None) -> Values:
    """Kept in `Evaluation.traced`; never logged, because it may hold patient data."""
    label = str(system(single(name(evaluation, items))) or "")
    evaluation.traced.append((label, projection(evaluation, items) if projection else items))
    return items


def _coalesce(evaluation: Evaluation, items: Values, *choices: Closure) -> Values:
    return next((found for choice in choices if (found := choice(evaluation, items))), [])


def _define(evaluation: Evaluation, items: Values, name: Closure, value: Closure | None = None) -> Values:
    label = system(single(name(evaluation, items)))
    if not isinstance(label, str) or label in evaluation.variables:
        raise PathError("defineVariable() needs a new name")
    evaluation.variables[label] = value(evaluation, items) if value else items
    return items


class _Rank:
    """A sort key over System values; empty comes first, whatever the direction."""

    __slots__ = ("descending", "value")

    def __init__(self, value: Value | None, descending: bool) -> None:
        self.value = value
        self.descending = descending

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Rank) or self.value is None or other.value is None:
            return isinstance(other, _Rank) and self.value is other.value
        return alike(self.value, other.value) and not ordered("<", self.value, other.value)

    def __lt__(self, other: "_Rank") -> bool:
        if self.value is None or other.value is None:
            return self.value is None and other.value is not None
        return bool(ordered(">" if self.descending else "<", self.value, other.value))


def sort(evaluation: Evaluation, items: Values, keys: list[tuple[Closure, bool]]) -> Values:
    """`sort()`: by each (key, descending) in turn; by the items themselves without keys."""
    if not keys:
        return sorted(items, key=lambda item: _Rank(system(item), False))
    ranks = [
        [_Rank(system(single(found)), descending) for _, found in each(evaluation, items, key)]
        for key, descending in keys
    ]
    order = sorted(range(len(items)), key=lambda index: tuple(rank[index] for rank in ranks))
    return [items[index] for index in order]


def _total(evaluation: Evaluation, items: Values, sign: str) -> Value | None:
    found = items[:1]
    for item in items[1:]:
        found = calculate(sign, found, [item])
    return found[0] if found else None


def _sum(evaluation: Evaluation, items: Values) -> Values:
    return one(_total(evaluation, items, "+"))


def _average(evaluation: Evaluation, items: Values) -> Values:
    return calculate("/", _sum(evaluation, items), [len(items)]) if items else []


def _extreme(sign: str) -> Function:
    def run(evaluation: Evaluation, items: Values) -> Values:
        best: Values = items[:1]
        for item in items[1:]:
            if ordered(sign, item, best[0]):
                best = [item]
        return best

    return Function(run)


FUNCTIONS: dict[str, Function] = {
    "empty": Function(_empty),
    "exists": Function(_exists, 0, 1, lazy=True),
    "all": Function(_all, 1, 1, lazy=True),
    "allTrue": Function(lambda evaluation, items: [all(_booleans(items))]),
    "anyTrue": Function(lambda evaluation, items: [any(_booleans(items))]),
    "allFalse": Function(lambda evaluation, items: [not any(_booleans(items))]),
    "anyFalse": Function(lambda evaluation, items: [not all(_booleans(items))]),
    "count": Function(_count),
    "not": Function(_not),
    "where": Function(_where, 1, 1, lazy=True),
    "select": Function(_select, 1, 1, lazy=True),
    "repeat": Function(_repeat, 1, 1, lazy=True),
    "repeatAll": Function(_repeat_all, 1, 1, lazy=True),
    "aggregate": Function(_aggregate, 1, 2, lazy=True),
    "first": Function(_first),
    "last": Function(_last),
    "tail": Function(_tail),
    "skip": Function(_skip, 1, 1),
    "take": Function(_take, 1, 1),
    "single": Function(_single),
    "union": Function(_union, 1, 1),
    "combine": Function(_combine, 1, 2),
    "intersect": Function(_intersect, 1, 1),
    "exclude": Function(_exclude, 1, 1),
    "subsetOf": Function(_subset, 1, 1),
    "supersetOf": Function(_superset, 1, 1),
    "distinct": Function(_distinct),
    "isDistinct": Function(_is_distinct),
    "children": Function(_children),
    "descendants": Function(_descendants),
    "iif": Function(_iif, 2, 3, lazy=True),
    "trace": Function(_trace, 1, 2, lazy=True),
    "coalesce": Function(_coalesce, 1, 20, lazy=True),
    "defineVariable": Function(_define, 1, 2, lazy=True),
    "sum": Function(_sum),
    "avg": Function(_average),
    "min": _extreme("<"),
    "max": _extreme(">"),
}
"""Name -> function."""
