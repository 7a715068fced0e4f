"""The timeline: every event of a chart as one stream, newest first."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from operator import itemgetter

from hie.base.resource import Resource
from hie.browse.allergy import allergy_event
from hie.browse.attachment import files
from hie.browse.chart import Chart, refuted, standing
from hie.browse.dates import local
from hie.browse.diagnosis import diagnoses_apart, diagnoses_of, diagnosis_event, names
from hie.browse.elements import (
    body_site,
    concept_text,
    distinct,
    effective,
    first,
    items,
    performed,
    targets,
    text_of,
    visit_of,
)
from hie.browse.event import Event
from hie.browse.measured import removed_of, results_of, single_observations
from hie.browse.medicine import medicine, prescriptions
from hie.browse.other import others
from hie.browse.place import feed_of
from hie.browse.report import report_kind
from hie.browse.result import AMENDED, ENDED, UNFINISHED, WITHDRAWN, Result, result, results

_INPATIENT = frozenset({"IMP", "ACUTE", "NONAC", "SS"})


def timeline(chart: Chart) -> tuple[Event, ...]:
    """All events of a chart, newest first."""
    documents = _documents_by_item(chart)
    shown_with: set[str] = set()
    events: list[Event] = []
    for report in chart.all("DiagnosticReport"):
        document = documents.get(feed_of(report)[1])
        if document is not None:
            shown_with.add(text_of(document, "id"))
        events.append(_report(chart, report, document))
    events = _merge_copies(events, chart)
    events += [_visit(chart, e) for e in chart.all("Encounter")]
    events += _prescriptions(chart, documents, shown_with)
    events += _documents(chart, shown_with)
    events += [_procedure(chart, p) for p in chart.all("Procedure")]
    events += [diagnosis_event(chart, c) for c in diagnoses_apart(chart)]
    events += [_single_result(chart, o) for o in single_observations(chart)]
    events += others(chart)
    return tuple(sorted(events, key=lambda e: e.key, reverse=True))


def event_of(chart: Chart, events: Iterable[Event], kind: str, ident: str) -> Event | None:
    """The row that shows a resource: its own, one that it is a copy of, its prescription; a diagnosis of a visit and an
    allergy have none and get an event of their own. None for anything else."""
    wanted = (kind, ident)
    if kind == "MedicationRequest":
        group = next((g for g in prescriptions(chart).values() if any(text_of(r, "id") == ident for r in g)), None)
        wanted = (kind, text_of(group[0], "id")) if group else wanted
    for event in events:
        if (event.type, event.id) == wanted or wanted in event.copies:
            return event
    make = {"Condition": diagnosis_event, "AllergyIntolerance": allergy_event}.get(kind)
    resource = chart.get(*wanted)
    return make(chart, resource) if make and resource is not None else None


def original_of(document: Resource) -> str:
    """Id of the Binary with the verbatim XML document, or empty."""
    return next((f.binary for f in files(document) if f.binary and f.ending == "xml"), "")


def _report(chart: Chart, report: Resource, document: Resource | None) -> Event:
    kind = report_kind(report)
    everything = results_of(chart, report)
    valid = [r for r in everything if not r.ended]
    abnormal = sorted((r for r in valid if r.flag.abnormal), key=lambda r: r.flag.rank)
    status = text_of(report, "status")
    conclusion = text_of(report, "conclusion")
    if kind == "imaging" and not conclusion:
        conclusion = next((r.value for r in valid if r.value), "")
    return Event(
        kind=kind,
        type="DiagnosticReport",
        id=text_of(report, "id"),
        at=local(effective(report) or text_of(report, "issued")),
        place=chart.directory.place(report),
        title=concept_text(first(report, "code")),
        text=conclusion,
        label=_category(report) if kind == "imaging" else "",
        results=tuple(r for r in abnormal if not r.long) if status not in ENDED else (),
        normal=sum(r.flag.code == "N" for r in valid),
        unmarked=sum(r.flag.code == "unknown" and not r.long for r in valid),
        marks=_marks(status, [*everything, *removed_of(chart, report)]),
        original=original_of(document) if document else "",
        visit=visit_of(report),
    )


def _category(report: Resource) -> str:
    return concept_text(first(report, "category"))


def _marks(status: str, results: Iterable[Result]) -> tuple[str, ...]:
    if status in ENDED:
        return (ENDED[status],)
    marks = []
    if status in AMENDED or any(r.amended or r.withdrawn for r in results):
        marks.append("amended")
    if status in UNFINISHED:
        marks.append("preliminary")
    return tuple(marks)


def _merge_copies(events: list[Event], chart: Chart) -> list[Event]:
    """One row for reports that several feeds sent: same full identifier, same day, same title (§2.3 of the screen).

    Equal values and times alone never merge. Report numbers may start again every day, hence the day.
    """
    groups: dict[tuple[str, ...], list[Event]] = defaultdict(list)
    for event in events:
        report = chart.get(event.type, event.id) or {}
        identifier = first(report, "identifier")
        value = text_of(identifier, "value")
        key = (text_of(identifier, "system"), value, event.at[:10], event.title) if value else (event.id,)
        groups[key].append(event)
    merged = []
    for group in groups.values():
        group.sort(key=lambda e: ("withdrawn" in e.marks, e.id))
        merged.append(replace(group[0], copies=tuple((e.type, e.id) for e in group[1:])))
    return merged


def _visit(chart: Chart, encounter: Resource) -> Event:
    inpatient = text_of(first(encounter, "class"), "code") in _INPATIENT
    ident = text_of(encounter, "id")
    period = first(encounter, "period")
    status = text_of(encounter, "status")
    diagnoses = names(c for c in diagnoses_of(chart, encounter) if not refuted(c))
    reason = distinct(concept_text(c) for c in items(encounter, "reasonCode"))
    ward = next((text_of(first(place, "location"), "display") for place in reversed(items(encounter, "location"))), "")
    mark = standing(encounter) or ("open" if inpatient and status == "in-progress" else "")
    return Event(
        kind="stay" if inpatient else "visit",
        type="Encounter",
        id=ident,
        at=local(text_of(period, "start")) or chart.once(_first_dates).get(ident, ""),
        until=local(text_of(period, "end")),
        place=chart.directory.place(encounter),
        title=concept_text(first(encounter, "serviceType")) or ward,
        text=" · ".join(diagnoses or reason),
        label=text_of(first(encounter, "class"), "code"),
        marks=(mark,) if mark else (),
        visit=ident,
    )


def _first_dates(chart: Chart) -> Mapping[str, str]:
    """Visit -> the first date of what belongs to it, for one without period (made from a report or document)."""
    dates: list[tuple[str, str]] = [
        (visit_of(r), local(text_of(r, "authoredOn") or effective(r)))
        for kind in ("DiagnosticReport", "MedicationRequest")
        for r in chart.all(kind)
    ]
    for document in chart.all("DocumentReference"):
        visits = targets(first(document, "context"), "encounter", "Encounter")
        dates += ((visit, local(text_of(document, "date"))) for visit in visits)
    return dict(sorted((one for one in dates if one[1]), key=itemgetter(1), reverse=True))


def _documents_by_item(chart: Chart) -> Mapping[str, Resource]:
    """Raw item id -> the only DocumentReference it wrote, if it has an XML original, of which the rest was made; one
    that it replaced is marked as written by it, too."""
    written: dict[str, list[Resource]] = defaultdict(list)
    for document in _current(chart):
        written[feed_of(document)[1]].append(document)
    return {item: found[0] for item, found in written.items() if item and len(found) == 1 and original_of(found[0])}


def _prescriptions(chart: Chart, documents: Mapping[str, Resource], shown_with: set[str]) -> list[Event]:
    events = []
    for group in prescriptions(chart).values():
        lead = group[0]
        document = documents.get(feed_of(lead)[1])
        if document is not None:
            shown_with.add(text_of(document, "id"))
        marks = {standing(r) for r in group}
        counting = [r for r in group if text_of(r, "status") not in ENDED]
        events.append(
            Event(
                kind="medication",
                type="MedicationRequest",
                id=text_of(lead, "id"),
                at=local(text_of(lead, "authoredOn")),
                place=chart.directory.place(lead),
                title="",
                text=" · ".join(medicine(chart, r) for r in counting or group),
                marks=tuple(m for m in (standing(lead),) if m and (len(marks) == 1 or not counting)),
                original=original_of(document) if document else "",
                visit=visit_of(lead),
            )
        )
    return events


def _documents(chart: Chart, shown_with: set[str]) -> list[Event]:
    """Documents that no report or prescription already shows, and Compositions of which no document is known, not even
    one that was replaced."""
    documents = chart.all("DocumentReference")
    items_told = {feed_of(document)[1] for document in documents} - {""}
    numbers_told = {_number(document, "masterIdentifier") for document in documents} - {("", "")}
    shown = [_document(chart, one) for one in _current(chart) if text_of(one, "id") not in shown_with]
    alone = (
        one
        for one in chart.all("Composition")
        if feed_of(one)[1] not in items_told and _number(one, "identifier") not in numbers_told
    )
    return [*shown, *(_composition(chart, one) for one in alone)]


def _current(chart: Chart) -> list[Resource]:
    """Documents that no younger one replaces."""
    return [one for one in chart.all("DocumentReference") if text_of(one, "status") != "superseded"]


def _number(document: Resource, name: str) -> tuple[str, str]:
    identifier = first(document, name)
    return text_of(identifier, "system"), text_of(identifier, "value")


def _document(chart: Chart, document: Resource) -> Event:
    attachment = first(first(document, "content"), "attachment")
    return Event(
        kind="document",
        type="DocumentReference",
        id=text_of(document, "id"),
        at=local(text_of(document, "date")),
        place=chart.directory.place(document),
        title=text_of(attachment, "title") or concept_text(first(document, "type")),
        marks=("withdrawn",) if text_of(document, "status") == WITHDRAWN else (),
        original=original_of(document),
        visit=next(targets(first(document, "context"), "encounter", "Encounter"), ""),
    )


def _composition(chart: Chart, composition: Resource) -> Event:
    return Event(
        kind="document",
        type="Composition",
        id=text_of(composition, "id"),
        at=local(text_of(composition, "date")),
        place=chart.directory.place(composition),
        title=text_of(composition, "title") or concept_text(first(composition, "type")),
        text=" · ".join(t for s in items(composition, "section") if (t := text_of(s, "title"))),
        marks=("withdrawn",) if text_of(composition, "status") == WITHDRAWN else (),
        visit=visit_of(composition),
    )


def _procedure(chart: Chart, procedure: Resource) -> Event:
    mark = standing(procedure) or ("ongoing" if text_of(procedure, "status") == "in-progress" else "")
    return Event(
        kind="procedure",
        type="Procedure",
        id=text_of(procedure, "id"),
        at=local(performed(procedure)),
        place=chart.directory.place(procedure),
        title=concept_text(first(procedure, "code")),
        text=body_site(procedure),
        marks=(mark,) if mark else (),
        visit=visit_of(procedure),
    )


def _single_result(chart: Chart, observation: Resource) -> Event:
    place = chart.directory.place(observation)
    one, read = result(observation, place), results(observation, place)
    return Event(
        kind="other",
        type="Observation",
        id=one.id,
        at=local(one.at),
        place=one.place,
        title=one.name,
        read=tuple(r for r in read if r.value),
        label="observation",
        results=tuple(r for r in read if r.flag.abnormal and not r.ended),
        marks=(one.mark,) if one.mark else (),
        visit=visit_of(observation),
    )
