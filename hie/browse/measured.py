"""Which results of a chart belong to which report, those that were taken out again included."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

from hie.base.resource import Resource
from hie.browse.chart import Chart, withdrawn
from hie.browse.elements import concept_text, effective, first, target, targets, text_of
from hie.browse.result import ENDED, Result, results
from hie.browse.value import value_text


def results_of(chart: Chart, report: Resource) -> list[Result]:
    """The results that a report lists, in its order."""
    return chart.once(_listed_results).get(text_of(report, "id"), [])


def removed_of(chart: Chart, report: Resource) -> list[Result]:
    """Withdrawn results that the report no longer lists."""
    place = chart.directory.place(report)
    return [r for o in chart.once(_removed).get(text_of(report, "id"), ()) for r in results(o, place)]


def valid_results(chart: Chart) -> list[tuple[Result, str]]:
    """Every result that counts, with what opens to show it: its report (`DiagnosticReport/<id>`), else itself.

    Neither it nor its report is withdrawn or cancelled.
    """
    found = [
        (r, f"DiagnosticReport/{text_of(report, 'id')}")
        for report in chart.all("DiagnosticReport")
        if text_of(report, "status") not in ENDED
        for r in results_of(chart, report)
    ]
    for observation in single_observations(chart):
        opens = f"Observation/{text_of(observation, 'id')}"
        place = chart.directory.place(observation)
        found += [(r, opens) for r in results(observation, place, _specimen(chart, observation))]
    return [(r, opens) for r, opens in found if not r.ended]


def single_observations(chart: Chart) -> list[Resource]:
    """Observations that belong to no report, such as a blood group."""
    taken = chart.once(_listed) | {text_of(o, "id") for found in chart.once(_removed).values() for o in found}
    return [o for o in chart.all("Observation") if text_of(o, "id") not in taken]


def _listed(chart: Chart) -> set[str]:
    return {i for r in chart.all("DiagnosticReport") for i in _observations_of(chart, r)}


def _observations_of(chart: Chart, report: Resource) -> list[str]:
    """Ids of the results of a report in its order, each panel before its members."""
    found: dict[str, None] = {}
    waiting = [*targets(report, "result", "Observation")][::-1]
    while waiting:
        ident = waiting.pop()
        if ident not in found:
            found[ident] = None
            waiting += [*targets(chart.get("Observation", ident) or {}, "hasMember", "Observation")][::-1]
    return list(found)


def _listed_results(chart: Chart) -> dict[str, list[Result]]:
    """Report id -> its results."""
    found: dict[str, list[Result]] = {}
    for report in chart.all("DiagnosticReport"):
        place = chart.directory.place(report)
        listed = (chart.get("Observation", ident) for ident in _observations_of(chart, report))
        whole = _specimen(chart, report)
        found[text_of(report, "id")] = [
            replace(r, about=about(chart, o))
            for o in listed
            if o is not None
            for r in results(o, place, _specimen(chart, o) or whole)
        ]
    return found


def about(chart: Chart, observation: Resource) -> tuple[tuple[str, str], ...]:
    """The results that one is derived from or a member of, with the key of the word for how."""
    panels = chart.once(_panels).get(text_of(observation, "id"), ())
    sources = [chart.get("Observation", ident) or {} for ident in targets(observation, "derivedFrom", "Observation")]
    told = (("report.from", _named(one)) for one in sources), (("report.in", _named(one)) for one in panels)
    return tuple((key, text) for key, text in dict.fromkeys(chain(*told)) if text)


def _named(observation: Resource) -> str:
    """What a result is called, and its value: an organism is the value of what looked for it."""
    return " ".join(filter(None, (concept_text(first(observation, "code")), value_text(observation))))


def _panels(chart: Chart) -> Mapping[str, list[Resource]]:
    """Id of a result -> the panels that it is a member of."""
    found: dict[str, list[Resource]] = defaultdict(list)
    for panel in chart.all("Observation"):
        for ident in targets(panel, "hasMember", "Observation"):
            found[ident].append(panel)
    return found


def _specimen(chart: Chart, holder: Resource) -> str:
    """The kind of material that a report or result is about, where all its specimens are of one kind."""
    found = (chart.get("Specimen", ident) or {} for ident in targets(holder, "specimen", "Specimen"))
    kinds = {concept_text(first(specimen, "type")) for specimen in found}
    return kinds.pop() if len(kinds) == 1 else ""


def _removed(chart: Chart) -> Mapping[str, list[Resource]]:
    """Report id -> withdrawn results it no longer lists.

    A result names its report by its key (`<report number>:<item>:<n>`, common rules §7.6). Where the key is of another
    kind (Qingpu), it belongs to the one report of its organisation with the same visit and time; with several such
    reports it stays on its own.
    """
    by_number: dict[tuple[str, str], list[str]] = defaultdict(list)
    by_time: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for report in chart.all("DiagnosticReport"):
        ident, uscc = text_of(report, "id"), chart.directory.place(report).uscc
        by_number[uscc, text_of(first(report, "identifier"), "value")].append(ident)
        by_time[uscc, *_when(report)].append(ident)
    listed = chart.once(_listed)
    found: dict[str, list[Resource]] = defaultdict(list)
    for observation in chart.all("Observation"):
        if text_of(observation, "id") in listed or not withdrawn(observation):
            continue
        uscc = chart.directory.place(observation).uscc
        number = text_of(first(observation, "identifier"), "value").split(":", 1)[0]
        reports = by_number.get((uscc, number)) or by_time.get((uscc, *_when(observation)), [])
        if number and len(reports) == 1:
            found[reports[0]].append(observation)
    return found


def _when(resource: Resource) -> tuple[str, str]:
    return target(first(resource, "encounter"))[1], effective(resource)
