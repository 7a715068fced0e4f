"""`$export` of the system, all Patients or a Group: kick-off, status, files, cancel (Bulk Data Access v1.0.1)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import orjson

from hie.api.exports import Asked, Exports
from hie.api.instants import moment
from hie.api.message import Answer, Request
from hie.api.operations.operation import inputs
from hie.api.planning import in_compartments
from hie.api.read import current
from hie.api.router import Route
from hie.api.service import Service
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.search.plan import Plan
from hie.security.policy import Interaction
from hie.security.principal import Principal
from hie.store.port import Version
from hie.wire.safejson import loads

NDJSON = "application/fhir+ndjson"
FORMATS = frozenset({NDJSON, "application/ndjson", "ndjson"})
KNOWN = frozenset({"_type", "_since", "_outputFormat"})
_PATIENTS_AT_ONCE = 50
_PAGE = 1000


async def export(service: Service, request: Request, route: Route) -> Answer:
    """Kick-off: 202 with the URL of the status."""
    asked = inputs(service, request)
    asked.only(KNOWN, request.prefer.lenient)
    if not request.prefer.asynchronous:
        raise HieError(
            Category.INVALID, "An export is asynchronous: send Prefer: respond-async", expression="http.Prefer"
        )
    wanted = asked.text("_outputFormat")
    if wanted is not None and wanted.replace(" ", "+") not in FORMATS:
        raise HieError(Category.INVALID, "_outputFormat must be NDJSON", expression="http._outputFormat", issue="value")
    types = asked.names("_type")
    if not all(service.definitions.is_resource(name) for name in types):
        raise HieError(Category.INVALID, "_type names resource types", expression="http._type", issue="value")
    since = asked.text("_since")
    after = moment(since, "_since") if since else None
    chosen = await _source(service, request, route, types)
    job = service.new_id()
    began = instant(service.clock.now())
    url = "/".join((request.base, *request.path)) + (f"?{urlencode(request.query)}" if request.query else "")
    leaving = _leaving(service, request.principal, chosen, after)
    _exports(service).start(job, Asked(url, request.principal.id, began), leaving)
    return Answer(202, headers={"Content-Location": f"{request.base}/$export-status?job={job}"})


async def _source(service: Service, request: Request, route: Route, types: Sequence[str]) -> AsyncIterator[Version]:
    if route.type is None:
        return _system(service, types)
    patients = await _members(service, request, route) if route.id else None
    return _patients(service, request.principal, patients, types)


async def _system(service: Service, types: Sequence[str]) -> AsyncIterator[Version]:
    for kind in types or (None,):
        async for version in service.store.versions(kind):
            yield version


async def _members(service: Service, request: Request, route: Route) -> list[str]:
    """The Patients of a Group (FHIR R4 Group.member), those of the same person included."""
    group = loads((await current(service, request, route)).body)
    found: dict[str, None] = {}
    for member in group.get("member", ()):
        reference = member.get("entity", {}).get("reference", "")
        if reference.startswith("Patient/") and not member.get("inactive"):
            identity = reference.split("/")[1]
            found |= dict.fromkeys((identity, *await service.linked(identity)))
    return list(found)


async def _patients(
    service: Service, principal: Principal, patients: Sequence[str] | None, types: Sequence[str]
) -> AsyncIterator[Version]:
    """The Patients and all in their compartments, a few Patients at a time."""
    members = service.definitions.compartments["Patient"]
    asked = types or tuple(members)
    wanted = tuple(kind for kind, codes in members.items() if codes and kind != "Patient" and kind in asked)
    seen: set[tuple[str, str]] = set()
    batch: list[str] = []
    async for version in _named(service, patients):
        if not types or "Patient" in types:
            yield version
        batch.append(version.id)
        if len(batch) == _PATIENTS_AT_ONCE:
            async for found in _compartments(service, principal, batch, wanted, seen):
                yield found
            batch = []
    if batch:
        async for found in _compartments(service, principal, batch, wanted, seen):
            yield found


async def _named(service: Service, patients: Sequence[str] | None) -> AsyncIterator[Version]:
    if patients is None:
        async for version in service.store.versions("Patient"):
            yield version
        return
    for identity in patients:
        found = await service.store.read("Patient", identity)
        if found is not None and not found.deleted:
            yield found


async def _compartments(
    service: Service, principal: Principal, patients: Sequence[str], types: tuple[str, ...], seen: set[tuple[str, str]]
) -> AsyncIterator[Version]:
    if not types:
        return
    plan = Plan(types=types, count=_PAGE, seconds=service.settings.seconds)
    plan = service.policy.narrow(in_compartments(plan, patients), principal)
    while True:
        page = await service.store.search(plan)
        for version in page.matches:
            if (version.type, version.id) not in seen:
                seen.add((version.type, version.id))
                yield version
        if page.next is None:
            return
        plan = replace(plan, cursor=page.next)


async def _leaving(
    service: Service, principal: Principal, versions: AsyncIterator[Version], after: int | None
) -> AsyncIterator[Version]:
    """What may leave and is young enough."""
    async for version in versions:
        if (after is None or version.last_updated >= after) and service.policy.permits(
            version, principal, Interaction.OPERATION
        ):
            yield version


async def cancel_or_status(service: Service, request: Request, route: Route) -> Answer:
    """202 with X-Progress while it runs, 200 with the manifest when complete; DELETE cancels and removes the files."""
    exports, job = _exports(service), request.parameter("job") or ""
    asked = exports.request(job, request.principal.id)
    if request.method == "DELETE":
        exports.remove(job)
        return Answer(202)
    written = exports.progress(job)
    if written is not None:
        return Answer(202, headers={"X-Progress": f"{written} resources", "Retry-After": "1"})
    output = [
        {"type": kind, "url": f"{request.base}/$export-file?job={job}&file={kind}.ndjson", "count": count}
        for kind, count in sorted(exports.counts(job).items())
    ]
    manifest: dict[str, Any] = {
        "transactionTime": asked["began"],
        "request": asked["url"],
        "requiresAccessToken": request.header("authorization") is not None,
        "output": output,
        "error": [],
    }
    return Answer(200, orjson.dumps(manifest), content_type="application/json")


async def export_file(service: Service, request: Request, route: Route) -> Answer:
    """One NDJSON file."""
    exports, job = _exports(service), request.parameter("job") or ""
    exports.request(job, request.principal.id)
    return Answer(200, content_type=NDJSON, file=exports.file(job, request.parameter("file") or ""))


def _exports(service: Service) -> Exports:
    if service.exports is None:
        raise HieError(Category.NOT_FOUND, "There is no such operation here", issue="not-supported")
    return service.exports
