"""create, update and delete, alone and as parts of a transaction (FHIR R4 http §3.1.0.4 to §3.1.0.8).

The functions with a `tx` run inside a write job and may be run again from the start. The others are handlers.
"""

import re
from base64 import b64encode
from dataclasses import dataclass

from hie.api.conditional import Pairs, match_one, pairs_of
from hie.api.content import decoded, of_type, validated
from hie.api.message import Answer, Request, location, version_headers
from hie.api.negotiation import MEDIA_TYPES, media_type
from hie.api.references import check_references, resolve_conditional_references
from hie.api.router import Route
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.outcome import Issue, outcome_bytes
from hie.security.policy import Interaction
from hie.security.principal import Principal
from hie.store.body import named
from hie.store.port import Ready, Transaction, Version
from hie.wire.safejson import loads

_TAG = re.compile(r'(?:W/)?"?(?P<version>[0-9]{1,18})"?')


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: HTTP status and the version it made or found (None: nothing was there to delete)."""

    status: int
    version: Version | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Preconditions of a write: the If-Match and If-None-Match headers."""

    if_match: str | None = None
    if_none_match: str | None = None

    def hold(self, current: Version | None) -> None:
        """Raise VERSION_CONFLICT when they do not hold for the current version (FHIR R4 http §3.1.0.5)."""
        there = current is not None and not current.deleted
        if self.if_match is not None and not (there and current is not None and _names(self.if_match, current)):
            raise HieError(Category.VERSION_CONFLICT, "The resource is not at the version of If-Match")
        if self.if_none_match is not None and there and current is not None and _names(self.if_none_match, current):
            raise HieError(Category.VERSION_CONFLICT, "The resource exists, against If-None-Match")


def _names(header: str, version: Version) -> bool:
    if header.strip() == "*":
        return True
    tags = [_TAG.fullmatch(tag.strip()) for tag in header.split(",")]
    if None in tags:
        raise HieError(Category.INVALID, 'A version is named as W/"1"', issue="value", expression="http.If-Match")
    return any(tag is not None and int(tag["version"]) == version.version for tag in tags)


def conditions(request: Request) -> Conditions:
    """The preconditions of a request."""
    return Conditions(request.header("if-match"), request.header("if-none-match"))


# -- inside a transaction ------------------------------------------------------------------------------------------


async def insert(service: Service, tx: Transaction, principal: Principal, resource: Json | Ready) -> Written:
    """Write a resource whose id the server has just made."""
    await check_references(service, tx, resource)
    version = await tx.put(resource, method="POST")
    service.note(version.type)
    service.permit(version, principal, Interaction.CREATE)
    return Written(201, version)


async def put(
    service: Service, tx: Transaction, principal: Principal, resource: Json | Ready, asked: Conditions = Conditions()
) -> Written:
    """Write a resource under its own id: the next version, or the first (update as create).

    Content that is already there makes no new version. A version that If-Match names must be the current one.
    """
    kind, identity = named(resource)
    service.guard(kind, identity)
    current = await tx.read(kind, identity)
    asked.hold(current)
    exists = current is not None and not current.deleted
    if current is not None and exists:
        service.permit(current, principal, Interaction.UPDATE)
    await check_references(service, tx, resource)
    version = await tx.put(resource, method="PUT", unless_same=exists)
    service.note(version.type)
    service.permit(version, principal, Interaction.UPDATE)
    return Written(200 if exists else 201, version)


async def remove(
    service: Service, tx: Transaction, principal: Principal, kind: str, identity: str, asked: Conditions = Conditions()
) -> Written:
    """Delete a resource; deleting what is not there does nothing."""
    service.guard(kind, identity)
    current = await tx.read(kind, identity)
    asked.hold(current)
    if current is None or current.deleted:
        return Written(204, None)
    service.permit(current, principal, Interaction.DELETE)
    service.note(kind)
    return Written(204, await tx.delete(kind, identity))


async def target_of_update(
    service: Service, tx: Transaction, principal: Principal, kind: str, query: Pairs, given: str | None
) -> str:
    """The id that a conditional update writes to (FHIR R4 http §3.1.0.4.3): the match, else the given, else a new one.

    Raises MULTIPLE_MATCHES, INVALID when the body names another id than the match, CONFLICT when nothing matches but
    the given id is taken.
    """
    found = await match_one(service, tx, principal, kind, query)
    if found is None:
        taken = await tx.read(kind, given) if given else None
        if taken is not None and not taken.deleted:
            raise HieError(Category.CONFLICT, "Nothing matches, but the id is in use", expression=f"{kind}.id")
        return given or service.new_id()
    if given not in (None, found.id):
        raise HieError(Category.INVALID, "The id in the body is not that of the match", expression=f"{kind}.id")
    return found.id


# -- handlers ------------------------------------------------------------------------------------------------------


async def create(service: Service, request: Request, route: Route) -> Answer:
    """create, also conditional (If-None-Exist): the search for a match runs inside the transaction."""
    kind = route.type or ""
    resource = {**validated(service, incoming(service, request, kind)), "id": service.new_id()}
    query = request.header("if-none-exist")

    async def job(tx: Transaction) -> Written:
        if query is not None:
            found = await match_one(service, tx, request.principal, kind, pairs_of(query))
            if found is not None:
                service.permit(found, request.principal, Interaction.READ)
                return Written(200, found)
        body = await resolve_conditional_references(service, tx, request.principal, resource)
        return await insert(service, tx, request.principal, body)

    return told(service, request, await service.write(job))


async def update(service: Service, request: Request, route: Route) -> Answer:
    """update, also as create."""
    resource = validated(service, incoming(service, request, route.type or ""))
    if resource.get("id") != route.id:
        if resource["resourceType"] != "Binary" or "id" in resource:
            raise HieError(Category.INVALID, "The body must carry the id of the URL", expression=f"{route.type}.id")
        resource = {**resource, "id": route.id}

    async def job(tx: Transaction) -> Written:
        body = await resolve_conditional_references(service, tx, request.principal, resource)
        return await put(service, tx, request.principal, body, conditions(request))

    return told(service, request, await service.write(job))


async def conditional_update(service: Service, request: Request, route: Route) -> Answer:
    """Update of what a search finds."""
    kind = route.type or ""
    resource = validated(service, incoming(service, request, kind))

    async def job(tx: Transaction) -> Written:
        identity = await target_of_update(service, tx, request.principal, kind, request.query, resource.get("id"))
        body = await resolve_conditional_references(service, tx, request.principal, resource)
        return await put(service, tx, request.principal, {**body, "id": identity}, conditions(request))

    return told(service, request, await service.write(job))


async def delete(service: Service, request: Request, route: Route) -> Answer:
    """delete; 204 whether or not it was there."""

    async def job(tx: Transaction) -> Written:
        return await remove(service, tx, request.principal, route.type or "", route.id or "", conditions(request))

    return told(service, request, await service.write(job))


async def conditional_delete(service: Service, request: Request, route: Route) -> Answer:
    """Delete of what a search finds; 412 when it finds several."""

    async def job(tx: Transaction) -> Written:
        found = await match_one(service, tx, request.principal, route.type or "", request.query)
        if found is None:
            return Written(204, None)
        return await remove(service, tx, request.principal, found.type, found.id, conditions(request))

    return told(service, request, await service.write(job))


# -- requests and answers ------------------------------------------------------------------------------------------


def incoming(service: Service, request: Request, kind: str) -> Json:
    """The resource that a request writes; a Binary may come as its own content (FHIR R4 binary §2.41.4)."""
    name = media_type(request.header("content-type"))
    if kind == "Binary" and name and name not in MEDIA_TYPES and request.resource is None:
        content_type = request.header("content-type") or ""
        binary = {"resourceType": "Binary", "contentType": content_type, "data": b64encode(request.body).decode()}
        context = request.header("x-security-context")
        return binary | ({"securityContext": {"reference": context}} if context else {})
    return of_type(decoded(service, request), kind)


def told(service: Service, request: Request, written: Written) -> Answer:
    """The answer to a write, in the form that Prefer asks for (FHIR R4 http §3.1.0.1.8); an OperationOutcome names the
    warnings that did not stop it."""
    version = written.version
    if version is None:
        return Answer(written.status)
    headers = {} if request.entry else version_headers(version)
    if version.deleted:
        return Answer(written.status, headers=headers, version=version)
    if not request.entry:
        headers["Location"] = location(request.base, version)
    body = version.body
    if request.prefer.result == "minimal":
        body = b""
    if request.prefer.result == "OperationOutcome":
        stored = Issue("information", "informational", "Stored")
        body = outcome_bytes([stored, *service.check(loads(version.body))])
    return Answer(written.status, body, headers, version=version)
