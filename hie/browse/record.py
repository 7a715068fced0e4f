"""The digest of one person: what a doctor must know before reading on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import takewhile

from hie.base.silence import Silence
from hie.browse.chart import Chart, refuted, suspected, withdrawn
from hie.browse.dates import days_before, local
from hie.browse.elements import Resource, codes_of, concept_text, first, items, text_of
from hie.browse.event import Event
from hie.browse.measured import valid_results
from hie.browse.medicine import Drug, drugs_of
from hie.browse.other import counts
from hie.browse.place import REGIONS, Place
from hie.browse.result import Result
from hie.browse.trend import Series, all_series, key_series

_NO_ALLERGY_CODES = frozenset({"716186003", "409137002", "no-known-allergies"})
_NO_ALLERGY = frozenset(
    {"无", "无过敏史", "无已知过敏", "无药物过敏", "无药物过敏史", "否认", "否认过敏史", "否认药物过敏史"}
)
_ALLERGY_STATES = ("", "unconfirmed", "inactive", "resolved")
_OVER = frozenset({"resolved", "inactive", "remission"})
_NEVER_DONE = frozenset({"withdrawn", "not-done", "planned"})
_CRITICAL_DAYS = 365


@dataclass(frozen=True, slots=True)
class Allergy:
    """One allergy: what, how it showed, how grave, since when, who says so.

    `status` is empty for a present one, else `unconfirmed`, `inactive`, `resolved` or `refuted`; `id` is that of the
    newest statement.
    """

    text: str
    reaction: str
    grave: bool
    at: str
    places: tuple[Place, ...]
    status: str
    id: str


@dataclass(frozen=True, slots=True)
class Allergies:
    """`state`: `list`, `none-known`, `not-recorded` or `unreachable`. The four never look alike.

    `items` are in the order of their gravity; `denied` state that there is none at all, `refuted` that there is none to
    one substance.
    """

    state: str
    items: tuple[Allergy, ...] = ()
    denied: tuple[Allergy, ...] = ()
    refuted: tuple[Allergy, ...] = ()


@dataclass(frozen=True, slots=True)
class Critical:
    """A critical result, the report or result that opens, and the newest one of the same analyte after it, if any."""

    result: Result
    opens: str
    later: Result | None


@dataclass(slots=True)
class Problem:
    """A diagnosis merged over all sources."""

    text: str
    code: str
    at: str
    condition: str
    places: list[Place] = field(default_factory=list)
    visits: set[str] = field(default_factory=set)
    provisional: bool = False

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
        stays=tuple(e for e in events if e.kind == "stay"),
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


def allergies(chart: Chart) -> Allergies:
    """The allergies of a chart in one of four states."""
    found: dict[str, list[Allergy]] = {}
    denied: list[Allergy] = []
    refuted: list[Allergy] = []
    for resource in chart.all("AllergyIntolerance"):
        if withdrawn(resource):
            continue
        one = _allergy(chart, resource)
        if one.status == "refuted":
            refuted.append(one)
        elif _denies(resource, one.text):
            denied.append(one)
        else:
            found.setdefault(one.text, []).append(one)
    merged = sorted((_merge_allergy(group) for group in found.values()), key=lambda a: a.at, reverse=True)
    merged.sort(key=lambda a: (a.status in _OVER, not a.grave))
    if merged:
        state = "list"
    elif "AllergyIntolerance" in chart.failed:
        state = "unreachable"
    else:
        state = "none-known" if denied else "not-recorded"
    newest = (tuple(sorted(group, key=lambda a: a.at, reverse=True)) for group in (denied, refuted))
    return Allergies(state, tuple(merged), *newest)


def _denies(resource: Resource, text: str) -> bool:
    codes = {text_of(c, "code") for c in items(first(resource, "code"), "coding")}
    return bool(codes & _NO_ALLERGY_CODES) or text.strip("。. ") in _NO_ALLERGY


def _allergy(chart: Chart, resource: Resource) -> Allergy:
    reactions = [
        concept_text(m) or text_of(r, "description")
        for r in items(resource, "reaction")
        for m in (items(r, "manifestation") or [{}])
    ]
    severe = any(text_of(r, "severity") == "severe" for r in items(resource, "reaction"))
    return Allergy(
        text=concept_text(first(resource, "code")),
        reaction="、".join(r for r in reactions if r),
        grave=severe or text_of(resource, "criticality") == "high",
        at=local(text_of(resource, "recordedDate") or text_of(resource, "onsetDateTime")),
        places=(chart.directory.place(resource),),
        status=_allergy_status(resource),
        id=text_of(resource, "id"),
    )


def _allergy_status(resource: Resource) -> str:
    verification, clinical = (codes_of(resource, name) for name in ("verificationStatus", "clinicalStatus"))
    if "refuted" in verification:
        return "refuted"
    return next((s for s in _ALLERGY_STATES[:0:-1] if s in clinical | verification), "")


def _merge_allergy(group: list[Allergy]) -> Allergy:
    """One allergy of several statements; it is present as long as one of them says so."""
    newest = max(group, key=lambda a: a.at)
    return Allergy(
        text=newest.text,
        reaction=next((a.reaction for a in group if a.reaction), ""),
        grave=any(a.grave for a in group),
        at=newest.at,
        places=tuple(dict.fromkeys(p for a in group for p in a.places)),
        status=min((a.status for a in group), key=_ALLERGY_STATES.index),
        id=newest.id,
    )


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
        if withdrawn(condition) or refuted(condition) or codes_of(condition, "clinicalStatus") & _OVER:
            continue
        concept = first(condition, "code")
        coding = first(concept, "coding")
        code, text = text_of(coding, "code"), concept_text(concept)
        key = (text_of(coding, "system"), code) if code else ("", text)
        at = _condition_date(chart, condition)
        problem = problems.setdefault(key, Problem(text, code, "", ""))
        problem.visits.add(text_of(first(condition, "encounter"), "reference") or text_of(condition, "id"))
        if at >= problem.at:
            problem.at, problem.text, problem.condition = at, text, text_of(condition, "id")
            problem.provisional = suspected(condition)
        place = chart.directory.place(condition)
        if place not in problem.places:
            problem.places.append(place)
    return tuple(sorted(problems.values(), key=lambda p: (p.at, p.code), reverse=True))


def _condition_date(chart: Chart, condition: Resource) -> str:
    encounter = chart.get("Encounter", text_of(first(condition, "encounter"), "reference").rsplit("/", 1)[-1]) or {}
    return local(
        text_of(condition, "recordedDate")
        or text_of(condition, "onsetDateTime")
        or text_of(first(encounter, "period"), "start")
    )


def _regions(chart: Chart, events: Iterable[Event]) -> tuple[RegionState, ...]:
    counts: dict[str, list[str]] = {}
    for event in events:
        counts.setdefault(event.place.region, []).append(event.at)
    known = set(chart.person.regions)
    names = [*REGIONS, *sorted((known | counts.keys()) - {*REGIONS, ""})]
    return tuple(RegionState(r, len(counts.get(r, ())), max(counts.get(r, [""]))[:10], r in known) for r in names)
