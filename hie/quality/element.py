"""Reading elements: dotted paths of JSON names, compiled once; and whether FHIR R4 knows such a path."""

from collections.abc import Callable
from typing import Any

from hie.base.resource import Resource
from hie.fhir.definitions import official

Reader = Callable[[Resource], list[Any]]


def reader(path: str) -> Reader:
    """A function from a resource to all values at `path` (`name.text`, `valueQuantity.code`), lists opened."""
    names = path.split(".")
    if len(names) == 1:
        return lambda resource: _opened(value) if (value := resource.get(path)) is not None else []
    first, rest = names[0], names[1:]

    def read(resource: Resource) -> list[Any]:
        value = resource.get(first)
        if value is None:
            return []
        values: list[Any] = value if isinstance(value, list) else [value]
        for name in rest:
            values = _below(values, name)
            if not values:
                break
        return values

    return read


def _below(items: list[Any], name: str) -> list[Any]:
    """The values of that name in all items, lists opened."""
    found: list[Any] = []
    for item in items:
        value = item.get(name) if isinstance(item, dict) else None
        if isinstance(value, list):
            found += _opened(value)
        elif value is not None and value != "":
            found.append(value)
    return found


def _opened(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return [item for item in value if item is not None and item != ""]
    return [value]


def missing_element(resource_type: str, path: str) -> str | None:
    """The first name of `path` that `resource_type` has no element for, None when the whole path is known.

    JSON names: of a choice the one with its type (`valueQuantity`), of a primitive also its sibling (`_birthDate`).
    """
    definitions = official()
    if not definitions.is_resource(resource_type):
        return resource_type
    node = resource_type
    for name in path.split("."):
        member = definitions.properties(node).get(name.removeprefix("_"))
        if member is None:
            return name
        node = "Element" if name.startswith("_") else member.node
    return None
