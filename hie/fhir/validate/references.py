"""Literal references: which type they show and whether it is an allowed one (FHIR R4 references §2.3.0)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_LITERAL = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://[^\s?#]*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?"
).fullmatch
_NO_CONTAINED: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Root:
    """The resource that rules look at from inside.

    `resource` is `%resource`; `container` is `%rootResource`, another one only inside a contained resource;
    `contained` maps the ids of the container's contained resources to their types.
    """

    resource: Mapping[str, Any]
    container: Mapping[str, Any]
    contained: Mapping[str, str]


def root_of(resource: Mapping[str, Any]) -> Root:
    """The root for a resource that is not contained."""
    inner = resource.get("contained")
    return Root(resource, resource, contained_types(inner) if inner.__class__ is list else _NO_CONTAINED)


def contained_types(inner: Any) -> dict[str, str]:
    """Id -> type of contained resources; what is malformed is left out."""
    rows = [(row.get("id"), row.get("resourceType")) for row in inner if row.__class__ is dict]
    return {key: kind for key, kind in rows if key.__class__ is str and kind.__class__ is str}


def entry_types(bundle: Mapping[str, Any]) -> dict[str, str]:
    """Full URL -> resource type of the entries of a Bundle; what is malformed is left out."""
    entries = bundle.get("entry")
    found = {}
    for entry in entries if entries.__class__ is list else ():
        resource = entry.get("resource") if entry.__class__ is dict else None
        if resource.__class__ is dict:
            url, kind = entry.get("fullUrl"), resource.get("resourceType")
            if url.__class__ is str and kind.__class__ is str:
                found[url] = kind
    return found


def shown_type(literal: str, root: Root) -> str | None:
    """The resource type that a literal reference shows; None when it does not tell (`urn:uuid:...`, a foreign URL)."""
    if literal.startswith("#"):
        if literal == "#":
            return str(root.container.get("resourceType"))
        return root.contained.get(literal[1:])
    match = _LITERAL(literal)
    return match[1] if match else None


def target_check(allowed: frozenset[str], known: Callable[[str], bool]) -> Callable[[Mapping[str, Any], Root], bool]:
    """The test whether a Reference may stand where `allowed` types are; true when its type cannot be told.

    A logical reference tells by its `type`. `known` tells resource types from other words: `http://x/Foo/1` shows no
    type.
    """

    def fits(reference: Mapping[str, Any], root: Root) -> bool:
        literal = reference.get("reference")
        if literal.__class__ is not str:
            kind = reference.get("type")
        elif literal.partition("/")[0] in allowed:
            return True
        else:
            kind = shown_type(literal, root)
        return kind.__class__ is not str or kind in allowed or not known(kind)

    return fits


def contained_found(reference: Mapping[str, Any], root: Root) -> bool:
    """Whether `#id` names a contained resource (constraint ref-1)."""
    literal = reference.get("reference")
    if literal.__class__ is not str or literal[:1] != "#" or literal == "#":
        return True
    return literal[1:] in root.contained
