"""Who does background work that one process of all on a store is enough for."""

from uuid import uuid4

from hie.base.clock import Clock, micros
from hie.store.lease import Lease, take
from hie.store.port import Store

LEASE_SECONDS = 30.0
"""How long a leader that stopped holds the others up."""


class Leader:
    """One process that would do the work `name`. What it does must be harmless when two believe that they lead."""

    def __init__(self, store: Store, clock: Clock, name: str) -> None:
        self._store = store
        self._clock = clock
        self._name = name
        self._holder = str(uuid4())
        self._lease: Lease | None = None

    async def leads(self) -> bool:
        """Whether this process leads; takes the lease, or prolongs it when half of it is over, or when it runs longer
        than it can: the clock was set back."""
        left = self._lease.until - micros(self._clock.now()) if self._lease is not None else 0
        if not LEASE_SECONDS * 500_000 <= left <= LEASE_SECONDS * 1_000_000:
            self._lease = await take(self._store, self._clock, self._name, self._holder, LEASE_SECONDS)
        return self._lease is not None
