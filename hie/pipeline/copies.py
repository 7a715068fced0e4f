"""Parts that are copies: of a part of another item (common rules §2.2), or of an earlier one of the same batch."""

from collections.abc import Iterable, Sequence

from hie.base.finding import STORED, Finding
from hie.base.ids import sha256
from hie.base.outcome import PartOutcome
from hie.base.record import Delivery
from hie.pipeline.items import part_outcome
from hie.pipeline.prepare import Prepared
from hie.staging.tables import PART
from hie.store.port import Transaction

MOST = 100
"""Parts with the same bytes that are looked through; one that is known only beyond is processed once more."""


async def known_part(
    tx: Transaction, delivery: Delivery, prepared: Prepared, *, released: bool = False
) -> PartOutcome | None:
    """The outcome of an earlier part of this feed with the same bytes, in another item.

    What its envelope contradicts was judged with that envelope: the same in one that fits, or the other way round, is
    no copy of it (Jiashan §8, §9.1). `released`: the contradiction is overruled.
    """
    if not prepared.record.body:
        return None
    contradicted = not released and _is_contradicted(prepared.findings)
    where = {"feed": delivery.feed, "sha256": sha256(prepared.record.body)}
    for most in (2, MOST):
        rows = await tx.select(PART, where, limit=most)
        for known in (part_outcome(row) for row in rows if row["item"] != delivery.id):
            if contradicted == (known.disposition not in STORED and _is_contradicted(known.findings)):
                return known
        if len(rows) < most:
            break
    return None


async def foresee_parts(tx: Transaction, delivery: Delivery, parts: Sequence[Prepared]) -> None:
    """Have the parts with the same bytes, and those with the same message ids, read together."""
    bodies = [{"feed": delivery.feed, "sha256": sha256(one.record.body)} for one in parts if one.record.body]
    messages = [{"feed": delivery.feed, "message": one.message_id} for one in parts if one.message_id]
    await tx.foresee(PART, [*bodies, *messages])


def firsts(parts: Sequence[Prepared]) -> list[int]:
    """For each part the place of the first one with the same bytes; its own, most often."""
    places: dict[str, int] = {}
    return [places.setdefault(sha256(one.record.body), place) for place, one in enumerate(parts)]


def _is_contradicted(findings: Iterable[Finding]) -> bool:
    """Whether an envelope says something else than its content."""
    return any(found.code == "envelope-mismatch" for found in findings)
