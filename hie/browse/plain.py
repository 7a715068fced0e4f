"""Everything that opens without a page of its own: prescriptions, procedures, diagnoses, single results, summaries."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from hie.base.resource import Resource
from hie.browse.chart import Chart, standing
from hie.browse.dates import shown
from hie.browse.document import div_text
from hie.browse.elements import body_site, concept_text, extension, first, items, performed, text_of
from hie.browse.event import Event
from hie.browse.measured import about
from hie.browse.medicine import Step, ends, medicine, prescriptions, steps_of
from hie.browse.result import Result, results
from hie.browse.value import number_text, unit_text


@dataclass(frozen=True, slots=True)
class Line:
    """One drug of a prescription: name, specification, dose, last day, quantity, group, mark of its standing."""

    name: str
    specification: str
    dose: tuple[Step, ...]
    until: str
    quantity: str
    group: str
    mark: str


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a document: its title and text."""

    title: str
    text: str


@dataclass(frozen=True)
class Plain:
    """A detail of facts and lists; what does not apply is empty."""

    event: Event
    facts: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...] = ()
    rows: tuple[Result, ...] = ()
    parts: tuple[Part, ...] = ()


def plain(chart: Chart, resource: Resource, event: Event) -> Plain:
    """The detail of a resource by its type."""
    return _PLAIN[event.type](chart, resource, event)


def _prescription(chart: Chart, resource: Resource, event: Event) -> Plain:
    group = next((g for g in prescriptions(chart).values() if resource in g), [resource])
    facts = (
        ("fact.authored", shown(text_of(resource, "authoredOn"))),
        ("fact.doctor", text_of(first(resource, "requester"), "display")),
        ("fact.prescription", text_of(first(resource, "groupIdentifier"), "value")),
    )
    return Plain(event, _filled(facts), lines=tuple(_line(chart, r) for r in group))


def _line(chart: Chart, request: Resource) -> Line:
    quantity = first(first(request, "dispenseRequest"), "quantity")
    return Line(
        name=medicine(chart, request),
        specification=text_of(extension(request, "drug-specification"), "valueString"),
        dose=steps_of(request),
        until=ends(request),
        quantity=f"{number_text(quantity.get('value'))}{unit_text(quantity)}",
        group=text_of(extension(request, "rx-group"), "valueString"),
        mark=standing(request),
    )


def _procedure(chart: Chart, resource: Resource, event: Event) -> Plain:
    facts = (
        ("fact.performed", shown(performed(resource))),
        ("fact.body-site", body_site(resource)),
        ("fact.status-reason", concept_text(first(resource, "statusReason"))),
        ("fact.code", text_of(first(first(resource, "code"), "coding"), "code")),
        ("fact.note", "\n".join(text_of(n, "text") for n in items(resource, "note"))),
    )
    return Plain(event, _filled(facts))


def _condition(chart: Chart, resource: Resource, event: Event) -> Plain:
    facts = (
        ("fact.recorded", shown(text_of(resource, "recordedDate") or text_of(resource, "onsetDateTime"))),
        ("fact.code", text_of(first(first(resource, "code"), "coding"), "code")),
    )
    return Plain(event, _filled(facts))


def _allergy(chart: Chart, resource: Resource, event: Event) -> Plain:
    reactions = [
        "、".join(t for m in items(r, "manifestation") if (t := concept_text(m))) or text_of(r, "description")
        for r in items(resource, "reaction")
    ]
    facts = (
        ("fact.recorded", shown(event.at)),
        ("fact.reaction", "\n".join(r for r in reactions if r)),
        ("fact.code", text_of(first(first(resource, "code"), "coding"), "code")),
        ("fact.note", "\n".join(text_of(n, "text") for n in items(resource, "note"))),
    )
    return Plain(event, _filled(facts))


def _observation(chart: Chart, resource: Resource, event: Event) -> Plain:
    told = about(chart, resource)
    return Plain(event, (), rows=tuple(replace(one, about=told) for one in results(resource, event.place)))


def _composition(chart: Chart, resource: Resource, event: Event) -> Plain:
    facts = (("fact.authored", shown(text_of(resource, "date"))),)
    return Plain(event, _filled(facts), parts=tuple(_parts(resource)))


def _parts(composition: Resource) -> Iterator[Part]:
    """The sections of a document, each before those that it holds."""
    waiting = items(composition, "section")[::-1]
    while waiting:
        section = waiting.pop()
        text = div_text(text_of(first(section, "text"), "div")) or concept_text(first(section, "emptyReason"))
        if text or not items(section, "section"):
            yield Part(text_of(section, "title") or concept_text(first(section, "code")), text)
        waiting += items(section, "section")[::-1]


def _filled(facts: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in facts if value)


_PLAIN: Mapping[str, Callable[[Chart, Resource, Event], Plain]] = {
    "MedicationRequest": _prescription,
    "Procedure": _procedure,
    "Condition": _condition,
    "AllergyIntolerance": _allergy,
    "Observation": _observation,
    "Composition": _composition,
}
PLAIN_TYPES = frozenset(_PLAIN)
"""Resource types that `plain` opens."""
