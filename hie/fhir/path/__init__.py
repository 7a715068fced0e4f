"""FHIRPath N1 with the functions of FHIR R4: parsed once, compiled to closures (design decision 2).

    evaluate("Patient.name.given", patient)                    # JSON values
    compile("subject.resolve() is Patient").holds(observation) # True, False or None

Decimals stay exact; an evaluation has a limit of steps (`Scope.limit`). Every mistake is an `HieError(INVALID)` with
the position in the expression.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from hie.base.errors import Category, HieError
from hie.fhir.path.compiler import compile_tree
from hie.fhir.path.function import truth
from hie.fhir.path.node import Node, TypeInfo, Value, Values, resource_node, wrap
from hie.fhir.path.parser import parse
from hie.fhir.path.quantity import CALENDAR_UNITS, Quantity
from hie.fhir.path.scope import Evaluation, Scope
from hie.fhir.path.temporal import Temporal
from hie.fhir.ucum import UCUM

__all__ = ["Compiled", "Node", "Quantity", "Scope", "Temporal", "compile", "evaluate", "resource_node", "to_json"]

Focus = Node | Mapping[str, Any]
_LONGEST = 20_000
"""Characters of the longest expression that is read."""


class Compiled:
    """An expression ready to run any number of times, on any thread; it keeps no state."""

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise HieError(Category.INVALID, f"FHIRPath: longer than {_LONGEST} characters")
        self.text = text
        try:
            self.tree = parse(text)
            self._run = compile_tree(self.tree)
        except RecursionError:
            raise HieError(Category.INVALID, "FHIRPath: nested too deeply") from None

    def __repr__(self) -> str:
        return f"Compiled({self.text!r})"

    def nodes(self, focus: Focus, variables: Mapping[str, Any] | None = None, scope: Scope | None = None) -> Values:
        """The result with types: `Node`s and System values.

        `focus` is a resource, or a `Node` for an element inside one; then give `resource` (and `rootResource` when
        contained) among the variables. Variables are JSON values, `Node`s or lists of them, named without `%`.
        """
        root = focus if isinstance(focus, Node) else resource_node(focus)
        known: dict[str, Values] = {"resource": [root], "rootResource": [root], "context": [root]}
        for name, value in (variables or {}).items():
            known[name] = [wrap(v) for v in value] if isinstance(value, list) else [wrap(value)]
        evaluation = Evaluation(scope or _default_scope(), root, known)
        try:
            return self._run(evaluation, [root])
        except RecursionError:
            raise HieError(Category.INVALID, "FHIRPath: nested too deeply") from None

    def evaluate(
        self, focus: Focus, variables: Mapping[str, Any] | None = None, scope: Scope | None = None
    ) -> list[Any]:
        """The result as JSON values; see `to_json`."""
        return [to_json(value) for value in self.nodes(focus, variables, scope)]

    def holds(
        self, focus: Focus, variables: Mapping[str, Any] | None = None, scope: Scope | None = None
    ) -> bool | None:
        """The result as a condition: None when empty; a single item that is no boolean counts as true."""
        return truth(self.nodes(focus, variables, scope))


@lru_cache(maxsize=1)
def _default_scope() -> Scope:
    return Scope()


def to_json(value: Value) -> Any:
    """A result as JSON: elements as they stand in the resource, dates as text, a quantity as a FHIR Quantity."""
    if isinstance(value, Node):
        return value.value if value.value is not None else value.sibling
    if isinstance(value, Temporal):
        return str(value)
    if isinstance(value, Quantity):
        if value.unit in CALENDAR_UNITS:
            return {"value": value.value, "unit": value.unit}
        return {"value": value.value, "unit": value.unit, "system": UCUM, "code": value.unit}
    return {"namespace": value.namespace, "name": value.name} if isinstance(value, TypeInfo) else value


@lru_cache(maxsize=4096)
def compile(text: str) -> Compiled:
    """The compiled expression, from a bounded cache by text; raises `HieError(INVALID)` with the position."""
    return Compiled(text)


def evaluate(expression: str, resource: Focus, variables: Mapping[str, Any] | None = None) -> list[Any]:
    """The JSON values of `expression` on `resource`."""
    return compile(expression).evaluate(resource, variables)
