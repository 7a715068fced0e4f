"""What jobs of a batch changed and know, in two layers: the job that runs, on top of all before it."""

from dataclasses import dataclass, field
from typing import Any

from hie.store.mongo.tables import Found, Key, Look
from hie.store.table import Row, Table

Document = dict[str, Any]


@dataclass
class Layer:
    """What one job, or all before it, changed and know.

    `current`: name -> document of the current version, None: never written. `rows`: (table, key) -> row, None: not
    there. `found`: what the server has of the rows of a look; `altered`: table -> keys of rows that were changed, which
    are laid over that. `fresh`: names and keys that the server does not have. `changed` rows and `resources` are to be
    written; at `places` lie what the server has of these. `ends`: number of a write -> when it was followed, and its
    place. `size` counts the bytes, roughly, of all, `waiting` of resources that are not sent, `held` of such rows.
    `guessed`: whether a row was taken to be new that was not looked for. `last`: the time of the last version that was
    restored, None when none was.
    """

    current: dict[str, Document | None] = field(default_factory=dict)
    versions: list[Document] = field(default_factory=list)
    resources: dict[str, Document] = field(default_factory=dict)
    places: dict[str, Document] = field(default_factory=dict)
    ends: dict[int, tuple[int, Document]] = field(default_factory=dict)
    rows: dict[tuple[str, Key], Row | None] = field(default_factory=dict)
    changed: dict[tuple[str, Key], Table] = field(default_factory=dict)
    found: dict[Look, Found] = field(default_factory=dict)
    altered: dict[str, dict[Key, None]] = field(default_factory=dict)
    fresh: set[Any] = field(default_factory=set)
    size: int = 0
    waiting: int = 0
    held: int = 0
    guessed: bool = False
    last: int | None = None

    def grow(self, size: int) -> None:
        """Count bytes of resources that are to be written."""
        self.size += size
        self.waiting += size

    def hold(self, size: int) -> None:
        """Count bytes of rows that are to be written."""
        self.size += size
        self.held += size

    def take(self, other: "Layer") -> None:
        """Lay `other` over this."""
        self.current |= other.current
        self.versions += other.versions
        self.resources |= other.resources
        self.places |= other.places
        self.ends |= other.ends
        self.rows |= other.rows
        self.changed |= other.changed
        self.found |= other.found
        for name, keys in other.altered.items():
            self.altered.setdefault(name, {}).update(keys)
        self.fresh |= other.fresh
        self.size += other.size
        self.waiting += other.waiting
        self.held += other.held
        self.last = self.last if other.last is None else other.last

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.versions or self.resources or self.changed)
