"""What identity looks at: the numbers and demographics of one local Patient, taken from its resource."""

import unicodedata
from dataclasses import dataclass
from typing import Any

from hie.base.human_name import name_in_use
from hie.base.national_id import is_national_id
from hie.base.pinyin import syllables
from hie.base.systems import HEALTH_CARD, NATIONAL_ID, PATIENT_INDEX


@dataclass(frozen=True, slots=True)
class Demographics:
    """One local Patient: `keys` are the numbers that identify a person (`system|value`), best first."""

    patient: str
    keys: tuple[str, ...]
    name: str
    birth_date: str
    gender: str
    phones: tuple[str, ...]

    @property
    def birth_year(self) -> str:
        """Four digits, or nothing."""
        return self.birth_date[:4]


def demographics(patient: dict[str, Any]) -> Demographics:
    """Take them from a Patient resource; one that is not active (merged away, say) shares nothing, is like nobody."""
    reference = f"Patient/{patient['id']}"
    if not patient.get("active", True):
        return Demographics(reference, (), "", "", "", ())
    return Demographics(
        patient=reference,
        keys=tuple(_keys(patient)),
        name=fold_name(name_in_use(patient)),
        birth_date=patient.get("birthDate", ""),
        gender=patient.get("gender", ""),
        phones=tuple(t["value"] for t in patient.get("telecom", ()) if t.get("system") == "phone" and t.get("value")),
    )


def _keys(patient: dict[str, Any]) -> list[str]:
    """National ids with a right check digit, resident health cards, then the patient index of the organisation, which
    several cards of one person share (Qingpu §4.1); each once, sorted."""
    found: set[tuple[int, str]] = set()
    for identifier in patient.get("identifier", ()):
        system, value = identifier.get("system"), identifier.get("value", "")
        if system == NATIONAL_ID and is_national_id(value):
            found.add((0, f"{system}|{value}"))
        elif system == HEALTH_CARD and value:
            found.add((1, f"{system}|{value}"))
        elif value and str(system).endswith(f"/{PATIENT_INDEX}") and identifier.get("use") != "old":
            found.add((2, f"{system}|{value}"))
    return [key for _, key in sorted(found)]


def fold_name(name: str) -> str:
    """Width, case and blanks folded; nothing else."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def sound(name: str) -> str:
    """Pinyin without tones, so that variants of one character (岚, 嵐) compare equal."""
    return " ".join(syllables(name, surname=True))
