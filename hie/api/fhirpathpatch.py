"""FHIRPath Patch: a Parameters resource that changes another (FHIR R4 fhirpatch). Pure.

Paths are evaluated by `hie.fhir.path` on a copy whose values know their places (`hie.api.marked`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hie.api.marked import Marked, Place, marked, plain
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir import path as fhirpath
from hie.fhir.definitions import Definitions
from hie.fhir.element import Property
from hie.fhir.path import Node

_MOST = 1000
"""Operations in one patch."""


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation as given; `value` is the parameter that holds the value."""

    at: str
    type: str
    path: str
    name: str | None
    value: Json | None
    numbers: dict[str, int]


def apply_fhirpath_patch(resource: Json, parameters: Json, definitions: Definitions) -> Json:
    """The resource after all operations; raises INVALID for a patch that is none, UNPROCESSABLE for one that does not
    fit the resource. The resource given is not changed."""
    rows = parameters.get("parameter", [])
    if not isinstance(rows, list) or not 0 < len(rows) <= _MOST:
        raise HieError(Category.INVALID, "A FHIRPath Patch has 1 to 1000 operations", expression="Parameters.parameter")
    for place, row in enumerate(rows):
        operation = _read(row, f"Parameters.parameter[{place}]")
        work = marked(resource, definitions)
        _RUN[operation.type](work, operation)
        resource = plain(work.resource)
    return resource


# -- reading -------------------------------------------------------------------------------------------------------


def _read(row: Any, at: str) -> _Operation:
    parts = row.get("part") if isinstance(row, dict) else None
    if not isinstance(parts, list) or row.get("name") != "operation" or not all(isinstance(p, dict) for p in parts):
        raise HieError(Category.INVALID, "A parameter of a patch is an operation with parts", expression=at)
    named = {part.get("name"): part for part in parts}
    texts = {name: _simple(named.get(name)) for name in ("type", "path", "name", "index", "source", "destination")}
    if not isinstance(texts["type"], str) or texts["type"] not in _RUN or not isinstance(texts["path"], str):
        raise HieError(Category.INVALID, "An operation needs a type and a path", expression=at)
    numbers = {name: texts[name] for name in ("index", "source", "destination") if texts[name] is not None}
    wanted = _NUMBERS.get(texts["type"], ())
    if any(not isinstance(numbers.get(name), int) or numbers[name] < 0 for name in wanted):
        raise HieError(Category.INVALID, f"This operation needs {' and '.join(wanted)}", expression=at)
    if texts["type"] in _VALUED and "value" not in named:
        raise HieError(Category.INVALID, "This operation needs a value", expression=at)
    if texts["type"] == "add" and not isinstance(texts["name"], str):
        raise HieError(Category.INVALID, "This operation needs a name", expression=at)
    return _Operation(at, texts["type"], texts["path"], texts["name"], named.get("value"), numbers)


def _simple(part: Json | None) -> Any:
    return next((value for key, value in (part or {}).items() if key.startswith("value")), None)


# -- places --------------------------------------------------------------------------------------------------------


def _nodes(work: Marked, operation: _Operation, path: str) -> list[Node]:
    try:
        found = fhirpath.compile(path).nodes(work.resource)
    except HieError as error:
        raise HieError(Category.INVALID, error.message, expression=operation.at) from None
    if not all(isinstance(node, Node) for node in found):
        raise _misfit(operation, "the path leads to no element")
    return found


def _one(work: Marked, operation: _Operation, path: str) -> Node:
    found = _nodes(work, operation, path)
    if len(found) != 1:
        raise _misfit(operation, f"the path leads to {'several elements' if found else 'nothing'}")
    return found[0]


def _place(work: Marked, operation: _Operation, node: Node) -> Place:
    place = work.places.get(id(node.value))
    if place is not None:
        return place
    owner, name = _split(work, operation)
    for key, member in work.definitions.properties(owner.node).items():
        if member.name == name and key in owner.value:
            return Place(owner.value, key, None, owner.node)
    raise _misfit(operation, "the path leads to nothing that can be changed")


def _split(work: Marked, operation: _Operation) -> tuple[Node, str]:
    """The element that owns the last step of the path, and the name of that step."""
    before, dot, name = operation.path.rpartition(".")
    if not dot or not name.isidentifier():
        raise _misfit(operation, "the path must end in the name of an element")
    return _one(work, operation, before), name


def _misfit(operation: _Operation, why: str) -> HieError:
    return HieError(Category.UNPROCESSABLE, f"Patch: {why}", expression=operation.at)


# -- values --------------------------------------------------------------------------------------------------------


def _built(work: Marked, operation: _Operation, members: tuple[Property, ...], given: Json) -> tuple[Property, Any]:
    """The member that a value is for (a choice has one a type) and the value as JSON."""
    key = next((key for key in given if key.startswith("value") and key != "value"), None)
    if key is None:
        parts = given.get("part")
        if not isinstance(parts, list) or not members:
            raise _misfit(operation, "the value is neither a value[x] nor made of parts")
        return members[0], _assembled(work, operation, members[0].node, parts)
    kind = key.removeprefix("value")
    for member in members:
        if len(members) == 1 or member.key == member.name + kind:
            return member, given[key]
    raise _misfit(operation, "the element does not take a value of this type")


def _assembled(work: Marked, operation: _Operation, node: str, parts: list[Any]) -> Json:
    """A backbone element from its named parts."""
    children = work.definitions.children(node)
    made: Json = {}
    for part in parts:
        members = children.get(str(part.get("name")), ()) if isinstance(part, dict) else ()
        if not members:
            raise _misfit(operation, "a part of the value names no element")
        member, value = _built(work, operation, members, part)
        if member.is_list:
            made.setdefault(member.key, []).append(value)
        else:
            made[member.key] = value
    return made


# -- operations ----------------------------------------------------------------------------------------------------


def _add(work: Marked, operation: _Operation) -> None:
    owner = _one(work, operation, operation.path)
    if not isinstance(owner.value, dict):
        raise _misfit(operation, "a primitive has no elements")
    members = work.definitions.children(owner.node).get(operation.name or "", ())
    if not members:
        raise _misfit(operation, "there is no element of this name")
    member, value = _built(work, operation, members, operation.value or {})
    if member.is_list:
        siblings = owner.value.get("_" + member.key)
        owner.value.setdefault(member.key, []).append(value)
        if isinstance(siblings, list):
            siblings.append(None)
    elif any(other.key in owner.value for other in members):
        raise _misfit(operation, "the element is there already and does not repeat")
    else:
        owner.value[member.key] = value


def _insert(work: Marked, operation: _Operation) -> None:
    owner, name = _split(work, operation)
    members = work.definitions.children(owner.node).get(name, ())
    if not members or not members[0].is_list:
        raise _misfit(operation, "the element does not repeat")
    member, value = _built(work, operation, members, operation.value or {})
    items = owner.value.setdefault(member.key, [])
    index = operation.numbers["index"]
    if index > len(items):
        raise _misfit(operation, "the index is behind the end")
    for here, item in ((items, value), (owner.value.get("_" + member.key), None)):
        if isinstance(here, list):
            here.insert(index, item)


def _delete(work: Marked, operation: _Operation) -> None:
    found = _nodes(work, operation, operation.path)
    if len(found) > 1:
        raise _misfit(operation, "the path leads to several elements")
    if not found:
        return
    place = _place(work, operation, found[0])
    for key in (place.key, "_" + place.key):
        items = place.owner.get(key)
        if place.index is None:
            place.owner.pop(key, None)
        elif isinstance(items, list) and place.index < len(items):
            del items[place.index]
            if not items:
                del place.owner[key]


def _replace(work: Marked, operation: _Operation) -> None:
    place = _place(work, operation, _one(work, operation, operation.path))
    current = work.definitions.properties(place.node).get(place.key)
    members = work.definitions.children(place.node).get(current.name, ()) if current else ()
    member, value = _built(work, operation, members, operation.value or {})
    if place.index is not None:
        place.owner[place.key][place.index] = value
        return
    place.owner.pop("_" + place.key, None)
    if member.key != place.key:
        del place.owner[place.key]
    place.owner[member.key] = value


def _move(work: Marked, operation: _Operation) -> None:
    owner, name = _split(work, operation)
    members = work.definitions.children(owner.node).get(name, ())
    items = owner.value.get(members[0].key) if members else None
    source, destination = operation.numbers["source"], operation.numbers["destination"]
    if not isinstance(items, list) or max(source, destination) >= len(items):
        raise _misfit(operation, "source or destination is not in the list")
    for here in (items, owner.value.get("_" + members[0].key)):
        if isinstance(here, list) and source < len(here):
            here.insert(destination, here.pop(source))


_RUN: dict[str, Callable[[Marked, _Operation], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}
_NUMBERS = {"insert": ("index",), "move": ("source", "destination")}
_VALUED = frozenset({"add", "insert", "replace"})
