"""The meaning of filters, in plain Python; a stored system does the same in SQL (FHIR R4 valueset §4.9.5)."""

import re
from collections.abc import Callable, Sequence

from hie.base.errors import Category, HieError
from hie.base.pattern import explodes
from hie.terminology.concept import HIERARCHICAL, OF_CODE, OPERATORS, Concept, Filter, Selection
from hie.terminology.port import CodeSystem

Predicate = Callable[[Concept], bool]
LONGEST_PATTERN = 500
"""Characters of a regular expression."""


def checked(filters: Sequence[Filter]) -> None:
    """Raise INVALID for an operator that R4 does not have, or that its property cannot have."""
    for row in filters:
        if row.op not in OPERATORS:
            raise _refused(row, "is no operator of R4")
        if row.op in HIERARCHICAL and row.property not in OF_CODE:
            raise _refused(row, "follows the hierarchy, so its property must be concept")
        if row.op == "exists" and row.value not in ("true", "false"):
            raise _refused(row, "takes true or false")
        if row.op == "regex":
            pattern(row)


def pattern(row: Filter) -> re.Pattern[str]:
    """The regular expression of a `regex` filter, which must match a whole value; raises INVALID."""
    if len(row.value) > LONGEST_PATTERN or explodes(row.value):
        raise _refused(row, "would be too slow: no repetition of a repetition or choice, at most 500 characters")
    try:
        return re.compile(row.value)
    except re.error:
        raise _refused(row, "is no regular expression") from None


def listed(value: str) -> frozenset[str]:
    """The values of an `in` filter."""
    return frozenset(part.strip() for part in value.split(",") if part.strip())


def predicate(system: CodeSystem, wanted: Selection) -> Predicate:
    """Whether a concept of `system` is in a selection, its words apart."""
    tests = _tests(system, wanted.filters)
    without = [_tests(system, group) for group in wanted.without]

    def meets(concept: Concept) -> bool:
        if (wanted.active_only and concept.inactive) or (wanted.selectable_only and concept.abstract):
            return False
        inside = all(test(concept) for test in tests)
        return inside and not any(all(test(concept) for test in group) for group in without)

    return meets


def _tests(system: CodeSystem, filters: Sequence[Filter]) -> list[Predicate]:
    checked(filters)
    return [_hierarchical(system, row) if row.op in HIERARCHICAL else _valued(system, row) for row in filters]


def _hierarchical(system: CodeSystem, row: Filter) -> Predicate:
    known = system.get(row.value)
    code = row.value if known is None else known.code
    below: dict[str, Predicate] = {
        "is-a": lambda c: system.subsumes(code, c.code),
        "descendent-of": lambda c: c.code != code and system.subsumes(code, c.code),
        "is-not-a": lambda c: not system.subsumes(code, c.code),
        "generalizes": lambda c: system.subsumes(c.code, code),
    }
    return below[row.op]


def _valued(system: CodeSystem, row: Filter) -> Predicate:
    values = _reader(system, row.property)
    if row.op == "exists":
        wanted = row.value == "true"
        return lambda c: bool(values(c)) == wanted
    if row.op == "regex":
        compiled = pattern(row)
        return lambda c: any(compiled.fullmatch(value) for value in values(c))
    if row.op in ("in", "not-in"):
        among, inside = listed(row.value), row.op == "in"
        return lambda c: any(value in among for value in values(c)) == inside
    return lambda c: row.value in values(c)


def _reader(system: CodeSystem, name: str) -> Callable[[Concept], Sequence[str]]:
    """What a property name stands for: the code, what R4 defines for every code system, or a property of its own."""
    if name in OF_CODE:
        return lambda c: (c.code,)
    defined: dict[str, Callable[[Concept], Sequence[str]]] = {
        "display": lambda c: (c.display,) if c.display else (),
        "definition": lambda c: (c.definition,) if c.definition else (),
        "parent": lambda c: system.parents(c.code),
        "child": lambda c: system.children(c.code),
        "inactive": lambda c: ("true" if c.inactive else "false",),
        "notSelectable": lambda c: ("true" if c.abstract else "false",),
    }
    return defined.get(name, lambda c: c.texts(name))


def _refused(row: Filter, why: str) -> HieError:
    message = f"The filter {row.property[:64]} {row.op[:32]} of a value set {why}"
    return HieError(Category.INVALID, message, expression="ValueSet.compose.include.filter")
