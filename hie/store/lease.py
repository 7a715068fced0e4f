"""Leases: work that only one process on a store may do at a time, such as closing a day or moving a schema.

A lease is a row: who holds it, until when, and a token that grows with every new holder. Time comes from the clocks of
the processes, so a holder that was paused, or whose clock is slow, may believe that it still leads. That does no harm:
what it writes is *fenced*. Every job of its work calls `fence` first, and as jobs are serial in effect, one that comes
after somebody else took the lease raises CONFLICT and leaves no trace.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from hie.base.clock import Clock, micros
from hie.base.errors import Category, HieError
from hie.store.port import Store, Transaction
from hie.store.table import Row, Table

T = TypeVar("T")

AHEAD_SECONDS = 300.0
"""How far the clocks of processes on one store may be apart. A lease that runs longer than this beyond its own time was
taken by a clock that has been set back since: it would hold everybody up for as long as that was wrong."""

LEASE = Table("lease", {"name": str, "holder": str, "token": int, "until": int}, key=("name",))
"""Leases by what they are for. `until` is in microseconds since the epoch, 0 for one that was given back."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it was taken: `token` is larger than that of every holder before."""

    name: str
    holder: str
    token: int
    until: int


async def take(store: Store, clock: Clock, name: str, holder: str, seconds: float) -> Lease | None:
    """Take or prolong the lease `name` for `seconds`; None while somebody else holds it.

    `holder` names one process. A lease that the same holder still has keeps its token; one that ran out, or was given
    back, gets the next, also when the same holder takes it again. Raises as `Store.write` does.
    """
    now = micros(clock.now())
    until = now + int(seconds * 1_000_000)
    latest = until + int(AHEAD_SECONDS * 1_000_000)

    async def job(tx: Transaction) -> Lease | None:
        row = await tx.get(LEASE, name)
        before = _lease(row) if row is not None else Lease(name, "", 0, 0)
        runs = now < before.until <= latest
        if runs and before.holder != holder:
            return None
        taken = Lease(name, holder, before.token + (0 if runs else 1), until)
        await tx.upsert(LEASE, {"name": name, "holder": holder, "token": taken.token, "until": until})
        return taken

    return await store.write(job)


async def fence(tx: Transaction, lease: Lease) -> None:
    """Raise CONFLICT, inside a job, when somebody has taken the lease since."""
    row = await tx.get(LEASE, lease.name)
    if row is None or _lease(row).token != lease.token:
        raise HieError(Category.CONFLICT, f"The lease {lease.name!r} is somebody else's by now.")


async def fenced(store: Store, lease: Lease, job: Callable[[Transaction], Awaitable[T]]) -> T:
    """Run `job` in a transaction in the name of the lease; raises CONFLICT when it is somebody else's by now."""

    async def held(tx: Transaction) -> T:
        await fence(tx, lease)
        return await job(tx)

    return await store.write(held)


def _lease(row: Row) -> Lease:
    return Lease(str(row["name"]), str(row["holder"]), int(str(row["token"])), int(str(row["until"])))
