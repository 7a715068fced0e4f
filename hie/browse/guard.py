"""A store as one principal may see it: searches narrowed, every version checked before it is used (design decision 14).

The browser reads through nothing else.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from hie.fhir.definitions import Definitions
from hie.search.clause import InCompartment
from hie.search.query import Plan, parse_query
from hie.security.policy import Interaction, Policy
from hie.security.principal import Principal
from hie.store.port import HistoryQuery, Reader, Version

_PAGE = 500


class View:
    """What the browser reads of a store, on behalf of one principal."""

    def __init__(self, store: Reader, definitions: Definitions, policy: Policy, principal: Principal) -> None:
        self._store = store
        self._definitions = definitions
        self._policy = policy
        self._principal = principal

    async def read(self, resource_type: str, resource_id: str) -> Version | None:
        """The current version, a deletion included; None when there is none that the principal may see."""
        version = await self._store.read(resource_type, resource_id)
        return version if version is not None and self._permits(version, Interaction.READ) else None

    async def versions(self, resource_type: str, resource_id: str) -> list[Version]:
        """Up to 50 versions of one resource, newest first."""
        page = await self._store.history(HistoryQuery(resource_type, resource_id))
        return [v for v in page.versions if self._permits(v, Interaction.HISTORY_INSTANCE)]

    async def find(self, resource_type: str, params: Sequence[tuple[str, str]], limit: int = 0) -> list[Version]:
        """All matches of one search, whatever the number of pages; reading stops once there are `limit` (0: never)."""
        return await self._all(parse_query(resource_type, params, self._definitions), limit)

    async def compartment(self, patients: Sequence[str], without: Collection[str]) -> list[Version]:
        """All that is in the compartment of one of these Patients, but for the types `without`."""
        members = self._definitions.compartments["Patient"]
        types = tuple(name for name, codes in members.items() if codes and name not in without)
        return await self._all(Plan(types, InCompartment(tuple(patients))))

    async def _all(self, plan: Plan, limit: int = 0) -> list[Version]:
        plan = self._policy.narrow(replace(plan, count=_PAGE), self._principal)
        found: list[Version] = []
        while True:
            page = await self._store.search(plan)
            found.extend(v for v in page.matches if self._permits(v, Interaction.SEARCH_TYPE))
            if page.next is None or 0 < limit <= len(found):
                return found
            plan = replace(plan, cursor=page.next)

    def _permits(self, version: Version, interaction: Interaction) -> bool:
        return self._policy.permits(version, self._principal, interaction)
