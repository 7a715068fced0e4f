"""What happens to a person: the plan of visits, and each visit with its reports, examination and prescription."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache

from hie.base.errors import Category, HieError
from hie.simulate.catalogue import (
    EMERGENCY,
    HOSPITALS,
    REGIONS,
    STAFF,
    Disease,
    Drug,
    Examination,
    Hospital,
    staff_number,
)
from hie.simulate.chance import chance, weighted
from hie.simulate.dirt import CLEAN, Dirt
from hie.simulate.people import ALL_BORN, KEPT, Person, diseases, local_number, mistyped, person
from hie.simulate.reports import Report, reports

KINDS = ("outpatient", "emergency", "inpatient")
"""How a person is seen."""

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
    def place(self) -> tuple[str, str]:
        """Code and name of the ward, the clinic or the emergency department."""
        if self.kind == "emergency":
            return EMERGENCY
        return self.disease.department.ward if self.end else self.disease.department.clinic

    @property
    def department(self) -> tuple[str, str]:
        """Number and name of the department."""
        own = self.disease.department
        return EMERGENCY if self.kind == "emergency" else (own.number, own.name)

    @property
    def doctor_number(self) -> str:
        """The doctor's number in the hospital."""
        return staff_number(self.hospital, self.doctor)

    @property
    def number(self) -> str:
        """The visit number, unique in the hospital."""
        return f"{self.record.local:08d}{self.index:02d}"


def first_seen(world: World, number: int) -> datetime:
    """When a person is seen first; people come in the order of their numbers."""
    offset = chance(world.seed, "first", number).random()
    return world.start + timedelta(days=world.days) * ((number + offset) / world.patients)


@dataclass(frozen=True, slots=True)
class Appointment:
    """When, where, how (outpatient, emergency or inpatient) and why a person is seen."""

    at: datetime
    hospital: Hospital
    kind: str
    disease: Disease


@lru_cache(maxsize=KEPT)
def plan(world: World, number: int) -> tuple[Appointment, ...]:
    """When, where and how a person is seen, in order; visits of one person do not overlap. Emergencies come at any
    hour, and they and stays only to hospitals with beds."""
    who = world.person(number)
    stream = chance(world.seed, "plan", number)
    chronic, day = who.disease.chronic, first_seen(world, number)
    end = world.start + timedelta(days=world.days)
    left = MOST_VISITS if chronic else 1 + (stream.random() < 0.5) + (stream.random() < 0.25)
    visits: list[Appointment] = []
    while left > 0:
        again = visits and not chronic
        disease = weighted(stream, diseases(who.born.year, chronic=False, again=True)) if again else who.disease
        region = who.home if stream.random() < 0.62 else stream.choice([r for r in REGIONS if r != who.home])
        kind = weighted(stream, tuple(zip(KINDS, disease.kinds, strict=True)))
        hospital = stream.choice([one for one in HOSPITALS[region] if one.inpatients or kind == "outpatient"])
        hours = (0, 24) if kind == "emergency" else (8, 17)
        at = _hour(day, stream.randrange(*hours), stream.randrange(60))
        if visits and at >= end:
            break
        visits.append(Appointment(at, hospital, kind, disease))
        day = at + timedelta(days=stream.randrange(14, 45) if chronic else stream.randrange(12, 90))
        left -= 1
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
    return replace(now, reports=reports(world.seed, now.record.person, index, now.start, disease, panels))


def outline(world: World, number: int, index: int) -> Visit:
    """The same without its reports, which are most of the work."""
    who = world.person(number)
    planned = plan(world, number)
    now = planned[index]
    start, hospital, kind, disease = now.at, now.hospital, now.kind, now.disease
    stream = chance(world.seed, "visit", number, index)
    days = stream.randrange(3, 10) if kind == "inpatient" else 0
    end = _hour(start + timedelta(days=days), 10, stream.randrange(60)) if days else None
    moved = start + timedelta(days=1, hours=2) if days and stream.random() < 0.4 else None
    turns = chance(world.seed, "turns", number, index)
    returned, reopened, merged, announced = (turns.random() < share for share in (0.2, 0.08, 0.3, 0.25))
    examined = stream.random() < (0.7 if days else 0.2)
    examination = stream.choice(disease.examinations)
    cancelled = kind == "outpatient" and stream.random() < 0.02
    return Visit(
        record=record(world, who, hospital),
        index=index,
        fresh=all(other.hospital is not hospital for other in planned[:index]),
        kind=kind,
        start=start,
        end=end,
        moved=moved,
        returned=moved + timedelta(hours=1) if moved and returned else None,
        reopened=end + timedelta(hours=2) if end and reopened else None,
        merged=start + timedelta(minutes=70) if kind == "emergency" and merged else None,
        planned=bool(days) and announced,
        cancelled=cancelled,
        disease=disease,
        doctor=stream.choice(STAFF),
        reports=(),
        examination=examination if examined and not cancelled else None,
        drugs=() if cancelled or kind == "emergency" else _drugs(who, disease),
    )


def _drugs(who: Person, disease: Disease) -> tuple[Drug, ...]:
    return tuple(drug.child or drug if who.child else drug for drug in disease.drugs)


def _spoilt(world: World, hospital: Hospital, whether: float, how: float) -> str:
    if whether >= world.dirt.number:
        return ""
    return "id-masked" if how < 0.3 and hospital.region != "jiashan" else "id-checksum"


def _masked(number: str) -> str:
    return f"{number[:6]}********{number[14:]}"


def _hour(day: datetime, hour: int, minute: int) -> datetime:
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)
