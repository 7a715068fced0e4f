"""Silence of a region or of one of its institutions, as pages tell it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing came since `since`, against the usual rhythm: from a whole `region`, or only from one institution of it,
    `organisation` (its social credit code, else empty)."""

    region: str
    organisation: str
    since: datetime
