"""A server that does not answer, or refuses, is a situation for one clear line."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

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


def refusal(response: httpx.Response) -> str:
    """Why a FHIR server refused: the status and what its OperationOutcome says first, where it sent one."""
    try:
        outcome = response.json()
    except ValueError:
        outcome = None
    return told(str(response.status_code), outcome)


def told(status: str, outcome: Any) -> str:
    """A status and the first issue of an OperationOutcome, with its place: `422 Patient.birthDate: This is no date`."""
    issues = outcome.get("issue") if isinstance(outcome, Mapping) else None
    if not issues:
        return status
    place = next(iter(issues[0].get("expression", ())), "")
    words = issues[0].get("diagnostics", issues[0].get("code", ""))
    return f"{status} {place}: {words}" if place else f"{status} {words}"
