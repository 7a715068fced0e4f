"""Keyset cursors: where a page ended, signed and bound to the plan it belongs to.

A cursor holds the sort values and the number of the last match. Its signature covers a digest of the whole plan, so
one that was handed out for a patient's data opens no other query.
"""

import base64
import hashlib
import hmac
from typing import Any

import orjson

from hie.search.plan import Plan
from hie.search.setting import invalid

_SIGNATURE = 16
"""Bytes of the HMAC-SHA-256 that are kept."""


def digest(plan: Plan) -> bytes:
    """What identifies the query of a plan: everything but where the page starts, its size and how it is shown."""
    same = plan.but(cursor=None, count=0, includes=(), explain=False, seconds=0.0, applied=(), ignored=(), elements=())
    return hashlib.sha256(repr(same).encode()).digest()


def encode(secret: bytes, plan: Plan, position: list[Any]) -> str:
    """The cursor of the page after `position` (JSON values)."""
    content = orjson.dumps(position)
    return base64.urlsafe_b64encode(_sign(secret, plan, content) + content).rstrip(b"=").decode()


def decode(secret: bytes, plan: Plan) -> list[Any] | None:
    """The position in the cursor of `plan`, None when it has none; INVALID for one not made by `encode` for it."""
    if plan.cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(plan.cursor + "=" * (-len(plan.cursor) % 4))
    except ValueError as error:
        raise invalid("_cursor", "was not made for this search; begin with its first page") from error
    signature, content = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(secret, plan, content)):
        raise invalid("_cursor", "was not made for this search; begin with its first page")
    position: list[Any] = orjson.loads(content)
    return position


def _sign(secret: bytes, plan: Plan, content: bytes) -> bytes:
    return hmac.new(secret, digest(plan) + content, hashlib.sha256).digest()[:_SIGNATURE]
