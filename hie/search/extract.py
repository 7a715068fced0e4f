"""Index entries of a resource, by one compiled function per resource type (design decision 2).

    extractors = Extractors(official())
    extractors.extract(resource) -> Entries

A parameter posted at run time is compiled by the same `compile_extractor`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hie.base.errors import Category, HieError
from hie.base.resource import Resource
from hie.fhir.definitions import Definitions
from hie.fhir.element import SearchParameter
from hie.search.build import Builder
from hie.search.derived import derived
from hie.search.emit import EMITTERS
from hie.search.entries import Entries
from hie.search.generate import Tree, write_function


@dataclass(frozen=True)
class Extractor:
    """The compiled extraction of one resource type.

    `extract` maps a resource to its entries; `parameters` are the codes it fills: those with an expression that do not
    follow from others; `source` is the generated Python, for reading.
    """

    type: str
    extract: Callable[[Resource], Entries]
    parameters: tuple[str, ...]
    source: str


def compile_extractor(type_name: str, parameters: Iterable[SearchParameter], definitions: Definitions) -> Extractor:
    """The extractor of `type_name` for `parameters`; raises `HieError(INVALID)` for an expression with a mistake."""
    builder = Builder(type_name, definitions)
    implied = derived(definitions, type_name)
    done: list[str] = []
    for parameter in parameters:
        if parameter.expression and parameter.code not in implied:
            builder.add(parameter)
            done.append(parameter.code)
    own = type_name if type_name in definitions.compartments else None
    members = _members(definitions, type_name, done)
    source, constants = write_function(builder.tree, builder.general, members, own)
    exec(compile(source, f"<extract {type_name}>", "exec"), constants)  # noqa: S102 - our own source
    return Extractor(type_name, constants["extract"], tuple(done), source)


def _members(definitions: Definitions, type_name: str, done: Iterable[str]) -> dict[str, frozenset[str]]:
    """Reference parameter -> the compartments that it puts a resource into."""
    found: dict[str, set[str]] = {}
    for compartment, types in definitions.compartments.items():
        for code in types.get(type_name, ()):
            found.setdefault(code, set()).add(compartment)
    return {code: frozenset(types) for code, types in found.items() if code in set(done)}


def covers(type_name: str, parameter: SearchParameter, definitions: Definitions) -> bool:
    """Whether the parameter can make entries on a type: its expression leads to values that its search type knows.

    True where only evaluating the expression can tell. Raises `HieError(INVALID)` for an expression with a mistake.
    """
    builder = Builder(type_name, definitions)
    builder.add(parameter)
    return bool(builder.general) or _fills(builder.tree)


def _fills(tree: Tree) -> bool:
    here = any((leaf.kind, leaf.type) in EMITTERS for leaf in tree.leaves)
    whole = any(all(_fills(part.tree) for part in composite.parts) for composite in tree.composites)
    return here or whole or any(_fills(branch) for branch in tree.branches.values())


class Extractors:
    """The extractors of all types by `definitions`, each compiled on first use."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._compiled: dict[str, Extractor] = {}

    def use(self, definitions: Definitions) -> None:
        """Extract by other definitions from now on: search parameters were added or removed."""
        self.definitions = definitions
        self._compiled = {}

    def of(self, type_name: str) -> Extractor:
        """The extractor of a resource type; raises `HieError(INVALID)` when there is no such type."""
        found = self._compiled.get(type_name)
        if found is None:
            if not self.definitions.is_resource(type_name):
                raise HieError(Category.INVALID, "Not a resource type of FHIR R4")
            parameters = self.definitions.search_parameters(type_name).values()
            found = self._compiled[type_name] = compile_extractor(type_name, parameters, self.definitions)
        return found

    def extract(self, resource: Resource) -> Entries:
        """All entries of a resource; raises `HieError(UNPROCESSABLE)` when its JSON has not the structure of R4."""
        extractor = self._compiled.get(resource["resourceType"]) or self.of(resource["resourceType"])
        try:
            return extractor.extract(resource)
        except (AttributeError, TypeError, KeyError, ValueError, ArithmeticError) as error:
            message = f"The structure of this {extractor.type} is not that of FHIR R4"
            raise HieError(Category.UNPROCESSABLE, message, issue="structure") from error
