"""One operation: where it may be called, how, and its parameters (FHIR R4 operations §3.2.0)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hie.api.content import decoded
from hie.api.message import Answer, Request
from hie.api.router import Route
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.base.resource import Json

_HL7 = "http://hl7.org/fhir/OperationDefinition/"
_BULK = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"


class Level(StrEnum):
    """What an operation is called on."""

    SYSTEM = "system"
    TYPE = "type"
    INSTANCE = "instance"


def level_of(route: Route) -> Level:
    """What a route calls its operation on."""
    if route.id is not None:
        return Level.INSTANCE
    return Level.SYSTEM if route.type is None else Level.TYPE


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table.

    `types` it is for (empty: all); `definition` the end of its OperationDefinition's URL, None when it has none (parts
    of the bulk protocol); `bulk` those of Bulk Data Access, there only when exports are switched on; `terminology`
    those that need the terminology service.
    """

    name: str
    run: Callable[[Service, Request, Route], Awaitable[Answer]]
    levels: frozenset[Level]
    types: tuple[str, ...]
    methods: tuple[str, ...]
    definition: str | None = None
    bulk: bool = False
    terminology: bool = False

    def serves(self, service: Service, route: Route) -> bool:
        """Whether it may be called where `route` does."""
        return self.available(service) and level_of(route) in self.levels and self.listed(route.type)

    def available(self, service: Service) -> bool:
        """Whether it is switched on."""
        if self.terminology and service.terminology is None:
            return False
        return not self.bulk or service.exports is not None

    def listed(self, kind: str | None) -> bool:
        """Whether it is for this type."""
        return kind is None or not self.types or kind in self.types

    def url(self, kind: str | None) -> str | None:
        """The canonical URL of its definition."""
        if self.definition is None:
            return None
        return (_BULK if self.bulk else _HL7) + self.definition.format(type=kind)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The parameters of a call, from the URL and from a posted Parameters resource; `posted` are the names in the
    latter, in order."""

    pairs: tuple[tuple[str, Any], ...]
    posted: tuple[str, ...] = ()

    def position(self, name: str) -> int | None:
        """The index of the first parameter of that name in the posted Parameters; None when there is none."""
        return self.posted.index(name) if name in self.posted else None

    def first(self, name: str) -> Any:
        """The first value of that name, None when there is none."""
        return next((value for key, value in self.pairs if key == name), None)

    def text(self, name: str) -> str | None:
        """The first value as text; raises INVALID when it is a structure."""
        value = self.first(name)
        if isinstance(value, dict | list):
            raise HieError(Category.INVALID, "This parameter is a simple value", expression=name)
        return None if value is None else str(value)

    def names(self, name: str) -> tuple[str, ...]:
        """All values, each a list with commas."""
        values = [str(value) for key, value in self.pairs if key == name and not isinstance(value, dict | list)]
        return tuple(part.strip() for value in values for part in value.split(",") if part.strip())

    def only(self, known: frozenset[str], lenient: bool) -> None:
        """Raise INVALID for a parameter that the operation does not know, unless handling is lenient."""
        unknown = next((name for name, _ in self.pairs if name not in known | {"_format", "_pretty"}), None)
        if unknown is not None and not lenient:
            raise HieError(Category.INVALID, "Unknown parameter of this operation", expression=f"http.{unknown[:64]}")


def inputs(service: Service, request: Request, resource: str = "resource") -> Inputs:
    """What a call is given; a body that is no Parameters is the parameter `resource`, the one that takes a resource."""
    if request.method != "POST" or not (request.body or request.resource):
        return Inputs(request.query)
    posted = decoded(service, request)
    if posted["resourceType"] != "Parameters":
        return Inputs((*request.query, (resource, posted)))
    rows = posted.get("parameter", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise HieError(Category.INVALID, "parameter is an array of objects", expression="Parameters.parameter")
    named = tuple(str(row.get("name")) for row in rows)
    return Inputs((*request.query, *zip(named, map(_value, rows), strict=True)), named)


def _value(row: Json) -> Any:
    if "resource" in row:
        return row["resource"]
    if "part" in row:
        return row["part"]
    return next((value for key, value in row.items() if key.startswith("value")), None)
