"""What a write must keep: the base definitions always, profiles as far as configuration says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from hie.base.systems import EXTENSION
from hie.fhir.outcome import Issue
from hie.fhir.validate.validator import Validator

Json = Mapping[str, Any]
PREFIX = f"{EXTENSION}/hie-"


class Strictness(StrEnum):
    """How profiles are applied to what is written (setting `profiles`)."""

    OFF = "off"
    WARN = "warn"
    STRICT = "strict"


def _has_category(code: str) -> Callable[[Json], bool]:
    def has(resource: Json) -> bool:
        rows = resource.get("category")
        concepts = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        codings = [row for concept in concepts for row in _list(concept.get("coding"))]
        return any(isinstance(row, dict) and row.get("code") == code for row in codings)

    return has


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _always(resource: Json) -> bool:
    return True


OURS: Mapping[str, Sequence[tuple[str, Callable[[Json], bool]]]] = {
    "Composition": [("composition", _always)],
    "Condition": [("condition", _has_category("encounter-diagnosis"))],
    "DiagnosticReport": [("report-lab", _has_category("LAB")), ("report-imaging", _always)],
    "DocumentReference": [("document-reference", _always)],
    "Encounter": [("encounter", _always)],
    "Location": [("location", _always)],
    "MedicationRequest": [("medication-request", _always)],
    "Observation": [("observation-lab", _has_category("laboratory"))],
    "Organization": [("organization", _always)],
    "Patient": [("patient", _always)],
    "Practitioner": [("practitioner", _always)],
    "Provenance": [("provenance", _always)],
}
"""Type -> our profiles on it (`profiles/hie`), the first whose test holds is for the resource."""


def our_profiles(kind: str) -> tuple[str, ...]:
    """The URLs of our profiles on a resource type."""
    return tuple(PREFIX + name for name, _ in OURS.get(kind, ()))


def profile_of(resource: Json) -> str | None:
    """The URL of the profile of ours that is meant for a resource; None when there is none."""
    rows = OURS.get(str(resource.get("resourceType")), ())
    return next((PREFIX + name for name, applies in rows if applies(resource)), None)


class WriteRules:
    """What is checked when a resource is written. `types`: where our profiles apply; empty for all."""

    def __init__(self, validator: Validator, strictness: Strictness = Strictness.OFF, types: Sequence[str] = ()):
        self._validator = validator
        self._strictness = strictness
        self._types = frozenset(types) or frozenset(OURS)

    def issues(self, resource: dict[str, Any]) -> list[Issue]:
        """The base errors; then, unless profiles are off, what breaks the profiles that the resource claims and our
        own for it. Under `warn` these are warnings."""
        found = self._validator.write_issues(resource)
        if found or self._strictness is Strictness.OFF:
            return found
        for url in self._wanted(resource):
            found += self._validator.profile_issues(resource, url)
        if self._strictness is Strictness.WARN:
            found = [replace(issue, severity="warning") if issue.fails else issue for issue in found]
        return list(dict.fromkeys(found))

    def claims(self, resource: Json) -> tuple[str, ...]:
        """What a resource from a feed may say in `meta.profile`: our profile for it, when it conforms to it."""
        url = profile_of(resource)
        if self._strictness is Strictness.OFF or url is None or resource["resourceType"] not in self._types:
            return ()
        if self._validator.write_issues(resource):
            return ()
        return () if any(issue.fails for issue in self._validator.profile_issues(resource, url)) else (url,)

    def _wanted(self, resource: Json) -> list[str]:
        claimed = _list((resource.get("meta") or {}).get("profile"))
        urls = [url for url in claimed if isinstance(url, str) and self._validator.knows(url)]
        ours = profile_of(resource) if resource["resourceType"] in self._types else None
        return list(dict.fromkeys([*urls, ours] if ours is not None else urls))
