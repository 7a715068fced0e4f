"""What all code systems are made of: concepts, designations, properties, and the filters that select among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hie.base.resource import JsonView

SUPPLEMENT_USE = {"system": "http://terminology.hl7.org/CodeSystem/designation-usage", "code": "display"}
"""The use of a designation that stands for the display in another language."""


@dataclass(frozen=True, slots=True)
class Designation:
    """Another name of a concept; `language` a BCP-47 tag, `use` a Coding or None."""

    value: str
    language: str = ""
    use: JsonView | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """One property value of a concept: `kind` is the end of its `value[x]` name (`Code`, `String`, `Boolean`, ...)."""

    code: str
    kind: str
    value: Any

    @property
    def text(self) -> str:
        """The value as filters compare it: a boolean as `true` or `false`, a Coding by its code."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return str(self.value.get("code", "")) if isinstance(self.value, Mapping) else str(self.value)


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept. `abstract`: not to be chosen by a user; `inactive`: no longer to be used."""

    code: str
    display: str = ""
    definition: str = ""
    designations: tuple[Designation, ...] = ()
    properties: tuple[Property, ...] = ()
    abstract: bool = False
    inactive: bool = False

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a property as text."""
        return tuple(row.text for row in self.properties if row.code == name)


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a ValueSet: property, operator (FHIR R4 FilterOperator), value."""

    property: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which concepts of a code system are meant.

    They meet all `filters`, meet not all filters of any group of `without`, hold all `words` (`hie.terminology.text`),
    and are not inactive or abstract when these are not wanted.
    """

    filters: tuple[Filter, ...] = ()
    without: tuple[tuple[Filter, ...], ...] = ()
    words: tuple[str, ...] = ()
    active_only: bool = False
    selectable_only: bool = False

    @property
    def everything(self) -> bool:
        """Whether every concept is meant."""
        return self == EVERYTHING


EVERYTHING = Selection()
"""All concepts of a code system."""

OPERATORS = frozenset({"=", "is-a", "descendent-of", "is-not-a", "regex", "in", "not-in", "generalizes", "exists"})
"""All of FHIR R4's FilterOperator."""

HIERARCHICAL = frozenset({"is-a", "descendent-of", "is-not-a", "generalizes"})
"""Operators that follow the hierarchy of the code system."""

OF_CODE = frozenset({"concept", "code"})
"""Names by which a filter means the code itself."""
