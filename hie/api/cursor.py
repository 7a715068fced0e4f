"""Paging links that cannot be forged: the store's cursor, signed for one principal and one question."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

from hie.base.errors import Category, HieError

_LENGTH = 16


def sign(secret: bytes, cursor: str, principal: str, question: Sequence[str]) -> str:
    """The value of `_cursor` in a link; `question` is everything else that the page depends on."""
    return urlsafe_b64encode(_mac(secret, cursor, principal, question) + cursor.encode()).decode().rstrip("=")


def verify(secret: bytes, signed: str, principal: str, question: Sequence[str]) -> str:
    """The store's cursor; raises INVALID when the link was changed or made for someone else."""
    try:
        raw = urlsafe_b64decode(signed + "=" * (-len(signed) % 4))
        cursor = raw[_LENGTH:].decode()
    except ValueError:
        raise _refused() from None
    if not hmac.compare_digest(raw[:_LENGTH], _mac(secret, cursor, principal, question)):
        raise _refused()
    return cursor


def _mac(secret: bytes, cursor: str, principal: str, question: Sequence[str]) -> bytes:
    message = b"\0".join(part.encode("utf-8", "surrogatepass") for part in (principal, *question, cursor))
    return hmac.new(secret, message, sha256).digest()[:_LENGTH]


def _refused() -> HieError:
    return HieError(
        Category.INVALID, "This paging link is not one of ours; start the search again", expression="http._cursor"
    )
