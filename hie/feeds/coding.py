"""Content codings at the doors over HTTP."""

from hie.base.errors import Category, HieError


def check_coding(given: str) -> None:
    """An item is kept as it came, so none is taken that would have to be unpacked first (RFC 9110 §8.4, §15.5.16):
    raises UNSUPPORTED_MEDIA for any Content-Encoding."""
    if given.strip().lower() not in ("", "identity"):
        raise HieError(Category.UNSUPPORTED_MEDIA, "A feed takes no Content-Encoding: send the item as it is.")
