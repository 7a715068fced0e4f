"""What is wrong with the tables: file, line, column and reason, all at once; a broken table stops the start."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path

from hie.base.errors import Category, HieError
from hie.base.tablefile import NotUtf8, table_text


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a table; `line` and `column` count from 1."""

    file: str
    line: int
    reason: str
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.reason}"


class BrokenTables(HieError):
    """Field maps or code maps that cannot be used; `problems` lists every mistake found, in order of file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__(Category.INTERNAL, "broken tables:\n" + "\n".join(map(str, self.problems)))


def read_text(path: Path, name: str) -> tuple[str, list[Problem]]:
    """The text of a table; what is no UTF-8 gives no text and the problem, under the `name` of the file."""
    try:
        return table_text(path), []
    except NotUtf8 as error:
        return "", [Problem(name, error.line, str(error), error.column)]


def meant(word: str, known: Iterable[str]) -> str:
    """For the end of a reason: the known word that comes closest to an unknown one, whatever the case of letters; empty
    when none does. What both begin with, as all code maps of a region do, makes nothing alike."""
    folded = {one.casefold(): one for one in known}
    sent = word.casefold()
    close = (folded[one] for one in get_close_matches(sent, folded) if get_close_matches(*_apart(sent, one)))
    found = next(close, None)
    return f"; did you mean {found!r}?" if found is not None else ""


def _apart(word: str, other: str) -> tuple[str, list[str]]:
    """Two words without the parts, up to a hyphen, that they begin with alike."""
    alike = "".join(mine for mine, _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False)))
    same = alike.rfind("-") + 1
    return word[same:], [other[same:]]
