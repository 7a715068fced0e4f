"""The life of a raw item, as a table of transitions."""

from enum import StrEnum

from hie.base.finding import Disposition


class State(StrEnum):
    """Where a raw item is. `received`, `leased` and `retry` are in flight; the others are settled."""

    RECEIVED = "received"
    LEASED = "leased"
    RETRY = "retry"
    STORED = "stored"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


class Event(StrEnum):
    """What happens to a raw item."""

    CLAIM = "claim"
    STORE = "store"
    QUARANTINE = "quarantine"
    REJECT = "reject"
    FAIL = "fail"
    GIVE_UP = "give-up"
    EXPIRE = "expire"
    REPLAY = "replay"
    RELEASE = "release"
    DISCARD = "discard"


IN_FLIGHT = frozenset({State.RECEIVED, State.LEASED, State.RETRY})

_S, _E = State, Event
TRANSITIONS: dict[tuple[State, Event], State] = {
    (_S.RECEIVED, _E.CLAIM): _S.LEASED,
    (_S.RETRY, _E.CLAIM): _S.LEASED,
    (_S.LEASED, _E.STORE): _S.STORED,
    (_S.LEASED, _E.QUARANTINE): _S.QUARANTINED,
    (_S.LEASED, _E.REJECT): _S.REJECTED,
    (_S.LEASED, _E.FAIL): _S.RETRY,
    (_S.LEASED, _E.GIVE_UP): _S.QUARANTINED,
    (_S.LEASED, _E.EXPIRE): _S.RETRY,
    (_S.STORED, _E.REPLAY): _S.LEASED,
    (_S.QUARANTINED, _E.REPLAY): _S.LEASED,
    (_S.REJECTED, _E.REPLAY): _S.LEASED,
    (_S.QUARANTINED, _E.RELEASE): _S.LEASED,
    (_S.STORED, _E.RELEASE): _S.LEASED,
    (_S.QUARANTINED, _E.DISCARD): _S.REJECTED,
    (_S.STORED, _E.DISCARD): _S.STORED,
}
"""(state, event) -> next state. A pair that is not here cannot happen. `stored` items may still be released or
discarded, because single rows of theirs may lie in quarantine."""

SETTLES: dict[Disposition, Event] = {
    Disposition.ACCEPTED: Event.STORE,
    Disposition.ACCEPTED_WITH_WARNINGS: Event.STORE,
    Disposition.QUARANTINED: Event.QUARANTINE,
    Disposition.REJECTED: Event.REJECT,
}
"""Disposition of an item -> the event that settles it."""

MAX_ATTEMPTS = 6
"""How often an item is tried before it is given up (dead letter: quarantined with `internal-error`)."""

LEASE_SECONDS = 120
"""How long a claimed item stays with whoever claimed it; afterwards it is tried again."""

LONGEST_BACKOFF = 900
"""Seconds after which a failed item is tried again at the latest. One that would wait longer was put off, or claimed,
by a clock that has been set back since."""


def advance(state: State, event: Event) -> State:
    """The next state; raises `ValueError` for a transition that the table does not have."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ValueError(f"an item that is {state} cannot {event}") from None


def backoff_seconds(attempts: int) -> int:
    """Seconds to wait after `attempts` failures: 5, 20, 80, 320, then `LONGEST_BACKOFF`."""
    return int(min(LONGEST_BACKOFF, 5 * 4 ** (max(attempts, 1) - 1)))
