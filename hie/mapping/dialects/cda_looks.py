"""Where an expression of the dialect `cda` looks: every location path in it, those in predicates and in arguments of
functions too, each as a path from the node at hand."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from hie.mapping.dialects.cda_xpath import OPERATORS, QUOTED

_STEPS = frozenset({"section", "obs", "node", "text", "comment", "processing-instruction"})
"""What stands before a bracket and is a step, not a function."""

_CALLED = re.compile(r"(?:^|(?<=[/:\s]))([\w.-]+)\s*$")
_NUMBER = re.compile(r"[\d.]*\d[\d.]*")
_WORD = re.compile(r"[\w.-]+")
_BETWEEN = frozenset("|,=!<>+")
"""Characters that end a location path."""


class Look(NamedTuple):
    """One location path; `inner` when it stands in a predicate or an argument, where an element is looked at as text
    and gives nothing itself."""

    path: str
    inner: bool


def looks(expression: str, before: str = "", *, inner: bool = False) -> Iterator[Look]:
    """The location paths of an expression that stands behind the path `before`."""
    path, place, whole = "", 0, False  # whole: a value stands before this place that is no path
    while place < len(expression):
        rest = expression[place:]
        character = rest[0]
        if quoted := QUOTED.match(rest):
            place, whole = place + len(quoted[0]), True
        elif character in "[(":
            within = rest[1 : _closing(rest)]
            place += len(within) + 2
            if character == "(" and (called := _function(path)) is not None:
                path, whole = path[:called], True
                yield from looks(within, before, inner=True)
                continue
            if character == "[":
                yield from looks(within, _behind(before, path), inner=True)
            path += rest[: len(within) + 2]
        elif character in _BETWEEN or _is_operator(path, rest, whole=whole):
            yield from _ended(path, before, inner=inner)
            word = _WORD.match(rest)
            path, place, whole = "", place + (len(word[0]) if word else 1), False
        else:
            path, place = path + character, place + 1
    yield from _ended(path, before, inner=inner)


def _ended(path: str, before: str, *, inner: bool) -> Iterator[Look]:
    if path.strip() and not _NUMBER.fullmatch(path.strip()):
        yield Look(_behind(before, path), inner)


def _behind(before: str, path: str) -> str:
    plain = path.strip()
    return f"{before}/{plain}" if before and plain and not plain.startswith("/") else plain or before


def _function(path: str) -> int | None:
    """Where the name of a function begins that ends a path; None when a bracket behind it is a step or a group."""
    called = _CALLED.search(path)
    return called.start() if called and called[1] not in _STEPS | OPERATORS else None


def _is_operator(path: str, rest: str, *, whole: bool) -> bool:
    """Whether an operator stands here, behind a value: a word or minus behind a blank, a star."""
    before = path.rstrip()
    if not (before or whole) or before.endswith(("/", "::", "@")):
        return False
    word = _WORD.match(rest)
    named = word is not None and word[0] in OPERATORS | {"-"} and (not path or path[-1].isspace())
    return named or rest[0] == "*"


def _closing(text: str) -> int:
    """The place of the bracket that closes the first one."""
    depth = 0
    for place, character in enumerate(QUOTED.sub(lambda quoted: " " * len(quoted[0]), text)):
        depth += (character in "[(") - (character in "])")
        if not depth:
            return place
    return len(text)
