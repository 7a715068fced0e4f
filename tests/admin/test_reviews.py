"""Pairs of Patients to look at, page by page."""

import pytest

from hie.app import Exchange
from hie.identity.tables import REVIEW
from hie.store.port import Transaction
from tests.admin.conftest import client

PAIRS = [(f"Patient/{a}", f"Patient/{b}") for a, b in ("12", "13", "14", "23", "56")]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 1000])
async def test_pages_have_every_pair_once_in_order(quiet: Exchange, limit: int) -> None:
    async def fill(tx: Transaction) -> None:
        for first, second in reversed(PAIRS):
            await tx.upsert(REVIEW, {"first": first, "second": second, "reason": "look-alike", "at": 1})

    await quiet.store.write(fill)
    found, pages, url = [], 0, f"/admin/reviews?limit={limit}"
    async with client(quiet) as http:
        while url:
            answer = await http.get(url)
            pages, page = pages + 1, answer.json()
            assert {one["reason"] for one in page} == {"look-alike"}
            found += [(one["first"], one["second"]) for one in page]
            url = answer.links.get("next", {}).get("url", "")
    assert found == PAIRS
    assert pages == -(-len(PAIRS) // limit)


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "after=Patient/1", "after=,Patient/2"])
async def test_a_page_that_cannot_be_is_refused(quiet: Exchange, query: str) -> None:
    async with client(quiet) as http:
        answer = await http.get(f"/admin/reviews?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
