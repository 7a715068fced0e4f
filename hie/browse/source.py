"""Reading a chart: every resource of one person, by type, each type with its own success or failure."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hie.base.errors import Category, HieError
from hie.browse.elements import Resource, text_of
from hie.browse.person import Person, golden_id, person
from hie.browse.place import ORGANISATION_SYSTEM, Directory, directory, owners, uscc_of
from hie.search.query import parse_query
from hie.store.port import HistoryQuery, Reader, Version
from hie.wire.safejson import loads

Linked = Callable[[str], Awaitable[tuple[str, ...]]]
"""The ids of the local Patients that a golden Patient links; none for any other Patient."""

TYPES = (
    "Encounter",
    "DiagnosticReport",
    "Observation",
    "Condition",
    "AllergyIntolerance",
    "MedicationRequest",
    "Procedure",
    "DocumentReference",
    "Composition",
)
"""What a chart is made of, all found by `patient`."""

_PAGE = 500
_DEADLINE = 2.0
_KEPT = 40_000
_PASSING = {Category.TIMEOUT, Category.BUSY, Category.UNAVAILABLE, Category.INTERNAL}


class Find(Protocol):
    """All matches of one search, whatever the number of pages."""

    async def __call__(self, resource_type: str, params: Sequence[tuple[str, str]], limit: int = 0) -> list[Version]:
        """Versions in the order of the search; reading stops once there are `limit` (0: never)."""
        ...


def finder(store: Reader, definitions: Any) -> Find:
    """A `Find` over the search plans of a store."""

    async def find(resource_type: str, params: Sequence[tuple[str, str]], limit: int = 0) -> list[Version]:
        plan = replace(parse_query(resource_type, params, definitions), count=_PAGE)
        found: list[Version] = []
        while True:
            page = await store.search(plan)
            found.extend(page.matches)
            if page.next is None or 0 < limit <= len(found):
                return found
            plan = replace(plan, cursor=page.next)

    return find


@dataclass(frozen=True)
class Chart:
    """One person and everything known about them; `failed` names the types that could not be read in time."""

    person: Person
    directory: Directory
    resources: Mapping[str, Mapping[str, Resource]]
    failed: frozenset[str]

    def all(self, resource_type: str) -> list[Resource]:
        """The resources of one type."""
        return list(self.resources.get(resource_type, {}).values())

    def get(self, resource_type: str, ident: str) -> Resource | None:
        """One resource of the chart; None when it is not this person's."""
        return self.resources.get(resource_type, {}).get(ident)


class Source:
    """Charts from a store. Keeps the parsed form of recent ones, valid only while no version has changed."""

    def __init__(self, store: Reader, find: Find, linked: Linked, deadline: float = _DEADLINE) -> None:
        self._store = store
        self.find = find
        self._linked = linked
        self._deadline = deadline
        self._parsed: OrderedDict[tuple[str, ...], tuple[frozenset[tuple[str, int]], dict[str, dict[str, Resource]]]]
        self._parsed = OrderedDict()

    async def patients(self, patient_id: str) -> list[Resource]:
        """The Patient resources of one person, the golden one first, from the id of any of them.

        Raises NOT_FOUND or GONE when `patient_id` is not a current Patient.
        """
        top = await self._top(patient_id)
        ident = text_of(top, "id")
        found = [await self.read("Patient", other) for other in await self._linked(ident) if other != ident]
        return [top, *(p for p in found if p is not None)]

    async def _top(self, patient_id: str) -> Resource:
        """The golden Patient above a local one, the survivor of a merged one, else the Patient itself."""
        seen: set[str] = set()
        while True:
            seen.add(patient_id)
            version = await self._store.read("Patient", patient_id)
            if version is None or version.deleted:
                raise HieError(Category.GONE if version else Category.NOT_FOUND, "no such record")
            patient: Resource = loads(version.body)
            above = golden_id(patient)
            if above in seen:
                return patient
            known = await self._store.read("Patient", above)
            if known is None or known.deleted:
                return patient
            patient_id = above

    async def person(self, patient_id: str) -> Person:
        """Who it is, without the chart."""
        return person(await self.patients(patient_id))

    async def chart(self, patient_id: str) -> Chart:
        """Everything about one person. A type that fails or is late is named in `failed`; the others are complete."""
        patients = await self.patients(patient_id)
        who = person(patients)
        everyone = ",".join(f"Patient/{text_of(p, 'id')}" for p in patients)
        answers = await asyncio.gather(*(self._in_time(t, [("patient", everyone)]) for t in TYPES))
        failed = frozenset(t for t, found in zip(TYPES, answers, strict=True) if found is None)
        found = [version for answer in answers if answer for version in answer]
        resources = self._parse(tuple(sorted(text_of(p, "id") for p in patients)), found)
        return Chart(who, await self._directory(patients, resources), resources, failed)

    async def read(self, resource_type: str, ident: str) -> Resource | None:
        """One current resource, or None."""
        version = await self._store.read(resource_type, ident)
        if version is None or version.deleted:
            return None
        resource: Resource = loads(version.body)
        return resource

    async def body(self, resource_type: str, ident: str) -> bytes:
        """The stored bytes of one current resource; empty when there is none."""
        version = await self._store.read(resource_type, ident)
        return version.body if version else b""

    async def versions(self, resource_type: str, ident: str) -> Sequence[Version]:
        """Up to 50 versions, newest first."""
        return (await self._store.history(HistoryQuery(resource_type, ident))).versions

    async def _in_time(self, resource_type: str, params: Sequence[tuple[str, str]]) -> list[Version] | None:
        try:
            async with asyncio.timeout(self._deadline):
                return await self.find(resource_type, params)
        except TimeoutError:
            return None
        except HieError as error:
            if error.category in _PASSING:
                return None
            raise

    def _parse(self, key: tuple[str, ...], versions: list[Version]) -> dict[str, dict[str, Resource]]:
        state = frozenset((v.id, v.version) for v in versions)
        kept = self._parsed.get(key)
        if kept is None or kept[0] != state:
            resources: dict[str, dict[str, Resource]] = {}
            for version in versions:
                resources.setdefault(version.type, {})[version.id] = loads(version.body)
            kept = self._parsed[key] = (state, resources)
        self._parsed.move_to_end(key)
        while len(self._parsed) > 1 and sum(len(s) for s, _ in self._parsed.values()) > _KEPT:
            self._parsed.popitem(last=False)
        return kept[1]

    async def _directory(self, patients: list[Resource], resources: Mapping[str, Mapping[str, Resource]]) -> Directory:
        everything = [*patients, *(r for kind in resources.values() for r in kind.values())]
        codes = sorted({code for code in map(uscc_of, everything) if code})
        named = {ident for r in everything for ident in owners(r)}
        found: dict[str, Resource] = {}
        if codes:
            wanted = ",".join(f"{ORGANISATION_SYSTEM}|{code}" for code in codes)
            for version in await self._in_time("Organization", [("identifier", wanted)]) or []:
                found[version.id] = loads(version.body)
        for ident in sorted(named - found.keys()):
            organization = await self.read("Organization", ident)
            if organization is not None:
                found[ident] = organization
        return directory(list(found.values()), patients)
