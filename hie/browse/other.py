"""Records without a page of their own (vaccinations, plans, appointments): a row, and their elements as they stand."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from hie.base.resource import Resource
from hie.browse.chart import GONE, Chart, standing
from hie.browse.dates import local, shown
from hie.browse.elements import concept_text, first, items, target, text_of
from hie.browse.event import Event
from hie.browse.source import TYPES
from hie.browse.value import number_text, quantity_text, unit_text

_SHOWN = frozenset({*TYPES, "Patient"})
_NAMES = (
    "vaccineCode",
    "code",
    "medicationCodeableConcept",
    "serviceType",
    "type",
    "category",
    "modality",
    "relationship",
    "name",
    "description",
)
_TOLD = ("basedOn", "imagingStudy")
_TITLES = ("title", "description", "name")
_DATES = (
    "occurrenceDateTime",
    "effectiveDateTime",
    "performedDateTime",
    "authoredOn",
    "authored",
    "start",
    "started",
    "date",
    "startDate",
    "recordedDate",
    "created",
    "issued",
    "sent",
    "identifiedDateTime",
    "whenHandedOver",
    "dateAsserted",
)
_PERIODS = ("effectivePeriod", "occurrencePeriod", "performedPeriod", "period", "executionPeriod")
_APART = frozenset({"resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension",
                    "modifierExtension", "identifier", "subject", "patient", "beneficiary"})  # fmt: skip

_TYPE = re.compile(r"(?<=[a-z])(DateTime|Period|CodeableConcept|Quantity|Reference|String|Boolean|Range|Timing|Age)$")
"""The type at the end of the name of an element `value[x]`."""


def others(chart: Chart) -> list[Event]:
    """A row for everything of a chart that has no page of its own."""
    return [_event(chart, one) for held in chart.once(_by_type).values() for one in held]


def _event(chart: Chart, resource: Resource) -> Event:
    kind, mark = text_of(resource, "resourceType"), standing(resource)
    return Event(
        kind="other",
        type=kind,
        id=text_of(resource, "id"),
        at=local(_date(resource)),
        place=chart.directory.place(resource),
        title=_title(resource),
        label=kind,
        marks=(mark,) if mark else (),
    )


def _title(resource: Resource) -> str:
    named = (first(resource, name) for name in _NAMES)
    concepts = (concept_text(one) or text_of(one, "display") for one in named)
    texts = (text_of(resource, name) for name in _TITLES)
    return next((t for t in (*concepts, *texts) if t), "")


def _date(resource: Resource) -> str:
    dates = (text_of(resource, name) for name in _DATES)
    starts = (text_of(first(resource, name), "start") for name in _PERIODS)
    return next((d for d in (*dates, *starts) if d), "")


def elements(resource: Resource) -> Iterator[tuple[str, str]]:
    """Every element that says something, by the key of its word, in the order of the resource."""
    for name, value in resource.items():
        text = "" if name in _APART or name.startswith("_") else "\n".join(_lines(value))
        if text:
            yield f"element.{_TYPE.sub('', name)}", text


def _lines(value: Any) -> list[str]:
    return [t for one in (value if isinstance(value, list) else [value]) if (t := _said(one))]


def _said(value: Any) -> str:
    """One value in words, whatever its type; nothing that it says is left out."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, dict):
        return shown(value) if isinstance(value, str) else number_text(value)
    for names, words in _WORDS:
        if value.keys() <= names and (found := words(value)):
            return found
    return " · ".join(t for name, one in value.items() if name not in _APART - {"text"} for t in _lines(one))


def _period(value: Resource) -> str:
    return f"{shown(text_of(value, 'start'))} → {shown(text_of(value, 'end'))}"


def _quantity(value: Resource) -> str:
    return f"{quantity_text(value)} {unit_text(value)}".strip()


def _reference(value: Resource) -> str:
    return text_of(value, "display") or text_of(first(value, "identifier"), "value") or target(value)[0]


_WORDS: tuple[tuple[frozenset[str], Callable[[Resource], str]], ...] = (
    (frozenset({"id", "start", "end"}), _period),
    (frozenset({"id", "value", "comparator", "unit", "system", "code"}), _quantity),
    (frozenset({"id", "reference", "type", "identifier", "display"}), _reference),
    (frozenset({"id", "extension", "coding", "text"}), concept_text),
    (
        frozenset({"id", "system", "version", "code", "display", "userSelected"}),
        lambda c: concept_text({"coding": [c]}),
    ),
)
"""Elements of a datatype -> how it reads."""


def counts(chart: Chart) -> list[tuple[str, int]]:
    """How many there are of each type, without what was withdrawn or cancelled; the most frequent first."""
    held = {kind: sum(standing(one) not in GONE for one in found) for kind, found in chart.once(_by_type).items()}
    return sorted(((kind, number) for kind, number in held.items() if number), key=lambda one: (-one[1], one[0]))


def _by_type(chart: Chart) -> dict[str, list[Resource]]:
    """What has a row here by type: orders and imaging studies whose report has come are told by that."""
    told = {target(r) for report in chart.all("DiagnosticReport") for n in _TOLD for r in items(report, n)}
    found = {
        kind: [one for ident, one in held.items() if (kind, ident) not in told]
        for kind, held in chart.resources.items()
        if kind not in _SHOWN
    }
    return {kind: held for kind, held in found.items() if held}
