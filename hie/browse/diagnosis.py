"""Diagnoses: those of a visit and those that belong to none, their date and how certain they are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from hie.base.resource import Resource
from hie.browse.chart import Chart, certainty, suspected, withdrawn
from hie.browse.dates import local
from hie.browse.elements import concept_text, first, items, targets, text_of, visit_of
from hie.browse.event import Event


def diagnoses_of(chart: Chart, encounter: Resource) -> list[Resource]:
    """Diagnoses of a visit: those it lists by rank, then those that point to it; withdrawn ones left out."""
    ident = text_of(encounter, "id")
    listed = sorted(items(encounter, "diagnosis"), key=lambda d: int(text_of(d, "rank") or 99))
    ids = [i for d in listed for i in targets(d, "condition", "Condition")]
    ids += chart.once(_pointing).get(ident, ())
    found = (chart.get("Condition", i) for i in dict.fromkeys(ids))
    return [c for c in found if c is not None and not withdrawn(c)]


def _pointing(chart: Chart) -> Mapping[str, list[str]]:
    """Visit -> the diagnoses that point to it."""
    found: dict[str, list[str]] = defaultdict(list)
    for condition in chart.all("Condition"):
        found[visit_of(condition)].append(text_of(condition, "id"))
    return found


def names(conditions: Iterable[Resource]) -> list[str]:
    """Diagnoses by name, those that are only suspected with the `?` that doctors write."""
    certain: dict[str, bool] = {}
    for condition in conditions:
        name = concept_text(first(condition, "code"))
        certain[name] = certain.get(name, False) or not suspected(condition) or name.endswith(("?", "？"))
    return [name if sure else f"{name}?" for name, sure in certain.items() if name]


def diagnoses_apart(chart: Chart) -> list[Resource]:
    """Diagnoses that belong to no visit of the chart."""
    listed = {
        i for e in chart.all("Encounter") for d in items(e, "diagnosis") for i in targets(d, "condition", "Condition")
    }
    return [
        condition
        for condition in chart.all("Condition")
        if text_of(condition, "id") not in listed and not chart.get("Encounter", visit_of(condition))
    ]


def diagnosed(chart: Chart, condition: Resource) -> str:
    """When a diagnosis was made, in China time: as it says, else the beginning of its visit."""
    period = first(chart.get("Encounter", visit_of(condition)) or {}, "period")
    dates = (text_of(condition, "recordedDate"), text_of(condition, "onsetDateTime"), text_of(period, "start"))
    return local(next((date for date in dates if date), ""))


def diagnosis_event(chart: Chart, condition: Resource) -> Event:
    """The row of a diagnosis."""
    return Event(
        kind="other",
        type="Condition",
        id=text_of(condition, "id"),
        at=diagnosed(chart, condition),
        place=chart.directory.place(condition),
        title=concept_text(first(condition, "code")),
        label="diagnosis",
        marks=certainty(condition),
        visit=visit_of(condition),
    )
