"""Which results of a chart belong to which report, those that were taken out again included."""

from collections import defaultdict
from collections.abc import Mapping

from hie.browse.chart import Chart, withdrawn
from hie.browse.elements import Resource, first, target, targets, text_of
from hie.browse.result import Result, result


def results_of(chart: Chart, report: Resource) -> list[Result]:
    """The results that a report lists, in its order."""
    return chart.once(_listed_results).get(text_of(report, "id"), [])


def removed_of(chart: Chart, report: Resource) -> list[Result]:
    """Withdrawn results that the report no longer lists."""
    return [
        result(observation, chart.directory.place(report))
        for observation in chart.once(_removed).get(text_of(report, "id"), ())
    ]


def valid_results(chart: Chart) -> list[tuple[Result, str]]:
    """Every result that counts, with the id of its report: neither it nor its report is withdrawn."""
    return [
        (r, text_of(report, "id"))
        for report in chart.all("DiagnosticReport")
        if not withdrawn(report)
        for r in results_of(chart, report)
        if not r.withdrawn
    ]


def single_observations(chart: Chart) -> list[Resource]:
    """Observations that belong to no report, such as a blood group."""
    taken = _listed(chart) | {text_of(o, "id") for found in chart.once(_removed).values() for o in found}
    return [o for o in chart.all("Observation") if text_of(o, "id") not in taken]


def _listed(chart: Chart) -> set[str]:
    return {i for r in chart.all("DiagnosticReport") for i in targets(r, "result", "Observation")}


def _listed_results(chart: Chart) -> dict[str, list[Result]]:
    """Report id -> its results."""
    found: dict[str, list[Result]] = {}
    for report in chart.all("DiagnosticReport"):
        place = chart.directory.place(report)
        listed = (chart.get("Observation", ident) for ident in targets(report, "result", "Observation"))
        found[text_of(report, "id")] = [result(o, place) for o in listed if o is not None]
    return found


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
    listed = _listed(chart)
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
    return target(first(resource, "encounter"))[1], text_of(resource, "effectiveDateTime")
