"""Ids: the same key always gives the same one, on every machine (design decision 4); without a key, a new one."""

import hashlib
import os
from functools import lru_cache
from time import time_ns
from uuid import UUID

NAMESPACE = UUID("6f6c1a52-0e0b-5a35-9d0c-6a2d0c1f7b11")
"""Root of every UUIDv5 the exchange makes. Changing it changes every id: never."""


_ROOT = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)


def stable_id(*parts: str) -> str:
    """UUIDv5 text of the parts; the unit separator keeps ("a","bc") and ("ab","c") apart."""
    digest = _ROOT.copy()
    digest.update("\x1f".join(parts).encode())
    return _uuid(digest.hexdigest(), 5)


def is_stable(text: str) -> bool:
    """Whether this could be an id that `stable_id` made."""
    return len(text) == 36 and text[14] == "5"


_READY: list[str] = []
"""New ids made beforehand: the system is asked for random bytes once for 256 of them."""
os.register_at_fork(after_in_child=_READY.clear)


def new_id() -> str:
    """UUIDv7 text (RFC 9562 §5.7): milliseconds, then random; for any thread.

    Ids that are made one after the other are neighbours in an index, so a store writes fewer pages. 256 are made at a
    time; some are given out later than their milliseconds say.
    """
    while True:
        try:
            return _READY.pop()
        except IndexError:
            now, digits = f"{time_ns() // 1_000_000:012x}", os.urandom(20 * 128).hex()
            _READY.extend(_uuid(now + digits[start : start + 20], 7) for start in range(0, len(digits), 20))


def _uuid(digits: str, version: int) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


@lru_cache(maxsize=16384)
def resource_id(region: str, organisation: str, resource_type: str, kind: str, value: str) -> str:
    """The id of a resource built from feeds: UUIDv5 of region, organisation, type and natural key."""
    return stable_id("resource", region, organisation, resource_type, kind, value)


def raw_item_id(feed: str, body: bytes) -> str:
    """The id of a received item: the same bytes on the same feed are the same item (common rules §2.2)."""
    return stable_id("raw", feed, sha256(body))


def sha256(body: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(body).hexdigest()
