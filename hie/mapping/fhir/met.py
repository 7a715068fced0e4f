"""What is agreed with a FHIR sender and no item has: a slip in a system changes nothing, and nobody hears of it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hie.base.tablefile import table_text
from hie.mapping.fhir.tables import Mistake, placed
from hie.mapping.problem import Problem
from hie.wire.submission import Entry, Submission


class _Agreed(NamedTuple):
    """One thing agreed on: its table, the type of resource that it is about (empty: any), the system or element."""

    table: str
    type: str
    word: str

    @property
    def missed(self) -> Mistake:
        """What to say when no item has it."""
        where = self.type or "item"
        what = "element" if self.table == "ignore" else "system"
        return self.table, self.word, f"no {where} has the {what} {self.word!r}"

    def is_in(self, entry: Entry, texts: set[str]) -> bool:
        """Whether an entry with these texts has it; a system may stand in a search, too (`identifier=system|1`)."""
        if self.table == "ignore":
            return self.word in entry.resource
        return self.word in texts or any(f"{self.word}|" in text for text in texts)


class Met:
    """What the items that it is shown have of one agreement; one that is no file says nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = table_text(path) if path.exists() else ""
        self._open = set(_agreed(tomllib.loads(self._text)))
        self._asked: set[_Agreed] = set()

    def look(self, submission: Submission) -> None:
        """Look at the resources of one item and at what its requests say; only what is about their types is asked."""
        for entry in submission.entries:
            about = [one for one in self._open if one.type in ("", entry.type)]
            texts = {entry.url, entry.searched, *_texts(entry.resource)} if about else set()
            found = {one for one in about if one.is_in(entry, texts)}
            self._open -= found
            self._asked.update(about)

    def never(self) -> list[Problem]:
        """What is agreed and no item has, in order of the lines."""
        return sorted(placed(self._path.name, self._text, [one.missed for one in self._open & self._asked]))


def _agreed(data: dict[str, Any]) -> Iterator[_Agreed]:
    for table in ("identifiers", "codes"):
        yield from (_Agreed(table, "", system) for system in data.get(table, {}))
    for table in ("keys", "ignore"):
        yield from (_Agreed(table, type, word) for type, words in data.get(table, {}).items() for word in words)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a resource."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
