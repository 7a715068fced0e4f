"""The official FHIR R4 definitions, read lazily from `profiles/`.

`load_definitions()` opens the indexes (a few milliseconds) and returns a `Definitions`; each type, value set and code
system is decoded on first use and kept. A `Definitions` never changes what it answers; `with_parameters` makes a new
one.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import orjson

from hie.base.data import data_path
from hie.base.resource import Json
from hie.fhir.definition_rows import search_parameter, type_definition
from hie.fhir.element import Element, Property, SearchParameter, TypeDefinition

V = TypeVar("V")


class _Lines:
    """A `.jsonl` file with an index of offsets: one definition is read at a time."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.jsonl"
        self._index: dict[str, tuple[int, int]] = orjson.loads((folder / f"{name}.index.json").read_bytes())

    def __contains__(self, key: str) -> bool:
        return key in self._index

    def keys(self) -> Iterable[str]:
        return self._index.keys()

    def get(self, key: str) -> Json | None:
        where = self._index.get(key)
        if where is None:
            return None
        with self._path.open("rb") as lines:
            lines.seek(where[0])
            value: Json = orjson.loads(lines.read(where[1]))
            return value


class _Once:
    """Values computed on first use, under one lock; what it holds depends on the key alone."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()

    def get(self, kind: str, key: str, make: Callable[[str], V]) -> V:
        try:
            found: V = self._kept[kind, key]
        except KeyError:
            with self._lock:
                found = self._kept[kind, key] = make(key)
        return found


class Definitions:
    """Types, elements, search parameters, compartments and code sets of FHIR R4 4.0.1 and of this project."""

    def __init__(self, folder: Path, parameters: Iterable[SearchParameter], like: "Definitions | None" = None) -> None:
        self._folder = folder
        self._types: _Lines = _Lines(folder, "types") if like is None else like._types
        self._once: _Once = _Once() if like is None else like._once
        self._searched = _Once()
        kinds = {row["type"]: row for row in _array(folder, "type-names")} if like is None else like._kinds
        self._kinds: dict[str, Json] = kinds
        self._parameters = tuple(parameters)
        self._by_url = {parameter.url: parameter for parameter in self._parameters}
        self.resource_types: tuple[str, ...] = tuple(
            sorted(n for n, row in self._kinds.items() if row["kind"] == "resource" and not row.get("abstract"))
        )
        self._resources = frozenset(self.resource_types)

    # -- types and elements ------------------------------------------------------------------------------------

    def is_resource(self, name: str) -> bool:
        """Whether `name` is one of the concrete resource types."""
        return name in self._resources

    def is_type(self, name: str) -> bool:
        """Whether `name` is any FHIR type, abstract ones included."""
        return name in self._kinds

    def is_primitive(self, name: str) -> bool:
        """Whether `name` is a primitive type (`string`, `code`, `xhtml`)."""
        row = self._kinds.get(name)
        return row is not None and row["kind"] == "primitive-type"

    def base_of(self, name: str) -> str | None:
        """The parent type: `Element` for `string`, `string` for `code`; None at a root."""
        row = self._kinds.get(name)
        return None if row is None else row.get("base")

    def is_subtype(self, name: str, ancestor: str) -> bool:
        """Whether type `name` is `ancestor` or derives from it."""
        here: str | None = name
        while here is not None and here != ancestor:
            here = self.base_of(here)
        return here is not None

    def type(self, name: str) -> TypeDefinition | None:
        """The definition of a type, None when there is none of that name."""
        return self._once.get("type", name, lambda key: type_definition(self._types.get(key)))

    def profile(self, url: str) -> TypeDefinition | None:
        """An official profile or extension definition by canonical URL (a version suffix is ignored)."""
        lines = self._once.get("file", "profiles", lambda name: _Lines(self._folder, name))
        return self._once.get("profile", url.split("|")[0], lambda key: type_definition(lines.get(key)))

    def element(self, type_name: str, path: str) -> Element | None:
        """The element at a snapshot path, with or without the type in front: `element("Patient", "contact.name")`.

        Stays inside one snapshot: `HumanName.family` is found under `HumanName`, not under `Patient`.
        """
        definition = self.type(type_name)
        if definition is None:
            return None
        full = path if path == type_name or path.startswith(type_name + ".") else f"{type_name}.{path}"
        return definition.elements.get(full) or definition.elements.get(full + "[x]")

    def properties(self, node: str) -> Mapping[str, Property]:
        """The JSON members of a node type by JSON key, in snapshot order; a choice has one member per type."""
        return self._once.get("properties", node, self._read_properties)

    def children(self, node: str) -> Mapping[str, tuple[Property, ...]]:
        """The child elements of a node type by element name; a choice element lists a member per type."""
        return self._once.get("children", node, self._group_children)

    def _read_properties(self, node: str) -> dict[str, Property]:
        definition = self.type(node.partition(".")[0])
        if definition is None:
            return {}
        prefix = node + "."
        found: dict[str, Property] = {}
        for path, element in definition.elements.items():
            if path.startswith(prefix) and "." not in path[len(prefix) :]:
                found.update({member.key: member for member in self._members(element)})
        return found

    def _members(self, element: Element) -> Iterable[Property]:
        if element.content_reference is not None:
            target = element.content_reference
            yield Property(element.name, element.name, "BackboneElement", target, element.is_list, False, element)
            return
        for kind in element.types:
            key = element.name + kind.code[0].upper() + kind.code[1:] if element.is_choice else element.name
            inline = kind.code in ("BackboneElement", "Element")
            node = element.path if inline else kind.code
            yield Property(key, element.name, kind.code, node, element.is_list, self.is_primitive(kind.code), element)

    def _group_children(self, node: str) -> dict[str, tuple[Property, ...]]:
        grouped: dict[str, tuple[Property, ...]] = {}
        for member in self.properties(node).values():
            grouped[member.name] = (*grouped.get(member.name, ()), member)
        return grouped

    def reference_targets(self, type_name: str, path: str) -> tuple[str, ...]:
        """Resource types that the reference at `path` may point to; empty when it may point to any."""
        element = self.element(type_name, path)
        return () if element is None else element.reference_targets

    def summary_keys(self, node: str) -> frozenset[str]:
        """JSON keys of a node type that `_summary=true` keeps (FHIR R4 search §3.1.1.5.7)."""
        return self._once.get(
            "summary",
            node,
            lambda key: frozenset(m.key for m in self.properties(key).values() if m.element.is_summary),
        )

    def mandatory_keys(self, node: str) -> frozenset[str]:
        """JSON keys of a node type with a minimum cardinality of 1, which `_elements` always keeps."""
        return self._once.get(
            "mandatory", node, lambda key: frozenset(m.key for m in self.properties(key).values() if m.element.min > 0)
        )

    # -- search ------------------------------------------------------------------------------------------------

    def search_parameters(self, type_name: str) -> Mapping[str, SearchParameter]:
        """The search parameters of a resource type by code, those of its ancestors included."""
        return self._searched.get("parameters", type_name, self._parameters_of)

    def _parameters_of(self, type_name: str) -> dict[str, SearchParameter]:
        bases = {name for name in (type_name, "DomainResource", "Resource") if self.is_subtype(type_name, name)}
        found = (p for p in self._parameters if bases.intersection(p.base))
        return dict(sorted((p.code, p) for p in found))

    def once(self, kind: str, key: str, make: Callable[[str], V]) -> V:
        """What `make` finds for `key` in these search parameters, computed on first use."""
        return self._searched.get(kind, key, make)

    def search_parameter(self, url: str) -> SearchParameter | None:
        """A search parameter by canonical URL."""
        return self._by_url.get(url)

    def with_parameters(self, parameters: Iterable[SearchParameter]) -> "Definitions":
        """A copy with `parameters` added; one with the URL of a present one replaces it. What is decoded is shared."""
        merged = {**self._by_url, **{parameter.url: parameter for parameter in parameters}}
        return Definitions(self._folder, merged.values(), self)

    @property
    def compartments(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Compartment type -> resource type -> parameter codes (FHIR R4 CompartmentDefinition)."""
        return self._once.get("file", "compartments", self._read_compartments)

    def _read_compartments(self, name: str) -> dict[str, dict[str, tuple[str, ...]]]:
        return {
            row["code"]: {kind: tuple(codes) for kind, codes in row["resource"].items()}
            for row in _array(self._folder, name)
        }

    def compartment_params(self, compartment: str, type_name: str) -> tuple[str, ...]:
        """Codes of the parameters that put a `type_name` into a compartment; `{def}` means the type itself."""
        return self.compartments.get(compartment, {}).get(type_name, ())

    def patient_params(self, type_name: str) -> tuple[str, ...]:
        """Codes of the parameters that put a `type_name` into a Patient compartment."""
        return self.compartment_params("Patient", type_name)

    # -- operations and terminology ----------------------------------------------------------------------------

    @property
    def operations(self) -> tuple[Json, ...]:
        """The official OperationDefinitions, without their prose; not to be changed."""
        return self._once.get("file", "operations", lambda name: tuple(_array(self._folder, name)))

    def value_set(self, url: str) -> Json | None:
        """An official ValueSet, with `codes` = {system: [[code, display]]} where its expansion is complete."""
        return self._once.get("value-set", url.split("|")[0], self._lines("value-sets").get)

    def code_system(self, url: str) -> Json | None:
        """An official CodeSystem with its concepts."""
        return self._once.get("code-system", url.split("|")[0], self._lines("code-systems").get)

    @property
    def code_system_urls(self) -> tuple[str, ...]:
        """The URLs of all official CodeSystems."""
        return tuple(self._lines("code-systems").keys())

    def code_systems(self) -> Iterator[Json]:
        """All official CodeSystems, one after the other; none is kept."""
        lines = self._lines("code-systems")
        return (row for row in map(lines.get, lines.keys()) if row is not None)

    def _lines(self, file: str) -> _Lines:
        return self._once.get("file", file, lambda name: _Lines(self._folder, name))

    def codes(self, value_set: str) -> frozenset[str] | None:
        """The codes of a value set, whatever their system: what a required binding on `code` checks.

        None when the set is not enumerated here (mime types, languages, UCUM).
        """
        return self._once.get("codes", value_set.split("|")[0], self._code_set)

    def _code_set(self, url: str) -> frozenset[str] | None:
        found = (self.value_set(url) or {}).get("codes")
        return None if found is None else frozenset(row[0] for rows in found.values() for row in rows)

    def codings(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        """(system, code) of every member of a value set; None when it is not enumerated here."""
        return self._once.get("codings", value_set.split("|")[0], self._coding_set)

    def _coding_set(self, url: str) -> frozenset[tuple[str, str]] | None:
        found = (self.value_set(url) or {}).get("codes")
        return None if found is None else frozenset((system, row[0]) for system, rows in found.items() for row in rows)


def _array(folder: Path, name: str) -> list[Json]:
    rows: list[Json] = orjson.loads((folder / f"{name}.json").read_bytes())
    return rows


def load_definitions() -> Definitions:
    """The official definitions, the search parameters of IHE, and our own (`profiles/hie/SearchParameter-*.json`)."""
    return r4_definitions().with_parameters((*_parameters(data_path("profiles", "hie")), *ihe_parameters()))


def r4_definitions() -> Definitions:
    """What FHIR R4 itself defines, no more."""
    folder = data_path("profiles", "r4")
    return Definitions(folder, [search_parameter(row) for row in _array(folder, "search-parameters")])


def ihe_parameters() -> tuple[SearchParameter, ...]:
    """The search parameters that IHE profiles add to R4 (`profiles/ihe`): MHD for ITI-66 and ITI-67.

    They shipped later than the others: an index from before is completed for them.
    """
    return _parameters(data_path("profiles", "ihe"))


def _parameters(folder: Path) -> tuple[SearchParameter, ...]:
    return tuple(search_parameter(orjson.loads(path.read_bytes())) for path in sorted(folder.glob("SearchParameter-*")))


@cache
def official() -> Definitions:
    """The definitions that ship with this package, loaded once; they cannot change while the process runs."""
    return load_definitions()
