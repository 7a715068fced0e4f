"""One report as it opens: results as written, findings, conclusion, corrections."""

from collections.abc import Sequence
from dataclasses import dataclass

from hie.browse.chart import Chart
from hie.browse.dates import from_micros, shown
from hie.browse.elements import Resource, concept_text, extension, first, items, target, targets, text_of
from hie.browse.place import Place
from hie.browse.result import WITHDRAWN, Result, result, unit_text, value_text
from hie.browse.source import Source
from hie.browse.timeline import Event, report_kind, results_of
from hie.wire.safejson import loads


@dataclass(frozen=True, slots=True)
class Before:
    """What a result said before a correction: value with unit, when that version came in."""

    value: str
    received: str


@dataclass(frozen=True)
class Report:
    """A DiagnosticReport with everything that belongs to it.

    `rows` are results for the table, `texts` long ones (findings) to be read as paragraphs, `withdrawn` results that
    were taken back. `before` maps an Observation id to its earlier values, newest first.
    """

    event: Event
    kind: str
    place: Place
    status: str
    facts: tuple[tuple[str, str], ...]
    rows: tuple[Result, ...]
    texts: tuple[Result, ...]
    withdrawn: tuple[Result, ...]
    before: dict[str, tuple[Before, ...]]
    conclusion: str
    verdicts: tuple[str, ...]
    notes: tuple[str, ...]


async def report(source: Source, chart: Chart, resource: Resource, event: Event) -> Report:
    """The report `resource` of a chart, with the history of its corrected results."""
    results = results_of(chart, resource)
    number = text_of(first(resource, "identifier"), "value")
    gone = _withdrawn(chart, resource, number, {r.id for r in results})
    specimen = await _specimen(source, resource)
    return Report(
        event=event,
        kind=report_kind(resource),
        place=event.place,
        status=text_of(resource, "status"),
        facts=_facts(resource, specimen, number),
        rows=tuple(r for r in results if not r.long and not r.withdrawn),
        texts=tuple(r for r in results if r.long and not r.withdrawn),
        withdrawn=tuple(r for r in results if r.withdrawn) + gone,
        before={r.id: found for r in results if (found := await _before(source, r))},
        conclusion=text_of(resource, "conclusion"),
        verdicts=tuple(t for c in items(resource, "conclusionCode") if (t := concept_text(c))),
        notes=tuple(t for n in items(specimen, "note") if (t := text_of(n, "text"))),
    )


def _withdrawn(chart: Chart, resource: Resource, number: str, listed: set[str]) -> tuple[Result, ...]:
    """Results that were taken out of the report: withdrawn, with an identifier under its number (§7.6)."""
    if not number:
        return ()
    place = chart.directory.place(resource)
    found = []
    for observation in chart.all("Observation"):
        if text_of(observation, "status") != WITHDRAWN or text_of(observation, "id") in listed:
            continue
        if text_of(first(observation, "identifier"), "value").split(":", 1)[0] == number and (
            chart.directory.place(observation).uscc == place.uscc
        ):
            found.append(result(observation, place))
    return tuple(found)


async def _specimen(source: Source, resource: Resource) -> Resource:
    ident = next(targets(resource, "specimen", "Specimen"), "")
    return (await source.read("Specimen", ident) if ident else None) or {}


def _facts(resource: Resource, specimen: Resource, number: str) -> tuple[tuple[str, str], ...]:
    collection = first(specimen, "collection")
    order = text_of(first(first(resource, "basedOn"), "identifier"), "value")
    facts = (
        ("fact.category", "、".join(t for c in items(resource, "category") if (t := concept_text(c)) and t != "LAB")),
        ("fact.body-site", _body_site(resource)),
        ("fact.specimen", concept_text(first(specimen, "type"))),
        ("fact.specimen-state", concept_text(first(specimen, "condition"))),
        ("fact.sampled", shown(text_of(collection, "collectedDateTime"))),
        ("fact.received", shown(text_of(specimen, "receivedTime"))),
        ("fact.effective", shown(text_of(resource, "effectiveDateTime"))),
        ("fact.issued", shown(text_of(resource, "issued"))),
        ("fact.order", order),
        ("fact.number", number),
        ("fact.requester", _people(resource, "requester")),
        ("fact.performer", _people(resource, "performer")),
        ("fact.interpreter", _people(resource, "resultsInterpreter")),
    )
    return tuple((key, value) for key, value in facts if value)


def _body_site(resource: Resource) -> str:
    site = extension(resource, "body-site")
    return text_of(site, "valueString") or concept_text(first(site, "valueCodeableConcept"))


def _people(resource: Resource, name: str) -> str:
    """Names of people; references to organisations are shown as the institution anyway."""
    people = (r for r in items(resource, name) if target(r)[0] != "Organization")
    return "、".join(t for r in people if (t := text_of(r, "display") or text_of(first(r, "identifier"), "value")))


async def _before(source: Source, one: Result) -> tuple[Before, ...]:
    """Earlier values of a corrected result, newest first, each once."""
    if not one.amended:
        return ()
    now = f"{one.value} {one.unit}".strip()
    found = []
    for value, received in await _values(source, one.id):
        if value and value != now:
            found.append(Before(value, received))
            now = value
    return tuple(found)


async def _values(source: Source, ident: str) -> Sequence[tuple[str, str]]:
    values = []
    for version in await source.versions("Observation", ident):
        if not version.deleted:
            old = loads(version.body)
            text = f"{value_text(old)} {unit_text(first(old, 'valueQuantity'))}".strip()
            values.append((text, from_micros(version.last_updated)))
    return values
