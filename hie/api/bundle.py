"""batch and transaction: what is posted to the service base (FHIR R4 http §3.1.0.11)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from hie.api.content import decoded
from hie.api.entries import answer_entry, entry_of, refused, rows_of
from hie.api.message import Answer, Request
from hie.api.router import Route
from hie.api.service import Service
from hie.api.transaction import transaction
from hie.base.errors import Category, HieError
from hie.fhir.bundle import bundle as bundled
from hie.security.policy import Interaction

_AT_ONCE = 16
_READING = ("GET", "HEAD")


async def bundle(service: Service, request: Request, route: Route) -> Answer:
    """Run a Bundle of type batch or transaction."""
    posted = decoded(service, request)
    if posted["resourceType"] != "Bundle":
        raise HieError(Category.INVALID, "Only a Bundle can be posted here", expression="resourceType")
    if posted.get("type") == "transaction":
        service.gate(request.principal, Interaction.TRANSACTION, None)
        return await transaction(service, request, posted)
    if posted.get("type") != "batch":
        raise HieError(
            Category.INVALID, "The type must be batch or transaction", issue="value", expression="Bundle.type"
        )
    return await _batch(service, request, posted)


async def _batch(service: Service, request: Request, posted: dict[str, Any]) -> Answer:
    """Each entry on its own; writes first, so that reads of the same batch see them."""
    rows = dict(enumerate(rows_of(service, posted)))
    reading = {place: row for place, row in rows.items() if _reads(row)}
    answers = await run_apart(service, request, {place: row for place, row in rows.items() if place not in reading})
    answers |= await run_apart(service, request, reading)
    return Answer(200, bundled("batch-response", [answers[place] for place in rows]))


async def run_apart(service: Service, request: Request, rows: Mapping[int, Any]) -> dict[int, bytes]:
    """The response entries to entries, by their places in a Bundle: each on its own, several at once."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def run(place: int) -> bytes:
        async with gate:
            return await _one(service, request, place, rows[place])

    return dict(zip(rows, await asyncio.gather(*map(run, rows)), strict=True))


def _reads(row: Any) -> bool:
    asked = row.get("request") if isinstance(row, dict) else None
    return isinstance(asked, dict) and asked.get("method") in _READING


async def _one(service: Service, request: Request, place: int, row: Any) -> bytes:
    from hie.api.dispatch import handle

    try:
        entry = entry_of(service, request, place, row)
        if entry.request.path == () and entry.request.method == "POST":
            raise HieError(Category.INVALID, "A Bundle in a Bundle is not run", expression=f"{entry.at}.request.url")
        return answer_entry(entry.request, await handle(service, entry.request))
    except Exception as error:
        return refused(error)
