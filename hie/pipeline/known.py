"""Known: what is known of a root without folding it."""

from dataclasses import dataclass

from hie.fold.fold import Folded
from hie.store.table import Row

LIVE, RESTORED, MOVED, REVOKED, PENDING = "live", "restored", "moved", "revoked", "pending"


@dataclass(frozen=True, slots=True)
class Known:
    """The row of a root in `ROOT`; `state` is live, restored (taken back and stated anew), moved (live, under another
    parent before), revoked or pending (stated but not asserted)."""

    state: str
    parent: str | None
    subject: str | None
    last_order: str
    digest: str

    @property
    def exists(self) -> bool:
        """Whether there is a resource: a revoked parent is still a parent (Qingpu §3.1)."""
        return self.state != PENDING


def known_of(state: Folded) -> Known:
    """What is known of a root by its fold."""
    return Known(_how(state), state.parent, state.subject, state.last_order, state.digest)


def known_in(row: Row) -> Known:
    """What is known of a root by its row."""
    return Known(
        str(row["state"]),
        None if row["parent"] is None else str(row["parent"]),
        None if row["subject"] is None else str(row["subject"]),
        str(row["last_order"]),
        str(row["digest"]),
    )


def _how(state: Folded) -> str:
    """`Known.state` of a root by its fold."""
    if not state.exists and not (state.revoked and state.slots):
        return PENDING
    if state.revoked:
        return REVOKED
    return RESTORED if state.restored else MOVED if state.moved else LIVE
