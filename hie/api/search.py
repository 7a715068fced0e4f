"""search on a type, in a compartment and on the system, by GET and POST (FHIR R4 search)."""

import re
from collections.abc import Sequence
from urllib.parse import urlencode

import orjson

from hie.api.message import Answer, Request
from hie.api.negotiation import FORM
from hie.api.planning import planned, with_linked
from hie.api.router import Route
from hie.api.service import Service
from hie.api.subset import SUBSETTED, Subset, subset_of
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.fhir.bundle import Link, bundle, outcome_entry, searchset_entry
from hie.fhir.outcome import Issue, outcome_bytes
from hie.search.plan import Plan, Summary
from hie.search.query import PASSED_OVER, compartment
from hie.security.policy import Interaction
from hie.security.principal import Principal
from hie.store.port import Page, Version

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9\-_]*")


async def search(service: Service, request: Request, route: Route) -> Answer:
    """A searchset Bundle, spliced from stored bodies; raises UNSUPPORTED_MEDIA for a body that was no form."""
    if request.body:
        raise HieError(Category.UNSUPPORTED_MEDIA, f"Send the parameters of a search as {FORM}")
    plan = planned(
        service,
        request.principal,
        None if route.target == "*" else route.target or route.type,
        request.query,
        base=request.base,
        lenient=request.prefer.lenient,
    )
    if route.target is not None:
        plan = plan.but(types=_members(service, route, plan.types))
        plan = compartment(plan, service.definitions, route.type or "", route.id or "")
    plan = await with_linked(service, plan)
    page = await service.reader.search(plan)
    return Answer(200, searchset(service, request, plan, page))


def _members(service: Service, route: Route, asked: Sequence[str]) -> tuple[str, ...]:
    """The types that a compartment search covers, of those `asked` (none: all); raises NOT_FOUND for what is no
    compartment, or not in it."""
    members = service.definitions.compartments.get(route.type or "", {})
    wanted = tuple(kind for kind, codes in members.items() if codes and (not asked or kind in asked))
    if not wanted:
        raise HieError(Category.NOT_FOUND, "There is no such compartment", issue="not-supported")
    return wanted


def searchset(service: Service, request: Request, plan: Plan, page: Page) -> bytes:
    """The Bundle of a page; every resource passes policy once more."""
    summary = None if plan.summary in (Summary.FALSE, Summary.COUNT) else plan.summary.value
    subset = subset_of(service.definitions, summary, ",".join(plan.elements) or None)
    entries = _entries(service, request, page.matches, "match", subset)
    entries += _entries(service, request, page.included, "include", subset)
    remarks = _remarks(service, plan, page)
    if remarks:
        entries.append(outcome_entry(outcome_bytes(remarks)))
    return bundle(
        "searchset",
        entries,
        links=_links(request, plan, page.next),
        total=page.total,
        updated=instant(service.clock.now()),
        tags=[(SUBSETTED["system"], SUBSETTED["code"])] if subset else (),
    )


def _links(request: Request, plan: Plan, cursor: str | None) -> list[Link]:
    """The links self, first and next, with the parameters that were honoured; the store signs the cursor."""
    path = "/".join((request.base, *(part for part in request.path if part != "_search")))
    asked = {name for name, _ in request.query}
    applied = [pair for pair in plan.applied if pair[0] in asked]
    applied += [pair for pair in request.query if pair[0] in PASSED_OVER]
    first = [pair for pair in applied if pair[0] != "_cursor"]
    here = _url(path, applied)
    links = [Link("self", here), Link("first", here if len(first) == len(applied) else _url(path, first))]
    if cursor is not None:
        links.append(Link("next", _url(path, [*first, ("_cursor", cursor)])))
    return links


def _url(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs, safe=':,|$/')}" if pairs else path


def _entries(
    service: Service, request: Request, versions: Sequence[Version], mode: str, subset: Subset | None
) -> list[bytes]:
    return [
        searchset_entry(request.base, version.type, version.id, subset(version.body) if subset else version.body, mode)
        for version in permitted(service, request.principal, versions)
    ]


def permitted(service: Service, principal: Principal, versions: Sequence[Version]) -> list[Version]:
    """The versions that policy lets leave in a search."""
    permits = service.policy.permits
    return [version for version in versions if permits(version, principal, Interaction.SEARCH_TYPE)]


def _used(plan: Plan) -> frozenset[str]:
    """Every word in the search that may be a parameter's code."""
    named = (f"{name} {value if name.startswith('_') else ''}" for name, value in plan.applied)
    return frozenset(word for text in named for word in _WORD.findall(text))


def _remarks(service: Service, plan: Plan, page: Page) -> list[Issue]:
    """What the caller must know about the search: parameters left out or not yet indexed; the plan if asked for."""
    remarks = [
        Issue("warning", "not-supported", f"Left out: {reason}", (f"http.{name[:64]}",))
        for name, reason in plan.ignored
    ]
    if service.parameters is not None and (pending := service.parameters.reindex.pending()):
        remarks += [
            Issue("warning", "incomplete", "Resources stored earlier are still being indexed for it", (f"http.{code}",))
            for code in _used(plan) & pending
        ]
    if page.explain is not None:
        remarks.append(Issue("information", "informational", orjson.dumps(page.explain).decode()))
    return remarks
