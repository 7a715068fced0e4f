"""`$everything` on the type Patient: the records of all Patients that the caller may see, one after the other.

A page's cursor says after which Patient to go on, and where in the record of the next one, as `patients~record`;
`.` is a record of which only the Patient itself was shown.
"""

from dataclasses import dataclass, field, replace

from hie.api.message import Answer, Request
from hie.api.operations.everything import KNOWN, NOTHING, REFERRED, count_asked, entry, outside, record_plan
from hie.api.operations.operation import Inputs, inputs
from hie.api.router import Route
from hie.api.search import permitted
from hie.api.service import Service
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.fhir.bundle import Link, bundle
from hie.search.plan import Plan
from hie.store.port import Page, Version

_START = "."


@dataclass
class _Found:
    """What a page holds so far, each resource once."""

    matches: dict[tuple[str, str], Version] = field(default_factory=dict)
    supporting: dict[tuple[str, str], Version] = field(default_factory=dict)
    read: int = 0


async def everyone(service: Service, request: Request, route: Route) -> Answer:
    """A page of the records of all Patients; policy narrows which Patients these are, and what of them leaves."""
    asked = inputs(service, request)
    asked.only(KNOWN, request.prefer.lenient)
    after, _, inside = (asked.text("_cursor") or "~").partition("~")
    count, found, more = count_asked(service, asked), _Found(), True
    while more and found.read < count:
        patients = await _next_patient(service, request, after)
        if not patients.matches:
            break
        if not inside:
            _keep(service, request, asked, found, patients)
            inside = _START
            continue
        focal = replace(route, id=patients.matches[0].id)
        record = await _record(service, request, focal, asked, inside, count - found.read)
        _keep(service, request, asked, found, record)
        inside = record.next or ""
        if record.next is None:
            after, more = patients.next or "", patients.next is not None
    return _answer(service, request, asked, found, f"{after}~{inside}" if more and found.read else None)


async def _next_patient(service: Service, request: Request, after: str) -> Page:
    plan = Plan(types=("Patient",), includes=REFERRED, count=1, cursor=after or None, seconds=service.settings.seconds)
    return await service.reader.search(service.policy.narrow(plan, request.principal))


async def _record(service: Service, request: Request, focal: Route, asked: Inputs, inside: str, count: int) -> Page:
    """The next part of one Patient's record; from its start when the cursor is of a Patient that is gone by now."""
    record = record_plan(service, focal, asked)
    if record is None:
        return NOTHING
    plan = replace(record, cursor=None if inside == _START else inside, count=count)
    plan = service.policy.narrow(plan, request.principal)
    try:
        return await service.reader.search(plan)
    except HieError as error:
        if inside == _START or error.category is not Category.INVALID:
            raise
        return await service.reader.search(replace(plan, cursor=None))


def _keep(service: Service, request: Request, asked: Inputs, found: _Found, record: Page) -> None:
    wanted = asked.names("_type")
    matches = [version for version in record.matches if not wanted or version.type in wanted]
    for version in permitted(service, request.principal, matches):
        found.matches.setdefault((version.type, version.id), version)
    supporting = [v for v in outside(service.definitions, record.included) if not wanted or v.type in wanted]
    for version in permitted(service, request.principal, supporting):
        found.supporting.setdefault((version.type, version.id), version)
    found.read += len(record.matches)


def _answer(service: Service, request: Request, asked: Inputs, found: _Found, cursor: str | None) -> Answer:
    entries = [entry(request, version, "match") for version in found.matches.values()]
    entries += [entry(request, version, "include") for version in found.supporting.values()]
    known = [pair for pair in asked.pairs if pair[0] in KNOWN]
    links = [Link("self", request.address(known))]
    if cursor is not None:
        rest = [pair for pair in known if pair[0] != "_cursor"]
        links.append(Link("next", request.address([*rest, ("_cursor", cursor)])))
    return Answer(200, bundle("searchset", entries, links=links, updated=instant(service.clock.now())))
