"""References in what is written: conditional ones resolved, those of a Bundle rewritten, targets checked on demand."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from hie.api.conditional import match_one, pairs_of
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.security.principal import Principal
from hie.store.port import Reader

Json = dict[str, Any]

NAMES = frozenset({"value", "system", "id", "display", "fullUrl", "valueString", "title", "resourceType"})
"""JSON keys whose value names or shows a thing; a URL there is no reference (`Identifier.value` above all)."""

_LINK = re.compile(r"""((?:href|src)\s*=\s*["'])([^"']+)(["'])""")
_CONDITIONAL = re.compile(r"(?P<type>[A-Z][A-Za-z]+)\?(?P<query>.+)", re.DOTALL)
_LITERAL = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?")


def rewritten(value: Any, names: Mapping[str, str], key: str = "") -> Any:
    """`value` with every reference that `names` knows replaced: Reference.reference, uri, url, canonical, oid, uuid,
    and `href` and `src` in narrative (FHIR R4 http §3.1.0.11.2). Shares with `value` what did not change."""
    if isinstance(value, str):
        if key == "div":
            return _LINK.sub(lambda found: found[1] + names.get(found[2], found[2]) + found[3], value)
        return names.get(value, value) if key not in NAMES else value
    if isinstance(value, dict):
        return {name: rewritten(item, names, name) for name, item in value.items()}
    if isinstance(value, list):
        return [rewritten(item, names, key) for item in value]
    return value


def references(value: Any) -> Iterator[str]:
    """Every `Reference.reference` in a resource, in document order."""
    if isinstance(value, dict):
        text = value.get("reference")
        if isinstance(text, str):
            yield text
        for item in value.values():
            if isinstance(item, dict | list):
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list):
                yield from references(item)


async def resolve_conditional_references(
    service: Service, reader: Reader, principal: Principal, resource: Json
) -> Json:
    """`resource` with references such as `Patient?identifier=x` replaced by what they match.

    Raises VERSION_CONFLICT when one matches nothing, MULTIPLE_MATCHES when several.
    """
    found = await resolve_all(service, reader, principal, [resource], {})
    return rewritten(resource, found) if found else resource


async def resolve_all(
    service: Service, reader: Reader, principal: Principal, resources: Sequence[Json], known: Mapping[str, str]
) -> dict[str, str]:
    """Conditional reference -> what it matches, for all in `resources` that `known` does not have."""
    wanted = {
        text
        for resource in resources
        for text in references(resource)
        if "?" in text and text not in known and _CONDITIONAL.fullmatch(text)
    }
    return {text: await _resolved(service, reader, principal, text) for text in sorted(wanted)}


async def _resolved(service: Service, reader: Reader, principal: Principal, text: str) -> str:
    parts = _CONDITIONAL.fullmatch(text)
    if parts is None or not service.definitions.is_resource(parts["type"]):
        raise HieError(Category.INVALID, "A conditional reference names no resource type", expression="Reference")
    match = await match_one(service, reader, principal, parts["type"], pairs_of(parts["query"]))
    if match is None:
        raise HieError(
            Category.VERSION_CONFLICT,
            "A conditional reference matches nothing",
            issue="not-found",
            expression="Reference.reference",
        )
    return f"{match.type}/{match.id}"


async def check_references(service: Service, reader: Reader, resource: Json) -> None:
    """Raise UNPROCESSABLE when a literal reference leads nowhere, if the settings ask for that."""
    if not service.settings.check_references:
        return
    exists: Callable[[str, str], Awaitable[bool]] = lambda kind, identity: _exists(reader, kind, identity)
    for text in dict.fromkeys(references(resource)):
        parts = _LITERAL.fullmatch(text)
        if parts and service.definitions.is_resource(parts["type"]) and not await exists(parts["type"], parts["id"]):
            raise HieError(
                Category.UNPROCESSABLE,
                "A reference leads to a resource that does not exist here",
                issue="not-found",
                expression="Reference.reference",
            )


async def _exists(reader: Reader, kind: str, identity: str) -> bool:
    version = await reader.read(kind, identity)
    return version is not None and not version.deleted
