"""Answers that follow from the definitions alone, kept as bytes until the definitions change."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from hie.fhir.definitions import Definitions

MOST = 16
"""Answers that are kept; their URLs hold the host that the caller named, so there could be many."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An answer in one format: its bytes, the same compressed, and its ETag."""

    body: bytes
    compressed: bytes
    etag: str


class Kept:
    """The answers of one service."""

    def __init__(self) -> None:
        self._definitions: Definitions | None = None
        self._ready: dict[Hashable, Ready] = {}

    def get(self, definitions: Definitions, key: Hashable, make: Callable[[], Ready]) -> Ready:
        """The answer of `key` under these definitions, made when it is not kept."""
        if definitions is not self._definitions:
            self._definitions = definitions
            self._ready = {}
        found = self._ready.get(key)
        if found is None:
            while len(self._ready) >= MOST:
                del self._ready[next(iter(self._ready))]
            found = self._ready[key] = make()
        return found
