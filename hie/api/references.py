"""References in what is written: conditional ones resolved, those of a Bundle rewritten, targets checked on demand."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from hie.api.conditional import match_one, pairs_of
from hie.api.service import Service
from hie.api.slot import Links, Slot
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.security.principal import Principal
from hie.store.body import plain
from hie.store.port import Reader, Ready, Transaction

NAMES = frozenset({"value", "system", "id", "display", "fullUrl", "valueString", "title", "resourceType"})
"""JSON keys whose value names or shows a thing; a URL there is no reference (`Identifier.value` above all)."""

_LINKS = {
    "narrative": re.compile(r"""((?:href|src)\s*=\s*["'])([^"']+)"""),
    "markdown": re.compile(r"(\]\()([^()\s]+)"),
}
_CONDITIONAL = re.compile(r"(?P<type>[A-Z][A-Za-z]+)\?(?P<query>.+)", re.DOTALL)
_WHOLE_IDENTIFIER = re.compile(r"identifier=[^&,|]+(\||%7C)[^&,|]+")
_LITERAL = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?")


def slots_of(resource: Json, names: Collection[str] = ()) -> list[Slot]:
    """Every place that may refer to one of `names`, and every conditional reference.

    Those are Reference.reference, uri, url, canonical, oid, uuid, `href` and `src` in narrative (FHIR R4 http
    §3.1.0.11.2), and links in Markdown.
    """
    found: list[Slot] = []
    waiting: list[Json] = [resource]
    while waiting:
        owner = waiting.pop()
        for key, value in owner.items():
            kind = type(value)
            if kind is dict:
                waiting.append(value)
            elif kind is list:
                _in_list(value, key, names, found, waiting)
            elif kind is not str:
                continue
            elif value in names:
                if key not in NAMES:
                    found.append(Slot(owner, key, value))
            elif key == "reference":
                if "?" in value:
                    found.append(Slot(owner, key, value))
            elif ("](" in value or key == "div") and names and (links := _links_in(key, value)):
                found.append(Slot(owner, key, value, links))
    return found


def _links_in(name: str, text: str) -> Links:
    """What kind of links the value of `name` has."""
    if name == "div":
        return "narrative" if "href" in text or "src" in text else ""
    return "markdown" if "](" in text and name not in NAMES else ""


def _in_list(owner: list[Any], name: str, names: Collection[str], found: list[Slot], waiting: list[Json]) -> None:
    """The same for an array, the value of `name`; objects in it go to `waiting`."""
    for place, value in enumerate(owner):
        kind = type(value)
        if kind is dict:
            waiting.append(value)
        elif kind is str:
            if value in names and name not in NAMES:
                found.append(Slot(owner, place, value))
            elif "](" in value and names and (links := _links_in(name, value)):
                found.append(Slot(owner, place, value, links))
        elif kind is list:
            _in_list(value, name, names, found, waiting)


def fill(slots: Iterable[Slot], names: Mapping[str, str]) -> None:
    """Write what `names` says into the slots; may be done again with other names, since a slot keeps its text."""
    for slot in slots:
        if slot.links:
            slot.owner[slot.key] = _LINKS[slot.links].sub(lambda link: link[1] + names.get(link[2], link[2]), slot.text)
        else:
            slot.owner[slot.key] = names.get(slot.text, slot.text)


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
    service: Service, tx: Transaction, principal: Principal, resource: Json
) -> Json:
    """`resource`, with references such as `Patient?identifier=x` in it replaced by what they match.

    Raises VERSION_CONFLICT when one matches nothing, MULTIPLE_MATCHES when several.
    """
    slots = slots_of(resource)
    if slots:
        fill(slots, {text: await resolve(service, tx, principal, text) for text in unresolved(slots, {})})
    return resource


def unresolved(slots: Iterable[Slot], known: Mapping[str, str]) -> list[str]:
    """The conditional references in `slots` that `known` does not have."""
    wanted = {slot.text for slot in slots if not slot.links and slot.text not in known}
    return sorted(text for text in wanted if conditional_type(text))


def conditional_type(text: str) -> str | None:
    """The type that a conditional reference names; None when it is none."""
    parts = _CONDITIONAL.fullmatch(text) if "?" in text else None
    return None if parts is None else parts["type"]


async def resolve(service: Service, tx: Transaction, principal: Principal, text: str) -> str:
    """What a conditional reference matches, as a literal one; raises as `resolve_conditional_references`.

    One by a whole identifier depends on resources of its type alone, and the same few practitioners and places stand
    in Bundle after Bundle: it is looked up again only when one of the type has changed.
    """
    parts = _CONDITIONAL.fullmatch(text)
    if parts is None or not service.definitions.is_resource(parts["type"]):
        raise HieError(Category.INVALID, "A conditional reference names no resource type", expression="Reference")
    known = tx.memo(parts["type"]) if _WHOLE_IDENTIFIER.fullmatch(parts["query"]) else {}
    found: str | None = known.get((principal, text))
    if found is None:
        match = await match_one(service, tx, principal, parts["type"], pairs_of(parts["query"]))
        if match is None:
            raise HieError(
                Category.VERSION_CONFLICT,
                "A conditional reference matches nothing",
                issue="not-found",
                expression="Reference.reference",
            )
        found = known[principal, text] = f"{match.type}/{match.id}"
    return found


async def check_references(service: Service, reader: Reader, resource: Json | Ready) -> None:
    """Raise UNPROCESSABLE when a literal reference leads nowhere, if the settings ask for that."""
    if not service.settings.check_references:
        return
    exists: Callable[[str, str], Awaitable[bool]] = lambda kind, identity: _exists(reader, kind, identity)
    for text in dict.fromkeys(references(plain(resource))):
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
