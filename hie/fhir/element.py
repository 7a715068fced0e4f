"""The values that `hie.fhir.definitions` hands out: types, elements, properties, search parameters.

A *node type* names a place whose children are known: a type (`Patient`, `HumanName`, `string`) or the path of an
element that declares its own children (`Patient.contact`, `Timing.repeat`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ElementType:
    """One allowed type of an element (FHIR R4 ElementDefinition.type).

    `profile` and `target_profile` hold bare names for core definitions (`Patient`) and URLs for others.
    """

    code: str
    profile: tuple[str, ...] = ()
    target_profile: tuple[str, ...] = ()
    regex: str | None = None


@dataclass(frozen=True, slots=True)
class Constraint:
    """An invariant: FHIRPath `expression` that must hold; `severity` is `error` or `warning`."""

    key: str
    severity: str
    human: str
    expression: str


@dataclass(frozen=True, slots=True)
class Binding:
    """A terminology binding: `strength` (required, extensible, preferred, example) and the value set's URL."""

    strength: str
    value_set: str


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a snapshot.

    `path` as in the snapshot (`Observation.value[x]`); `max` None stands for `*`; `content_reference` is the path
    whose children this element shares; `base` the path where it was first defined; `fixed` and `pattern` hold
    (type, value) or None; `slice_name` and `id` matter in profiles only.
    """

    path: str
    min: int
    max: int | None
    types: tuple[ElementType, ...]
    content_reference: str | None = None
    base: str = ""
    binding: Binding | None = None
    constraints: tuple[Constraint, ...] = ()
    is_modifier: bool = False
    is_summary: bool = False
    max_length: int | None = None
    fixed: tuple[str, Any] | None = None
    pattern: tuple[str, Any] | None = None
    min_value: Any = None
    max_value: Any = None
    slicing: Mapping[str, Any] | None = None
    slice_name: str | None = None
    id: str = ""
    xml_attribute: bool = False

    @property
    def is_choice(self) -> bool:
        """Whether this is a `value[x]` element."""
        return self.path.endswith("[x]")

    @property
    def is_list(self) -> bool:
        """Whether JSON carries an array here."""
        return self.max is None or self.max > 1

    @property
    def name(self) -> str:
        """The last step of the path without `[x]`."""
        return self.path.rpartition(".")[2].removesuffix("[x]")

    @property
    def reference_targets(self) -> tuple[str, ...]:
        """Resource types a Reference here may point to; empty when it is none or may be any."""
        targets = [target for kind in self.types if kind.code == "Reference" for target in kind.target_profile]
        return () if "Resource" in targets else tuple(targets)


@dataclass(frozen=True, slots=True)
class Property:
    """One JSON member of a node: `key` as in JSON (`valueQuantity`), `name` the element (`value`).

    `type` is the data type code (`Quantity`, `BackboneElement`); `node` the node type of the value, which for a
    backbone is its path.
    """

    key: str
    name: str
    type: str
    node: str
    is_list: bool
    is_primitive: bool
    element: Element


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """A resource, complex or primitive type, or a profile on one.

    `kind` is `resource`, `complex-type` or `primitive-type`; `base` the parent type's name; `elements` by path in
    snapshot order (by element id in a profile, where slices share a path). `stated` are the ids that a profile says
    something about beyond its base, with what is above them; None when that is not known.
    """

    name: str
    url: str
    kind: str
    abstract: bool
    base: str | None
    type: str
    elements: Mapping[str, Element]
    title: str = ""
    context: tuple[Mapping[str, str], ...] = ()
    stated: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """One component of a composite parameter: the URL of its parameter and the expression below the composite's."""

    definition: str
    expression: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter (FHIR R4 SearchParameter).

    `base` the resource types it is for; `target` the types a reference may point to; `usage` is `normal` or
    `phonetic`, the two of `xpathUsage` that are served.
    """

    code: str
    type: str
    expression: str
    base: tuple[str, ...]
    target: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    url: str = ""
    description: str = ""
    usage: str = "normal"
