"""Matching for conditional interactions: run inside the write transaction, so that racing ones see each other."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

from hie.api.planning import planned
from hie.api.service import Service
from hie.base.errors import Category, HieError
from hie.search.query import PASSED_OVER
from hie.security.principal import Principal
from hie.store.port import Reader, Version

CONTROLS = frozenset(
    {
        "_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_cursor", "_contained",
        "__explain",
    }
)  # fmt: skip
"""Parameters that say how a search answers, not what is searched."""

Pairs = tuple[tuple[str, str], ...]
"""Criteria, in their order."""


def pairs_of(text: str) -> Pairs:
    """Search pairs from a header or Bundle entry: `identifier=x`, `?identifier=x` or `Patient?identifier=x`."""
    query = text.partition("?")[2] if "?" in text.partition("=")[0] else text
    try:
        return tuple(parse_qsl(query, keep_blank_values=True, errors="strict"))
    except (UnicodeDecodeError, ValueError):
        raise HieError(Category.INVALID, "The search criteria are not a query string in UTF-8") from None


async def match_one(
    service: Service, reader: Reader, principal: Principal, kind: str, query: Sequence[tuple[str, str]]
) -> Version | None:
    """The one resource that meets the criteria, None when none does; the form of the answer is no criterion.

    Raises MULTIPLE_MATCHES; VERSION_CONFLICT when there are no criteria (FHIR R4: not selective enough).
    """
    if any(name.partition(":")[0] in CONTROLS for name, _ in query):
        raise HieError(Category.INVALID, "Criteria may not control the search itself", issue="not-supported")
    if not any(text for name, text in query if name not in PASSED_OVER):
        raise HieError(Category.VERSION_CONFLICT, "The criteria are not selective enough", issue="processing")
    plan = planned(service, principal, kind, (*query, ("_count", "2")))
    page = await reader.search(plan)
    if len(page.matches) > 1:
        raise HieError(Category.MULTIPLE_MATCHES, "More than one resource meets the criteria")
    return page.matches[0] if page.matches else None
