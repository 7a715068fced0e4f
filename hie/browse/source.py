"""Reading a chart: every resource of one person, by type, each type with its own success or failure."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from hie.base.errors import Category, HieError
from hie.base.resource import Resource
from hie.base.systems import ORGANISATION
from hie.browse.chart import Chart, Charts, Named
from hie.browse.person import Person, golden_id, person
from hie.browse.place import directory
from hie.store.port import Version
from hie.wire.safejson import loads_own

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
    "Specimen",
)
"""What a chart is made of, all found by `patient`."""

OTHERS = "others"
"""Stands among the types that failed for all that is shown as it is (`hie.browse.other`)."""

UNSHOWN = frozenset({"AuditEvent", "Group", "Patient", "Provenance"})
"""What is in the record of a person and tells nothing of their health."""

_DEADLINE = 2.0
_PASSING = {Category.TIMEOUT, Category.BUSY, Category.UNAVAILABLE, Category.INTERNAL}


class Reading(Protocol):
    """What a chart is read through; `hie.browse.guard.View` in the server."""

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """The current version, a deletion included."""
        ...

    async def versions(self, resource_type: str, resource_id: str) -> list[Version]:
        """Versions, newest first."""
        ...

    async def find(self, resource_type: str, params: Sequence[tuple[str, str]], limit: int = 0) -> list[Version]:
        """All matches of a search, or about the first `limit`."""
        ...

    async def compartment(self, patients: Sequence[str], without: Collection[str]) -> list[Version]:
        """All that is in the compartment of one of these Patients, but for the types `without`."""
        ...


class Source:
    """Charts, as one principal may see them."""

    def __init__(self, view: Reading, linked: Linked, charts: Charts, deadline: float = _DEADLINE) -> None:
        self._view = view
        self.find = view.find
        self.versions = view.versions
        self._linked = linked
        self._deadline = deadline
        self._charts = charts

    async def _patients(self, patient_id: str) -> list[Version]:
        """The Patients of one person, the golden one first, from the id of any of them.

        Raises NOT_FOUND or GONE when `patient_id` is not a current Patient.
        """
        top = await self._top(patient_id)
        found = [await self._view.read("Patient", other) for other in await self._linked(top.id) if other != top.id]
        return [top, *(v for v in found if v is not None and not v.deleted)]

    async def _top(self, patient_id: str) -> Version:
        """The golden Patient above a local one, the survivor of a merged one, else the Patient itself."""
        seen: set[str] = set()
        while True:
            seen.add(patient_id)
            version = await self._view.read("Patient", patient_id)
            if version is None or version.deleted:
                raise HieError(Category.GONE if version else Category.NOT_FOUND, "no such record")
            above = golden_id(loads_own(version.body))
            if above in seen:
                return version
            known = await self._view.read("Patient", above)
            if known is None or known.deleted:
                return version
            patient_id = above

    async def person(self, patient_id: str) -> Person:
        """Who it is, without the chart."""
        return person([loads_own(v.body) for v in await self._patients(patient_id)])

    async def chart(self, patient_id: str) -> Chart:
        """Everything about one person. A type that fails or is late is named in `failed`; the others are complete."""
        versions = await self._patients(patient_id)
        ident = versions[0].id
        everyone = ",".join(f"Patient/{v.id}" for v in versions)
        others = self._view.compartment([v.id for v in versions], {*TYPES, *UNSHOWN})
        searches = (self.find(t, [("patient", everyone)]) for t in TYPES)
        answers = await asyncio.gather(*(self._in_time(one) for one in (*searches, others)))
        failed = frozenset(t for t, found in zip((*TYPES, OTHERS), answers, strict=True) if found is None)
        found = [version for answer in answers if answer for version in answer]
        kept = await self._charts.of(ident, [*versions, *found])
        resources = kept.resources
        organisations = await self._organisations(kept.named)
        medicines = await self._medicines(kept.named)

        def make() -> Chart:
            patients = [resources["Patient"][v.id] for v in versions]
            others = (r for kind in resources.values() for r in kind.values())
            places = directory([loads_own(v.body) for v in organisations], patients, others)
            drugs = {v.id: loads_own(v.body) for v in medicines}
            return Chart(person(patients), places, resources, failed, drugs)

        return make() if failed else await kept.chart([*organisations, *medicines], make)

    async def read(self, resource_type: str, ident: str) -> Resource | None:
        """One current resource, or None."""
        version = await self._view.read(resource_type, ident)
        if version is None or version.deleted:
            return None
        resource: Resource = loads_own(version.body)
        return resource

    async def body(self, resource_type: str, ident: str) -> bytes:
        """The stored bytes of one current resource; empty when there is none."""
        version = await self._view.read(resource_type, ident)
        return version.body if version else b""

    async def _in_time(self, search: Awaitable[list[Version]]) -> list[Version] | None:
        try:
            async with asyncio.timeout(self._deadline):
                return await search
        except TimeoutError:
            return None
        except HieError as error:
            if error.category in _PASSING:
                return None
            raise

    async def _medicines(self, named: Named) -> list[Version]:
        wanted = [("_id", ",".join(named.medicines))]
        return (await self._in_time(self.find("Medication", wanted)) or []) if named.medicines else []

    async def _organisations(self, named: Named) -> list[Version]:
        found: dict[str, Version] = {}
        if named.codes:
            wanted = ",".join(f"{ORGANISATION}|{code}" for code in named.codes)
            found = {v.id: v for v in await self._in_time(self.find("Organization", [("identifier", wanted)])) or []}
        for ident in named.ids:
            version = None if ident in found else await self._view.read("Organization", ident)
            if version is not None and not version.deleted:
                found[ident] = version
        return list(found.values())
