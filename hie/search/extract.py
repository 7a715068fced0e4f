"""Index entries of a resource, by one compiled function per resource type (design decision 2).

    extractors = Extractors(official())
    extractors.extract(resource) -> Entries

A parameter posted at run time is compiled by the same `compile_extractor`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hie.base.errors import Category, HieError
from hie.fhir.definitions import Definitions
from hie.fhir.element import Component, Element, SearchParameter
from hie.fhir.path.parser import parse
from hie.search.emit import EMITTERS
from hie.search.entries import KINDS, Entries
from hie.search.general import Writer, general_writer
from hie.search.generate import Composite, Leaf, Part, Systems, Tree, write_function
from hie.search.route import Indirect, Route, Router

Resource = Mapping[str, Any]

UNINDEXED: dict[str, str] = {
    "_text": "answered from the narrative text, not from index entries",
    "_content": "answered from the text of the whole resource, not from index entries",
    "_filter": "a language, not an element; parsed into the plan",
    "_query": "names a query, not an element",
    "age": "the official definition has no expression",
    "birthOrderBoolean": "the official definition has no expression",
}
"""Official parameters that make no entries, and why."""


@dataclass(frozen=True)
class Extractor:
    """The compiled extraction of one resource type.

    `extract` maps a resource to its entries; `parameters` are the codes it fills; `unindexed` maps the others to the
    reason; `source` is the generated Python, for reading.
    """

    type: str
    extract: Callable[[Resource], Entries]
    parameters: tuple[str, ...]
    unindexed: Mapping[str, str]
    source: str


def compile_extractor(type_name: str, parameters: Iterable[SearchParameter], definitions: Definitions) -> Extractor:
    """The extractor of `type_name` for `parameters`; raises `HieError(INVALID)` for an expression with a mistake."""
    builder = _Builder(type_name, definitions)
    for parameter in parameters:
        builder.add(parameter)
    return builder.build()


def covers(type_name: str, parameter: SearchParameter, definitions: Definitions) -> bool:
    """Whether the parameter can make entries on a type: its expression leads to values that its search type knows.

    True where only evaluating the expression can tell. Raises `HieError(INVALID)` for an expression with a mistake.
    """
    builder = _Builder(type_name, definitions)
    builder.add(parameter)
    return bool(builder.general) or _fills(builder.tree)


def _fills(tree: Tree) -> bool:
    here = any((leaf.kind, leaf.type) in EMITTERS for leaf in tree.leaves)
    whole = any(all(_fills(part.tree) for part in composite.parts) for composite in tree.composites)
    return here or whole or any(_fills(branch) for branch in tree.branches.values())


class _Builder:
    def __init__(self, type_name: str, definitions: Definitions) -> None:
        self._type = type_name
        self._definitions = definitions
        self._router = Router(definitions, type_name)
        self.tree = Tree()
        self.general: list[tuple[Writer, str]] = []
        self._done: list[str] = []
        self._unindexed: dict[str, str] = {}

    def add(self, parameter: SearchParameter) -> None:
        if not parameter.expression:
            self._unindexed[parameter.code] = UNINDEXED.get(parameter.code, "the definition has no expression")
            return
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
        self._done.append(parameter.code)

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

    def _members(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for compartment, types in self._definitions.compartments.items():
            for code in types.get(self._type, ()):
                found.setdefault(code, set()).add(compartment)
        return {code: frozenset(types) for code, types in found.items() if code in self._done}

    def build(self) -> Extractor:
        own = self._type if self._type in self._definitions.compartments else None
        source, constants = write_function(self.tree, self.general, self._members(), own)
        exec(compile(source, f"<extract {self._type}>", "exec"), constants)  # noqa: S102 - our own source
        return Extractor(self._type, constants["extract"], tuple(self._done), self._unindexed, source)


def _data_type(kind: str, route: Route) -> str:
    """The name under which `EMITTERS` knows the values: the element's path before its type, its node type last."""
    path = "" if route.element is None else route.element.path
    return next((name for name in (path, route.type, route.node) if (kind, name) in EMITTERS), route.type)


class _Frozen(dict[str, str]):
    """A map that can be a member of a frozen leaf."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


class Extractors:
    """The extractors of all types, each compiled on first use."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._compiled: dict[str, Extractor] = {}

    def use(self, definitions: Definitions) -> None:
        """Extract by other definitions from now on: search parameters were added or removed."""
        self._definitions = definitions
        self._compiled = {}

    def of(self, type_name: str) -> Extractor:
        """The extractor of a resource type; raises `HieError(INVALID)` when there is no such type."""
        found = self._compiled.get(type_name)
        if found is None:
            if not self._definitions.is_resource(type_name):
                raise HieError(Category.INVALID, "Not a resource type of FHIR R4")
            parameters = self._definitions.search_parameters(type_name).values()
            found = self._compiled[type_name] = compile_extractor(type_name, parameters, self._definitions)
        return found

    def extract(self, resource: Resource) -> Entries:
        """All entries of a resource; raises `HieError(UNPROCESSABLE)` when its JSON has not the structure of R4."""
        extractor = self._compiled.get(resource["resourceType"]) or self.of(resource["resourceType"])
        try:
            return extractor.extract(resource)
        except (AttributeError, TypeError, KeyError, ValueError, ArithmeticError) as error:
            message = f"The structure of this {extractor.type} is not that of FHIR R4"
            raise HieError(Category.UNPROCESSABLE, message, issue="structure") from error
