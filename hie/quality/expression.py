"""Rules as FHIRPath: made ready once, and checked against the elements of FHIR R4 before they run."""

from collections.abc import Iterator

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.fhir.path import Scope, resource_node
from hie.fhir.path import compile as compile_path
from hie.fhir.path.scope import MemberOf
from hie.fhir.path.syntax import Binary, Call, Dot, Index, Member, Special, Syntax, TypeTest, Unary
from hie.quality.about import About, Stated
from hie.quality.predicate import ResourceTest

_SAME = frozenset({"where", "first", "last", "tail", "skip", "take", "distinct", "single", "trace", "not"})
"""Functions whose result has the type of what they are called on."""

_NOT_WORKED_OUT = (Category.INVALID, Category.TIMEOUT)


def ask(expression: str, member_of: MemberOf | None = None) -> ResourceTest:
    """The test of a rule: it holds unless the expression is false; where it cannot be worked out (`single()` of two),
    it judges nothing.

    `member_of` answers `memberOf()` before the official value sets do. Raises `HieError` for an expression that does
    not parse.
    """
    compiled = compile_path(expression)
    scope = Scope(member_of=member_of)

    def test(stated: Stated, about: About) -> bool:
        node = stated.known.get("node")
        if node is None:
            node = resource_node({"resourceType": stated.key.type, **stated.resource})
            stated.known["node"] = node
        try:
            return compiled.holds(node, None, scope) is not False
        except HieError as error:
            if error.category not in _NOT_WORKED_OUT:
                raise
            return True

    return test


def expression_mistakes(expression: str, resource_type: str) -> list[str]:
    """Why an expression cannot be asked about a type: it does not parse, cannot be worked out at all (a variable that
    there is not), or names an element that the type lacks."""
    try:
        compiled = compile_path(expression)
        compiled.holds(resource_node({"resourceType": resource_type}), None, Scope())
    except HieError as error:
        return [str(error)]
    names = dict.fromkeys(_unknown(compiled.tree, (resource_type,))[1])
    return [f"{resource_type} has no element {name!r}" for name in names]


Nodes = tuple[str, ...]
"""Node types that a value may have; empty when that is not known."""


def _unknown(tree: Syntax, nodes: Nodes) -> tuple[Nodes, Iterator[str]]:
    """The node types of a result, and the element names in it that none of the nodes has."""
    match tree:
        case Member(name=name):
            return _member(name, nodes)
        case Dot(left=left, right=right):
            found, missing = _unknown(left, nodes)
            kinds, more = _unknown(right, found)
            return kinds, _both(missing, more)
        case Index(operand=operand):
            return _unknown(operand, nodes)
        case Call(name=name, arguments=arguments):
            if name in ("ofType", "as", "is"):
                return tuple(a.name for a in arguments if isinstance(a, Member)), iter(())
            inside = [missing for argument in arguments for missing in _unknown(argument, nodes)[1]]
            return nodes if name in _SAME else (), iter(inside)
        case Binary(left=left, right=right):
            return (), _both(_unknown(left, nodes)[1], _unknown(right, nodes)[1])
        case Unary(operand=operand) | TypeTest(operand=operand):
            return (), _unknown(operand, nodes)[1]
    return nodes if isinstance(tree, Special) else (), iter(())


def _member(name: str, nodes: Nodes) -> tuple[Nodes, Iterator[str]]:
    if not nodes or name in nodes:
        return nodes, iter(())
    found = tuple(p.node for node in nodes for p in official().children(node).get(name, ()))
    return found, iter(() if found else (name,))


def _both(first: Iterator[str], second: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from second
