"""Searches in tests: a URL's query in, ids out."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from hie.fhir.definitions import official
from hie.search.plan import Plan
from hie.search.query import parse_query
from hie.store.port import Page, Store, Transaction

NOW = 1_768_696_200_000_000
"""2026-01-18T00:30:00Z in microseconds."""


def plan(kind: str | None, query: str, **options: Any) -> Plan:
    """The plan of `kind?query`."""
    return parse_query(kind, parse_qsl(query, keep_blank_values=True), official(), now=NOW, **options)


async def put(store: Store, *resources: dict[str, Any]) -> None:
    """Write resources, one after the other, in one job."""

    async def job(transaction: Transaction) -> None:
        for resource in resources:
            await transaction.put(resource)

    await store.write(job)


async def pages(store: Store, found: Plan) -> list[Page]:
    """All pages of a plan."""
    pages = [await store.search(found)]
    while pages[-1].next is not None:
        pages.append(await store.search(replace(found, cursor=pages[-1].next)))
        assert len(pages) < 200
    return pages


async def ordered(store: Store, kind: str | None, query: str) -> list[str]:
    """Ids of all matches in order."""
    return [match.id for page in await pages(store, plan(kind, query)) for match in page.matches]


async def ids(store: Store, kind: str | None, query: str) -> str:
    """Ids of all matches, sorted, with blanks between them."""
    found = await ordered(store, kind, query)
    assert len(set(found)) == len(found)
    return " ".join(sorted(found))
