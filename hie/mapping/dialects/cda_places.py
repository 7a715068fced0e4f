"""The places of a CDA document that carry a value, each named as a map would write it."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from hie.base.text import trimmed
from hie.mapping.dialect import Place
from hie.mapping.dialects.cda_xpath import NAMESPACES
from hie.wire.cda_names import PAIRED
from hie.wire.clinical_document import ENTRIES, FIRST, NUMBER, entry_code, section_names

TEXT: Final = ""
"""Instead of the name of an attribute: the text of an element."""

Spot = tuple[Any, str]
"""An element and the name of its attribute, or `TEXT`."""

STRUCTURE = frozenset(
    {
        *("classCode", "moodCode", "typeCode", "determinerCode"),
        *("contextControlCode", "contextConductionInd", "inversionInd"),
        *(f"{{{NAMESPACES['xsi']}}}{name}" for name in ("type", "schemaLocation", "nil")),
        "nullFlavor",
    }
)
"""Attributes that say what an element is, or that it is empty, as CDA or the template fixes it: no data of a patient.
`negationInd` is none of them."""

_ABOUT_DOCUMENT = ("realmCode", "typeId", "templateId")
"""Elements that say by which rules something is written."""

_MADE = frozenset({NUMBER, FIRST, *PAIRED})
"""Attributes that reading the document has written, and no sender."""

_REPEATED = frozenset({*ENTRIES, "entry", "component", "entryRelationship", "section", "structuredBody"})
"""Elements that are told apart by what they are about, not by their number."""

_OID = re.compile(r"[0-9.]{1,64}")


_Base = tuple[str, tuple[str, ...]]
"""How a path to an element is written, and the entry that it is part of."""


def places(root: Any, named: Collection[str]) -> Mapping[Spot, Place]:
    """Every attribute and text of a document that says something, with what it is called; `named` are the data element
    codes that the map has. A narrative text is one place."""
    found: dict[Spot, Place] = {}
    bases: dict[Any, _Base] = {}
    for element in root.iter():
        base, field = bases[element] = _named(element, bases, named)
        names = [name for name, value in element.items() if trimmed(value) and name not in _MADE]
        said = "".join(element.itertext()) if _is_narrative(element) else element.text
        for name in (*names, *([TEXT] if trimmed(said) else ())):
            if not _is_within_narrative(element):
                found[element, name] = Place(f"{base}/@{_written(name)}" if name else base, field)
    return found


def fixed(spots: Mapping[Spot, Place], named: Collection[str]) -> Iterator[Spot]:
    """The places that only say what an element is, by which rules it is written, or what a section or an entry is
    called that a map names, the kind of a number."""
    for spot in spots:
        element, name = spot
        is_kind = name == "root" and bool(_which(element))
        if name in STRUCTURE or element.tag in _ABOUT_DOCUMENT or is_kind or _names_its_parent(element, named):
            yield spot


def _names_its_parent(element: Any, named: Collection[str]) -> bool:
    parent = element.getparent()
    if parent is None or element.tag not in ("code", "title"):
        return False
    return parent.tag == "section" or (parent.tag == "observation" and entry_code(parent) in named)


def _named(element: Any, bases: Mapping[Any, _Base], named: Collection[str]) -> _Base:
    """What a path to the element is, and the entry in it that coverage counts."""
    parent = element.getparent()
    if parent is None:
        return ".", ()
    around, field = bases[parent]
    if element.tag == "section":
        return f"section({_section_name(element)})", ()
    if element.tag in ENTRIES and around.startswith("section("):
        section = around[: around.index(")") + 1]
        code = entry_code(element)
        plain = element.tag if element.tag != "observation" or code not in named else f"obs({code})"
        return f"{section}//{plain}", (f"{section}/{code}",)
    step = f"{element.tag}{_which(element)}"
    return _short(step if around == "." else f"{around}/{step}"), field


def _section_name(section: Any) -> str:
    """As coverage calls it; a name with brackets cannot be written in a path."""
    return re.sub(r"[()]", ".", next(iter(section_names(section)), ""))


def _which(element: Any) -> str:
    """What tells an element from its likes beside it: the root of a number, else that it is not the first."""
    root = element.get("root") or ""
    if element.tag == "id" and _OID.fullmatch(root):
        return f"[@root='{root}']"
    if element.tag in _REPEATED or next(element.itersiblings(element.tag, preceding=True), None) is None:
        return ""
    return "[position()>1]"


def _short(path: str) -> str:
    """An element that holds one of its name at any depth: what lies between is left out (`a/b/c/b/d`: `a//b/d`)."""
    steps = path.split("/")
    last = steps[-1]
    if last and last in steps[:-1] and not last.startswith(("section(", "obs(")):
        return "/".join((*steps[: steps.index(last)], "", last))
    return path


def _is_narrative(element: Any) -> bool:
    parent = element.getparent()
    return element.tag == "text" and parent is not None and parent.tag == "section"


def _is_within_narrative(element: Any) -> bool:
    return any(_is_narrative(one) for one in element.iterancestors("text"))


def _written(name: str) -> str:
    """An attribute as paths write it."""
    space, _, plain = name.rpartition("}")
    return f"xsi:{plain}" if space[1:] == NAMESPACES["xsi"] else plain
