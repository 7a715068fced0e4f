"""One report as it opens: results as written, findings, conclusion, corrections."""

from dataclasses import dataclass

from hie.base.resource import Resource
from hie.browse.chart import Chart
from hie.browse.dates import from_micros, shown
from hie.browse.elements import (
    body_site,
    codes_of,
    codings,
    concept_text,
    effective,
    first,
    items,
    target,
    targets,
    text_of,
)
from hie.browse.event import Event
from hie.browse.measured import removed_of, results_of
from hie.browse.place import Place
from hie.browse.result import Result, results
from hie.browse.source import Source
from hie.wire.safejson import loads

_LABORATORY = "LAB"
_IMAGING = frozenset({"CT", "NMR", "RAD", "RUS", "SP", "EC", "OTH", "NMS", "CUS", "IMG"})


@dataclass(frozen=True, slots=True)
class Before:
    """What a result said before a correction, and when that came in."""

    result: Result
    received: str


@dataclass(frozen=True)
class Report:
    """A DiagnosticReport with everything that belongs to it.

    `rows` are results for the table, `texts` long ones (findings) to be read as paragraphs, `withdrawn` results that
    were taken back. `before` maps the id of an Observation and its part to earlier values, newest first.
    """

    event: Event
    kind: str
    place: Place
    status: str
    facts: tuple[tuple[str, str], ...]
    rows: tuple[Result, ...]
    texts: tuple[Result, ...]
    withdrawn: tuple[Result, ...]
    before: dict[tuple[str, str], tuple[Before, ...]]
    conclusion: str
    verdicts: tuple[str, ...]
    notes: tuple[str, ...]


def report_kind(report: Resource) -> str:
    """`imaging` for a report whose category (v2-0074) is an examination, else `lab`."""
    codes = codes_of(report, "category")
    if _LABORATORY in codes:
        return "lab"
    return "imaging" if codes & _IMAGING or "imagingStudy" in report else "lab"


async def report(source: Source, chart: Chart, resource: Resource, event: Event) -> Report:
    """The report `resource` of a chart, with the history of its corrected results."""
    listed = results_of(chart, resource)
    number = text_of(first(resource, "identifier"), "value")
    specimen = await _specimen(source, resource)
    return Report(
        event=event,
        kind=report_kind(resource),
        place=event.place,
        status=text_of(resource, "status"),
        facts=_facts(resource, specimen, number),
        rows=tuple(r for r in listed if not r.long and not r.withdrawn),
        texts=tuple(r for r in listed if r.long and not r.withdrawn),
        withdrawn=(*(r for r in listed if r.withdrawn), *removed_of(chart, resource)),
        before={(r.id, r.part): found for r in listed if (found := await _before(source, r))},
        conclusion=text_of(resource, "conclusion"),
        verdicts=tuple(t for c in items(resource, "conclusionCode") if (t := concept_text(c))),
        notes=tuple(t for n in items(specimen, "note") if (t := text_of(n, "text"))),
    )


async def _specimen(source: Source, resource: Resource) -> Resource:
    ident = next(targets(resource, "specimen", "Specimen"), "")
    return (await source.read("Specimen", ident) if ident else None) or {}


def _facts(resource: Resource, specimen: Resource, number: str) -> tuple[tuple[str, str], ...]:
    collection = first(specimen, "collection")
    order = text_of(first(first(resource, "basedOn"), "identifier"), "value")
    facts = (
        (
            "fact.category",
            "、".join(
                t
                for c in items(resource, "category")
                if all(text_of(k, "code") != _LABORATORY for k in codings(c)) and (t := concept_text(c))
            ),
        ),
        ("fact.body-site", body_site(resource)),
        ("fact.specimen", concept_text(first(specimen, "type"))),
        ("fact.specimen-state", concept_text(first(specimen, "condition"))),
        ("fact.sampled", shown(text_of(collection, "collectedDateTime"))),
        ("fact.received", shown(text_of(specimen, "receivedTime"))),
        ("fact.effective", shown(effective(resource))),
        ("fact.issued", shown(text_of(resource, "issued"))),
        ("fact.order", order),
        ("fact.number", number),
        ("fact.requester", _people(resource, "requester")),
        ("fact.performer", _people(resource, "performer")),
        ("fact.interpreter", _people(resource, "resultsInterpreter")),
    )
    return tuple((key, value) for key, value in facts if value)


def _people(resource: Resource, name: str) -> str:
    """Names of people; references to organisations are shown as the institution anyway."""
    people = (r for r in items(resource, name) if target(r)[0] != "Organization")
    return "、".join(t for r in people if (t := text_of(r, "display") or text_of(first(r, "identifier"), "value")))


async def _before(source: Source, one: Result) -> tuple[Before, ...]:
    """Earlier states of a corrected result that differ in value, unit or flag, newest first."""
    if not one.amended:
        return ()
    now, found = one, []
    for version in await source.versions("Observation", one.id):
        if version.deleted:
            continue
        old = next((r for r in results(loads(version.body), one.place) if r.part == one.part), now)
        if old.value and _said(old) != _said(now):
            found.append(Before(old, from_micros(version.last_updated)))
            now = old
    return tuple(found)


def _said(one: Result) -> tuple[str, str, str]:
    return one.value, one.unit, one.flag.code
