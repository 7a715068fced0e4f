"""From a search expression to routes: the straight ways from the resource to the values (design decision 2).

A route is a list of steps over JSON that needs no types at run time, because the definitions settle them here. What a
route cannot express is left to the FHIRPath engine (`Indirect`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hie.fhir.definitions import Definitions
from hie.fhir.element import Element, Property
from hie.fhir.path.parser import type_name_of
from hie.fhir.path.syntax import Binary, Call, Dot, Index, Literal, Member, Syntax, TypeTest


class Indirect(Exception):
    """The expression needs the FHIRPath engine; the text says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """Go to a JSON member; each item of it when `is_list`."""

    name: str
    is_list: bool


@dataclass(frozen=True, slots=True)
class Item:
    """Go to one item of a JSON array."""

    name: str
    index: int


@dataclass(frozen=True, slots=True)
class Equals:
    """Stay only where a JSON member has this value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Refers:
    """Stay only on References to this resource type (`resolve() is Patient`)."""

    target: str


Step = Key | Item | Equals | Refers


@dataclass(frozen=True, slots=True)
class Route:
    """`steps` from the start to values of data type `type`, whose children are those of node type `node`."""

    steps: tuple[Step, ...]
    node: str
    type: str
    element: Element | None = None

    def child(self, member: Property) -> "Route":
        """The route to a member of the value."""
        return Route((*self.steps, Key(member.key, member.is_list)), member.node, member.type, member.element)

    def then(self, step: Step) -> "Route":
        """The route with a filter behind it."""
        return replace(self, steps=(*self.steps, step))


class Router:
    """Finds routes from one node type."""

    def __init__(self, definitions: Definitions, node: str) -> None:
        self._definitions = definitions
        self._start = Route((), node, node)
        self._calls: dict[str, Callable[[list[Route], Call], list[Route]]] = {
            "where": self._where,
            "as": self._of_type,
            "ofType": self._of_type,
            "extension": self._extension,
        }

    def routes(self, tree: Syntax) -> list[Route]:
        """All routes of an expression; empty when it is about other types. Raises `Indirect`."""
        match tree:
            case Binary(operator="|", left=left, right=right):
                return list(dict.fromkeys((*self.routes(left), *self.routes(right))))
            case Member(name=name):
                return self._head(name)
            case Dot(left=left, right=Member(name=name)):
                return self._children(self.routes(left), name)
            case Dot(left=left, right=Call() as call):
                return self._call(self.routes(left), call)
            case Call() as call:
                return self._call([self._start], call)
            case TypeTest(operator="as", operand=operand, type_name=name):
                return self._only(self.routes(operand), name)
            case Index(operand=operand, index=Literal(value=int(index))):
                return [self._item(route, index) for route in self.routes(operand)]
        raise Indirect(type(tree).__name__)

    def _head(self, name: str) -> list[Route]:
        node = self._start.node
        if name[:1].isupper() and self._definitions.is_type(name):
            return [self._start] if self._definitions.is_subtype(node, name) else []
        return self._children([self._start], name)

    def _children(self, routes: list[Route], name: str) -> list[Route]:
        found = []
        for route in routes:
            if route.node == "Resource" and self._start.node != "Resource":
                raise Indirect("inside an inline resource")
            found += [route.child(member) for member in self._definitions.children(route.node).get(name, ())]
        return found

    def _call(self, routes: list[Route], call: Call) -> list[Route]:
        handler = self._calls.get(call.name)
        if handler is None:
            raise Indirect(f"{call.name}()")
        return handler(routes, call)

    def _only(self, routes: list[Route], name: str) -> list[Route]:
        name = name.removeprefix("FHIR.")
        return [route for route in routes if self._definitions.is_subtype(route.type, name)]

    def _of_type(self, routes: list[Route], call: Call) -> list[Route]:
        name = type_name_of(call.arguments[0]) if len(call.arguments) == 1 else None
        if name is None:
            raise Indirect(f"{call.name}()")
        return self._only(routes, name)

    def _where(self, routes: list[Route], call: Call) -> list[Route]:
        match call.arguments:
            case (TypeTest(operator="is", operand=Call(name="resolve", arguments=()), type_name=target),):
                return [route.then(Refers(target)) for route in routes if route.type == "Reference"]
            case (Binary(operator="=", left=Member(name=name), right=Literal(value=str(value))),):
                return [route.then(Equals(name, value)) for route in routes if self._scalar(route, name)]
        raise Indirect("where()")

    def _scalar(self, route: Route, name: str) -> bool:
        member = self._definitions.properties(route.node).get(name)
        if member is None or member.is_list or not member.is_primitive:
            raise Indirect("where()")
        return True

    def _extension(self, routes: list[Route], call: Call) -> list[Route]:
        match call.arguments:
            case (Literal(value=str(url)),):
                found = []
                for route in routes:
                    if self._definitions.is_primitive(route.type):
                        raise Indirect("extension of a primitive")
                    here = Route((*route.steps, Key("extension", True)), "Extension", "Extension")
                    found.append(here.then(Equals("url", url)))
                return found
        raise Indirect("extension()")

    def _item(self, route: Route, index: int) -> Route:
        last = route.steps[-1] if route.steps else None
        if (
            isinstance(last, Key)
            and last.is_list
            and not any(isinstance(s, Key) and s.is_list for s in route.steps[:-1])
        ):
            return replace(route, steps=(*route.steps[:-1], Item(last.name, index)))
        raise Indirect("index into a nested list")
