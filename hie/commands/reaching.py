"""A server that does not answer is a situation for one clear line."""

import contextlib
from collections.abc import Iterator

import httpx

from hie.base.errors import Category, HieError


@contextlib.contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn what happens on the way to a server into UNAVAILABLE, and a URL that is none into INVALID."""
    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        raise HieError(Category.INVALID, f"{url!r} is no URL: write it as http://127.0.0.1:8080.") from None
    except httpx.TransportError:
        raise HieError(Category.UNAVAILABLE, f"No answer from {url}: does the server run?") from None
