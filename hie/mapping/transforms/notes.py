"""What a transform needs of the mapping context."""

from datetime import datetime
from typing import Protocol


class Notes(Protocol):
    """The part of the mapping context that transforms use; a test can pass a small object of its own.

    `received` is when the item came in. `note` adds a finding at the path being mapped; `detail` never holds patient
    data. `local_system` is the identifier system of a kind in the sending organisation (common rules §4, rule L).
    """

    @property
    def received(self) -> datetime:
        """When the item came in, with an offset."""

    def note(self, code: str, detail: str = "") -> None:
        """Add a finding of `code` at the path being mapped."""

    def local_system(self, kind: str) -> str:
        """The identifier system of `kind` in the sending organisation."""
