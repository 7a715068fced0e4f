"""Line and column of issues in the JSON or XML text that a resource was read from."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from xml.parsers import expat

from hie.base.errors import HieError
from hie.fhir.definitions import Definitions
from hie.fhir.outcome import Issue, issue_of
from hie.fhir.xml import NotFhirXml

Pointer = tuple[str | int, ...]
Position = tuple[int, int]

_MARK = re.compile(r'"((?:[^"\\]|\\.)*)"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)")


def with_positions(issues: Iterable[Issue], raw: bytes, definitions: Definitions, within: Pointer = ()) -> list[Issue]:
    """The issues with the line and column of their element, or of the nearest element around it; both count from 1.

    `raw` is text that was read before; what cannot be placed keeps 0. `within` leads to the resource in the text when
    it is not the whole of it (`("parameter", 0, "resource")`).
    """
    issues = list(issues)
    if not issues:
        return []
    known = _positions(raw, definitions)
    return [_placed(issue, (*within, *issue.pointer), known) for issue in issues]


def text_issue(error: HieError, raw: bytes, definitions: Definitions) -> Issue:
    """The issue of a text that could not be read as a resource, with its place."""
    issue = issue_of(error)
    if issue.line:
        return issue
    pointer = error.pointer if isinstance(error, NotFhirXml) else ()
    return _placed(issue, pointer, _positions(raw, definitions))


def _positions(raw: bytes, definitions: Definitions) -> dict[Pointer, Position]:
    text = raw.decode("utf-8-sig", errors="replace")
    found: dict[Pointer, Position] = {}
    for pointer, position in _xml_positions(raw, definitions) if text.lstrip()[:1] == "<" else _json_positions(text):
        found.setdefault(pointer, position)
    return found


def _placed(issue: Issue, pointer: Pointer, known: dict[Pointer, Position]) -> Issue:
    while pointer not in known and pointer:
        pointer = pointer[:-1]
    line, column = known.get(pointer, (0, 0))
    return replace(issue, line=line, column=column)


def _json_positions(text: str) -> Iterator[tuple[Pointer, Position]]:
    """Where each value of a JSON text starts; a member's position is that of its name."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(offset: int) -> Position:
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    stack: list[str | int | None] = []
    kinds: list[str] = []
    wants_name = False
    for match in _MARK.finditer(text):
        mark = match[0]
        if mark == "{" or mark == "[":
            if not stack:
                yield (), position(match.start())
            if kinds and kinds[-1] == "[":
                yield _pointer(stack), position(match.start())
            kinds.append(mark)
            stack.append(0 if mark == "[" else None)
            wants_name = mark == "{"
        elif mark in "}]":
            kinds.pop()
            stack.pop()
            wants_name = False
        elif mark == ",":
            last = stack[-1]
            wants_name = isinstance(last, str) or last is None
            stack[-1] = last + 1 if isinstance(last, int) else last
        elif mark != ":" and wants_name:
            stack[-1] = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else m[2], match[1] or "")
            wants_name = False
            yield _pointer(stack), position(match.start())
        elif mark != ":" and kinds and kinds[-1] == "[":
            yield _pointer(stack), position(match.start())


def _pointer(stack: list[str | int | None]) -> Pointer:
    return tuple(step for step in stack if step is not None)


def _xml_positions(raw: bytes, definitions: Definitions) -> Iterator[tuple[Pointer, Position]]:
    """Where each element starts, under the JSON pointer it has."""
    found: list[tuple[Pointer, Position]] = []
    walker = _XmlWalker(definitions, found)
    parser = expat.ParserCreate()
    walker.here = lambda: (parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
    parser.StartElementHandler = walker.start
    parser.EndElementHandler = walker.end
    try:
        parser.Parse(raw, True)
    except expat.ExpatError:
        return
    yield from found


class _XmlWalker:
    """Follows the elements of FHIR XML and names them as JSON does: arrays by index, resources by their wrapper."""

    def __init__(self, definitions: Definitions, found: list[tuple[Pointer, Position]]) -> None:
        self._definitions = definitions
        self._found = found
        self._stack: list[tuple[Pointer, str, dict[str, int]]] = []
        self.here: Callable[[], Position] = lambda: (0, 0)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name = tag.rpartition(":")[2]
        if not self._stack:
            self._enter((), name)
            return
        pointer, node, counts = self._stack[-1]
        member = self._definitions.properties(node).get(name) if node else None
        if member is None:
            is_type = node == "Resource"
            self._enter(pointer if is_type else (*pointer, name), name if is_type else "")
            return
        index = counts.get(name, 0)
        counts[name] = index + 1
        inner = (*pointer, name, index) if member.is_list else (*pointer, name)
        self._enter(inner, "Resource" if member.type == "Resource" else member.node)

    def _enter(self, pointer: Pointer, node: str) -> None:
        position: Position = self.here()
        self._found.append((pointer, position))
        self._stack.append((pointer, node, {}))

    def end(self, tag: str) -> None:
        """An element ends."""
        self._stack.pop()
