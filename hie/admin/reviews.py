"""Route of the pairs of Patients that were left apart for a person to look at, in pages."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Response

from hie.base.errors import Category, HieError
from hie.identity.match import REASONS
from hie.identity.tables import REVIEW
from hie.store.port import Reader, Store
from hie.store.table import Above, Row

MOST_PAIRS = 10_000
"""How many pairs one page has at most."""


def reviews_router(store: Store) -> APIRouter:
    """`GET /reviews`."""
    router = APIRouter()

    @router.get("/reviews")
    async def get_reviews(response: Response, limit: int = 1000, after: str = "") -> list[dict[str, Any]]:
        """Pairs of Patients left apart for a person to look at, in the order of their ids.

        `after`: the pair that the page before ended with, as `Patient/1,Patient/2`; the header `Link` has the address
        of the next page (RFC 8288), until there is none.
        """
        if not 1 <= limit <= MOST_PAIRS:
            raise HieError(Category.INVALID, f"limit must be 1 to {MOST_PAIRS}.")
        found = await _page(store, _pair(after), limit + 1)
        if len(found) > limit:
            last = found[limit - 1]
            more = urlencode({"limit": limit, "after": f"{last['first']!s},{last['second']!s}"}, safe="/,")
            response.headers["Link"] = f'</admin/reviews?{more}>; rel="next"'
        return [_json(row) for row in found[:limit]]

    return router


def _pair(after: str) -> tuple[str, str]:
    first, _, second = after.partition(",")
    if after and not (first and second):
        raise HieError(Category.INVALID, "after must be two Patients, as in Patient/1,Patient/2.")
    return first, second


async def _page(reader: Reader, after: tuple[str, str], limit: int) -> list[Row]:
    """The pairs behind one: the rest of those with the same first Patient, then those of the Patients behind it."""
    first, second = after
    rest = await reader.select(REVIEW, {"first": first, "second": Above(second)}, order=("second",), limit=limit)
    behind = limit - len(rest)
    if not behind:
        return rest
    return rest + await reader.select(REVIEW, {"first": Above(first)}, order=("first", "second"), limit=behind)


def _json(row: Row) -> dict[str, Any]:
    text = dict(zip(("zh", "en"), REASONS[str(row["reason"])], strict=True))
    return {**{name: row[name] for name in ("first", "second", "reason")}, "text": text}
