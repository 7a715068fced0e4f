"""patch: JSON Patch and FHIRPath Patch, also conditional (FHIR R4 http §3.1.0.6).

JSON Merge Patch (RFC 7396) is taken too, beyond R4: some clients send nothing else.
"""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hie.api.conditional import match_one
from hie.api.content import checked_shape, decoded, validated
from hie.api.fhirpathpatch import apply_fhirpath_patch
from hie.api.jsonpatch import apply_json_patch
from hie.api.message import Answer, Request
from hie.api.negotiation import JSON_PATCH, media_type
from hie.api.router import Route
from hie.api.service import Service
from hie.api.write import Conditions, Written, conditions, put, told
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.definitions import Definitions
from hie.security.policy import Interaction
from hie.security.principal import Principal
from hie.store.port import Transaction, Version
from hie.wire.safejson import loads

_MERGE = frozenset({"application/merge-patch+json", "application/json"})
Change = Callable[[Json], Any]


@dataclass(frozen=True, slots=True)
class Patching:
    """One patch: what it changes, whose it is, and what must hold before."""

    change: Change
    principal: Principal
    asked: Conditions


async def patch(service: Service, request: Request, route: Route) -> Answer:
    """Change parts of a resource."""
    patching = Patching(change_of(service, request), request.principal, conditions(request))

    async def job(tx: Transaction) -> Written:
        return await apply(service, tx, patching, route.type or "", route.id or "")

    return told(service, request, await service.write(job))


async def conditional_patch(service: Service, request: Request, route: Route) -> Answer:
    """Patch what a search finds; 404 when it finds nothing."""
    patching = Patching(change_of(service, request), request.principal, conditions(request))
    kind = route.type or ""

    async def job(tx: Transaction) -> Written:
        found = await match_one(service, tx, request.principal, kind, request.query)
        if found is None:
            raise HieError(Category.NOT_FOUND, "Nothing meets the criteria")
        return await apply(service, tx, patching, found.type, found.id)

    return told(service, request, await service.write(job))


def change_of(service: Service, request: Request) -> Change:
    """The patch document of a request; raises INVALID, UNSUPPORTED_MEDIA."""
    if media_type(request.header("content-type")) == JSON_PATCH:
        document = loads(request.body)
        return lambda resource: apply_json_patch(resource, document)
    if media_type(request.header("content-type")) in _MERGE and request.resource is None:
        document = loads(request.body)
        if not isinstance(document, dict):
            raise HieError(Category.INVALID, "A merge patch is an object", issue="structure")
        if document.get("resourceType") != "Parameters":
            return lambda resource: merged(resource, document)
    return change_in(decoded(service, request), service.definitions)


def merged(target: Any, document: Any) -> Any:
    """RFC 7396 §2: objects are merged, null removes, everything else replaces."""
    if not isinstance(document, dict):
        return document
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in document.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def change_in(resource: Json, definitions: Definitions) -> Change:
    """A patch given as a resource: Parameters, or in a Bundle a Binary that holds a JSON Patch."""
    if resource["resourceType"] != "Binary":
        return fhirpath_change(resource, definitions)
    if media_type(resource.get("contentType")) != JSON_PATCH:
        raise HieError(Category.UNSUPPORTED_MEDIA, "A patch in a Binary is application/json-patch+json")
    try:
        document = loads(b64decode(resource.get("data") or "", validate=True))
    except (ValueError, TypeError):
        raise HieError(Category.INVALID, "Binary.data is not base64", expression="Binary.data") from None
    return lambda patched: apply_json_patch(patched, document)


def fhirpath_change(parameters: Json, definitions: Definitions) -> Change:
    """A FHIRPath Patch as a change; raises INVALID when the resource is no Parameters."""
    if parameters["resourceType"] != "Parameters":
        raise HieError(Category.INVALID, "A FHIRPath Patch is a Parameters resource", expression="resourceType")
    return lambda resource: apply_fhirpath_patch(resource, parameters, definitions)


async def apply(service: Service, tx: Transaction, patching: Patching, kind: str, identity: str) -> Written:
    """Patch the current version inside a transaction; the result is validated like an update."""
    current = await tx.read(kind, identity)
    patching.asked.hold(current)
    before = _live(current)
    service.permit(before, patching.principal, Interaction.PATCH)
    after = checked_shape(service, patching.change(loads(before.body)))
    if (after["resourceType"], after.get("id")) != (kind, identity):
        raise HieError(Category.UNPROCESSABLE, "A patch may change neither the type nor the id", issue="business-rule")
    return await put(service, tx, patching.principal, validated(service, after))


def _live(current: Version | None) -> Version:
    if current is None:
        raise HieError(Category.NOT_FOUND, "There is no such resource")
    if current.deleted:
        raise HieError(Category.GONE, "The resource has been deleted")
    return current
