"""What the walk follows: the elements of a type or profile, compiled per node and kept.

A `Plan` is one place whose members are known. In a profile it may be a slice or an element that the profile walks
into; where the profile says nothing more, the plan of the data type takes over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from hie.base.systems import CORE
from hie.fhir.definitions import Definitions
from hie.fhir.element import Constraint, Element, ElementType, Property, TypeDefinition


class Profiles(Protocol):
    """Where profiles come from: the official ones, our own, stored ones."""

    def profile(self, url: str) -> TypeDefinition | None:
        """A profile or extension definition by canonical URL; None when it is unknown."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of an element: its definition and, in the plan of the definition, its place."""

    name: str
    element: Element


@dataclass(frozen=True, slots=True)
class Child:
    """A member element: its definition, the JSON keys that may carry it here, and its slices in order.

    `base_keys` are the keys that carry it in the base definition; `optional`: nothing to say when none is there.
    """

    element: Element
    name: str
    keys: Mapping[str, ElementType]
    base_keys: tuple[str, ...]
    slices: tuple[Slice, ...]
    optional: bool


class Plan:
    """The members of one place.

    `node` names the base node type (`Observation.component`, `Period`); `element` the element of this use; `members`
    the JSON members that the base definition allows, by key. A plan that is not `is_whole` holds only what a profile
    adds to the base definition, against which the object is held as well.
    """

    def __init__(self, plans: "Plans", definition: TypeDefinition, element_id: str, node: str) -> None:
        self.definition = definition
        self.element = definition.elements[element_id]
        self.node = node
        self.members: Mapping[str, Property] = plans.definitions.properties(node)
        self.is_resource = "." not in node and plans.definitions.is_resource(node)
        self.is_whole = definition.stated is None
        self._plans = plans

    @property
    def type_name(self) -> str:
        """The data type of the object here."""
        if "." not in self.node:
            return self.node
        base = self._plans.definitions.element(self.node.partition(".")[0], self.node)
        return base.types[0].code if base is not None and base.types else "BackboneElement"

    @cached_property
    def children(self) -> tuple[Child, ...]:
        """The member elements in snapshot order."""
        return tuple(self._plans.children(self.definition, self.element.id, self.members))

    @cached_property
    def constraints(self) -> tuple[Constraint, ...]:
        """The constraints on the object itself: of this use, and of its type."""
        found = {c.key: c for c in self.element.constraints}
        if not self.is_whole:
            return tuple(found.values())
        base = self._plans.definitions.type(self.node.partition(".")[0])
        if base is not None and self.node in base.elements:
            found |= {c.key: c for c in base.elements[self.node].constraints if c.key not in found}
        return tuple(found.values())

    def inner(self, element: Element, kind: ElementType) -> "Plan | None":
        """The plan for a value of type `kind` of a member or slice element; None for an unknown type."""
        return self._plans.inner(self.definition, element, kind)


class Plans:
    """Every plan met so far."""

    def __init__(self, definitions: Definitions, profiles: Profiles) -> None:
        self.definitions = definitions
        self.profiles = profiles
        self._kept: dict[tuple[str, str, str], Plan] = {}
        self._families: dict[str, Mapping[str, Sequence[Element]]] = {}

    def of_type(self, name: str) -> Plan | None:
        """The plan of a resource or data type; None when there is none of that name."""
        definition = self.definitions.type(name)
        return None if definition is None else self._plan(definition, name, name)

    def of_profile(self, url: str) -> Plan | None:
        """The plan of a profile; None when it is unknown."""
        definition = self.profile(url)
        return None if definition is None else self._plan(definition, next(iter(definition.elements)), definition.type)

    def profile(self, url: str) -> TypeDefinition | None:
        """A profile by URL, or by bare name for a core one."""
        return self.profiles.profile(url if ":" in url else CORE + url)

    def _plan(self, definition: TypeDefinition, element_id: str, node: str) -> Plan:
        key = (definition.url, element_id, node)
        found = self._kept.get(key)
        if found is None:
            found = self._kept.setdefault(key, Plan(self, definition, element_id, node))
        return found

    def inner(self, definition: TypeDefinition, element: Element, kind: ElementType) -> Plan | None:
        """The plan below a member element."""
        if element.content_reference is not None:
            return self._plan(definition, element.content_reference, element.content_reference)
        node = element.path if kind.code in ("BackboneElement", "Element") else kind.code
        family = self.family(definition)
        for place in (element.id, unsliced(element.id)):
            if place in family:
                return self._plan(definition, place, node)
        for url in kind.profile:
            profile = self.of_profile(url)
            if profile is not None:
                return profile
        return self.of_type(kind.code) if definition.stated is None else None

    def children(self, definition: TypeDefinition, element_id: str, members: Mapping[str, Property]) -> list[Child]:
        """The member elements of a place, slices with the element they slice."""
        family = self.family(definition)
        rows = family.get(element_id, ())
        plain = [row for row in rows if ":" not in last_step(row.id)]
        return [_child(row, [s for s in rows if s.id.startswith(row.id + ":")], members) for row in plain]

    def family(self, definition: TypeDefinition) -> Mapping[str, Sequence[Element]]:
        """Element id -> the elements right below it that the definition speaks of."""
        found = self._families.get(definition.url)
        if found is None:
            rows: dict[str, list[Element]] = {}
            for element in definition.elements.values():
                parent = parent_of(element.id)
                if parent and (definition.stated is None or element.id in definition.stated):
                    rows.setdefault(parent, []).append(element)
            found = self._families.setdefault(definition.url, rows)
        return found


def parent_of(element_id: str) -> str:
    """The id of the element above; empty for a root. A slice name may hold dots only in a URL-like extension name."""
    return element_id.rpartition(".")[0]


def last_step(element_id: str) -> str:
    """The last step of an element id, slice name included."""
    return element_id.rpartition(".")[2]


def unsliced(element_id: str) -> str:
    """The id of the element that a slice belongs to."""
    head, dot, last = element_id.rpartition(".")
    return f"{head}{dot}{last.partition(':')[0]}"


def _child(element: Element, slices: Sequence[Element], members: Mapping[str, Property]) -> Child:
    kinds, name = element.types or (ElementType("BackboneElement"),), element.name
    keys = {name + kind.code[:1].upper() + kind.code[1:] if element.is_choice else name: kind for kind in kinds}
    base_keys = tuple(member.key for member in members.values() if name in (member.name, member.key))
    rows = tuple(Slice(row.slice_name or "", row) for row in slices)
    optional = element.min == 0 and not any(row.min for row in slices)
    return Child(element, name, keys, base_keys, rows, optional)
