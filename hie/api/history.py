"""history of an instance, a type and the system (FHIR R4 http §3.1.0.13)."""

from collections.abc import Sequence
from http import HTTPStatus

from hie.api.cursor import sign, verify
from hie.api.instants import interval, moment
from hie.api.message import Answer, Request, etag, shown_instant
from hie.api.router import Route
from hie.api.service import Service
from hie.api.subset import subset_of
from hie.base.clock import instant
from hie.base.errors import Category, HieError
from hie.fhir.bundle import Link, Response, bundle, history_entry
from hie.security.policy import Interaction
from hie.store.port import HistoryQuery, Reader, Version

KNOWN = frozenset({"_since", "_at", "_count", "_cursor", "_format", "_pretty", "_summary", "_elements"})
"""Parameters of a history; any other is refused, unless handling is lenient."""


async def history(service: Service, request: Request, route: Route) -> Answer:
    """A page of versions, newest first; a count of 0 gives the total alone."""
    known = [(name, value) for name, value in request.query if name in KNOWN]
    if len(known) != len(request.query) and not request.prefer.lenient:
        unknown = next(name for name, _ in request.query if name not in KNOWN)
        raise HieError(Category.INVALID, "Unknown parameter of a history", expression=f"http.{unknown[:64]}")
    if route.id is not None and await service.reader.read(route.type or "", route.id) is None:
        raise HieError(Category.NOT_FOUND, "There is no such resource")
    question = [*request.path, *(f"{name}={value}" for name, value in known if name != "_cursor")]
    query = _query(service, request, route, question)
    page = await service.reader.history(query)
    subset = subset_of(service.definitions, request.parameter("_summary"), request.parameter("_elements"))
    permits = service.policy.permits
    created = await _created(service.reader, page.versions)
    entries = [
        _entry(
            request.base, version, subset(version.body) if subset and version.body else version.body, version in created
        )
        for version in page.versions
        if permits(version, request.principal, Interaction.HISTORY_INSTANCE)
    ]
    links = [Link("self", request.address(known))]
    if page.next is not None and query.count:
        token = sign(service.settings.secret, page.next, request.principal.id, question)
        rest = [pair for pair in known if pair[0] != "_cursor"]
        links.append(Link("next", request.address([*rest, ("_cursor", token)])))
    updated = instant(service.clock.now())
    return Answer(200, bundle("history", entries, links=links, total=page.total, updated=updated))


def _query(service: Service, request: Request, route: Route, question: list[str]) -> HistoryQuery:
    since, at, cursor = (request.parameter(name) for name in ("_since", "_at", "_cursor"))
    first, until = interval(at, "_at") if at else (None, None)
    return HistoryQuery(
        type=route.type,
        id=route.id,
        since=moment(since, "_since") if since else None,
        at=first,
        at_until=until,
        count=count_of(service, request.parameter("_count")),
        cursor=verify(service.settings.secret, cursor, request.principal.id, question) if cursor else None,
    )


def count_of(service: Service, text: str | None) -> int:
    """The page size that `_count` asks for, capped; raises INVALID."""
    if text is None or text == "":
        return service.settings.default_count
    if not (text.isascii() and text.isdigit()):
        raise HieError(Category.INVALID, "_count is a whole number", expression="http._count", issue="value")
    return min(int(text[:9]), service.settings.max_count)


_STATUS = {"POST": HTTPStatus.CREATED, "PUT": HTTPStatus.OK, "DELETE": HTTPStatus.NO_CONTENT}


async def _created(reader: Reader, versions: Sequence[Version]) -> set[Version]:
    """Those that made their resource: the first version, and an update that brought back what was deleted (FHIR R4 http
    §3.1.0.6). The version before is looked for on the page first."""
    here = {(version.type, version.id, version.version): version for version in versions}
    created = set()
    for version in versions:
        place = version.type, version.id, version.version - 1
        before = here.get(place) or (await reader.vread(*place) if version.version > 1 else None)
        if before is None or before.deleted:
            created.add(version)
    return created


def _entry(base: str, version: Version, body: bytes, created: bool) -> bytes:
    made = HTTPStatus.CREATED if created else _STATUS.get(version.method, HTTPStatus.OK)
    response = Response(f"{made.value} {made.phrase}", etag=etag(version), last_modified=shown_instant(version))
    return history_entry(base, version.type, version.id, body, version.method, response)
