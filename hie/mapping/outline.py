"""An outline of a source tree: what the parser saw, as lines for people who connect a system."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from lxml import etree

from hie.wire.hl7v2_group import Group
from hie.wire.row import Row

MOST_LINES = 5000
"""Lines of one outline; the rest is left out and said to be."""


def outline(tree: Any) -> list[str]:
    """The lines of a tree of any dialect; of nothing, none."""
    if tree is None:
        return []
    lines: list[str] = []
    for line in _lines(tree):
        if len(lines) == MOST_LINES:
            return [*lines, "…"]
        lines.append(line)
    return lines


def _lines(tree: Any) -> Iterator[str]:
    if isinstance(tree, Group):
        return _segments(tree)
    if isinstance(tree, Row):
        return _columns(tree)
    if etree.iselement(tree):
        return _elements(tree, 0)
    return iter(json.dumps(tree, ensure_ascii=False, indent=2, default=_plain).splitlines())


def _plain(value: Any) -> Any:
    return {f.name: getattr(value, f.name) for f in fields(value)} if is_dataclass(value) else str(value)


def _segments(group: Group) -> Iterator[str]:
    """Each segment with its fields that have a value."""
    for name, segment in group.flat:
        yield name
        for number, raw in enumerate(segment.fields[1:], 1):
            if raw:
                yield f"  {name}-{number}  {raw}"


def _columns(row: Row) -> Iterator[str]:
    yield row.table
    for column, value in row.values.items():
        yield f"  {column}  {value}"


def _elements(element: Any, depth: int) -> Iterator[str]:
    """Elements indented, with their attributes and text."""
    if not isinstance(element.tag, str):
        return
    given = "".join(f" @{etree.QName(name).localname}={value}" for name, value in element.attrib.items())
    text = (element.text or "").strip()
    yield f"{'  ' * depth}{etree.QName(element).localname}{given}{f'  {text}' if text else ''}"
    for child in element:
        yield from _elements(child, depth + 1)
