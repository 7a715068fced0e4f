"""Listed: what a visit lists of a diagnosis by all the rows about it, at whichever visit it stood when they came."""

from collections.abc import Iterable, Sequence
from typing import Any

from hie.base.slots import JOINED, joined
from hie.fold.prefix import Placed


def listed(condition: str, rows: Iterable[Placed], said: Sequence[Placed]) -> dict[str, Any]:
    """The slots of Encounter.diagnosis about a Condition: use and rank as the rows state them since it was last taken
    back (Qingpu §2); one that names another visit and no rank leaves the rank (common rules §8).

    `rows` are about the Condition itself, `said` about the visits that it was at.
    """
    name = f"diagnosis[]#{condition.partition('/')[2]}"
    since = max((row.order for row in rows if row.contribution.revoke), default="")
    slots: dict[str, Any] = {}
    for row in sorted(said, key=lambda one: one.place):
        for slot, value in row.contribution.slots.items():
            if slot.startswith(name) and row.order > since:
                slots[slot] = joined(slots.get(slot), value) if slot.endswith(JOINED) else value
    return slots
