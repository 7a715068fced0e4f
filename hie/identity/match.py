"""Deterministic matching: the same national id, health card or patient index of one organisation, and nothing that
speaks against it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hie.identity.demographics import PATIENT_INDEX, Demographics, sound


@dataclass(frozen=True, slots=True)
class Review:
    """A pair left apart for a person to look at; `first` < `second`. `reason` is a key of `REASONS`."""

    first: str
    second: str
    reason: str


def review(one: str, other: str, reason: str) -> Review:
    """A `Review` of two patients in their fixed order."""
    return Review(min(one, other), max(one, other), reason)


REASONS: dict[str, tuple[str, str]] = {
    "birth-date-conflict": ("证件、健康卡或院内索引相同, 出生日期不同", "Same number, different birth dates"),
    "gender-conflict": ("证件、健康卡或院内索引相同, 性别不同", "Same number, different genders"),
    "name-conflict": ("证件、健康卡或院内索引相同, 姓名不同", "Same number, different names"),
    "number-conflict": (
        "健康卡或院内索引相同, 身份证号不同",
        "Same health card or patient index, different national ids",
    ),
    "look-alike": ("姓名、性别、出生年相同, 无共同号码", "Same name, gender and birth year, no shared number"),
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
    if a.birth_date and b.birth_date:
        n = min(len(a.birth_date), len(b.birth_date))
        if a.birth_date[:n] != b.birth_date[:n]:
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
    return {key for key in record.keys if ".1.3|" in key}


def match(records: Iterable[Demographics]) -> Match:
    """Group records that share numbers, directly or through others; the result does not depend on their order.

    Within one number the records are put into groups without inner conflict, in order of the patient id; groups that
    share a record become one person. Conflicting pairs are listed for review.
    """
    ordered = sorted(records, key=lambda r: r.patient)
    by_patient = {record.patient: record for record in ordered}
    groups: list[list[str]] = []
    reviews: list[Review] = []
    for key in sorted({key for record in ordered for key in record.keys}):
        sharing = [record for record in ordered if key in record.keys]
        parts, apart = _partition(sharing)
        groups.extend(parts)
        reviews.extend(apart)
    persons = []
    for patients in _connect(groups):
        if len(patients) > 1:
            keys = [key for patient in patients for key in by_patient[patient].keys]
            persons.append(Person(min(keys, key=_rank), tuple(patients)))
    return Match(tuple(_distinct(persons)), tuple(sorted(set(reviews), key=lambda r: (r.first, r.second))))


def _rank(key: str) -> tuple[int, str]:
    return (0 if ".1.3|" in key else 2 if f"{PATIENT_INDEX}|" in key else 1, key)


def _partition(sharing: Sequence[Demographics]) -> tuple[list[list[str]], list[Review]]:
    groups: list[list[Demographics]] = []
    reviews: list[Review] = []
    for record in sharing:
        home: list[Demographics] | None = None
        for group in groups:
            against = [(other, why) for other in group if (why := conflict(record, other))]
            if not against and home is None:
                home = group
            reviews.extend(review(record.patient, other.patient, why) for other, why in against)
        if home is None:
            groups.append([record])
        else:
            home.append(record)
    return [[record.patient for record in group] for group in groups], reviews


def _connect(groups: Iterable[Sequence[str]]) -> list[list[str]]:
    """Union of groups that share a patient."""
    root: dict[str, str] = {}

    def find(patient: str) -> str:
        while root[patient] != patient:
            root[patient] = root[root[patient]]
            patient = root[patient]
        return patient

    for group in groups:
        for patient in group:
            root.setdefault(patient, patient)
            first, second = sorted((find(group[0]), find(patient)))
            root[second] = first
    sets: dict[str, list[str]] = {}
    for patient in sorted(root):
        sets.setdefault(find(patient), []).append(patient)
    return list(sets.values())


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
