"""The leaves of a syntax tree as closures: literals, variables, and elements of what an evaluation starts from."""

from hie.base.systems import CORE, LOINC
from hie.fhir.path.function import Closure, one
from hie.fhir.path.lexer import invalid
from hie.fhir.path.node import Node, TypeInfo, Value, Values, child
from hie.fhir.path.quantity import Quantity
from hie.fhir.path.scope import Evaluation
from hie.fhir.path.syntax import Empty, Literal, Member, Special, Variable
from hie.fhir.ucum import UCUM

_CONSTANTS = {"sct": "http://snomed.info/sct", "loinc": LOINC, "ucum": UCUM}
_URLS = {"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": CORE}
_PARTS: dict[type, tuple[str, ...]] = {TypeInfo: ("name", "namespace"), Quantity: ("value", "unit")}


def literal(tree: Literal) -> Closure:
    """The value itself."""
    value = [tree.value]
    return lambda evaluation, items: value


def empty(tree: Empty) -> Closure:
    """No items: `{}`."""
    return lambda evaluation, items: []


def variable(tree: Variable) -> Closure:
    """A variable, or a constant of the standard; raises INVALID, when evaluated, for one that nobody has set."""
    name, position = tree.name, tree.position
    fixed = _CONSTANTS.get(name)
    for prefix, base in _URLS.items():
        if name.startswith(prefix):
            fixed = base + name[len(prefix) :]

    def run(evaluation: Evaluation, items: Values) -> Values:
        found = evaluation.variables.get(name)
        if found is None:
            if fixed is None:
                raise invalid(f"unknown variable %{name}", position)
            return [fixed]
        return found

    return run


def special(tree: Special) -> Closure:
    """`$this`, `$index`, `$total`."""
    if tree.name == "this":
        return lambda evaluation, items: [] if evaluation.this is None else [evaluation.this]
    if tree.name == "index":
        return lambda evaluation, items: one(evaluation.index)
    return lambda evaluation, items: evaluation.total


def _children_of(item: Value, name: str, evaluation: Evaluation, position: int) -> Values:
    if isinstance(item, Node):
        found = child(item, name, evaluation.definitions)
        if found is not None:
            return found
    elif name in _PARTS.get(type(item), ()):
        return [getattr(item, name)]
    if evaluation.scope.strict:
        raise invalid(f"no element {name!r} here", position)
    return []


def navigate(name: str, position: int) -> Closure:
    """The elements with this name of all items."""

    def run(evaluation: Evaluation, items: Values) -> Values:
        if len(items) == 1:
            found = _children_of(items[0], name, evaluation, position)
        else:
            found = [value for item in items for value in _children_of(item, name, evaluation, position)]
        evaluation.spend(1 + len(found))
        return found

    return run


def member(tree: Member) -> Closure:
    """At the head of a path: an element, or the type of the context."""
    name, position = tree.name, tree.position
    steps = navigate(name, position)
    if not name[:1].isupper():
        return steps

    def run(evaluation: Evaluation, items: Values) -> Values:
        definitions = evaluation.definitions
        if not definitions.is_type(name):
            return steps(evaluation, items)
        kept = [i for i in items if isinstance(i, Node) and definitions.is_subtype(i.type, name)]
        if not kept and items and evaluation.scope.strict:
            raise invalid(f"the context is no {name}", position)
        return kept

    return run
