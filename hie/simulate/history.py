"""What happens to a person: the plan of visits, and each visit with its reports, examinations and prescriptions."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache

from hie.base.errors import Category, HieError
from hie.simulate.catalogue import (
    ANALYTES,
    EXAMINATIONS,
    HOSPITALS,
    REGIONS,
    STAFF,
    Analyte,
    Disease,
    Drug,
    Examination,
    Hospital,
    Panel,
)
from hie.simulate.chance import chance, weighted
from hie.simulate.dirt import CLEAN, Dirt
from hie.simulate.people import ALL_BORN, KEPT, Person, local_number, mistyped, person

MOST_VISITS = 24
"""A person is seen at most so often in one run."""

LAST_DAY = date(9998, 12, 31)
"""A run ends no later; what was begun, such as a stay, may end after it."""


@dataclass(frozen=True, slots=True)
class World:
    """A run: seed, people, first day, days, and how much is wrong.

    Raises INVALID when it begins before everybody is born, or would end after the last year that a date can name.
    """

    seed: int
    patients: int
    start: datetime
    days: int
    dirt: Dirt = CLEAN

    def __post_init__(self) -> None:
        first, last = self.start.date(), LAST_DAY - self.start.date()
        if first < ALL_BORN or self.days > last.days:
            raise HieError(Category.INVALID, f"A run lies between {ALL_BORN} and {LAST_DAY}.")

    def person(self, number: int) -> Person:
        """The person of that number in this run."""
        return person(self.seed, number, self.dirt.lookalike)


@dataclass(frozen=True, slots=True)
class Record:
    """What a hospital has on file of a person: the numbers it states, and what the clerk got wrong for good.

    `national_id` and `health_card` are what is sent ("" when the hospital never asked). `spoilt` names what is wrong:
    `id-checksum`, `id-masked` or nothing.
    """

    person: Person
    hospital: Hospital
    name: str
    national_id: str
    health_card: str
    spoilt: str = ""

    @property
    def local(self) -> int:
        """The hospital's own number of the person."""
        return local_number(self.hospital.number, self.person.number)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers that say who this is: a national id with a right check digit, a health card."""
        sound = self.national_id if not self.spoilt else ""
        return tuple(number for number in (sound, self.health_card) if number)


@dataclass(frozen=True, slots=True)
class Result:
    """One value of a report; `flag` is N, H, L, HH or LL."""

    analyte: Analyte
    value: str
    flag: str


@dataclass(frozen=True, slots=True)
class Report:
    """A laboratory report: `number` is the visit's, `again` the corrected value of the first result, if any."""

    panel: Panel
    sampled: datetime
    issued: datetime
    results: tuple[Result, ...]
    again: Result | None


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit: `kind` is outpatient, emergency or inpatient; `end` is None for an outpatient.

    `planned`: announced before the admission. `moved` is a transfer, `returned` when it was taken back, `reopened` when
    the discharge was taken back (a second one follows), `merged` when the temporary registration of an emergency, under
    which everything before was sent, was merged into the record. `fresh`: the first visit at this hospital.
    """

    record: Record
    index: int
    fresh: bool
    kind: str
    start: datetime
    end: datetime | None
    moved: datetime | None
    returned: datetime | None
    reopened: datetime | None
    merged: datetime | None
    planned: bool
    cancelled: bool
    disease: Disease
    doctor: str
    reports: tuple[Report, ...]
    examination: Examination | None
    drugs: tuple[Drug, ...]

    @property
    def hospital(self) -> Hospital:
        """Where it takes place."""
        return self.record.hospital

    @property
    def number(self) -> str:
        """The visit number, unique in the hospital."""
        return f"{self.record.local:08d}{self.index:02d}"


def first_seen(world: World, number: int) -> datetime:
    """When a person is seen first; people come in the order of their numbers."""
    offset = chance(world.seed, "first", number).random()
    return world.start + timedelta(days=world.days) * ((number + offset) / world.patients)


@lru_cache(maxsize=KEPT)
def plan(world: World, number: int) -> tuple[tuple[datetime, Hospital, str], ...]:
    """When, where and how a person is seen, in order; visits of one person do not overlap."""
    who = world.person(number)
    stream = chance(world.seed, "plan", number)
    at = _office_hour(first_seen(world, who.number), stream.randrange(8, 17), stream.randrange(60))
    end = world.start + timedelta(days=world.days)
    left = MOST_VISITS if who.disease.chronic else 1 + (stream.random() < 0.5) + (stream.random() < 0.25)
    visits = []
    while left > 0:
        region = who.home if stream.random() < 0.62 else stream.choice([r for r in REGIONS if r != who.home])
        hospital = stream.choice(HOSPITALS[region])
        kind = weighted(stream, (("outpatient", 0.75), ("emergency", 0.1), ("inpatient", 0.15)))
        visits.append((at, hospital, kind if hospital.inpatients else "outpatient"))
        gap = stream.randrange(14, 45) if who.disease.chronic else stream.randrange(12, 90)
        at = _office_hour(at + timedelta(days=gap), stream.randrange(8, 17), stream.randrange(60))
        left = left - 1 if at < end else 0
    return tuple(visits)


def record(world: World, who: Person, hospital: Hospital) -> Record:
    """What the hospital has on file; the same at every visit."""
    stream = chance(world.seed, "record", who.number, hospital.code)
    asked_id, asked_card = stream.random() < 0.9, stream.random() < 0.35
    name = who.variant if hospital.region != who.home and stream.random() < 0.1 else who.name
    spoilt = _spoilt(world, hospital, stream.random(), stream.random()) if asked_id else ""
    if hospital.region == "jiashan" and not asked_id:
        asked_card = True
    sent = {"": who.national_id, "id-checksum": mistyped(who.national_id), "id-masked": _masked(who.national_id)}
    return Record(who, hospital, name, sent[spoilt] if asked_id else "", who.health_card if asked_card else "", spoilt)


def visit(world: World, number: int, index: int) -> Visit:
    """The visit of that index of a person."""
    now = outline(world, number, index)
    disease = now.disease
    if now.cancelled:
        return now
    panels = disease.panels if disease.chronic or now.end else disease.panels[:1]
    course = _course(world, now.record.person, index)
    return replace(now, reports=tuple(_report(world, now, course, place, one) for place, one in enumerate(panels)))


def outline(world: World, number: int, index: int) -> Visit:
    """The same without its reports, which are most of the work."""
    who = world.person(number)
    planned = plan(world, number)
    start, hospital, kind = planned[index]
    stream = chance(world.seed, "visit", number, index)
    days = stream.randrange(3, 10) if kind == "inpatient" else 0
    end = _office_hour(start + timedelta(days=days), 10, stream.randrange(60)) if days else None
    moved = start + timedelta(days=1, hours=2) if days and stream.random() < 0.4 else None
    turns = chance(world.seed, "turns", number, index)
    returned, reopened, merged, announced = (turns.random() < share for share in (0.2, 0.08, 0.3, 0.25))
    examined = stream.random() < (0.7 if days else 0.2)
    examination = stream.choice(EXAMINATIONS)
    cancelled = kind == "outpatient" and stream.random() < 0.02
    return Visit(
        record=record(world, who, hospital),
        index=index,
        fresh=all(other is not hospital for _, other, _ in planned[:index]),
        kind=kind,
        start=start,
        end=end,
        moved=moved,
        returned=moved + timedelta(hours=1) if moved and returned else None,
        reopened=end + timedelta(hours=2) if end and reopened else None,
        merged=start + timedelta(minutes=70) if kind == "emergency" and merged else None,
        planned=bool(days) and announced,
        cancelled=cancelled,
        disease=who.disease,
        doctor=stream.choice(STAFF),
        reports=(),
        examination=examination if examined and not cancelled else None,
        drugs=() if cancelled or kind == "emergency" else who.disease.drugs,
    )


def _spoilt(world: World, hospital: Hospital, whether: float, how: float) -> str:
    if whether >= world.dirt.number:
        return ""
    return "id-masked" if how < 0.3 and hospital.region != "jiashan" else "id-checksum"


def _masked(number: str) -> str:
    return f"{number[:6]}********{number[14:]}"


def _report(world: World, now: Visit, course: float, number: int, panel: Panel) -> Report:
    who = now.record.person
    stream = chance(world.seed, "report", who.number, now.index, number)
    sampled = now.start + timedelta(minutes=30 + 7 * number)
    issued = sampled + timedelta(minutes=stream.randrange(40, 100))
    results = tuple(_result(world, stream.gauss(0, 0.6), who, course, ANALYTES[code]) for code in panel.analytes)
    again = _result(world, stream.gauss(0, 0.4), who, course, results[0].analyte) if stream.random() < 0.05 else None
    return Report(panel, sampled, issued, _within_total(results, again), again)


def _within_total(results: tuple[Result, ...], again: Result | None) -> tuple[Result, ...]:
    """LDL is a part of all cholesterol, before and after a correction: at most four fifths of it."""
    totals = [float(one.value) for one in (*results, again) if one and one.analyte.code == "TC"]
    if not totals:
        return results
    most = 0.8 * min(totals)
    return tuple(
        _measured(one.analyte, min(float(one.value), most)) if one.analyte.code == "LDL" else one for one in results
    )


def _result(world: World, deviation: float, who: Person, course: float, analyte: Analyte) -> Result:
    """A value about what is usual for this person, shifted by the disease; some lie outside of the range by chance."""
    middle, width = (analyte.low + analyte.high) / 2, (analyte.high - analyte.low) / 4.3
    usual = chance(world.seed, "usual", who.number, analyte.code).gauss(0, 0.8)
    shift = who.disease.shifts.get(analyte.code, 1.0) ** course
    return _measured(analyte, max((middle + (usual + deviation) * width) * shift, 0.1))


def _measured(analyte: Analyte, value: float) -> Result:
    text = f"{value:.{analyte.decimals}f}"
    return Result(analyte, text, _flag(float(text), analyte))


def _course(world: World, who: Person, index: int) -> float:
    """How strong the disease shows at a visit: a chronic one is brought under control or, for some, gets worse."""
    if not who.disease.chronic:
        return 1.0
    worse = chance(world.seed, "course", who.number).random() < 0.25
    settled = 1 - 0.8**index
    return 1.0 + 0.4 * settled if worse else 1.3 - 0.8 * settled


def _flag(value: float, analyte: Analyte) -> str:
    if value > analyte.high:
        return "HH" if value > 3 * analyte.high else "H"
    if value < analyte.low:
        return "LL" if value < analyte.low / 2 else "L"
    return "N"


def _office_hour(day: datetime, hour: int, minute: int) -> datetime:
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)
