"""Which interaction a method and a path mean (FHIR R4 http §3.1.0, table of §3.1.0.17)."""

import re
from dataclasses import dataclass

from hie.base.errors import Category, HieError
from hie.fhir.definitions import Definitions
from hie.fhir.validate.primitives import ID
from hie.security.policy import Interaction

_VERSION = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Route:
    """What a request names.

    `name` is the handler; `target` the searched type of a compartment search (`*` for all); `operation` with its `$`.
    """

    name: str
    interaction: Interaction
    type: str | None = None
    id: str | None = None
    version: int | None = None
    operation: str | None = None
    target: str | None = None


Methods = dict[str, tuple[str, Interaction]]
_SEARCH = Interaction.SEARCH_TYPE

ROUTES: dict[str, Methods] = {
    "": {"GET": ("search", Interaction.SEARCH_SYSTEM), "POST": ("bundle", Interaction.BATCH)},
    "metadata": {"GET": ("capabilities", Interaction.CAPABILITIES)},
    "openapi.json": {"GET": ("openapi", Interaction.CAPABILITIES)},
    "_history": {"GET": ("history", Interaction.HISTORY_SYSTEM)},
    "_search": {"POST": ("search", Interaction.SEARCH_SYSTEM), "GET": ("search", Interaction.SEARCH_SYSTEM)},
    "$": {
        "GET": ("operation", Interaction.OPERATION),
        "POST": ("operation", Interaction.OPERATION),
        "DELETE": ("operation", Interaction.OPERATION),
    },
    "Type": {
        "GET": ("search", _SEARCH),
        "POST": ("create", Interaction.CREATE),
        "PUT": ("conditional_update", Interaction.UPDATE),
        "PATCH": ("conditional_patch", Interaction.PATCH),
        "DELETE": ("conditional_delete", Interaction.DELETE),
    },
    "Type/_search": {"POST": ("search", _SEARCH), "GET": ("search", _SEARCH)},
    "Type/_history": {"GET": ("history", Interaction.HISTORY_TYPE)},
    "Type/$": {"GET": ("operation", Interaction.OPERATION), "POST": ("operation", Interaction.OPERATION)},
    "Type/id": {
        "GET": ("read", Interaction.READ),
        "PUT": ("update", Interaction.UPDATE),
        "PATCH": ("patch", Interaction.PATCH),
        "DELETE": ("delete", Interaction.DELETE),
    },
    "Type/id/_history": {"GET": ("history", Interaction.HISTORY_INSTANCE)},
    "Type/id/_history/vid": {"GET": ("vread", Interaction.VREAD)},
    "Type/id/$": {"GET": ("operation", Interaction.OPERATION), "POST": ("operation", Interaction.OPERATION)},
    "Type/id/_history/vid/$": {
        "GET": ("operation", Interaction.OPERATION),
        "POST": ("operation", Interaction.OPERATION),
    },
    "Type/id/Type": {"GET": ("search", _SEARCH)},
    "Type/id/Type/_search": {"POST": ("search", _SEARCH), "GET": ("search", _SEARCH)},
}
"""Shape of a path -> method -> (handler, interaction). HEAD is served as GET."""


class NotAllowed(HieError):
    """NOT_ALLOWED with the methods that would be; they go into the Allow header."""

    def __init__(self, allowed: list[str], told: str = "This method is not allowed here") -> None:
        super().__init__(Category.NOT_ALLOWED, told)
        self.allowed = allowed


def resource_type(definitions: Definitions, name: str) -> str:
    """`name` when it is a resource type; raises NOT_FOUND."""
    if not definitions.is_resource(name):
        told = "R4 has no resource type of this name; /metadata lists those it has"
        raise HieError(Category.NOT_FOUND, told, issue="not-supported", expression="http.type")
    return name


def logical_id(text: str) -> str:
    """`text` when it is a valid logical id; raises INVALID."""
    if not ID.fullmatch(text):
        raise HieError(
            Category.INVALID,
            "An id has 1 to 64 letters, digits, hyphens and dots",
            issue="value",
            expression="http.id",
        )
    return text


def _not_found() -> HieError:
    return HieError(Category.NOT_FOUND, "There is nothing at this address")


def _version(text: str) -> int:
    if not _VERSION.fullmatch(text):
        raise HieError(Category.NOT_FOUND, "There is no such version")
    return int(text)


def _shape(definitions: Definitions, path: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The key of `ROUTES` for a path, and its named parts."""
    match path:
        case ():
            return "", {}
        case ("metadata" | "openapi.json" | "_history" | "_search",):
            return path[0], {}
        case (operation,) if operation.startswith("$"):
            return "$", {"operation": operation}
        case (kind, *rest):
            return _below_type({"type": resource_type(definitions, kind)}, definitions, rest)
    raise _not_found()


def _below_type(parts: dict[str, str], definitions: Definitions, rest: list[str]) -> tuple[str, dict[str, str]]:
    match rest:
        case []:
            return "Type", parts
        case ["_search" | "_history"]:
            return f"Type/{rest[0]}", parts
        case [operation] if operation.startswith("$"):
            return "Type/$", {**parts, "operation": operation}
        case [identity, *below]:
            return _below_id({**parts, "id": logical_id(identity)}, definitions, below)
    raise _not_found()


def _below_id(parts: dict[str, str], definitions: Definitions, rest: list[str]) -> tuple[str, dict[str, str]]:
    match rest:
        case []:
            return "Type/id", parts
        case ["_history"]:
            return "Type/id/_history", parts
        case ["_history", number]:
            return "Type/id/_history/vid", {**parts, "version": number}
        case ["_history", number, operation] if operation.startswith("$"):
            return "Type/id/_history/vid/$", {**parts, "version": number, "operation": operation}
        case [operation] if operation.startswith("$"):
            return "Type/id/$", {**parts, "operation": operation}
        case [target] | [target, "_search"] if target == "*" or definitions.is_resource(target):
            shape = "Type/id/Type" if len(rest) == 1 else "Type/id/Type/_search"
            return shape, {**parts, "target": target}
    raise _not_found()


def route(definitions: Definitions, method: str, path: tuple[str, ...]) -> Route:
    """The route of a request; raises NOT_FOUND, INVALID (bad id) or `NotAllowed`."""
    if len(path) == 2 and method in ("GET", "HEAD") and ID.fullmatch(path[1]) and definitions.is_resource(path[0]):
        return Route("read", Interaction.READ, path[0], path[1])
    if len(path) == 1 and method == "POST" and definitions.is_resource(path[0]):
        return Route("create", Interaction.CREATE, path[0])
    shape, parts = _shape(definitions, path)
    methods = ROUTES[shape]
    found = methods.get("GET" if method == "HEAD" else method)
    if found is None:
        raise NotAllowed([*methods, *(["HEAD"] if "GET" in methods else [])])
    name, interaction = found
    return Route(
        name,
        interaction,
        parts.get("type"),
        parts.get("id"),
        _version(parts["version"]) if "version" in parts else None,
        parts.get("operation"),
        parts.get("target"),
    )
