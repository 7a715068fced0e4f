"""The bytes of a version: `id` and `meta` set once, at write time, the same way in every store (design decision 1)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from hie.base.clock import Clock, from_micros, instant, micros
from hie.base.errors import Category, HieError
from hie.search.entries import Entries
from hie.store.port import Extract, Ready, Version
from hie.wire.safejson import dumps, loads

_PER_MILLISECOND = 1000


def stamp(clock: Clock, last: int) -> int:
    """The `last_updated` of a write: now in microseconds, cut to the millisecond that is shown, never before `last`."""
    now = micros(clock.now())
    return max(now - now % _PER_MILLISECOND, last)


def check_next(version: Version, current: int, last: int) -> None:
    """Raise CONFLICT when `version`, as given by another store, does not follow the `current` number of its resource
    and the time `last` of the last write."""
    if version.version != current + 1 or version.last_updated < last:
        raise HieError(Category.CONFLICT, f"Version {version.version} of a {version.type} does not follow.")


def named(resource: Mapping[str, Any] | Ready) -> tuple[str, str]:
    """Type and id of a resource that has both."""
    if isinstance(resource, Ready):
        return resource.type, resource.id
    return resource["resourceType"], resource["id"]


def entries_of(resource: Mapping[str, Any] | Ready, extract: Extract) -> Entries:
    """The index entries of a resource: those it brings, or by `extract`."""
    return resource.entries if isinstance(resource, Ready) else extract(resource)


def ready(resource: Mapping[str, Any], extract: Extract) -> Ready:
    """A resource with `resourceType` and `id`, ready; raises INVALID for what JSON cannot say."""
    return Ready(*named(resource), unstamped(resource), extract(resource))


def plain(resource: dict[str, Any] | Ready) -> dict[str, Any]:
    """A resource that may be ready, as it was before."""
    if not isinstance(resource, Ready):
        return resource
    found: dict[str, Any] = loads(resource.content)
    meta = {key: value for key, value in found.pop("meta").items() if value != ""}
    return {**found, "meta": meta} if meta else found


@lru_cache(maxsize=16)
def _shown(last_updated: int) -> bytes:
    return b'"lastUpdated":"%b"' % instant(from_micros(last_updated)).encode()


_UNNUMBERED, _UNTIMED = b'"versionId":""', b'"lastUpdated":""'
"""No legal resource holds these: FHIR has no empty strings, and a quote inside a string is escaped."""


def unstamped(resource: Mapping[str, Any] | Ready) -> bytes:
    """`resourceType`, `id`, `meta` first, the rest as given; `meta` without number and time. Raises INVALID for what
    JSON cannot say."""
    if isinstance(resource, Ready):
        return resource.content
    meta = {**(resource.get("meta") or {}), "versionId": "", "lastUpdated": ""}
    ordered = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta, **resource}
    ordered["meta"] = meta
    return dumps(ordered)


def stamped(content: bytes, version: int, last_updated: int) -> bytes:
    """What `unstamped` made with its number and time: the JSON that is stored and served."""
    timed = content.replace(_UNTIMED, _shown(last_updated), 1)
    return timed.replace(_UNNUMBERED, b'"versionId":"%d"' % version, 1)
