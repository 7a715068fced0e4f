"""Answers about codes that are kept: what the hot path asks, message after message.

A question costs a look into a dictionary; the library is asked once for each code until it changes.
"""

from collections.abc import Hashable
from typing import Any

from hie.terminology.service import Terminology

MOST = 50_000
"""Answers that are kept of one kind; then all are forgotten."""


class Remembered:
    """Three questions to a terminology service, each answered from memory when it was asked before.

    `look` is called once for each message: only then it is noticed that something was loaded, so that all of one
    message is mapped by the same answers.
    """

    def __init__(self, answers: Terminology) -> None:
        self._answers = answers
        self._revision: Any = None
        self._kept: dict[Hashable, Any] = {}

    def look(self) -> None:
        """Forget what was kept when the library has changed since."""
        revision = self._answers.library.revision
        if revision != self._revision or len(self._kept) > MOST:
            self._revision, self._kept = revision, {}

    def display(self, system: str, code: str) -> str | None:
        """The name of a code, Chinese where there is one; None when code or system are not known."""
        key = ("display", system, code)
        if key not in self._kept:
            self._kept[key] = self._answers.display(system, code)
        found: str | None = self._kept[key]
        return found

    def has(self, system: str, code: str) -> bool | None:
        """Whether a code system has a code; None when the system is not here in full."""
        key = ("has", system, code)
        if key not in self._kept:
            told = self._answers.check(system, code)
            self._kept[key] = None if told is None else told.known
        found: bool | None = self._kept[key]
        return found

    def in_value_set(self, url: str, system: str | None, code: str) -> bool | None:
        """Whether a code is in a value set; None when that cannot be told."""
        key = (url, system, code)
        if key not in self._kept:
            self._kept[key] = self._answers.in_value_set(url, system, code)
        found: bool | None = self._kept[key]
        return found

    def member_of(self, value: Any, url: str) -> bool | None:
        """The `memberOf()` of FHIRPath for a code, Coding, CodeableConcept or Quantity; None when it cannot be told."""
        if value.__class__ is dict and "coding" not in value:
            return self.in_value_set(url, value.get("system"), value["code"]) if "code" in value else None
        return self._answers.member_of(value, url)
