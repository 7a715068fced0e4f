"""One visit or stay as it opens: dates, wards, people, diagnoses, and everything that happened in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from hie.base.resource import Resource
from hie.browse.chart import Chart, refuted, suspected
from hie.browse.dates import shown
from hie.browse.diagnosis import diagnoses_of
from hie.browse.elements import concept_text, extension, first, items, targets, text_of
from hie.browse.event import Event


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One diagnosis of a visit: words, ICD-10 code, `uses` (AD, DD, CM), whether only suspected, whether ruled out."""

    text: str
    code: str
    uses: tuple[str, ...]
    provisional: bool
    refuted: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """One location of a visit and its time."""

    name: str
    start: str
    end: str


@dataclass(frozen=True)
class Visit:
    """An Encounter with what belongs to it; `facts` are pairs of word key and text."""

    event: Event
    facts: tuple[tuple[str, str], ...]
    diagnoses: tuple[Diagnosis, ...]
    stops: tuple[Stop, ...]
    events: tuple[Event, ...]


def visit(chart: Chart, encounter: Resource, event: Event, events: Sequence[Event]) -> Visit:
    """The visit `encounter`; `events` is the whole timeline."""
    uses = {
        ident: text_of(first(first(d, "use"), "coding"), "code")
        for d in items(encounter, "diagnosis")
        for ident in targets(d, "condition", "Condition")
    }
    return Visit(
        event=event,
        facts=_facts(encounter, event),
        diagnoses=_diagnoses(diagnoses_of(chart, encounter), uses),
        stops=tuple(_stop(place) for place in items(encounter, "location")),
        events=tuple(e for e in events if e.visit == event.id and e.type != "Encounter"),
    )


def _diagnoses(conditions: list[Resource], uses: dict[str, str]) -> tuple[Diagnosis, ...]:
    """Diagnoses of a visit; what is stated for admission and again for discharge is one."""
    found: dict[tuple[str, str, bool], list[Resource]] = {}
    for condition in conditions:
        concept = first(condition, "code")
        key = (concept_text(concept), text_of(first(concept, "coding"), "code"), refuted(condition))
        found.setdefault(key, []).append(condition)
    return tuple(
        Diagnosis(
            text,
            code,
            tuple(dict.fromkeys(u for c in group if (u := uses.get(text_of(c, "id"), "")))),
            all(suspected(c) for c in group),
            ruled_out,
        )
        for (text, code, ruled_out), group in found.items()
    )


def _stop(place: Resource) -> Stop:
    period = first(place, "period")
    location = first(place, "location")
    name = text_of(location, "display") or text_of(first(location, "identifier"), "value")
    return Stop(name, shown(text_of(period, "start")), shown(text_of(period, "end")))


def _facts(encounter: Resource, event: Event) -> tuple[tuple[str, str], ...]:
    stay = first(encounter, "hospitalization")
    condition = extension(stay, "discharge-condition")
    inpatient = event.kind == "stay"
    people = (first(p, "individual") for p in items(encounter, "participant"))
    facts = (
        ("fact.admitted" if inpatient else "fact.visited", shown(event.at)),
        ("fact.discharged", shown(event.until) if inpatient else ""),
        ("fact.department", concept_text(first(encounter, "serviceType"))),
        ("fact.reason", "、".join(t for c in items(encounter, "reasonCode") if (t := concept_text(c)))),
        ("fact.doctor", "、".join(t for p in people if (t := text_of(p, "display")))),
        ("fact.admit-source", concept_text(first(stay, "admitSource"))),
        ("fact.disposition", concept_text(first(stay, "dischargeDisposition"))),
        (
            "fact.discharge-condition",
            text_of(condition, "valueString")
            or concept_text(first(condition, "valueCodeableConcept"))
            or text_of(first(condition, "valueCoding"), "display"),
        ),
        ("fact.visit-number", text_of(first(encounter, "identifier"), "value")),
    )
    return tuple((key, value) for key, value in facts if value)
