"""Walks over the tree of clauses: what it names, and the tree with other clauses or tests in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import product
from typing import Any

from hie.search.clause import (
    And,
    Chain,
    Clause,
    CompositeMatch,
    Has,
    InCompartment,
    Kind,
    Match,
    Not,
    Or,
    ReferenceTest,
)


def patients_named(clause: Clause) -> Iterator[str]:
    """The ids of the Patients that a clause refers to, in chains and `_has` too."""
    match clause:
        case Match(_, Kind.REFERENCE, tests):
            for test in tests:
                if isinstance(test, ReferenceTest) and test.type == "Patient" and test.id is not None:
                    yield test.id
        case InCompartment(patients):
            yield from patients
        case Chain() | Has() | Not():
            yield from patients_named(clause.clause)
        case And(clauses) | Or(clauses):
            for part in clauses:
                yield from patients_named(part)
        case CompositeMatch(_, kinds, alternatives) if Kind.REFERENCE in kinds:
            for tests in alternatives:
                yield from patients_named(Match("", Kind.REFERENCE, tests))


Change = Callable[[Any], Sequence[Any] | None]
"""A clause or test -> what comes in its place; None: itself, with its parts changed."""


def rebuilt(clause: Clause, change: Change) -> Clause:
    """The tree with other clauses and tests in it; `change` gives one clause for a clause, any number for a test."""
    found: Clause = _one_changed(clause, change)
    return found


def _one_changed(node: Any, change: Change) -> Any:
    if isinstance(node, tuple):
        return tuple(new for old in node for new in _changed(old, change))
    return _changed(node, change)[0] if is_dataclass(node) else node


def _changed(node: Any, change: Change) -> Sequence[Any]:
    found = change(node)
    return [_parts_changed(node, change)] if found is None else found


def _parts_changed(node: Any, change: Change) -> Any:
    if isinstance(node, CompositeMatch):
        ways = (product(*(_changed(test, change) for test in tests)) for tests in node.alternatives)
        return replace(node, alternatives=tuple(way for some in ways for way in some))
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{f.name: _one_changed(getattr(node, f.name), change) for f in fields(node)})
    return node
