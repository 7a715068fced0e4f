"""Finding a person: by number or by name, one row per person.

What was typed never stands in a URL: it comes in the body of a POST, and the answer is a list of ids.
"""

import re
import unicodedata
from dataclasses import dataclass

from hie.base.errors import HieError
from hie.browse.person import Person, golden_id
from hie.browse.source import Source
from hie.fhir.validate.primitives import is_id

LIMIT = 20
"""Most rows of one answer; with more the user is asked to narrow."""

_READ = 10 * LIMIT
_NUMBER = re.compile(r"[0-9A-Z][0-9A-Z\-/]{2,63}")
_SEPARATORS = re.compile(r"([\\,$|])")


@dataclass(frozen=True)
class Found:
    """Ids of persons (golden Patients where there is one), and whether more were left off."""

    ids: tuple[str, ...]
    more: bool


def clean(typed: str) -> str:
    """What was typed, in half width, without blanks around it."""
    return unicodedata.normalize("NFKC", typed).strip()[:100]


def is_number(text: str) -> bool:
    """Whether it can only be a number of a card or a person: letters and digits, at least one digit."""
    return bool(_NUMBER.fullmatch(text.upper().replace(" ", ""))) and any(c.isdecimal() for c in text)


async def find_people(source: Source, typed: str, born: str = "") -> Found:
    """Persons by number (any identifier, letter case ignored) or by name, optionally with a birth date."""
    text = clean(typed)
    if not text:
        return Found((), False)
    narrow = [("birthdate", born)] if re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", born) else []
    if is_number(text):
        number = text.replace(" ", "")
        wanted = ",".join(_escaped(n) for n in dict.fromkeys((number.upper(), number)))
        versions = await source.find("Patient", [("identifier", wanted), *narrow], _READ)
    else:
        versions = await source.find("Patient", [("name", _escaped(text)), *narrow], _READ)
    people: dict[str, None] = {}
    for version in versions:
        patient = await source.read("Patient", version.id)
        if patient is not None:
            people.setdefault(golden_id(patient))
    ids = tuple(people)
    return Found(ids[:LIMIT], len(ids) > LIMIT)


async def people(source: Source, ids: list[str]) -> list[Person]:
    """The persons of a list of ids, without those that do not exist."""
    found: dict[str, Person] = {}
    for ident in ids[:LIMIT]:
        if not is_id(ident):
            continue
        try:
            one = await source.person(ident)
        except HieError:
            continue
        found.setdefault(one.id, one)
    return list(found.values())


def _escaped(value: str) -> str:
    """A search value with its separators escaped (FHIR R4 search §3.1.1.4.0.1)."""
    return _SEPARATORS.sub(r"\\\1", value)
