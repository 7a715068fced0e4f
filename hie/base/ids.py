"""Deterministic ids: the same key always gives the same id, on every machine (design decision 4)."""

import hashlib
from functools import lru_cache
from uuid import UUID

NAMESPACE = UUID("6f6c1a52-0e0b-5a35-9d0c-6a2d0c1f7b11")
"""Root of every UUIDv5 the exchange makes. Changing it changes every id: never."""


_ROOT = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)


def stable_id(*parts: str) -> str:
    """UUIDv5 text of the parts; the unit separator keeps ("a","bc") and ("ab","c") apart."""
    digest = _ROOT.copy()
    digest.update("\x1f".join(parts).encode())
    text = digest.hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


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
