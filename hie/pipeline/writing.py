"""Writing: the resources that the work on one item comes to, where they differ from what is stored."""

from collections.abc import Callable, Iterable

from hie.base.resource import Json
from hie.base.systems import REGION
from hie.store.port import Transaction
from hie.wire.safejson import dumps, loads_own, says_same

STATED_META = frozenset({"profile", "security"})
"""Parts of `meta` that a sender may state; the exchange writes the others."""


def region_tag(region: str) -> dict[str, str]:
    """The tag that every resource written from a feed carries (common rules §4.2)."""
    return {"system": REGION, "code": region}


_STATED = tuple(b'"%b":' % name.encode() for name in sorted(STATED_META))
_STAMP = b'"lastUpdated":"'
"""Where `hie.store.body` ends the `meta` of what the exchange writes."""


def stored_bytes_say(body: bytes, resource: Json) -> bool:
    """Whether stored bytes hold just the elements of a resource without `meta`, in the same order, and no `meta` that
    was stated: most of what is stated once more is recognised so without reading it. False tells nothing."""
    head, _, rest = body.partition(_STAMP)
    if any(stated in head for stated in _STATED):
        return False
    elements = dumps({name: part for name, part in resource.items() if name not in ("resourceType", "id")})
    return rest.partition(b'"}')[2] == b"," + elements[1:]


class Writing:
    """Writes resources of one item, which is their `source`; `written` are the references and version numbers of those
    that changed."""

    def __init__(self, tx: Transaction, source: str, region: str, profiles: Callable[[Json], tuple[str, ...]]) -> None:
        """`profiles` says which profiles a resource claims."""
        self._tx = tx
        self._profiles = profiles
        self._meta = {"source": source, "tag": [region_tag(region)]}
        self._parents: dict[str, Json | None] = {}
        self.written: dict[str, int] = {}

    async def foresee(self, references: Iterable[str]) -> None:
        """Have these resources read together, before they are compared with what they are to be."""
        await self._tx.foresee_resources([*references])

    async def current(self, reference: str) -> Json | None:
        """The stored resource, None when there is none or it is deleted."""
        resource_type, _, resource_id = reference.partition("/")
        version = await self._tx.read(resource_type, resource_id)
        return None if version is None or version.deleted else loads_own(version.body)

    async def parent(self, reference: str) -> Json | None:
        """As `current`, for a resource that many others hang on: read once, and anew when it was written here. It must
        not be changed."""
        if reference not in self._parents:
            self._parents[reference] = await self.current(reference)
        return self._parents[reference]

    async def put(self, resource: Json, *, new: bool = False) -> bool:
        """Write a resource if anything but `meta` differs from what is stored; whether it did. One that is `new` need
        not be compared."""
        profiles = self._profiles(resource)
        if profiles:
            stated = resource.get("meta", {})
            resource["meta"] = {**stated, "profile": list(dict.fromkeys((*stated.get("profile", ()), *profiles)))}
        if not new and await self._is_stored(resource):
            return False
        kind, identity = resource.pop("resourceType"), resource.pop("id")
        meta = {**self._meta, **resource.pop("meta", {})}
        self._parents.pop(f"{kind}/{identity}", None)
        version = await self._tx.put({"resourceType": kind, "id": identity, "meta": meta, **resource}, new=new)
        self.written[f"{kind}/{identity}"] = version.version
        return True

    async def _is_stored(self, resource: Json) -> bool:
        """Whether a resource is stored as it is, but for what the exchange writes into `meta`."""
        version = await self._tx.read(resource["resourceType"], resource["id"])
        if version is None or version.deleted:
            return False
        if "meta" not in resource and stored_bytes_say(version.body, resource):
            return True
        before = loads_own(version.body)
        kept = {name: part for name, part in before.pop("meta", {}).items() if name in STATED_META}
        if kept:
            before["meta"] = kept
        return says_same(before, resource)

    async def delete(self, reference: str) -> bool:
        """Delete a resource that nobody states any more, whose versions stay readable; whether it was there."""
        if await self.current(reference) is None:
            return False
        self._parents.pop(reference, None)
        resource_type, _, resource_id = reference.partition("/")
        await self._tx.delete(resource_type, resource_id)
        return True
