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
from hie.mapping.dialect import Coverage, ReadPath, SourcePath
from hie.mapping.dialects.cda_coverage import Named, alternatives, coverage
from hie.mapping.dialects.cda_nesting import misplaced
from hie.mapping.dialects.cda_xpath import OBSERVATION, unknown_name, xpath
from hie.wire.clinical_document import ENTRIES, NUMBER, Header, entry_code, read_header, said_name, value_text

_DOCUMENT = "/ClinicalDocument/"
_HEADER = frozenset({*(part.name for part in fields(Header)), "order", "is_new", "corrects", "withdraws"})
_HEADER_PLACES = {"effective": "effectiveTime/@value", "id": "id/@extension", "type": "code/@code"}
"""Field of the header -> where it stands."""

_DRUG = "substanceAdministration"
"""Numbered in the whole body, not in a section."""

_WHOLE_SECTION = re.compile(r"section(?:\([^()]*\))?(?:\[[^\]]*\])*\s*$")
"""A path that ends in a section."""

_DATA_ELEMENT = re.compile(r"DE[0-9]{2}\.[0-9]{2}\.[0-9]{3}\.[0-9]{2}")
_LOINC = re.compile(r"[0-9]{1,7}-[0-9]")


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
            find = xpath(path.removeprefix("node:"))
            return lambda node, context=None: [found for found in find(node) if etree.iselement(found)]
        find = xpath(path)

        def read(node: Any, context: Any = None) -> Sequence[str]:
            found = find(node)
            return [text for one in found if (text := text_of(one))] if found else found

        return read

    def compile_context(self, path: str) -> Callable[[Any], Iterable[Any]]:
        """The elements at a path."""
        find = xpath(path)
        return lambda node: [found for found in find(node) if etree.iselement(found)]

    def compile_coverage(
        self, source_paths: frozenset[SourcePath], ignored: frozenset[str]
    ) -> Callable[[Any], Coverage]:
        """Entries of the body that say something; those that no path names are `field-unmapped`.

        An entry is named by section and data element code, by its tag when it is no observation, or by being what a
        path to observations without a code finds. A map that names no section is for documents that are kept as a
        whole: nothing in it counts. `ignored` are written like paths: those of an entry count here, those of an
        element or attribute (`author/time`) in what is measured within entries (`hie.mapping.within`). Whole sections
        are refused.
        """
        for path in sorted(ignored):
            xpath(path)
            if _WHOLE_SECTION.search(path):
                raise ValueError(f"{path!r} cannot be ignored: name the entries (section(…)//obs(…))")
        used = Named(_joined(contexts, one) for contexts, path in source_paths for one in alternatives(path))
        return coverage(used, Named(ignored)) if used else lambda root: Coverage()

    def is_composed(self, path: str) -> bool:
        """Never: a value is a text or an element."""
        return False

    def doubt(self, path: str) -> str | None:
        """Nothing: any element may come."""

    def beyond(self, path: str, around: Sequence[str] = ()) -> str | None:
        """A data element that cannot be one; an element or attribute that CDA does not have, or not there."""
        if path.startswith("document:") or path == "n()":
            return None
        return unknown_name(path.removeprefix("node:")) or misplaced(path, tuple(around)) or _no_data_element(path)

    def locate(self, node: Any, path: str) -> str:
        """Where in the document; inside an entry with its section, if that has a LOINC code, and its number. A path
        from the root of the document leads to one place, whatever entry it is read for."""
        if path.startswith("document:"):
            return _HEADER_PLACES.get(path.removeprefix("document:"), path)
        place = path.removeprefix("node:")
        if place.startswith(_DOCUMENT):
            return place.removeprefix(_DOCUMENT)
        if not etree.iselement(node) or node.tag not in ENTRIES:
            return place
        entry = f"{_section_place(node)}{entry_code(node)}[{node.get(NUMBER, '1')}]"
        return entry if place == "." else f"{entry}/{place}"


def _no_data_element(path: str) -> str | None:
    codes = (code.strip() for code in OBSERVATION.findall(path))
    wrong = next((code for code in codes if code.startswith("DE") and not _DATA_ELEMENT.fullmatch(code)), None)
    return wrong and f"{wrong!r} is no data element: they are written like DE04.30.019.00 (WS 363)"


def _section_place(entry: Any) -> str:
    """The section in which an entry is numbered: the same element means something else in each (Jiashan §9.6)."""
    code = None if entry.tag == _DRUG else next((s.find("code") for s in entry.iterancestors("section")), None)
    name = "" if code is None else (code.get("code") or "").strip()
    return f"section({name})/" if _LOINC.fullmatch(name) else ""


def _header_field(name: str) -> ReadPath:
    if name not in _HEADER:
        raise ValueError(f"the header has no field {name!r}, only {', '.join(sorted(_HEADER))}")

    def read(node: Any, context: Any = None) -> Sequence[str]:
        value = getattr(read_header(node.getroottree().getroot()), name)
        return ("true" if value is True else value,) if value else ()

    return read


def text_of(found: Any) -> str | None:
    """What a found element or attribute says; None for nothing."""
    if type(found) is str:
        return trimmed(found)
    if found.tag == "value":
        return value_text(found) or None
    if found.tag == "name":
        return trimmed(said_name(found))
    return None if len(found) else trimmed(found.text)


def _joined(contexts: Sequence[str], path: str) -> str:
    """A path from the document on: what it starts from stands before it, unless it is absolute itself."""
    plain = path.removeprefix("node:")
    return plain if plain.startswith(("/", "section(")) else "/".join((*contexts, plain))
