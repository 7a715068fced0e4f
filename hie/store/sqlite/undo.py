"""What a job changed in the dictionaries that hold what is still to be written, so that it can be taken back."""

from typing import Any

Changes = list[tuple[dict[Any, Any], Any, Any]]
"""(dictionary, key, value) in order of writing."""

_NOTHING = object()


class Undo:
    """Keeps what stood in a dictionary before the job that runs changed it. Jobs run one after the other."""

    def __init__(self) -> None:
        self._before: Changes = []

    def begin(self) -> None:
        """What was changed so far stays."""
        self._before.clear()

    def set(self, kept: dict[Any, Any], key: Any, value: Any) -> None:
        """Set a value in a dictionary."""
        self._before.append((kept, key, kept.get(key, _NOTHING)))
        kept[key] = value

    def take_back(self) -> Changes:
        """Bring the dictionaries back to where they were at `begin`; returns what `again` would change once more."""
        changes = [(kept, key, kept.get(key)) for kept, key, _ in self._before]
        for kept, key, before in reversed(self._before):
            if before is _NOTHING:
                kept.pop(key, None)
            else:
                kept[key] = before
        self._before.clear()
        return changes

    def again(self, changes: Changes) -> None:
        """Make the changes that were taken back."""
        for change in changes:
            self.set(*change)
