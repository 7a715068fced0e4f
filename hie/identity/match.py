"""Deterministic matching: the same national id, health card or patient index of one organisation, and nothing that
speaks against it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hie.base.systems import NATIONAL_ID, PATIENT_INDEX
from hie.identity.demographics import Demographics, sound

MAX_PEOPLE = 10
"""How many people may carry one number for it to identify each of them."""

MAX_CARRIERS = 200
"""How many records may carry it; a limit to what one more record costs."""


@dataclass(frozen=True, slots=True)
class Review:
    """A pair left apart for a person to look at; `first` < `second`. `reason` is a key of `REASONS`."""

    first: str
    second: str
    reason: str


def review(one: str, other: str, reason: str) -> Review:
    """A `Review` of two patients in their fixed order."""
    return Review(min(one, other), max(one, other), reason)


LOOK_ALIKE = "look-alike"
"""The reason of pairs that share no number."""

REASONS: dict[str, tuple[str, str]] = {
    "birth-date-conflict": ("证件、健康卡或院内索引相同, 出生日期不同", "Same number, different birth dates"),
    "gender-conflict": ("证件、健康卡或院内索引相同, 性别不同", "Same number, different genders"),
    "name-conflict": ("证件、健康卡或院内索引相同, 姓名不同", "Same number, different names"),
    "number-conflict": (
        "健康卡或院内索引相同, 身份证号不同",
        "Same health card or patient index, different national ids",
    ),
    "person-conflict": (
        "号码相同, 但与已关联的其他记录矛盾",
        "Same number, but another record already linked speaks against it",
    ),
    LOOK_ALIKE: ("姓名、性别、出生年相同, 无共同号码", "Same name, gender and birth year, no shared number"),
}
"""Reason -> words in Chinese and English."""


@dataclass(frozen=True, slots=True)
class Person:
    """Local Patients that are one person; `key` names the golden Patient (best number of the group)."""

    key: str
    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The result for one connected set of records: persons with two or more Patients, and pairs to review."""

    persons: tuple[Person, ...]
    reviews: tuple[Review, ...]


def conflict(a: Demographics, b: Demographics) -> str | None:
    """Why two records with a shared number are not linked; None when nothing speaks against it.

    A partial birth date conflicts only where both state the part. Names conflict when neither sound nor any character
    agrees: numbers are lent and mistyped, names are misspelt.
    """
    stated = min(len(a.birth_date), len(b.birth_date))
    if a.birth_date[:stated] != b.birth_date[:stated]:
        return "birth-date-conflict"
    known = {"male", "female"}
    if a.gender in known and b.gender in known and a.gender != b.gender:
        return "gender-conflict"
    if a.name and b.name and not set(a.name) & set(b.name) and sound(a.name) != sound(b.name):
        return "name-conflict"
    ids_a, ids_b = (_national_ids(record) for record in (a, b))
    if ids_a and ids_b and not ids_a & ids_b:
        return "number-conflict"
    return None


def _national_ids(record: Demographics) -> set[str]:
    return {key for key in record.keys if key.startswith(f"{NATIONAL_ID}|")}


def identifies_nobody(carriers: Sequence[Demographics]) -> bool:
    """Whether a number is no one's: some form fills it in, and more people carry it than ever lent or mistyped one. One
    person may have many records, so what counts are carriers of which each two conflict."""
    if len(carriers) > MAX_CARRIERS:
        return True
    people: list[Demographics] = []
    for record in carriers if len(carriers) > MAX_PEOPLE else ():
        if all(conflict(record, other) for other in people):
            people.append(record)
    return len(people) > MAX_PEOPLE


def match(records: Iterable[Demographics]) -> Match:
    """Group records that share numbers, directly or through others; the result does not depend on their order.

    The best numbers are gone by first, and within one number the records in order of the patient id. Whoever shares it
    joins the first whose whole group nothing speaks against; so one bad record does not separate the good ones, and no
    record ties two together that conflict. Pairs that share a number and stay apart are listed for review.
    """
    ordered = sorted(records, key=lambda r: r.patient)
    groups = {record.patient: [record] for record in ordered}
    reviews: set[Review] = set()
    for key in sorted({key for record in ordered for key in record.keys}, key=_rank):
        sharing = [record for record in ordered if key in record.keys]
        for record, other in ((record, other) for n, record in enumerate(sharing) for other in sharing[:n]):
            if groups[other.patient] is not groups[record.patient] and not _join(groups, record, other):
                reviews.add(review(record.patient, other.patient, conflict(record, other) or "person-conflict"))
    persons = [
        Person(min((key for one in group for key in one.keys), key=_rank), tuple(sorted(one.patient for one in group)))
        for patient, group in groups.items()
        if len(group) > 1 and group[0].patient == patient
    ]
    return Match(tuple(_distinct(persons)), tuple(sorted(reviews, key=lambda r: (r.first, r.second))))


def _rank(key: str) -> tuple[int, str]:
    system, _, _ = key.partition("|")
    return (0 if system == NATIONAL_ID else 2 if system.endswith(f"/{PATIENT_INDEX}") else 1, key)


def _join(groups: dict[str, list[Demographics]], record: Demographics, other: Demographics) -> bool:
    """Make one group of two records' groups, unless anything speaks against it."""
    one, two = groups[record.patient], groups[other.patient]
    if any(conflict(a, b) for a in one for b in two):
        return False
    two.extend(one)
    groups.update(dict.fromkeys((joined.patient for joined in one), two))
    return True


def _distinct(persons: Sequence[Person]) -> list[Person]:
    """Two persons whose best number is the same (a contested number) keep apart: later ones carry a member's id."""
    seen: set[str] = set()
    result = []
    for person in sorted(persons, key=lambda p: (p.key, -len(p.patients), p.patients)):
        key = person.key if person.key not in seen else f"{person.key}|{person.patients[0]}"
        seen.add(person.key)
        result.append(Person(key, person.patients))
    return result


def look_alike(a: Demographics, b: Demographics) -> bool:
    """Whether two records without a common number deserve a look: same name, gender and year of birth."""
    same_person_number = bool(set(a.keys) & set(b.keys))
    return (
        not same_person_number
        and bool(a.name)
        and a.name == b.name
        and a.gender == b.gender
        and bool(a.birth_year)
        and a.birth_year == b.birth_year
    )
