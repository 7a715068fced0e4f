"""The routes of a type's search parameters, merged into one tree that `hie.search.generate` writes out."""

from collections.abc import Iterable

from hie.fhir.definitions import Definitions
from hie.fhir.element import Component, Element, SearchParameter
from hie.fhir.path.parser import parse
from hie.search.emit import EMITTERS
from hie.search.entries import KINDS
from hie.search.general import Writer, general_writer
from hie.search.generate import Composite, Leaf, Part, Systems, Tree
from hie.search.route import Indirect, Route, Router


class Builder:
    """`tree` and `general` (writers for what has no straight route) of the parameters that were added."""

    def __init__(self, type_name: str, definitions: Definitions) -> None:
        self._type = type_name
        self._definitions = definitions
        self._router = Router(definitions, type_name)
        self.tree = Tree()
        self.general: list[tuple[Writer, str]] = []

    def add(self, parameter: SearchParameter) -> None:
        """Add the routes of a parameter; raises `HieError(INVALID)` for an expression with a mistake."""
        tree = parse(parameter.expression)
        try:
            routes = self._router.routes(tree)
            if parameter.type == "composite":
                self._add_composite(parameter, routes)
            else:
                self._add_plain(self.tree, parameter, routes)
        except Indirect:
            writer = general_writer(parameter, self._definitions)
            self.general.append((writer, KINDS[parameter.type]))

    def _add_plain(self, tree: Tree, parameter: SearchParameter, routes: Iterable[Route]) -> None:
        for route in self._values(parameter, routes):
            kind = _data_type(parameter.type, route)
            system = self._system(route.element) if parameter.type == "token" and kind == "code" else ""
            tree.add(route, Leaf(parameter.code, parameter.type, kind, system, parameter.usage))

    def _values(self, parameter: SearchParameter, routes: Iterable[Route]) -> Iterable[Route]:
        """The routes; one that ends on an Extension goes on to its values."""
        for route in routes:
            if route.type != "Extension":
                yield route
                continue
            members = self._definitions.children("Extension")["value"]
            yield from (route.child(m) for m in members if (parameter.type, m.type) in EMITTERS)

    def _system(self, element: Element | None) -> Systems:
        """The code system that a required binding implies for a bare code."""
        if element is None or element.binding is None or element.binding.strength != "required":
            return ""
        systems = (self._definitions.value_set(element.binding.value_set) or {}).get("codes", {})
        if len(systems) == 1:
            return str(next(iter(systems)))
        return _Frozen((row[0], system) for system, rows in systems.items() for row in rows) if systems else ""

    def _add_composite(self, parameter: SearchParameter, routes: Iterable[Route]) -> None:
        ready = [(route, tuple(self._part(part, route) for part in parameter.components)) for route in routes]
        for route, parts in ready:
            self.tree.at(route.steps).composites.append(Composite(parameter.code, parts))

    def _part(self, component: Component, route: Route) -> Part:
        defined = self._definitions.search_parameter(component.definition)
        if defined is None:
            raise Indirect(f"unknown component {component.definition}")
        below = component.expression.removeprefix("%resource.")
        from_root = below != component.expression
        router = self._router if from_root else Router(self._definitions, route.node)
        tree = Tree()
        self._add_plain(tree, defined, router.routes(parse(below)))
        return Part(f"{component.definition} {component.expression}", tree, from_root)


def _data_type(kind: str, route: Route) -> str:
    """The name under which `EMITTERS` knows the values: the element's path before its type, its node type last."""
    path = "" if route.element is None else route.element.path
    return next((name for name in (path, route.type, route.node) if (kind, name) in EMITTERS), route.type)


class _Frozen(dict[str, str]):
    """A map that can be a member of a frozen leaf."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))
