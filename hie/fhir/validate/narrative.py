"""XHTML of narratives (FHIR R4 narrative §2.10.1, constraints txt-1 and txt-2).

Only basic formatting elements, links and inline images; nothing that runs, and nothing outside the XHTML namespace.
"""

import re
from collections.abc import Iterator

from lxml import etree

from hie.fhir.xml import XHTML

_IN_XHTML = f"{{{XHTML}}}"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTS = _words(
    "p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr address "
    "bdo kbd sub sup ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp img map "
    "area"
)
"""Elements of HTML 4.0 chapters 7-11 (without forms and objects) and 15."""

_ANYWHERE = _words("title style class id lang dir accesskey tabindex")
_TABLE = _words(
    "abbr axis headers scope rowspan colspan align valign char charoff width height border cellpadding cellspacing "
    "frame rules summary span nowrap bgcolor"
)
ATTRIBUTES: dict[str, frozenset[str]] = {
    "a": _words("href name rel target type hreflang rev charset coords shape"),
    "img": _words("src alt height width border align longdesc usemap ismap name hspace vspace"),
    "table": _TABLE,
    "tr": _TABLE,
    "td": _TABLE,
    "th": _TABLE,
    "col": _TABLE,
    "colgroup": _TABLE,
    "thead": _TABLE,
    "tbody": _TABLE,
    "tfoot": _TABLE,
    "caption": frozenset(("align",)),
    "blockquote": frozenset(("cite",)),
    "q": frozenset(("cite",)),
    "ol": frozenset(("start", "type", "compact")),
    "ul": frozenset(("type", "compact")),
    "li": frozenset(("value", "type")),
    "hr": _words("align noshade size width"),
    "p": frozenset(("align",)),
    "div": frozenset(("align",)),
    "br": frozenset(("clear",)),
    "pre": frozenset(("width", "space")),
    "map": frozenset(("name",)),
    "area": _words("href shape coords alt target nohref"),
    **{f"h{level}": frozenset(("align",)) for level in range(1, 7)},
}
"""Attributes an element may have beside the ones that are allowed anywhere."""

ENTITIES = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#[xX][0-9a-fA-F]+);)")
SCRIPT_URL = re.compile(r"\s*(?:javascript|vbscript|data:text)", re.IGNORECASE)


def narrative_faults(text: str) -> Iterator[tuple[str, str]]:
    """(rule, sentence) for everything wrong with the XHTML of a narrative `div`."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        yield "txt-1", "A narrative has no DOCTYPE and declares no entities"
        return
    if ENTITIES.search(text):
        yield "txt-1", "Only the five XML entities and character references are allowed in a narrative"
        return
    try:
        root = etree.fromstring(text.strip(), etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        yield "txt-1", "The narrative is not well-formed XHTML"
        return
    if root.tag != f"{_IN_XHTML}div":
        yield "txt-1", "The narrative is one div element in the XHTML namespace"
        return
    seen: set[tuple[str, str]] = set()
    for fault in _faults_inside(root):
        if fault not in seen:
            seen.add(fault)
            yield fault
    if not _has_content(root):
        yield "txt-2", "The narrative has no content"


def is_narrative(text: object) -> bool:
    """Whether a value is a narrative `div` without faults."""
    return isinstance(text, str) and next(narrative_faults(text), None) is None


def _faults_inside(root: etree._Element) -> Iterator[tuple[str, str]]:
    for element in root.iter():
        if not isinstance(element.tag, str):
            if isinstance(element, etree._ProcessingInstruction):
                yield "txt-1", "A narrative has no processing instructions"
            continue
        name = element.tag.removeprefix(_IN_XHTML)
        if name not in ELEMENTS or not element.tag.startswith(_IN_XHTML):
            yield "txt-1", f"The element {_short(name)} is not allowed in a narrative"
            continue
        yield from _attribute_faults(name, element)


def _attribute_faults(name: str, element: etree._Element) -> Iterator[tuple[str, str]]:
    own = ATTRIBUTES.get(name, frozenset())
    for attribute, value in element.attrib.items():
        key = str(attribute)
        if key not in _ANYWHERE and key not in own and not key.startswith("{http://www.w3.org/XML/1998/namespace}"):
            yield "txt-1", f"The attribute {_short(key)} is not allowed on {name} in a narrative"
        elif key in ("href", "src") and SCRIPT_URL.match(str(value)):
            yield "txt-1", "A link in a narrative runs no script"


def _has_content(root: etree._Element) -> bool:
    """Whether there is text that is not blank, or an image (constraint txt-2)."""
    return any(str(part).strip() for part in root.itertext()) or root.find(f".//{_IN_XHTML}img") is not None


def _short(name: str) -> str:
    """A name for a message, cut to a harmless length."""
    return re.sub(r"[^A-Za-z0-9:_.{}/-]", "?", name)[:40]
