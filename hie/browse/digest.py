"""The digest of one person: what a doctor must know before reading on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import takewhile

from hie.base.silence import Silence
from hie.browse.allergy import Allergies, allergies
from hie.browse.chart import GONE, OVER, Chart, refuted, standing, suspected, withdrawn
from hie.browse.dates import days_before, local
from hie.browse.diagnosis import diagnosed
from hie.browse.elements import codes_of, concept_text, first, text_of, visit_of
from hie.browse.event import Event
from hie.browse.measured import valid_results
from hie.browse.medicine import Drug, drugs_of
from hie.browse.other import counts
from hie.browse.place import REGIONS, Place
from hie.browse.result import Result
from hie.browse.trend import Series, all_series, key_series

_NEVER_DONE = frozenset({"withdrawn", "not-done", "planned"})
_CRITICAL_DAYS = 365


@dataclass(frozen=True, slots=True)
class Critical:
    """A critical result, the report or result that opens, and the newest one of the same analyte after it, if any."""

    result: Result
    opens: str
    later: Result | None


@dataclass(slots=True)
class Problem:
    """A diagnosis merged over all sources; `visits` that were cancelled or withdrawn are left out."""

    text: str
    code: str
    at: str
    condition: str
    places: list[Place] = field(default_factory=list)
    visits: set[str] = field(default_factory=set)
    provisional: bool = False

    @property
    def unvisited(self) -> bool:
        """Whether it was stated only for visits that did not take place."""
        return not self.visits

    @property
    def count(self) -> int:
        """In how many visits it was stated."""
        return len(self.visits)


@dataclass(frozen=True)
class RegionState:
    """What one region gave: how many events, and the date of the newest; `known`: the person has a record there."""

    region: str
    count: int
    newest: str
    known: bool


@dataclass(frozen=True, slots=True)
class Quiet:
    """A source from which nothing came since `since` (China time), against its usual rhythm: what may be missing here.

    `place` has no organisation when it is the whole region.
    """

    place: Place
    since: str


@dataclass(frozen=True)
class Digest:
    """The summary of one chart. `others` counts what has no page of its own by type; `failed` could not be read."""

    allergies: Allergies
    criticals: tuple[Critical, ...]
    problems: tuple[Problem, ...]
    drugs: tuple[Drug, ...]
    past_drugs: tuple[Drug, ...]
    indicators: tuple[Series, ...]
    stays: tuple[Event, ...]
    procedures: tuple[Event, ...]
    regions: tuple[RegionState, ...]
    others: tuple[tuple[str, int], ...]
    failed: frozenset[str]


def digest(chart: Chart, events: Sequence[Event], now: datetime) -> Digest:
    """The digest of a chart as it is `now`; `events` is its timeline."""
    pairs = chart.once(valid_results)
    series = chart.once(series_of)
    drugs = drugs_of(chart, now)
    return Digest(
        allergies=chart.once(allergies),
        criticals=_criticals(pairs, series, now),
        problems=chart.once(_problems),
        drugs=tuple(d for d in drugs if d.current),
        past_drugs=tuple(d for d in drugs if not d.current),
        indicators=tuple(key_series(series)),
        stays=tuple(e for e in events if e.kind == "stay" and not GONE & {*e.marks}),
        procedures=tuple(e for e in events if e.kind == "procedure" and not _NEVER_DONE & {*e.marks}),
        regions=_regions(chart, events),
        others=tuple(counts(chart)),
        failed=chart.failed,
    )


def quiet(chart: Chart, silences: Iterable[Silence]) -> tuple[Quiet, ...]:
    """The silences that matter to a person: in regions that know them, of institutions that a record of theirs comes
    from; those of all regions for a person whom none knows."""
    known = chart.person.regions
    names = chart.directory.names
    return tuple(
        Quiet(Place(s.region, s.organisation, names.get(s.organisation, "")), local(s.since.isoformat()))
        for s in silences
        if (s.region in known or not known) and (not s.organisation or s.organisation in names)
    )


def series_of(chart: Chart) -> dict[str, Series]:
    """All series of a chart."""
    return all_series(result for result, _ in chart.once(valid_results))


def _criticals(pairs: list[tuple[Result, str]], series: dict[str, Series], now: datetime) -> tuple[Critical, ...]:
    since = days_before(now, _CRITICAL_DAYS)
    found = []
    for result, opens in pairs:
        if not result.flag.critical or local(result.at) < since:
            continue
        line = series.get(result.analyte)
        newest = (point.result for point in reversed(line.points if line else ()))
        later = takewhile(partial(_later, result), newest)
        found.append(Critical(result, opens, next((one for one in later if _of_one_analyte(result, one)), None)))
    return tuple(sorted(found, key=lambda c: local(c.result.at), reverse=True))


def _later(result: Result, other: Result) -> bool:
    return (local(other.at), other.id) > (local(result.at), result.id)


def _of_one_analyte(result: Result, other: Result) -> bool:
    """Whether two results of one series certainly measure the same: by LOINC, or at least in the same unit, so that one
    from urine does not pass for the next one from blood."""
    return bool(result.loinc) or other.unit_code == result.unit_code


def _problems(chart: Chart) -> tuple[Problem, ...]:
    problems: dict[tuple[str, str], Problem] = {}
    for condition in chart.all("Condition"):
        if withdrawn(condition) or refuted(condition) or codes_of(condition, "clinicalStatus") & OVER:
            continue
        concept = first(condition, "code")
        coding = first(concept, "coding")
        code, text = text_of(coding, "code"), concept_text(concept)
        key = (text_of(coding, "system"), code) if code else ("", text)
        at = diagnosed(chart, condition)
        problem = problems.setdefault(key, Problem(text, code, "", ""))
        if standing(chart.get("Encounter", visit_of(condition)) or {}) not in GONE:
            problem.visits.add(visit_of(condition) or text_of(condition, "id"))
        if at >= problem.at:
            problem.at, problem.text, problem.condition = at, text, text_of(condition, "id")
            problem.provisional = suspected(condition)
        place = chart.directory.place(condition)
        if place not in problem.places:
            problem.places.append(place)
    return tuple(sorted(problems.values(), key=lambda p: (p.at, p.code), reverse=True))


def _regions(chart: Chart, events: Iterable[Event]) -> tuple[RegionState, ...]:
    counts: dict[str, list[str]] = {}
    for event in events:
        counts.setdefault(event.place.region, []).append(event.at)
    known = set(chart.person.regions)
    names = [*REGIONS, *sorted((known | counts.keys()) - {*REGIONS, ""})]
    return tuple(RegionState(r, len(counts.get(r, ())), max(counts.get(r, [""]))[:10], r in known) for r in names)
