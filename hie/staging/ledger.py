"""The ledger: at every instant received = stored + quarantined + rejected + in flight (design decision 3)."""

from dataclasses import dataclass
from datetime import datetime

from hie.base.clock import CHINA
from hie.staging.states import IN_FLIGHT, State
from hie.staging.tables import COUNTER, RAW_ITEM
from hie.store.port import Reader, Transaction

_LOOKS = 3
"""An item that changes its state while states are counted is found twice or not at all: then it is looked again."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Both sides of the equation: `received` is counted when an item arrives, the rest are items by state."""

    received: int
    stored: int
    quarantined: int
    rejected: int
    in_flight: int

    @property
    def balanced(self) -> bool:
        """Whether the equation holds."""
        return self.received == self.stored + self.quarantined + self.rejected + self.in_flight


async def count(tx: Transaction, at: datetime, feed: str, what: str) -> None:
    """Add one to the counter of `what` for the feed on the day of `at` (China time)."""
    name = f"{what}|{at.astimezone(CHINA):%Y-%m-%d}|{feed}"
    row = await tx.get(COUNTER, name)
    before = row["n"] if row is not None else 0
    assert isinstance(before, int)
    await tx.upsert(COUNTER, {"name": name, "n": before + 1})


async def counters(reader: Reader) -> dict[str, int]:
    """All counters: `what|day|feed` -> n."""
    return {str(row["name"]): int(str(row["n"])) for row in await reader.select(COUNTER, {}, order=("name",))}


async def known_feeds(reader: Reader) -> list[str]:
    """Every feed of which an item was ever received, also one whose adapter is not there any more."""
    names = (name.split("|", 2) for name in await counters(reader))
    return sorted({feed for what, _, feed in names if what == "received"})


async def ledger(reader: Reader) -> Ledger:
    """The ledger as it stands. While items come in, `received` is what it was at some moment between the first look and
    the last: else what arrived in between would be missing on one side."""
    for _ in range(_LOOKS):
        before = await _received(reader)
        states = {state: await reader.count(RAW_ITEM, {"state": state.value}) for state in State}
        after = await _received(reader)
        books = Ledger(
            min(max(sum(states.values()), before), after),
            states[State.STORED],
            states[State.QUARANTINED],
            states[State.REJECTED],
            sum(states[state] for state in IN_FLIGHT),
        )
        if books.balanced:
            break
    return books


async def _received(reader: Reader) -> int:
    return sum(n for name, n in (await counters(reader)).items() if name.startswith("received|"))
