"""A resource in which every value is an object of its own that knows where it stands: what FHIRPath Patch works on."""

from dataclasses import dataclass, field
from typing import Any

from hie.base.resource import Json
from hie.fhir.definitions import Definitions


class _Text(str):
    """A string that is found again by identity."""


class _Whole(int):
    """A whole number that is found again by identity."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: `owner[key]`, or `owner[key][index]` in a list; `node` is the type of the owner."""

    owner: Json
    key: str
    index: int | None
    node: str


@dataclass(slots=True)
class Marked:
    """A copy of a resource, and the place of each value in it by the value's `id()`; booleans have none."""

    definitions: Definitions
    resource: Json
    places: dict[int, Place] = field(default_factory=dict)


def marked(resource: Json, definitions: Definitions) -> Marked:
    """The copy of a resource with its places."""
    work = Marked(definitions, {})
    work.resource = _mark_object(work, resource, str(resource["resourceType"]))
    return work


def _mark_object(work: Marked, value: Json, node: str) -> Json:
    if isinstance(value.get("resourceType"), str):
        node = value["resourceType"]
    members = work.definitions.properties(node)
    copy: Json = {}
    for key, item in value.items():
        member = members.get(key)
        inner = member.node if member is not None else "Element"
        if isinstance(item, list):
            copy[key] = [_mark(work, one, inner, Place(copy, key, place, node)) for place, one in enumerate(item)]
        else:
            copy[key] = _mark(work, item, inner, Place(copy, key, None, node))
    return copy


def _mark(work: Marked, value: Any, node: str, place: Place) -> Any:
    own: Any = value
    if isinstance(value, dict):
        own = _mark_object(work, value, node)
    elif isinstance(value, str):
        own = _Text(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        own = _Whole(value)
    if not isinstance(own, bool):
        work.places[id(own)] = place
    return own


def plain(value: Any) -> Any:
    """A marked value as JSON reads it: whoever checks it next looks at types."""
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _Text():
            return str(value)
        case _Whole():
            return int(value)
    return value
