"""The pages of the record browser, as an ASGI application to be mounted at `/browse`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from hie.base.clock import CHINA, Clock
from hie.base.errors import Category, HieError
from hie.base.resource import Resource
from hie.base.silence import Silence
from hie.browse.attachment import ENDINGS, bare, content, files
from hie.browse.chart import Chart, Charts, apart
from hie.browse.dates import lived_until, months_old, years_old
from hie.browse.digest import digest, quiet, series_of
from hie.browse.document import Document, document, plain_text
from hie.browse.event import Event
from hie.browse.filters import cut, read_filter
from hie.browse.form import read_form
from hie.browse.guard import View
from hie.browse.other import elements
from hie.browse.person import Person
from hie.browse.plain import PLAIN_TYPES, Plain, plain
from hie.browse.provenance import provenance
from hie.browse.render import HEADERS, Renderer, link_maker
from hie.browse.report import report
from hie.browse.search import find_people, people
from hie.browse.source import Linked, Source
from hie.browse.timeline import event_of, timeline
from hie.browse.trend import draw, leaf
from hie.browse.visit import visit
from hie.fhir.definitions import Definitions
from hie.security.policy import AllowAll, Interaction, Policy
from hie.security.principal import LOCAL_OPERATOR, Authenticate, local_operator
from hie.store.port import Reader

Silences = Callable[[], Iterable[Silence]]
"""What is silent, as it was found out last; asked for every record page, so it reads nothing."""


def nothing_silent() -> Iterable[Silence]:
    """The `Silences` of a store whose feeds nobody watches."""
    return ()


def browse_app(
    store: Reader,
    definitions: Definitions,
    linked: Linked,
    clock: Clock,
    *,
    policy: Policy | None = None,
    authenticate: Authenticate = local_operator,
    names: Mapping[str, str] | None = None,
    silences: Silences = nothing_silent,
) -> ASGIApp:
    """The record browser over a store.

    `linked` gives the Patient ids of one person from the id of the golden Patient; without a `policy` everybody who is
    authenticated sees everything; `names` says how regions and feeds are called that the message catalogue does not
    know (`region.hangzhou`); `silences` which sources send nothing at present.
    """
    pages = Pages(Sources(store, definitions, policy or AllowAll(), authenticate, linked), clock, names, silences)
    routes = [
        Route("/", pages.home, methods=["GET"]),
        Route("/", pages.search, methods=["POST"]),
        Route("/found", pages.found, methods=["GET"]),
        Route("/static/{name}", pages.static, methods=["GET"]),
        Route("/record/{person}", pages.record, methods=["GET"]),
        Route("/record/{person}/identity", pages.identity, methods=["POST"]),
        Route("/record/{person}/trend/{slug}", pages.trend, methods=["GET"]),
        Route("/record/{person}/Binary/{ident}", pages.original, methods=["GET"]),
        Route("/record/{person}/{kind}/{ident}/file/{number:int}", pages.file, methods=["GET"]),
        Route("/record/{person}/{kind}/{ident}", pages.detail, methods=["GET"]),
    ]
    handlers: Any = {HieError: pages.trouble, 404: pages.not_found, 405: pages.not_found, Exception: pages.broken}
    return Starlette(routes=routes, exception_handlers=handlers)


class Sources:
    """Makes the source of a request: the store as its principal may see it."""

    def __init__(
        self, store: Reader, definitions: Definitions, policy: Policy, authenticate: Authenticate, linked: Linked
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._policy = policy
        self._authenticate = authenticate
        self._linked = linked
        self._charts = Charts()

    async def of(self, request: Request) -> Source:
        """The source of a request; raises UNAUTHENTICATED, or FORBIDDEN for who may not read patients at all."""
        principal = await self._authenticate(request.headers)
        if not self._policy.allows(principal, Interaction.READ, "Patient"):
            raise HieError(Category.FORBIDDEN, "records are not open to this user")
        request.state.principal = principal
        view = View(self._store, self._definitions, self._policy, principal)
        return Source(view, self._linked, self._charts)


class Pages:
    """One method per page."""

    def __init__(
        self,
        sources: Sources,
        clock: Clock,
        names: Mapping[str, str] | None = None,
        silences: Silences = nothing_silent,
    ) -> None:
        self._silences = silences
        self._sources = sources
        self._clock = clock
        self._render = Renderer(names=names)

    async def home(self, request: Request) -> Response:
        """The empty search form."""
        return self._page(request, "find.html")

    async def search(self, request: Request) -> Response:
        """Find a person; what was typed is in the body and goes no further. Answers with a list of ids."""
        form = await read_form(request)
        found = await find_people(await self._sources.of(request), form.get("q", ""), form.get("born", ""))
        link = link_maker(request)
        if len(found.ids) == 1:
            return RedirectResponse(link(f"record/{found.ids[0]}"), 303, headers=dict(HEADERS))
        query = link("found", p=",".join(found.ids) or "-", more="1" if found.more else "")
        return RedirectResponse(query, 303, headers=dict(HEADERS))

    async def found(self, request: Request) -> Response:
        """The persons of a list of ids."""
        ids = request.query_params.get("p", "").split(",")
        rows = await people(await self._sources.of(request), [i for i in ids if i != "-"])
        ages = {p.id: self._age(p) for p in rows}
        return self._page(request, "found.html", people=rows, ages=ages, more=request.query_params.get("more") == "1")

    async def record(self, request: Request) -> Response:
        """The record of one person: banner, alerts, summary, one page of the timeline."""
        source = await self._sources.of(request)
        chart = await _worked_out(source, request)
        if chart.person.id != request.path_params["person"]:
            return self._to_golden(request, chart.person)
        now = self._clock.now()
        events = chart.once(timeline)
        chosen = read_filter(request.query_params, events, now)
        size = len(events) if request.query_params.get("size") == "all" else 0
        part = cut(events, chosen, now, request.query_params.get("after", ""), size)
        values: dict[str, Any] = {
            "chart": chart,
            "person": chart.person,
            "part": part,
            "root": f"record/{chart.person.id}",
        }
        if request.query_params.get("part") == "rows":
            return self._page(request, "_rows.html", **values)
        values |= {"digest": digest(chart, events, now), "quiet": quiet(chart, self._silences())}
        return self._page(request, "record.html", age=self._age(chart.person), **values)

    async def detail(self, request: Request) -> Response:
        """One event: a report, a visit, a prescription, a document; as a page, or as a part for the drawer."""
        source = await self._sources.of(request)
        chart = await _worked_out(source, request)
        kind, ident = request.path_params["kind"], request.path_params["ident"]
        resource = chart.get(kind, ident)
        events = chart.once(timeline)
        event = event_of(chart, events, kind, ident)
        if resource is None or event is None:
            raise _missing(chart, "entry")
        values = await self._detail(source, chart, resource, event, events)
        origin = await provenance(source, chart, resource)
        return self._opened(request, "_detail.html", chart, event=event, files=files(resource), origin=origin, **values)

    async def trend(self, request: Request) -> Response:
        """The values of one analyte as a chart and as a table; `page` asks for earlier ones of a long series."""
        source = await self._sources.of(request)
        chart = await _worked_out(source, request)
        found = {s.slug: s for s in chart.once(series_of).values()}.get(request.path_params["slug"])
        if found is None:
            raise _missing(chart, "indicator")
        asked = request.query_params.get("page", "")
        leaved = leaf(found, int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 9 else 1)
        return self._opened(
            request, "_trend.html", chart, series=leaved.series, leaf=leaved, drawing=draw(leaved.series)
        )

    async def identity(self, request: Request) -> Response:
        """Numbers of a person in full; a POST, so that every look at them is a request of its own."""
        source = await self._sources.of(request)
        chart = await source.chart(request.path_params["person"])
        return self._opened(request, "_identity.html", chart)

    async def original(self, request: Request) -> Response:
        """The verbatim document, as a download and nothing else."""
        source = await self._sources.of(request)
        chart = await source.chart(request.path_params["person"])
        ident = request.path_params["ident"]
        holders = (*chart.all("DocumentReference"), *chart.all("DiagnosticReport"))
        found = next((f for r in holders for f in files(r) if f.binary == ident), None)
        content_type, data = await content(source, found) if found else ("", b"")
        return _download(chart, content_type, data, ident)

    async def file(self, request: Request) -> Response:
        """A file that stands in a document or report itself, as a download and nothing else."""
        source = await self._sources.of(request)
        chart = await source.chart(request.path_params["person"])
        kind, ident, number = (request.path_params[name] for name in ("kind", "ident", "number"))
        held = files(chart.get(kind, ident) or {})
        found = held[number] if number < len(held) else None
        content_type, data = await content(source, found) if found else ("", b"")
        return _download(chart, content_type, data, f"{ident}-{number + 1}")

    async def static(self, request: Request) -> Response:
        """One of our own files."""
        return self._render.asset(request)

    async def trouble(self, request: Request, error: HieError) -> Response:
        """The page for a situation; it never repeats what was asked for."""
        key = {401: "forbidden", 403: "forbidden", 404: "missing", 410: "missing"}.get(error.response.status, "trouble")
        return self._page(request, "trouble.html", error.response.status, kind=key)

    async def not_found(self, request: Request, error: Exception) -> Response:
        """The page for an address that does not exist."""
        return self._page(request, "trouble.html", 404, kind="missing")

    async def broken(self, request: Request, error: Exception) -> Response:
        """The page for a failure of ours."""
        return self._page(request, "trouble.html", 500, kind="trouble")

    async def _detail(
        self, source: Source, chart: Chart, resource: Resource, event: Event, events: tuple[Event, ...]
    ) -> dict[str, Any]:
        if event.type == "DiagnosticReport":
            return {"shape": "report", "report": await report(source, chart, resource, event)}
        if event.type == "Encounter":
            return {"shape": "visit", "visit": visit(chart, resource, event, events)}
        if event.type == "DocumentReference":
            return {"shape": "document", "document": await _words(source, resource)}
        if event.type in PLAIN_TYPES:
            return {"shape": "plain", "plain": plain(chart, resource, event)}
        return {"shape": "plain", "plain": Plain(event, tuple(elements(resource)))}

    def _to_golden(self, request: Request, person: Person) -> Response:
        params = {k: v for k, v in request.query_params.items() if k != "lang"}
        return RedirectResponse(link_maker(request)(f"record/{person.id}", **params), 303, headers=dict(HEADERS))

    def _age(self, person: Person) -> tuple[str, int] | None:
        """Key of the word and number of years, or of months below three years where the month of birth is known; None
        when unknown."""
        on = lived_until(person.deceased, self._clock.now())
        years = years_old(person.birth_date, on)
        if years is None:
            return None
        months = months_old(person.birth_date, on) if years < 3 else None
        return ("banner.years", years) if months is None else ("banner.months", months)

    def _opened(self, request: Request, opened: str, chart: Chart, **values: Any) -> Response:
        """What opens from a record: the template alone for the drawer (`part`), or in a page of its own."""
        template = opened if request.query_params.get("part") else "opened.html"
        person, root = chart.person, f"record/{chart.person.id}"
        values |= {"chart": chart, "person": person, "age": self._age(person), "root": root, "opened": opened}
        return self._page(request, template, **values)

    def _page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        now = self._clock.now().astimezone(CHINA)
        principal = getattr(request.state, "principal", LOCAL_OPERATOR)
        name = "" if principal is LOCAL_OPERATOR else principal.id
        watermark = (name, request.client.host if request.client else "", now.strftime("%Y-%m-%d %H:%M"))
        return self._render.page(request, template, status, watermark=watermark, **values)


async def _worked_out(source: Source, request: Request) -> Chart:
    """The chart that a page is about, with what takes long for a long one."""
    chart = await source.chart(request.path_params["person"])
    await apart(chart.size, lambda: (chart.once(timeline), chart.once(series_of)))
    return chart


async def _words(source: Source, resource: Resource) -> Document:
    """The first file of a document that can be shown in words."""
    for file in files(resource):
        content_type, data = await content(source, file)
        found = plain_text(data) if bare(content_type) == "text/plain" else document(data)
        if found.readable:
            return found
    return Document(False)


def _missing(chart: Chart, what: str) -> HieError:
    """What is said of what is not in a chart: TIMEOUT where a part of the record could not be read in time."""
    if chart.failed:
        return HieError(Category.TIMEOUT, "a part of this record could not be read in time")
    return HieError(Category.NOT_FOUND, f"no such {what} in this record")


def _download(chart: Chart, content_type: str, data: bytes, name: str) -> Response:
    """Bytes that no browser opens by itself; raises as `_missing` says when there are none."""
    if not data:
        raise _missing(chart, "document")
    headers = {
        **HEADERS,
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": f'attachment; filename="{name}.{ENDINGS.get(bare(content_type), "bin")}"',
    }
    return Response(data, media_type="application/octet-stream", headers=headers)
