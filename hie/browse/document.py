"""A CDA document as plain words: titles, labels and values are taken out, markup of the document never reaches a page.

What is shown is built anew from text, so scripts, links, styles and embedded files of a document have no way through.
The verbatim document is a download.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from hie.base.moment import SENTINEL, read
from hie.browse.dates import shown
from hie.wire.clinical_document import drop_namespaces, value_text
from hie.wire.safexml import parse_xml

_HEAD = (
    ("fact.document-number", "id", "extension"),
    ("fact.authored", "effectiveTime", "value"),
)
_PEOPLE = (
    ("fact.author", "author/assignedAuthor/assignedPerson/name"),
    ("fact.legal-authenticator", "legalAuthenticator/assignedEntity/assignedPerson/name"),
    ("fact.authenticator", "authenticator/assignedEntity/assignedPerson/name"),
    ("fact.custodian", "custodian/assignedCustodian/representedCustodianOrganization/name"),
)
_STATEMENTS = frozenset({"observation", "procedure", "act", "substanceAdministration", "supply", "encounter"})
_LINES = frozenset({"paragraph", "item", "tr", "br", "caption", "p", "li", "div", "h1", "h2", "h3", "h4", "pre"})
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement of a section: what, its value, its date, how deep it is nested."""

    label: str
    value: str
    at: str
    depth: int


@dataclass(frozen=True)
class Section:
    """One section: LOINC code or empty, title, lines of its text, its entries."""

    code: str
    title: str
    lines: tuple[str, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Document:
    """A CDA document in words, or the `text` of a plain one.

    `readable` is False when it is neither; it can still be downloaded.
    """

    readable: bool
    title: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    embedded: bool = False
    text: str = ""


def plain_text(data: bytes) -> Document:
    """A document of plain text, in UTF-8 or else GB 18030."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030", "replace")
    return Document(bool(text.strip()), text=text)


def document(data: bytes) -> Document:
    """The words of a CDA document."""
    root = _root(data)
    if root is None:
        return Document(False)
    facts = [(key, _attribute(root, path, name)) for key, path, name in _HEAD]
    facts = [(key, _time(value) if key == "fact.authored" else value) for key, value in facts]
    facts += [(key, _words(found)) for key, path in _PEOPLE if (found := _find(root, path)) is not None]
    sections = root.iterfind("component/structuredBody//section")
    return Document(
        True,
        title=_words(_find(root, "title")),
        facts=tuple((key, value) for key, value in facts if value),
        sections=tuple(_section(s) for s in sections),
        embedded=_find(root, "component/nonXMLBody") is not None,
    )


def div_text(markup: str) -> str:
    """The words of a FHIR narrative, one line per block, without its markup."""
    root = parse_xml(markup.encode()).root if markup else None
    return "" if root is None else "\n".join(_lines(root))


def _root(data: bytes) -> etree._Element | None:
    root = parse_xml(data).root
    if root is not None:
        drop_namespaces(root)
    return root if root is not None and root.tag == "ClinicalDocument" else None


def _section(section: etree._Element) -> Section:
    code = _find(section, "code")
    title = _words(_find(section, "title")) or (code.get("displayName", "") if code is not None else "")
    text = _find(section, "text")
    entries = tuple(e for child in section.iterfind("entry") for e in _entries(child, 0))
    return Section(
        code.get("code", "") if code is not None else "",
        title,
        tuple(_lines(text)) if text is not None else (),
        entries,
    )


def _entries(element: etree._Element, depth: int) -> Iterator[Entry]:
    """Statements under an element, outer ones first; nesting of the document becomes `depth`."""
    if depth > _DEEPEST:
        return
    for child in element:
        name = _name(child)
        if name in _STATEMENTS:
            yield _entry(child, depth)
            yield from _entries(child, depth + 1)
        elif name in ("entryRelationship", "component", "organizer", "entry"):
            yield from _entries(child, depth)


def _entry(statement: etree._Element, depth: int) -> Entry:
    code = _find(statement, "code")
    drug = _find(statement, "consumable/manufacturedProduct/manufacturedLabeledDrug/name")
    label = _words(drug) or (code.get("displayName", "") if code is not None else "")
    value = _find(statement, "value")
    shown_value = _value(value) if value is not None else ""
    if not shown_value and code is not None and _name(statement) == "procedure":
        shown_value = code.get("code", "")
    dose = _find(statement, "doseQuantity")
    if not shown_value and dose is not None:
        shown_value = _value(dose)
    return Entry(label, shown_value, _time(_attribute(statement, "effectiveTime", "value")), min(depth, 3))


def _value(value: etree._Element) -> str:
    code = value.get("code", "") if value.get("displayName") else ""
    return " ".join(part for part in (value_text(value), f"({code})" if code else "") if part)


def _lines(element: etree._Element) -> list[str]:
    """Text of a narrative; block elements start new lines, cells are kept apart, a raised number is no digit more."""
    lines: list[str] = [""]
    for event, child in etree.iterwalk(element, events=("start", "end")):
        name = _name(child)
        if name in ("script", "style"):
            child.text = None
        if event == "start":
            if name in _LINES:
                lines.append("")
            elif name in ("td", "th") and lines[-1]:
                lines[-1] += "　"
            elif name == "sup":
                lines[-1] += "^"
            lines[-1] += child.text or ""
        elif child is not element:
            if name in _LINES:
                lines.append("")
            lines[-1] += child.tail or ""
    folded = (" ".join(line.split(" ")).strip("\n\t ") for line in lines)
    return [" ".join(line.split()) if "　" not in line else line for line in folded if line.strip("　")]


def _find(element: etree._Element, path: str) -> etree._Element | None:
    return element.find(path)


def _attribute(element: etree._Element, path: str, name: str) -> str:
    found = _find(element, path)
    return found.get(name, "") if found is not None else ""


def _words(element: etree._Element | None) -> str:
    return "" if element is None else " ".join("".join(str(t) for t in element.itertext()).split())


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _time(value: str) -> str:
    """An HL7 v3 time (`20260302101500+0800`) for reading; of an hour without minutes its day."""
    at = read(value) or read(value[:8])
    return "" if at is None or at.date == SENTINEL else shown(at.text)
