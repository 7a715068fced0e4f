"""Invariants run by the FHIRPath engine: what `rules` and `presence` do not settle."""

from collections.abc import Mapping
from typing import Any

from hie.base.errors import HieError
from hie.fhir.definitions import Definitions
from hie.fhir.element import Constraint
from hie.fhir.path import Compiled, Node, Scope, compile
from hie.fhir.path.scope import MemberOf
from hie.fhir.validate.references import Root

STEPS = 200_000
"""Steps one invariant may take on one resource."""


MALFORMED = (AttributeError, TypeError, ValueError, KeyError, ArithmeticError, RecursionError)
"""What an expression may stumble over in a resource whose structure is wrong, which the walk reports by itself."""


class Engine:
    """Evaluates constraints and paths on elements inside a resource."""

    def __init__(self, definitions: Definitions, member_of: MemberOf | None = None) -> None:
        self._scope = Scope(definitions=definitions, limit=STEPS, member_of=member_of)

    def holds(self, constraint: Constraint, value: Any, kind: str, node: str, root: Root, sibling: Any = None) -> bool:
        """Whether an element keeps a constraint.

        An empty result counts as kept: an invariant that cannot tell makes no claim. So does an expression that the
        engine refuses or stops.
        """
        compiled = compiled_constraint(constraint)
        if compiled is None:
            return True
        variables = {"resource": _node(root.resource), "rootResource": _node(root.container)}
        focus = Node(value, kind, node, sibling)
        try:
            return compiled.holds(focus, {**variables, "context": focus}, self._scope) is not False
        except (HieError, *MALFORMED):
            return True

    def select(self, path: str, value: Any, kind: str, node: str, root: Root, sibling: Any = None) -> list[Node]:
        """The elements at a path below an element; nothing when the path cannot be followed."""
        variables = {"resource": _node(root.resource), "rootResource": _node(root.container)}
        try:
            found = compile(path).nodes(Node(value, kind, node, sibling), variables, self._scope)
        except (HieError, *MALFORMED):
            return []
        return [item for item in found if isinstance(item, Node)]


def compiled_constraint(constraint: Constraint) -> Compiled | None:
    """The compiled expression of a constraint; None when it is no FHIRPath."""
    try:
        return compile(constraint.expression)
    except HieError:
        return None


def _node(resource: Mapping[str, Any]) -> Node:
    name = str(resource.get("resourceType", ""))
    return Node(resource, name, name)
