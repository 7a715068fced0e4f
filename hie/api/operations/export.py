"""`$export` of the system, all Patients or a Group: kick-off, status, files, cancel (Bulk Data Access v1.0.1).

What is exported is the state at kick-off, whatever is written meanwhile, without keeping a transaction open: resources
are taken as they were at a cut (`hie.store.port.Cut`). Searches know only what is now; what has been written since the
cut is looked at one by one once they are done.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import orjson

from hie.api.exports import Asked, Exports
from hie.api.instants import moment
from hie.api.message import Answer, Request
from hie.api.operations.operation import inputs
from hie.api.planning import in_compartments
from hie.api.read import current
from hie.api.router import Route
from hie.api.service import Service
from hie.base.clock import from_micros, instant
from hie.base.errors import Category, HieError
from hie.search.entries import Entries
from hie.search.extract import Extractors
from hie.search.plan import Plan
from hie.security.policy import Interaction
from hie.security.principal import Principal
from hie.store.port import Cut, Store, Version
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
    cut = await service.store.cut()
    chosen = await _source(service, request, route, types, cut)
    job = service.new_id()
    began = instant(from_micros(cut.last_updated) if cut.number else service.clock.now())
    leaving = _leaving(service, request.principal, chosen, after)
    _exports(service).start(job, Asked(request.address(request.query), request.principal.id, began), leaving)
    return Answer(202, headers={"Content-Location": f"{request.base}/$export-status?job={job}"})


async def _source(
    service: Service, request: Request, route: Route, types: Sequence[str], cut: Cut
) -> AsyncIterator[Version]:
    if route.type is None:
        return _system(service.store, types, cut)
    patients = await _members(service, request, route) if route.id else None
    return _Patients(service, request.principal, patients, types, cut).all()


async def _system(store: Store, types: Sequence[str], cut: Cut) -> AsyncIterator[Version]:
    for kind in dict.fromkeys(types) or (None,):
        async for version in store.versions(kind, cut):
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


class _Patients:
    """Patients, all or those named, and what is in their compartments, as they were at a cut."""

    def __init__(
        self,
        service: Service,
        principal: Principal,
        patients: Sequence[str] | None,
        types: Sequence[str],
        cut: Cut,
    ) -> None:
        self._service = service
        self._store = service.store
        self._principal = principal
        self._patients = patients
        self._cut = cut
        self._with_patients = not types or "Patient" in types
        members = service.definitions.compartments["Patient"]
        asked = types or tuple(members)
        self._types = tuple(kind for kind, codes in members.items() if codes and kind != "Patient" and kind in asked)
        self._seen: set[tuple[str, str]] = set()

    async def all(self) -> AsyncIterator[Version]:
        """The Patients and all in their compartments, a few Patients at a time."""
        batch: list[str] = []
        async for version in self._named():
            if self._with_patients:
                yield version
            batch.append(version.id)
            if len(batch) == _PATIENTS_AT_ONCE:
                async for found in self._compartments(batch):
                    yield found
                batch = []
        if batch:
            async for found in self._compartments(batch):
                yield found
        async for found in self._written_since():
            yield found

    async def _named(self) -> AsyncIterator[Version]:
        if self._patients is None:
            async for version in self._store.versions("Patient", self._cut):
                yield version
            return
        for identity in self._patients:
            found = await self._store.as_of("Patient", identity, self._cut)
            if found is not None and not found.deleted:
                yield found

    async def _compartments(self, patients: Sequence[str]) -> AsyncIterator[Version]:
        """What is in the compartments now and was written before the cut."""
        if not self._types:
            return
        plan = Plan(types=self._types, count=_PAGE, seconds=self._service.settings.seconds)
        plan = self._service.policy.narrow(in_compartments(plan, patients), self._principal)
        while True:
            page = await self._store.search(plan)
            for version in page.matches:
                if (version.type, version.id) not in self._seen and await self._is_of_then(version):
                    self._seen.add((version.type, version.id))
                    yield version
            if page.next is None:
                return
            plan = replace(plan, cursor=page.next)

    async def _is_of_then(self, version: Version) -> bool:
        if version.last_updated < self._cut.last_updated:
            return True
        return await self._store.as_of(version.type, version.id, self._cut) == version

    async def _written_since(self) -> AsyncIterator[Version]:
        """What was written after the cut, which searches find as it is now or not at all, as it was then."""
        extractors = Extractors(self._service.definitions)
        upto = (await self._store.cut()).number
        after = self._cut.number
        while after < upto:
            written = await self._store.log(after)
            for number, version in written:
                after = number
                place = (version.type, version.id)
                if version.type not in self._types or place in self._seen:
                    continue
                self._seen.add(place)
                then = await self._store.as_of(*place, self._cut)
                if (
                    then is not None
                    and not then.deleted
                    and await self._is_theirs(extractors.extract(loads(then.body)))
                ):
                    yield then

    async def _is_theirs(self, entries: Entries) -> bool:
        """Whether a resource was in the compartment of one of the Patients."""
        for kind, identity in entries.compartments:
            if kind == "Patient" and (self._patients is None or identity in self._patients):
                patient = await self._store.as_of(kind, identity, self._cut)
                if patient is not None and not patient.deleted:
                    return True
        return False


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
    """202 with X-Progress while it runs, 200 with the manifest when complete, and until when its files are
    kept; DELETE cancels and removes the files."""
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
    expires = {"Expires": formatdate(exports.expires(job), usegmt=True)}
    return Answer(200, orjson.dumps(manifest), content_type="application/json", headers=expires)


async def export_file(service: Service, request: Request, route: Route) -> Answer:
    """One NDJSON file."""
    exports, job = _exports(service), request.parameter("job") or ""
    exports.request(job, request.principal.id)
    return Answer(200, content_type=NDJSON, file=exports.file(job, request.parameter("file") or ""))


def _exports(service: Service) -> Exports:
    if service.exports is None:
        raise HieError(Category.NOT_FOUND, "There is no such operation here", issue="not-supported")
    return service.exports
