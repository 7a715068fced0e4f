"""A clock that a test sets."""

from datetime import datetime, timedelta


class FixedClock:
    """A `hie.base.clock.Clock` that moves only when told."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """The instant it was set to."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Move the clock forward (or back, when negative)."""
        self.at += timedelta(seconds=seconds)
