"""Review: whether a result was final at all before it was changed; its report, a root of its own, has a say in that."""

from collections.abc import Iterable, Mapping, Sequence

from hie.fold.prefix import Placed

_PRELIMINARY = "preliminary"


def unfinal(rows: Iterable[Placed], reports: Mapping[str, Sequence[Placed]]) -> frozenset[str]:
    """The order keys of the rows of a result before which it was never final, so that they correct nothing (Qingpu
    §3.2, §4.4): it was preliminary with its report, or the report was not there.

    `reports` are the reports that it hung on, each with its own rows, in order. What one envelope says of a report
    holds for the rows of older envelopes when all of it is said, and at once for its own (Qingpu §2).
    """
    found: list[str] = []
    before: Placed | None = None
    report, final = "", False
    for row in sorted(rows, key=lambda one: one.place):
        if row.contribution.revoke:
            before, final = None, False
            continue
        if before is not None and not final:
            final = _was_final(reports.get(report, ()), before, row)
        if not final:
            found.append(row.order)
        if row.contribution.parent is not None:
            report = row.contribution.parent.reference
        before = row
    return frozenset(found)


def _was_final(report: Sequence[Placed], since: Placed, until: Placed) -> bool:
    """Whether a report was final when one row about a result was there and the next was not yet."""
    status = _PRELIMINARY
    for row in report:
        stated = row.contribution.slots.get("status")
        if stated is None:
            continue
        if row.order <= since.order or row.item == since.item:
            status = stated
        elif row.order < until.order and row.item != until.item and stated != _PRELIMINARY:
            return True
    return bool(status != _PRELIMINARY)
