"""The few transforms that only Qingpu's maps need; everything else is in the maps and in the shared transforms.

The columns of a row come without blanks around them, and one without value does not come at all (`hie.parse.rows`); a
missing part of several is empty.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

RANK_MAIN = "1"
"""CYZDBZ of the main diagnosis."""

_NATIONAL_ID = 18
"""Digits of a national id; the last may be an X (common rules §4.1)."""

_ROLE = "http://terminology.hl7.org/CodeSystem/diagnosis-role"
_OTHER_ROLE = {"system": _ROLE, "code": "CM", "display": "Comorbidity diagnosis"}
_YB_ITEM = "https://hie.example.org/fhir/CodeSystem/qingpu-yb-item"


def _code(sent: str) -> str:
    """A code as FHIR writes one: single blanks only."""
    return " ".join(sent.split())


def report_day(value: str, context: Any) -> str:
    """BGRQ as part of a key: `20260402` also when it was sent as `2026-04-02`; anything else as sent."""
    if len(value) == len("2026-04-02") and value[4] == value[7] == "-":
        value = value.replace("-", "")
    if not _is_day(value):
        context.note("date-invalid")
    return value


def _is_day(text: str) -> bool:
    """Whether it is a day of the calendar in eight digits."""
    if len(text) != len("20260402") or not (text.isascii() and text.isdigit()):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def report_key(value: Sequence[str], context: Any) -> dict[str, str]:
    """The second identifier of a laboratory report: `<BGRQ>:<BGDH>` (§4.3), because BGDH starts again every day."""
    day, number = value
    return {"system": context.local_system("lis-report"), "value": f"{report_day(day, context)}:{number}"}


def lab_item(value: Sequence[str], context: Any) -> dict[str, Any]:
    """The shares of Observation.code of (JYZBDM, JYZBMC, MXXMBM, MXXMBMYB): the zone's item with LOINC, then the
    hospital's and the insurance's number (§4.4), each of which may be missing in a row that changes the others."""
    code, name, hospital, insurance = value
    concept: dict[str, Any] = {"text": name}
    found: dict[str, Any] = {}
    if code:
        concept = context.codes["qingpu-lab-item"].translate(code, name, context).concept
        found["code.coding[]#1"] = concept.get("coding", [])
    if hospital:
        found["code.coding[]#2"] = [{"system": context.local_system("mxxmbm"), "code": _code(hospital)}]
    if insurance:
        found["code.coding[]#3"] = [{"system": _YB_ITEM, "code": _code(insurance)}]
    text = "code.text" if name else "code.text#default"
    return found | ({text: concept["text"]} if concept.get("text") else {})


def device(value: Sequence[str], context: Any) -> dict[str, Any]:
    """What is stated of Observation.device by (YQBH, YQMC): named by the name, or the number while there is no name."""
    number, name = value
    found: dict[str, Any] = {"display": name} if name else {"display#default": number}
    if number:
        found["identifier"] = {"system": context.local_system("yqbh"), "value": number}
    return found


def id_number(value: str, context: Any) -> dict[str, Any]:
    """ZJHM without ZJLX: the number of the document that an earlier row named, else of one whose kind is not known."""
    number = value.upper() if len(value) == _NATIONAL_ID and value[:-1].isdigit() else value
    return {"system#default": context.local_system("idcard-99"), "value": number}


def nationality(value: str, context: Any) -> dict[str, Any]:
    """The nationality extension of R4; GJ is a three-letter country code."""
    country = {"coding": [{"system": "urn:iso:std:iso:3166", "code": _code(value)}]}
    return {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-nationality",
        "extension": [{"url": "code", "valueCodeableConcept": country}],
    }


def requester(value: str, context: Any) -> dict[str, Any]:
    """Who asked for a report (R4 DiagnosticReport has no element for it): staff number as logical reference."""
    identifier = {"system": context.local_system("2.16.156.10011.1.4"), "value": value}
    return {
        "url": "https://hie.example.org/fhir/StructureDefinition/requester",
        "valueReference": {"identifier": identifier},
    }


def participant(value: str, context: Any) -> dict[str, Any]:
    """Encounter.participant known by name only."""
    return {"individual": {"display": value}}


def study_uid(value: str, context: Any) -> dict[str, str]:
    """ImagingStudy.identifier of a DICOM study UID."""
    return {"system": "urn:dicom:uid", "value": f"urn:oid:{value}"}


def diagnosis(value: Sequence[str], context: Any) -> dict[str, Any]:
    """What one row of (ZYZDLSH, ZDLB, CYZDBZ) states of its share of Encounter.diagnosis: condition, use and rank."""
    number, kind, main = value
    condition = context.key("Condition", "zyzdlsh", number)
    row = context.code("qingpu-diagnosis-class", kind)
    target = row.target if row is not None else None
    found: dict[str, Any] = {
        "condition": {"reference": condition.reference},
        "use" if kind else "use#default": {"coding": [target or _OTHER_ROLE]},
    }
    if main:
        found["rank"] = 1 if main == RANK_MAIN else None
    return {f"diagnosis[]#{condition.id}+": found}


TRANSFORMS = {
    "device": device,
    "diagnosis": diagnosis,
    "id-number": id_number,
    "lab-item": lab_item,
    "nationality": nationality,
    "participant": participant,
    "report-day": report_day,
    "report-key": report_key,
    "requester": requester,
    "study-uid": study_uid,
}
"""Transforms of this adapter by the name its maps use."""
