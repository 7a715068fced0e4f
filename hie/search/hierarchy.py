"""Hierarchies over references, for `:above` and `:below` (FHIR R4 search §3.1.1.4.12): wards in wards, part by part.

A type is a hierarchy when one of its own parameters leads from a resource to its parent, which is of the same type.
What is above or below one is found in the store, when the search runs; circles end where they began.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from hie.fhir.definitions import Definitions
from hie.search.clause import Clause, ReferenceTest
from hie.search.tree import rebuilt

_PARENTS = ("part-of", "partof", "parent")
"""Codes of the official parameters that lead from a resource to its parent."""

Line = Callable[[ReferenceTest], Iterable[str]]
"""A test with a hierarchy -> the ids of all resources of its line, its own included."""


def parent_of(definitions: Definitions, resource_type: str) -> str | None:
    """The parameter that leads from a resource of a type to its parent of the same type; None: no hierarchy."""
    parameters = definitions.search_parameters(resource_type)
    return next((code for code in _PARENTS if code in parameters and resource_type in parameters[code].target), None)


def hierarchies(clause: Clause) -> list[ReferenceTest]:
    """The tests with a hierarchy in a clause, each once."""
    found: dict[ReferenceTest, None] = {}

    def note(node: Any) -> Sequence[Any] | None:
        if isinstance(node, ReferenceTest) and node.hierarchy is not None:
            found[node] = None
        return None

    rebuilt(clause, note)
    return list(found)


def resolved(clause: Clause, line: Line) -> Clause:
    """The clause in which every hierarchy is the list of what belongs to it."""

    def change(node: Any) -> Sequence[Any] | None:
        if not isinstance(node, ReferenceTest) or node.hierarchy is None:
            return None
        return [replace(node, id=one, hierarchy=None) for one in line(node)]

    return rebuilt(clause, change)
