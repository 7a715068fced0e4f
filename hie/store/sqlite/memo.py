"""What callers found out about the resources of a type, kept while none of them changes."""

from typing import Any

import apsw

KEPT = 20_000
"""Answers kept at most, over all types; then all are forgotten."""


class Memo:
    """Answers by type, for the connection that writes: it sees what it writes itself, and whether others wrote."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._answers: dict[str, dict[Any, Any]] = {}
        self._data_version: int | None = None

    def of(self, resource_type: str) -> dict[Any, Any]:
        """The answers about a type, to read and to add to."""
        return self._answers.setdefault(resource_type, {})

    def changed(self, resource_type: str) -> None:
        """A resource of this type was written."""
        self._answers.pop(resource_type, None)

    def begin(self) -> None:
        """A transaction has begun: other connections may have written since the last one."""
        now = self._connection.execute("PRAGMA data_version").get
        if now != self._data_version or sum(map(len, self._answers.values())) > KEPT:
            self.forget()
            self._data_version = now

    def forget(self) -> None:
        """Something was undone, and an answer may come from it."""
        self._answers.clear()
