"""CDA documents as a source language: XPath 1.0 on a tree without namespaces, with short forms for entries.

- `section(29548-5)` or `section(检验报告)`: the sections of the body with that LOINC code, display name or title;
  `section(*)`: every section.
- `obs(DE05.01.024.00)`: observations with that data element code, at the place where it stands in the path.
- `document:id`: a field of the header, from wherever the node stands (`hie.wire.clinical_document.Header`).
- `node:value`: the elements themselves, for transforms that read more than a text.
- `n()`: the number of the entry (`hie.wire.clinical_document.number_entries`).

An element without children gives its text, a `value` whichever of its forms is filled (Jiashan interface §4), a `name`
that of its parts; an empty text or attribute is no value.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any

from lxml import etree

from hie.base.text import trimmed
from hie.mapping.dialect import Coverage, Mention, ReadPath
from hie.wire.clinical_document import (
    ENTRIES,
    NUMBER,
    XSI_TYPE,
    Header,
    entry_code,
    read_header,
    said_name,
    section_names,
    value_text,
)

_SECTION = re.compile(r"section\(([^()]+)\)")
_COUNTED = re.compile(r"\s*\[\s*(?:\d|last|position)")
"""A predicate that counts. Without one `descendant::` finds the same as `//`, in half the time."""

_BELOW = re.compile(r"//(?=obs\()")
_OBSERVATION = re.compile(r"obs\(([^()]+)\)")
_ENTRY = re.compile(r"(?<![\w:-])(procedure|substanceAdministration)\b")
_HEADER = frozenset({*(part.name for part in fields(Header)), "order", "is_new", "corrects", "withdraws"})
_HEADER_PLACES = {"effective": "effectiveTime/@value", "id": "id/@extension", "type": "code/@code"}
"""Field of the header -> where it stands."""

_NAMESPACES = {"xsi": XSI_TYPE[1:].partition("}")[0]}
_ANY = "*"
_BODY = "component/structuredBody"


class Cda:
    """The dialect `cda`; nodes are elements."""

    name = "cda"
    filled = frozenset({".", "n()", "document:id", "document:type", "document:effective", "document:order"})

    def compile_path(self, path: str) -> ReadPath:
        """A path as the module describes it. Raises `ValueError` for what is no XPath or no header field."""
        if path.startswith("document:"):
            return _header_field(path.removeprefix("document:"))
        if path == "n()":
            return lambda node, context=None: (node.get(NUMBER, "1"),)
        if path.startswith("node:"):
            find = _xpath(path.removeprefix("node:"))
            return lambda node, context=None: [found for found in find(node) if etree.iselement(found)]
        find = _xpath(path)

        def read(node: Any, context: Any = None) -> Sequence[str]:
            found = find(node)
            return [text for one in found if (text := _text(one))] if found else found

        return read

    def compile_context(self, path: str) -> Callable[[Any], Iterable[Any]]:
        """The elements at a path."""
        find = _xpath(path)
        return lambda node: [found for found in find(node) if etree.iselement(found)]

    def compile_coverage(self, mentions: frozenset[Mention], ignored: frozenset[str]) -> Callable[[Any], Coverage]:
        """Entries of the body with a value; those that no path names are `field-unmapped`.

        An entry is named by section and data element code (or by its tag, for procedures and drugs). A map that names
        no section is for documents that are kept as a whole: nothing in it counts. `ignored` are written like paths.
        """
        known = _named("/".join((*contexts, path)) for contexts, path in mentions)
        skipped = _named(ignored)

        def cover(root: Any) -> Coverage:
            used, unmapped = [], []
            for names, code in _populated(root):
                written = f"section({names[0] if names else ''})/{code}"
                if any((name, code) in known for name in (*names, _ANY)):
                    used.append(written)
                elif not any((name, code) in skipped for name in (*names, _ANY)):
                    unmapped.append((written, "field-unmapped"))
            return Coverage(tuple(dict.fromkeys(used)), tuple(dict.fromkeys(unmapped)))

        return cover if known else lambda root: Coverage()

    def is_composed(self, path: str) -> bool:
        """Values are texts or elements."""
        return False

    def doubt(self, path: str) -> str | None:
        """Nothing: any element or column may come."""

    def locate(self, node: Any, path: str) -> str:
        """Where in the document; inside an entry with the entry and its number before it."""
        if path.startswith("document:"):
            return _HEADER_PLACES.get(path.removeprefix("document:"), path)
        place = path.removeprefix("node:")
        if not etree.iselement(node) or node.tag not in ENTRIES:
            return place
        entry = f"{entry_code(node)}[{node.get(NUMBER, '1')}]"
        return entry if place == "." else f"{entry}/{place}"


def _xpath(path: str) -> Callable[[Any], Any]:
    expression = _SECTION.sub(_section_step, _OBSERVATION.sub(_observation_step, _BELOW.sub(_below, path)))
    namespaces = _NAMESPACES if "xsi:" in path else None
    try:
        compiled = etree.XPath(expression, namespaces=namespaces, smart_strings=False)
    except etree.XPathError as error:
        raise ValueError(f"{path!r} is no path: {error}") from None
    # An absolute path starts at the document, wherever the node stands.
    return lambda node: found if isinstance(found := compiled(node), list) else [str(found)]


def _section_step(match: re.Match[str]) -> str:
    name = match[1].strip()
    below = "//" if _COUNTED.match(match.string, match.end()) else "/descendant::"
    if name == _ANY:
        return f"/ClinicalDocument/{_BODY}{below}section"
    return (
        f"/ClinicalDocument/{_BODY}{below}section[normalize-space(code/@code)='{name}'"
        f" or normalize-space(code/@displayName)='{name}' or normalize-space(title)='{name}']"
    )


def _below(match: re.Match[str]) -> str:
    """The step down to an entry anywhere below."""
    entry = _OBSERVATION.match(match.string, match.end())
    return "//" if entry is None or _COUNTED.match(match.string, entry.end()) else "/descendant::"


def _observation_step(match: re.Match[str]) -> str:
    return f"observation[normalize-space(code/@code)='{match[1].strip()}']"


def _header_field(name: str) -> ReadPath:
    if name not in _HEADER:
        raise ValueError(f"the header has no field {name!r}, only {', '.join(sorted(_HEADER))}")

    def read(node: Any, context: Any = None) -> Sequence[str]:
        value = getattr(read_header(node.getroottree().getroot()), name)
        return ("true" if value is True else value,) if value else ()

    return read


def _text(found: Any) -> str | None:
    if type(found) is str:
        return trimmed(found)
    if found.tag == "value":
        return value_text(found) or None
    if found.tag == "name":
        return trimmed(said_name(found))
    return None if len(found) else trimmed(found.text)


def _named(paths: Iterable[str]) -> set[tuple[str, str]]:
    """Every pair of section and entry that stands together in one path."""
    found: set[tuple[str, str]] = set()
    for path in paths:
        entries = [*_OBSERVATION.findall(path), *_ENTRY.findall(path)]
        found |= {(section.strip(), entry.strip()) for section in _SECTION.findall(path) for entry in entries}
    return found


def _populated(root: Any) -> Iterable[tuple[list[str], str]]:
    """Entries of the body that say something: the names of their section, and what names them."""
    for section in root.iterfind(f"{_BODY}//section"):
        names = section_names(section)
        for entry in section.iter(*ENTRIES):
            if entry.tag != "observation" or value_text(entry.find("value")):
                yield names, entry_code(entry)
