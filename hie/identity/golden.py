"""The golden Patient: one resource per person with records in several places, made by the exchange itself."""

from collections.abc import Sequence
from typing import Any

from hie.base.ids import stable_id


def golden_id(key: str) -> str:
    """The id of the golden Patient of the person whose best number is `key`."""
    return stable_id("golden", key)


def golden_patient(identity: str, patients: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The golden Patient with this id over local Patient resources: their numbers once each, the most frequent
    demographics, a death that any of them states, and a `seealso` link to each (FHIR R4 Patient.link). It carries no
    region tag (common rules §4.2)."""
    ordered = sorted(patients, key=lambda p: str(p["id"]))
    resource: dict[str, Any] = {"resourceType": "Patient", "id": identity, "active": True}
    identifiers = _shared_identifiers(ordered)
    if identifiers:
        resource["identifier"] = identifiers
    for element in ("name", "gender", "birthDate"):
        value = _most_frequent(_telling([p[element] for p in ordered if p.get(element)]))
        if value is not None:
            resource[element] = value
    resource.update(_death(ordered))
    resource["link"] = [{"other": {"reference": f"Patient/{p['id']}"}, "type": "seealso"} for p in ordered]
    return resource


def _shared_identifiers(patients: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers with a nation-wide scope (`urn:oid:`), each once."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for patient in patients:
        for identifier in patient.get("identifier", ()):
            system = identifier.get("system", "")
            if system.startswith("urn:oid:"):
                found.setdefault((system, identifier.get("value", "")), identifier)
    return [found[key] for key in sorted(found)]


def _telling(values: Sequence[Any]) -> list[Any]:
    """Without a gender that is not known where another is, and without dates that others say more exactly."""
    known = [value for value in values if value != "unknown"] or list(values)
    return [one for one in known if not any(o != one and isinstance(o, str) and o.startswith(str(one)) for o in known)]


def _death(patients: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`deceasedDateTime` where a day is stated, else `deceasedBoolean` where only the fact is."""
    day = _most_frequent(_telling([p["deceasedDateTime"] for p in patients if p.get("deceasedDateTime")]))
    if day is not None:
        return {"deceasedDateTime": day}
    return {"deceasedBoolean": True} if any(p.get("deceasedBoolean") is True for p in patients) else {}


def _most_frequent(values: Sequence[Any]) -> Any:
    """The value stated most often; among equals the first in order."""
    best, count = None, 0
    for value in values:
        n = sum(1 for other in values if other == value)
        if n > count:
            best, count = value, n
    return best
