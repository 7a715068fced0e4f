"""Where a resource comes from: region, organisation, feed (common rules §3, §4)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hie.base.resource import Resource
from hie.base.systems import BASE, ORGANISATION, REGION
from hie.browse.elements import first, items, target, text_of

REGIONS = ("wujiang", "jiashan", "qingpu")
"""The regions with a colour, shape and number key of their own, in the order of the keys."""

_LOCAL = re.compile(re.escape(f"{BASE}/id/") + "([0-9A-Z]{18})/")
_OWNERS = ("serviceProvider", "managingOrganization", "custodian", "performer", "author", "requester")


@dataclass(frozen=True, slots=True)
class Place:
    """A source as it is shown: region code, unified social credit code, name of the organisation."""

    region: str
    uscc: str
    name: str


def region_of(resource: Resource) -> str:
    """The region tag; empty for what the exchange made on its own account."""
    for tag in items(first(resource, "meta"), "tag"):
        if tag.get("system") == REGION:
            return text_of(tag, "code")
    return ""


def uscc_of(resource: Resource) -> str:
    """The organisation that issued the identifiers of a resource (rule L), or empty."""
    for identifier in (*items(resource, "identifier"), *items(resource, "groupIdentifier")):
        if match := _LOCAL.match(text_of(identifier, "system")):
            return match[1]
    return ""


def owners(resource: Resource) -> Iterator[str]:
    """Ids of the organisations that a resource names."""
    for name in _OWNERS:
        for reference in items(resource, name):
            kind, ident = target(reference)
            if kind == "Organization":
                yield ident


def feed_of(resource: Resource) -> tuple[str, str]:
    """Feed id and raw item id of `meta.source`; empty texts when it was not written by a feed."""
    source = text_of(first(resource, "meta"), "source")
    path, _, item = source.partition("#")
    return (path.rsplit("/", 1)[-1], item) if "/feeds/" in path else ("", "")


def _subject(resource: Resource) -> str:
    """Id of the Patient that a resource is about."""
    return target(first(resource, "subject") or first(resource, "patient"))[1]


@dataclass(frozen=True)
class Directory:
    """The organisations of a chart: names by code and by id, codes by Patient id."""

    names: Mapping[str, str]
    codes: Mapping[str, str]
    of_patient: Mapping[str, str]

    def place(self, resource: Resource) -> Place:
        """Where `resource` comes from: its own identifiers, the organisation it names, else that of its patient."""
        region = region_of(resource)
        uscc = uscc_of(resource)
        if uscc not in self.names:
            uscc = next((self.codes[o] for o in owners(resource) if o in self.codes), uscc)
        if not uscc:
            uscc = self.of_patient.get(_subject(resource), "")
        return Place(region, uscc, self.names.get(uscc, uscc))


def directory(organizations: list[Resource], patients: list[Resource], others: Iterable[Resource] = ()) -> Directory:
    """The directory of the organisations and patients given.

    A Patient without local number or named organisation is of the one that issued the numbers of its other resources:
    every local Patient belongs to one organisation (common rules §4.2).
    """
    names: dict[str, str] = {}
    codes: dict[str, str] = {}
    for organization in organizations:
        for identifier in items(organization, "identifier"):
            if identifier.get("system") == ORGANISATION:
                code = text_of(identifier, "value")
                names[code] = text_of(organization, "name") or code
                codes[text_of(organization, "id")] = code
    of_patient = {}
    for patient in patients:
        named = next((codes[o] for o in owners(patient) if o in codes), "")
        of_patient[text_of(patient, "id")] = named or uscc_of(patient)
    for resource in others:
        ident, uscc = _subject(resource), uscc_of(resource)
        if uscc and not of_patient.get(ident, uscc):
            of_patient[ident] = uscc
    return Directory(names, codes, of_patient)
