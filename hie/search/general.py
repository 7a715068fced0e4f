"""Entries of a parameter by evaluating its expression: for what routes cannot express, and as the oracle of tests.

An expression that fails on a resource (several items where one is needed, too many steps) yields no entries: a posted
parameter must not keep a resource from being stored.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import product
from typing import Any

from hie.base.errors import HieError
from hie.base.resource import Resource
from hie.fhir.definitions import Definitions
from hie.fhir.element import SearchParameter
from hie.fhir.path import Compiled, Node, Quantity, Scope, Temporal, compile, resource_node, to_json
from hie.search.emit import EMITTERS, Emitter, phonetic_name
from hie.search.emit_number import Out

_STEPS = 100_000
_SYSTEM: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (Decimal, "decimal"),
    (str, "string"),
    (Temporal, "dateTime"),
    (Quantity, "Quantity"),
)

Writer = Callable[[Resource, Out], None]
"""(resource, list to fill) -> nothing; the list is that of the parameter's type."""


def general_writer(parameter: SearchParameter, definitions: Definitions) -> Writer:
    """A writer that evaluates the expression; raises `HieError(INVALID)` when it cannot be compiled."""
    scope = Scope(definitions=definitions, limit=_STEPS)
    compiled = compile(parameter.expression)
    if parameter.type == "composite":
        return _composite(parameter, compiled, scope)

    def write(resource: Resource, out: Out) -> None:
        try:
            values = compiled.nodes(resource, None, scope)
        except HieError:
            return
        _emit(parameter, values, out, scope)

    return write


def _emit(parameter: SearchParameter, values: Iterable[Any], out: Out, scope: Scope) -> None:
    for value in values:
        if isinstance(value, Node) and value.type == "Extension":
            _emit(parameter, _extension_values(value, scope), out, scope)
            continue
        emitter, json = _emitter(parameter, value), to_json(value)
        if emitter is not None and json is not None and not (isinstance(value, Node) and value.value is None):
            emitter(out, parameter.code, json)


def _extension_values(extension: Node, scope: Scope) -> list[Any]:
    return compile("value").nodes(extension, None, scope)


def _emitter(parameter: SearchParameter, value: Any) -> Emitter | None:
    if not isinstance(value, Node):
        kind = next((name for cls, name in _SYSTEM if isinstance(value, cls)), "")
        return EMITTERS.get((parameter.type, kind))
    if parameter.usage == "phonetic" and value.type == "HumanName":
        return phonetic_name
    found = EMITTERS.get((parameter.type, value.type)) or EMITTERS.get((parameter.type, value.node))
    inline = isinstance(value.value, Mapping) and "resourceType" in value.value
    return found or (EMITTERS.get((parameter.type, "Resource")) if inline else None)


def _composite(parameter: SearchParameter, compiled: Compiled, scope: Scope) -> Writer:
    parts: list[tuple[SearchParameter, Compiled]] = []
    for component in parameter.components:
        defined = scope.definitions.search_parameter(component.definition)
        if defined is not None:
            parts.append((defined, compile(component.expression)))

    def entries(root: Node, resource: Resource) -> Iterable[tuple[Any, ...]]:
        lists: list[Out] = []
        for defined, expression in parts:
            found: Out = []
            _emit(defined, expression.nodes(root, {"resource": resource_node(resource)}, scope), found, scope)
            lists.append(found)
        return product(*lists)

    def write(resource: Resource, out: Out) -> None:
        try:
            roots = [value for value in compiled.nodes(resource, None, scope) if isinstance(value, Node)]
            out.extend((parameter.code, entry) for root in roots for entry in entries(root, resource))
        except HieError:
            return

    return write
