"""Parts that are copies: of a part of another item (common rules §2.2), or of an earlier one of the same batch."""

from collections.abc import Iterable, Sequence

from hie.base.finding import Finding
from hie.base.ids import sha256
from hie.base.outcome import PartOutcome
from hie.base.record import Delivery
from hie.pipeline.disposition import STORED
from hie.pipeline.items import part_outcome
from hie.pipeline.prepare import Prepared
from hie.staging.tables import PART
from hie.store.port import Transaction

MOST_ENVELOPES = 100
"""Envelopes around one document that are looked through; a document known only beyond is processed once more."""


async def known_part(
    tx: Transaction, delivery: Delivery, prepared: Prepared, *, enveloped: bool, released: bool
) -> PartOutcome | None:
    """The outcome of an earlier part of this feed with the same bytes, in another item.

    A document (`enveloped`) that its envelope contradicts is judged with that envelope: it is no copy, and a later one
    in an envelope that fits, or without any, is no copy of it (Jiashan §8, §9.1).
    """
    body = prepared.record.body
    if not body or (enveloped and not released and _contradicted(prepared.findings)):
        return None
    where = {"feed": delivery.feed, "sha256": sha256(body)}
    for row in await tx.select(PART, where, limit=MOST_ENVELOPES if enveloped else 2):
        if row["item"] == delivery.id:
            continue
        known = part_outcome(row)
        if not enveloped or known.disposition in STORED or not _contradicted(known.findings):
            return known
    return None


def firsts(parts: Sequence[Prepared]) -> list[int]:
    """For each part the place of the first one with the same bytes; its own, most often."""
    places: dict[str, int] = {}
    return [places.setdefault(sha256(one.record.body), place) for place, one in enumerate(parts)]


def _contradicted(findings: Iterable[Finding]) -> bool:
    """Whether an envelope says something else than its content."""
    return any(found.code == "envelope-mismatch" for found in findings)
