"""Writing: the resources that the work on one item comes to, where they differ from what is stored."""

from collections.abc import Callable, Iterable
from typing import Any

from hie.base.systems import REGION
from hie.store.port import Transaction
from hie.wire.safejson import loads_own, says_same

STATED_META = frozenset({"profile", "security"})
"""Parts of `meta` that a sender may state; the exchange writes the others."""

Resource = dict[str, Any]


def region_tag(region: str) -> dict[str, str]:
    """The tag that every resource written from a feed carries (common rules §4.2)."""
    return {"system": REGION, "code": region}


class Writing:
    """Writes resources of one item, which is their `source`; `written` are the references and version numbers of those
    that changed."""

    def __init__(
        self, tx: Transaction, source: str, region: str, profiles: Callable[[Resource], tuple[str, ...]]
    ) -> None:
        """`profiles` says which profiles a resource claims."""
        self._tx = tx
        self._profiles = profiles
        self._meta = {"source": source, "tag": [region_tag(region)]}
        self.written: dict[str, int] = {}

    async def foresee(self, references: Iterable[str]) -> None:
        """Have these resources read together, before they are compared with what they are to be."""
        await self._tx.foresee_resources([*references])

    async def current(self, reference: str) -> Resource | None:
        """The stored resource, None when there is none or it is deleted."""
        resource_type, _, resource_id = reference.partition("/")
        version = await self._tx.read(resource_type, resource_id)
        return None if version is None or version.deleted else loads_own(version.body)

    async def put(self, resource: Resource, *, new: bool = False) -> bool:
        """Write a resource if anything but `meta` differs from what is stored; whether it did. One that is `new` need
        not be compared."""
        profiles = self._profiles(resource)
        if profiles:
            stated = resource.get("meta", {})
            resource["meta"] = {**stated, "profile": list(dict.fromkeys((*stated.get("profile", ()), *profiles)))}
        before = None if new else await self.current(f"{resource['resourceType']}/{resource['id']}")
        if before is not None:
            kept = {name: part for name, part in before.pop("meta", {}).items() if name in STATED_META}
            if kept:
                before["meta"] = kept
            if says_same(before, resource):
                return False
        kind, identity = resource.pop("resourceType"), resource.pop("id")
        meta = {**self._meta, **resource.pop("meta", {})}
        version = await self._tx.put({"resourceType": kind, "id": identity, "meta": meta, **resource}, new=new)
        self.written[f"{kind}/{identity}"] = version.version
        return True

    async def delete(self, reference: str) -> bool:
        """Delete a resource that nobody states any more, whose versions stay readable; whether it was there."""
        if await self.current(reference) is None:
            return False
        resource_type, _, resource_id = reference.partition("/")
        await self._tx.delete(resource_type, resource_id)
        return True
