"""Predicates about a person: the national id, and what age and sex rule out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from hie.base.draft import Claim
from hie.base.moment import Precision
from hie.base.national_id import birth_date, gender, is_national_id
from hie.base.resource import Resource
from hie.base.systems import HEALTH_CARD, NATIONAL_ID
from hie.quality.about import About, Stated
from hie.quality.predicate import ClaimTest, DocumentTest, Predicate, ResourceTest
from hie.quality.times import moment

_FULL_DATE = len("YYYY-MM-DD")
_YEAR = 365.2425 * 86400
_SAYS_LITTLE = frozenset({"UNK", "S", "10", "90", "31", "70"})
"""What any age may have: unknown; never married (`S`; GB/T 2261.2 10); unstated, or another occupation (90); a student
(GB/T 2261.4 31); without work (70)."""

Rows = Sequence[Mapping[str, str]]


def national_id_birth_date(stated: Stated, about: About) -> bool:
    """Digits 7-14 of a valid national id say the same as a full birth date (common rules §4.1)."""
    born = stated.resource.get("birthDate")
    if not isinstance(born, str) or len(born) != _FULL_DATE:
        return True
    return all(birth_date(number) == born for number in _numbers(stated.resource))


def national_id_gender(stated: Stated, about: About) -> bool:
    """Digit 17 of a valid national id (odd is male) says the same as a known gender (common rules §4.1)."""
    sent = stated.resource.get("gender")
    return sent not in ("male", "female") or all(gender(number) == sent for number in _numbers(stated.resource))


def one_national_id(stated: Stated, about: About) -> bool:
    """A person has one national id, whatever its check digit."""
    items = stated.resource.get("identifier", ())
    return len({item.get("value") for item in items if item.get("system") == NATIONAL_ID}) < 2


class _Limit(NamedTuple):
    """A row of a table of what age and sex rule out."""

    sex: str
    youngest: float
    oldest: float


_ByCode = Mapping[str, Sequence[tuple[str, _Limit]]]
_ByWord = Sequence[tuple[str, _Limit]]
_OPPOSITE = {"male": "female", "female": "male"}
_PERSONAL = frozenset({NATIONAL_ID, HEALTH_CARD})


def fits_person(*, type: str, table: Rows) -> DocumentTest:
    """What is stated of a type fits the sex and age of the patient stated with it.

    `table`: `code` (beginning of an ICD-10 code) or `word` (in the text), `sex` (male, female or empty), `youngest`
    and `oldest` in years (empty: no limit).
    """
    codes, words = _read(table)

    def test(about: About) -> bool:
        people = about.of("Patient")
        limits = [limit for one in about.of(type) for limit in _limits(one.resource, codes, words)] if people else []
        if not limits:
            return True
        person = people[0].resource
        sex, age = person.get("gender"), _age(person, about)
        return all(_fits(limit, sex, age) for limit in limits)

    return test


def fits_known_person(*, type: str, table: Rows) -> ClaimTest:
    """What is stated of a type, without its patient, fits the sex of the patient whose visit it belongs to.

    `table` as in `fits_person`. The patient is only known where the item is stored.
    """
    codes, words = _read(table)

    def claims(about: About) -> Iterator[Claim]:
        for one in about.of(type) if not about.of("Patient") else ():
            visit = one.contribution.parent
            sexes = {limit.sex for limit in _limits(one.resource, codes, words)} & _OPPOSITE.keys()
            if visit is not None:
                yield from (Claim(visit, "gender", "", differs=(_OPPOSITE[sex],), subject=True) for sex in sexes)

    return claims


def visit_of_one_sex(about: About) -> Iterator[Claim]:
    """A patient with no better number than that of a visit has the sex of the patient whose visit it is known to be:
    a number that some form fills in for everybody makes one patient of all of them."""
    for person in about.of("Patient"):
        sex = _OPPOSITE.get(str(person.resource.get("gender")))
        known_by = {item.get("system") for item in person.resource.get("identifier", ())}
        if sex is not None and person.root and known_by.isdisjoint(_PERSONAL):
            yield from (Claim(visit.key, "gender", "", differs=(sex,), subject=True) for visit in about.of("Encounter"))


def age_rules_out(*, element: str, below: float) -> ResourceTest:
    """A patient younger than `below` years does not have the concept `element`, apart from `_SAYS_LITTLE`."""

    def test(stated: Stated, about: About) -> bool:
        if not _codes(stated.resource, element):
            return True
        age = _age(stated.resource, about)
        return age is None or age >= below

    return test


def allergy_told(*, codes: Sequence[str]) -> DocumentTest:
    """Where a diagnosis begins with one of `codes`, an allergy is stated with it."""
    wanted = tuple(codes)

    def test(about: About) -> bool:
        told = any(code.startswith(wanted) for one in about.of("Condition") for code in _coded(one.resource))
        return not told or bool(about.of("AllergyIntolerance"))

    return test


def death_agrees(about: About) -> bool:
    """A stay that ended in death says so of the patient."""
    ended = any(
        "exp" in {c.get("code") for c in _disposition(one.resource)} for one in about.of("Encounter") if one.root
    )
    if not ended:
        return True
    people = [one.resource for one in about.of("Patient") if one.root]
    return not people or any(p.get("deceasedBoolean") or p.get("deceasedDateTime") for p in people)


def _disposition(visit: Resource) -> Iterator[Mapping[str, str]]:
    stay = visit.get("hospitalization") or {}
    return iter((stay.get("dischargeDisposition") or {}).get("coding", ()))


def _numbers(patient: Resource) -> list[str]:
    """The national ids with a right check digit."""
    items = patient.get("identifier", ())
    sent = [str(item.get("value", "")) for item in items if item.get("system") == NATIONAL_ID]
    return [number for number in sent if is_national_id(number)]


def _age(patient: Resource, about: About) -> float | None:
    """Years from a full birth date to the event that the draft is about, else to its reception."""
    born = moment(patient.get("birthDate"))
    if born is None or born.precision is not Precision.DAY:
        return None
    at = _event(about) or about.received
    return None if at is None else (at - born.start).total_seconds() / _YEAR


def _event(about: About) -> datetime | None:
    for one in about.stated:
        resource = one.resource
        sent = (resource.get("period") or {}).get("start") or resource.get("issued") or resource.get("date")
        if (found := moment(sent)) is not None:
            return found.start
    return None


def _read(table: Rows) -> tuple[_ByCode, _ByWord]:
    """The limits by the first letter of their code, and those by word."""
    codes: dict[str, list[tuple[str, _Limit]]] = {}
    for row in table:
        if row["code"]:
            codes.setdefault(row["code"][0], []).append((row["code"], _limit(row)))
    return codes, [(row["word"], _limit(row)) for row in table if row["word"]]


def _limit(row: Mapping[str, str]) -> _Limit:
    if row["sex"] not in ("", *_OPPOSITE):
        raise ValueError(f"{row['sex']!r} is neither male nor female")
    return _Limit(row["sex"], float(row["youngest"] or 0), float(row["oldest"] or 1000))


def _limits(resource: Resource, codes: _ByCode, words: _ByWord) -> Iterator[_Limit]:
    """The rows of a table that a concept falls under: those of its code, else those of words in its text. The name of
    what a newborn has from its mother's pregnancy (P00-P04, P70) tells of the mother."""
    coded = [limit for sent in _coded(resource) for code, limit in codes.get(sent[:1], ()) if sent.startswith(code)]
    text = str((resource.get("code") or {}).get("text", ""))
    yield from coded or (limit for word, limit in words if word in text)


def _coded(resource: Resource) -> Iterator[str]:
    return (str(coding.get("code", "")) for coding in (resource.get("code") or {}).get("coding", ()))


def _fits(limit: _Limit, sex: str | None, age: float | None) -> bool:
    if limit.sex and sex in ("male", "female") and sex != limit.sex:
        return False
    return age is None or limit.youngest <= age <= limit.oldest


def _codes(resource: Resource, element: str) -> set[str]:
    """Codes of a concept element, or of the extension of that name; not those of `_SAYS_LITTLE`."""
    concepts = [resource.get(element)]
    concepts += [
        extension.get("valueCodeableConcept")
        for extension in resource.get("extension", ())
        if str(extension.get("url", "")).endswith(f"/{element}")
    ]
    codes = {str(c.get("code")) for concept in concepts if concept for c in concept.get("coding", ())}
    return codes - _SAYS_LITTLE


PREDICATES = {
    "national-id-birth-date": Predicate("resource", lambda: national_id_birth_date),
    "national-id-gender": Predicate("resource", lambda: national_id_gender),
    "one-national-id": Predicate("resource", lambda: one_national_id),
    "fits-person": Predicate("document", fits_person, table=True),
    "fits-known-person": Predicate("claims", fits_known_person, table=True),
    "visit-of-one-sex": Predicate("claims", lambda: visit_of_one_sex),
    "age-rules-out": Predicate("resource", age_rules_out),
    "allergy-told": Predicate("document", allergy_told),
    "death-agrees": Predicate("document", lambda: death_agrees),
}
