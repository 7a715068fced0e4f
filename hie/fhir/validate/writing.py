"""What a write must keep: the base definitions always, profiles as far as configuration says."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from hie.base.resource import JsonView
from hie.base.systems import BASE, EXTENSION, OID
from hie.fhir.outcome import Issue
from hie.fhir.validate.validator import Validator

PREFIX = f"{EXTENSION}/hie-"


class Strictness(StrEnum):
    """How profiles are applied to what is written (setting `profiles`)."""

    OFF = "off"
    WARN = "warn"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Ours:
    """A profile of ours: its URL, which resources it is meant for, in words and as a test of one `element`, if any."""

    url: str
    meant: str
    applies: Callable[[JsonView], bool]
    element: str = ""


def _every(name: str, meant: str = "all") -> Ours:
    return Ours(PREFIX + name, meant, lambda resource: True)


def _coded(name: str, element: str, system: str, code: str | None = None) -> Ours:
    """For resources with a coding of that system (and code) in a CodeableConcept element."""

    def applies(resource: JsonView) -> bool:
        value = resource.get(element)
        concepts = value if isinstance(value, list) else [value]
        codings = [row for one in concepts if isinstance(one, dict) for row in _list(one.get("coding"))]
        found = [row for row in codings if isinstance(row, dict) and row.get("system") == system]
        return any(code is None or row.get("code") == code for row in found)

    return Ours(PREFIX + name, f"`{element}` {code or 'of'} `{system}`", applies, element)


def _from_feed(resource: JsonView) -> bool:
    meta = resource.get("meta")
    return isinstance(meta, dict) and str(meta.get("source", "")).startswith(f"{BASE}/feeds/")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_HL7 = "http://terminology.hl7.org/CodeSystem/"
OURS: Mapping[str, Sequence[Ours]] = {
    "Composition": [_every("composition")],
    "Condition": [_coded("condition", "category", f"{_HL7}condition-category", "encounter-diagnosis")],
    "DiagnosticReport": [
        _coded("report-lab", "category", f"{_HL7}v2-0074", "LAB"),
        _every("report-imaging", "all others"),
    ],
    "DocumentReference": [_coded("document-reference", "type", f"urn:oid:{OID}.2.4")],
    "Encounter": [_every("encounter")],
    "Location": [_every("location")],
    "MedicationRequest": [_every("medication-request")],
    "Observation": [_coded("observation-lab", "category", f"{_HL7}observation-category", "laboratory")],
    "Organization": [_every("organization")],
    "Patient": [_every("patient")],
    "Practitioner": [_every("practitioner")],
    "Provenance": [Ours(f"{PREFIX}provenance", "`meta.source` of a feed", _from_feed)],
}
"""Type -> our profiles on it (`profiles/hie`); the first that applies is meant for the resource."""


def our_profiles(kind: str) -> tuple[str, ...]:
    """The URLs of our profiles on a resource type."""
    return tuple(one.url for one in OURS.get(kind, ()))


def profile_of(resource: JsonView) -> str | None:
    """The URL of the profile of ours that is meant for a resource; None when there is none."""
    rows = OURS.get(str(resource.get("resourceType")), ())
    return next((one.url for one in rows if one.applies(resource)), None)


def profile_meant(resource: JsonView, undecided: Collection[str]) -> str | None:
    """The same for a resource of which only part is known: None when that depends on an element that is `undecided`."""
    rows = OURS.get(str(resource.get("resourceType")), ())
    return None if any(one.element in undecided for one in rows) else profile_of(resource)


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

    def claims(self, resource: JsonView) -> tuple[str, ...]:
        """What a resource from a feed may say in `meta.profile`: our profile for it, when it conforms to it."""
        url = profile_of(resource)
        if self._strictness is Strictness.OFF or url is None or resource["resourceType"] not in self._types:
            return ()
        if self._validator.write_issues(resource):
            return ()
        return () if any(issue.fails for issue in self._validator.profile_issues(resource, url)) else (url,)

    def _wanted(self, resource: JsonView) -> list[str]:
        claimed = _list((resource.get("meta") or {}).get("profile"))
        urls = [url for url in claimed if isinstance(url, str) and self._validator.knows(url)]
        ours = profile_of(resource) if resource["resourceType"] in self._types else None
        return list(dict.fromkeys([*urls, ours] if ours is not None else urls))
