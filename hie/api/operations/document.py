"""`Composition/[id]/$document`: a document Bundle (FHIR R4 operation-composition-document)."""

import re

import orjson

from hie.api.message import Answer, Request
from hie.api.operations.operation import inputs
from hie.api.read import current
from hie.api.references import references
from hie.api.router import Route
from hie.api.search import permitted
from hie.api.service import Service
from hie.api.write import insert
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.security.policy import Interaction
from hie.store.port import Version
from hie.wire.safejson import loads

_LOCAL = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})")
_MOST = 1000
_KNOWN = frozenset({"id", "persist", "graph"})


async def document(service: Service, request: Request, route: Route) -> Answer:
    """The Composition and all it refers to, directly or through others; `persist=true` also stores the Bundle."""
    asked = inputs(service, request)
    asked.only(_KNOWN, request.prefer.lenient)
    composition = await current(service, request, route)
    members = await _gathered(service, request, composition)
    identity = service.new_id()
    body = _bundle(service, request, identity, members)
    if asked.text("persist") in ("true", "True"):
        service.gate(request.principal, Interaction.CREATE, "Bundle")
        resource = loads(body)
        await service.write(lambda tx: insert(service, tx, request.principal, resource))
    return Answer(200, body)


async def _gathered(service: Service, request: Request, composition: Version) -> list[Version]:
    """Breadth first; a Patient's own links to other Patients are not followed."""
    found = {(composition.type, composition.id): composition}
    waiting = [composition]
    while waiting:
        version = waiting.pop(0)
        if version.type == "Patient":
            continue
        for text in references(loads(version.body)):
            parts = _LOCAL.fullmatch(text)
            if parts is None or (parts["type"], parts["id"]) in found or not service.definitions.is_resource(parts[1]):
                continue
            target = await service.reader.read(parts["type"], parts["id"])
            if target is None or target.deleted or not permitted(service, request.principal, [target]):
                continue
            if len(found) >= _MOST:
                raise HieError(Category.TOO_LARGE, "The document refers to too many resources", issue="too-costly")
            found[target.type, target.id] = target
            waiting.append(target)
    return list(found.values())


def _bundle(service: Service, request: Request, identity: str, members: list[Version]) -> bytes:
    now = instant(service.clock.now())
    head = {
        "resourceType": "Bundle",
        "id": identity,
        "meta": {"lastUpdated": now},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{identity}"},
        "type": "document",
        "timestamp": now,
    }
    entries = [
        b'{"fullUrl":%b,"resource":%b}' % (orjson.dumps(f"{request.base}/{member.type}/{member.id}"), member.body)
        for member in members
    ]
    return orjson.dumps(head)[:-1] + b',"entry":[' + b",".join(entries) + b"]}"
