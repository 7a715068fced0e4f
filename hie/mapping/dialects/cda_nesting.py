"""Steps of a CDA path to an element that cannot stand where the path looks for it: such a path reads nothing."""

import re
from functools import lru_cache

from hie.mapping.dialects.cda_xpath import OBSERVATION, OPERATORS, QUOTED, SECTION
from hie.wire.cda_names import between, may_hold

_ROOT = "ClinicalDocument"
_TOKEN = re.compile(
    r"(?P<axis>[a-z-]+)::|(?P<attribute>@[\w.:*-]+)|(?P<call>[^\W\d][\w-]*)\s*\(|(?P<name>[^\W\d][\w-]*)|(?P<number>\d[\d.]*)"
    r"|(?P<mark>//|\.\.|!=|<=|>=|[][()/.|,=<>+*-])|\S"
)
_ENDS = frozenset({")", "]", ".", "..", "name", "attribute", "number", "text"})
"""What an operand ends with: a word or `*` behind it is an operator."""


@lru_cache(maxsize=1024)
def misplaced(path: str, around: tuple[str, ...]) -> str | None:
    """The first step of a path that leads to an element which CDA does not have there, as a reason; `around` are the
    contexts that the path starts from. What a wildcard, another axis or a function leads to is not known. Remembered,
    since maps of many document types include the same blocks."""
    start: str | None = _ROOT
    for context in around:
        start = _Walk(context, start).end
    parent, child = next(iter(_Walk(path, start).wrong), ("", ""))
    if not child:
        return None
    way = next(iter(between(parent, child)), None)
    meant = f"{parent}/{way}/{child}".replace("//", "/") if way else ""
    near = f"; did you mean {meant!r}?" if meant else ""
    return f"CDA has no element {child!r} in {parent!r}{near}"


class _Walk:
    """A path, walked from an element (None: any): the steps to what is not there, as parent and child, in `wrong`; the
    element that it leads to, None when that is not known, in `end`."""

    def __init__(self, path: str, start: str | None) -> None:
        self.wrong: list[tuple[str, str]] = []
        self._base, self._at = start, start
        self._stack: list[tuple[str | None, str | None, str]] = []
        self._axis = ""
        self._before = ""
        plain = OBSERVATION.sub("observation", SECTION.sub("//section", path.removeprefix("node:")))
        for match in _TOKEN.finditer(QUOTED.sub("''", plain)):
            self._take(match.lastgroup or "", match[match.lastgroup or 0])
        self.end = self._at if "|" not in QUOTED.sub("", plain) else None

    def _take(self, kind: str, word: str) -> None:
        operand = self._before in _ENDS
        if kind == "axis":
            self._axis = "" if word == "child" else word
        elif kind == "call" and not (operand and word in OPERATORS):
            self._open(")")
        elif kind == "name" and not (operand and word in OPERATORS):
            self._step(word)
        elif kind == "attribute":
            self._at = None
        elif kind in ("call", "name", "mark"):
            self._mark("(" if kind == "call" else word, operand)
        self._before = _told(kind, word, operand)

    def _step(self, name: str) -> None:
        if self._at is not None and not self._axis and not may_hold(self._at, name):
            self.wrong.append((self._at, name))
        self._at, self._axis = name, ""

    def _mark(self, word: str, operand: bool) -> None:
        if word in ("[", "("):
            self._open(word)
        elif word in (")", "]") and self._stack:
            self._base, self._at, _ = self._stack.pop()
        elif word == "/":
            self._at = self._at if operand else "/"
        elif word in ("//", "..") or (word == "*" and not operand):
            self._at, self._axis = None, ""
        elif word != ".":
            self._at = self._base

    def _open(self, bracket: str) -> None:
        """What is in brackets starts from the element before a predicate, from the same element otherwise; what a
        function or a group gives is not known."""
        self._stack.append((self._base, self._at if bracket == "[" else None, bracket))
        self._base = self._at = self._at if bracket == "[" else self._base


def _told(kind: str, word: str, operand: bool) -> str:
    """What the next word has to know of this one."""
    if kind == "mark":
        return "name" if word == "*" and not operand else word
    if kind in ("name", "call") and operand and word in OPERATORS:
        return "operator"
    return {"axis": "::", "call": "("}.get(kind, kind or "text")
