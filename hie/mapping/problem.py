"""What is wrong with the tables: file, line, column and reason, all at once; a broken table stops the start."""

from collections.abc import Iterable
from dataclasses import dataclass

from hie.base.errors import Category, HieError


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
