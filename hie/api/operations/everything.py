"""`$everything` of a Patient and of an Encounter (FHIR R4 operation-patient-everything, -encounter-everything)."""

from collections.abc import Sequence

from hie.api.history import count_of
from hie.api.instants import interval
from hie.api.message import Answer, Request
from hie.api.operations.operation import Inputs, inputs
from hie.api.planning import with_linked
from hie.api.read import current
from hie.api.router import Route
from hie.api.search import permitted
from hie.api.service import Service
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.fhir.bundle import Link, bundle, searchset_entry
from hie.fhir.definitions import Definitions
from hie.search.clause import And, Clause, IdIs, Kind, Match, Not, Op, Or, Present, RangeTest, TypeIs, UpdatedIs
from hie.search.plan import Include, Plan
from hie.search.query import compartment
from hie.store.port import Page, Version

KNOWN = frozenset({"start", "end", "_since", "_type", "_count", "_cursor", "_format", "_pretty"})
REFERRED = (Include(None, None),)
"""All that a resource refers to comes along."""

NOTHING = Page((), (), None, None)
"""What a search would find that is not made."""

DATES = (
    "authoredon", "authored", "authored-on", "onset-date", "date", "occurrence", "period", "effective-time",
    "effective", "created", "sent", "whenhandedover", "started", "start-date", "collected", "recorded", "datetime",
    "datewritten", "identified",
)  # fmt: skip
"""Search parameters that tell when care happened, the first that a type has counts."""


async def everything(service: Service, request: Request, route: Route) -> Answer:
    """A page of all that is in the compartment, the focal resources first, with what they refer to.

    Without `_count` the page is as large as the server allows. All Patients of the same person are covered.
    """
    asked = inputs(service, request)
    asked.only(KNOWN, request.prefer.lenient)
    focus = await current(service, request, route)
    plan = record_plan(service, route, asked)
    page = NOTHING
    if plan is not None:
        narrowed = service.policy.narrow(plan, request.principal)
        page = await service.reader.search(await with_linked(service, narrowed))
    matches, included = list(page.matches), list(page.included)
    if not asked.text("_cursor"):
        focal = await _focal(service, focus)
        matches = [*sorted(focal.matches, key=lambda v: v.id != focus.id), *matches]
        included = list({(v.type, v.id): v for v in (*focal.included, *included)}.values())
    wanted = asked.names("_type")
    shown = {"match": matches, "include": outside(service.definitions, included)}
    entries = [
        entry(request, version, mode)
        for mode, versions in shown.items()
        for version in permitted(service, request.principal, versions)
        if not wanted or version.type in wanted
    ]
    links = [Link("self", request.address([pair for pair in asked.pairs if pair[0] in KNOWN]))]
    if page.next is not None:
        rest = [pair for pair in asked.pairs if pair[0] in KNOWN - {"_cursor"}]
        links.append(Link("next", request.address([*rest, ("_cursor", page.next)])))
    return Answer(200, bundle("searchset", entries, links=links, updated=instant(service.clock.now())))


async def _focal(service: Service, focus: Version) -> Page:
    """The resource itself and the Patients of the same person, with what they refer to."""
    linked = await service.linked(focus.id) if focus.type == "Patient" else ()
    names = tuple(dict.fromkeys((focus.id, *linked)))
    plan = Plan((focus.type,), IdIs(names), includes=REFERRED, count=len(names), seconds=service.settings.seconds)
    return await service.reader.search(plan)


def count_asked(service: Service, asked: Inputs) -> int:
    """Resources a page: `_count`, at most what the server allows, and that much without it."""
    count = asked.text("_count")
    return count_of(service, count) if count else service.settings.max_count


def record_plan(service: Service, route: Route, asked: Inputs) -> Plan | None:
    """The search for what is in the compartment of the route's resource, with what it refers to; None when `_type`
    asks for nothing but the resource itself.

    A type in `_type` that is outside of the compartment may be referred to by anything in it, so all of it is searched.
    """
    kind = route.type or ""
    members = service.definitions.compartments[kind]
    wanted = asked.names("_type")
    if not all(service.definitions.is_resource(name) for name in wanted):
        raise HieError(Category.INVALID, "_type names resource types", expression="http._type", issue="value")
    inside = [name for name, codes in members.items() if codes and name != kind]
    types = [name for name in inside if name in wanted]
    if not {kind, *inside}.issuperset(wanted) or not wanted:
        types = inside
    if not types:
        return None
    plan = Plan(
        types=tuple(types),
        includes=REFERRED,
        count=count_asked(service, asked),
        cursor=asked.text("_cursor"),
        seconds=service.settings.seconds,
    )
    plan = compartment(plan, service.definitions, kind, route.id or "")
    plan = _during(service, plan, asked)
    since = asked.text("_since")
    if since:
        low, high = interval(since, "_since")
        plan = plan.narrowed(UpdatedIs((RangeTest(Op.GE, low, high),)))
    return plan


def _during(service: Service, plan: Plan, asked: Inputs) -> Plan:
    """Restricted to care between `start` and `end`; what has no date of care stays."""
    tests = []
    for name, op in (("start", Op.GE), ("end", Op.LE)):
        text = asked.text(name)
        if text:
            low, high = interval(text, name)
            tests.append(RangeTest(op, low, high))
    if not tests:
        return plan
    by_parameter: dict[str | None, list[str]] = {}
    for kind in plan.types:
        by_parameter.setdefault(_date(service.definitions, kind), []).append(kind)
    clauses: list[Clause] = []
    for code, kinds in by_parameter.items():
        here = TypeIs(tuple(kinds))
        if code is None:
            clauses.append(here)
            continue
        inside = And(tuple(Match(code, Kind.DATE, (test,)) for test in tests))
        clauses.append(And((here, Or((inside, Not(Present(code, Kind.DATE)))))))
    return plan.narrowed(Or(tuple(clauses)))


def _date(definitions: Definitions, kind: str) -> str | None:
    known = definitions.search_parameters(kind)
    return next((code for code in DATES if code in known and known[code].type == "date"), None)


def outside(definitions: Definitions, versions: Sequence[Version]) -> list[Version]:
    """Those that are about no patient: a reference must not pull in the record of somebody else."""
    return [version for version in versions if not definitions.patient_params(version.type)]


def entry(request: Request, version: Version, mode: str) -> bytes:
    """The Bundle entry of a version."""
    return searchset_entry(request.base, version.type, version.id, version.body, mode)
