"""The bytes of a version: `id` and `meta` set once, at write time, the same way in every store (design decision 1)."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from hie.base.clock import Clock, instant
from hie.base.errors import Category, HieError
from hie.store.port import Version
from hie.wire.safejson import dumps

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Where microseconds are counted from."""

_MICROSECOND = timedelta(microseconds=1)
_PER_MILLISECOND = 1000


def stamp(clock: Clock, last: int) -> int:
    """The `last_updated` of a write: now in microseconds, cut to the millisecond that is shown, never before `last`."""
    now = (clock.now() - EPOCH) // _MICROSECOND
    return max(now - now % _PER_MILLISECOND, last)


def check_next(version: Version, current: int, last: int) -> None:
    """Raise CONFLICT when `version`, as given by another store, does not follow the `current` number of its resource
    and the time `last` of the last write."""
    if version.version != current + 1 or version.last_updated < last:
        raise HieError(Category.CONFLICT, f"Version {version.version} of a {version.type} does not follow.")


@lru_cache(maxsize=16)
def _shown(last_updated: int) -> str:
    return instant(EPOCH + last_updated * _MICROSECOND)


_UNNUMBERED = b'"versionId":""'
"""No legal resource holds this: FHIR has no empty strings, and a quote inside a string is escaped."""


def body(resource: dict[str, Any], version: int, last_updated: int) -> bytes:
    """The JSON that is stored and served: `resourceType`, `id`, `meta` first, the rest as given."""
    return numbered(unnumbered(resource, last_updated), version)


def unnumbered(resource: dict[str, Any], last_updated: int) -> bytes:
    """The same before its version is known; raises INVALID for what JSON cannot say."""
    meta = {**(resource.get("meta") or {}), "versionId": "", "lastUpdated": _shown(last_updated)}
    head = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta}
    return dumps({**head, **{key: value for key, value in resource.items() if key not in head}})


def numbered(content: bytes, version: int) -> bytes:
    """What `unnumbered` made, with its version."""
    return content.replace(_UNNUMBERED, b'"versionId":"%d"' % version, 1)
