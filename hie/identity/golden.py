"""The golden Patient: one resource per person with records in several places, made by the exchange itself."""

from collections.abc import Sequence
from typing import Any

from hie.base.ids import stable_id


def golden_id(key: str) -> str:
    """The id of the golden Patient of the person whose best number is `key`."""
    return stable_id("golden", key)


def golden_patient(key: str, patients: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The golden Patient over local Patient resources: their numbers once each, the most frequent demographics, and a
    `seealso` link to each (FHIR R4 Patient.link). It carries no region tag (common rules §4.2)."""
    ordered = sorted(patients, key=lambda p: str(p["id"]))
    resource: dict[str, Any] = {"resourceType": "Patient", "id": golden_id(key), "active": True}
    identifiers = _shared_identifiers(ordered)
    if identifiers:
        resource["identifier"] = identifiers
    for element in ("name", "gender", "birthDate"):
        value = _most_frequent([p[element] for p in ordered if p.get(element)])
        if value is not None:
            resource[element] = value
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


def _most_frequent(values: Sequence[Any]) -> Any:
    """The value stated most often; among equals the first in order."""
    best, count = None, 0
    for value in values:
        n = sum(1 for other in values if other == value)
        if n > count:
            best, count = value, n
    return best
