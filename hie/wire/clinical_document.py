"""A ClinicalDocument as a tree without namespaces, and its header (Jiashan interface §3, §5)."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml import etree

from hie.base import moment
from hie.base.text import NULL_TEXT, half_width, trimmed

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

ENTRIES = ("observation", "procedure", "substanceAdministration", "encounter", "supply", "act")
"""Elements of the body that carry content."""

NUMBER = "n"
"""Attribute that `number_entries` sets."""

FIRST = "first"
"""Attribute of `versionNumber` that `count_versions` sets."""

NAMESPACE = "urn:hl7-org:v3"
"""The namespace of CDA; the parser may leave it out at once."""

_RELATIONS = {"APND": "appends", "XFRM": "transforms"}
"""relatedDocument/@typeCode of CDA R2 that is no replacement -> relation."""

_SEPARATOR = "\x1f"
_COUNT = re.compile(r"[0-9]{1,64}")
_WITH_NAMESPACE = etree.XPath("descendant-or-self::*[namespace-uri()]")


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says about the document itself, each as sent, trimmed, half width; empty when missing. `relation`
    is what the document does to its `parent`, as DocumentReference.relatesTo.code."""

    id: str
    type: str
    title: str
    effective: str
    organisation: str
    version: str
    set_id: str
    parent: str
    relation: str

    @property
    def is_new(self) -> bool:
        """Whether the document makes no claim to change another one."""
        return self.version in ("", "0")

    @property
    def corrects(self) -> bool:
        """Whether the document is a corrected version, or replaces another one."""
        return _COUNT.fullmatch(self.version) is not None and int(self.version) > 0

    @property
    def withdraws(self) -> bool:
        """Whether the document takes its id back."""
        return self.version == "-1"

    @property
    def order(self) -> str:
        """Sorts the versions of a document: effective time, then new, corrected, withdrawn, then document id."""
        if not (self.withdraws or self.corrects):
            return _sortable(self.effective) + self.issue
        rank = "2" if self.withdraws else f"1{int(self.version):09d}"
        return _SEPARATOR.join((_sortable(self.effective), rank, self.id))

    @property
    def issue(self) -> str:
        """How `order` ends for every document of this id that is new."""
        return _SEPARATOR.join(("", "0", self.id))


@lru_cache(maxsize=256)
def _sortable(effective: str) -> str:
    found = moment.read(effective)
    return f"{found.utc:%Y%m%d%H%M%S}" if found else ""


def drop_namespaces(root: Any) -> None:
    """Leave local names only: some senders forget the namespace, none uses a second one for elements."""
    named: Any = _WITH_NAMESPACE(root)
    for element in named:
        element.tag = element.tag.partition("}")[2]


def trim_roots(root: Any) -> None:
    """Take blanks from around the kind of a number: a map finds a number by `id/@root` as it stands."""
    for number in root.iter("id"):
        kind = number.get("root", "")
        if kind != kind.strip():
            number.set("root", kind.strip())


def count_versions(root: Any, first: int) -> None:
    """Say which `versionNumber` a new document has, where that is not 0: HL7 CDA R2 leaves the first number open."""
    version = root.find("versionNumber")
    if first and version is not None:
        version.set(FIRST, str(first))


def number_entries(root: Any) -> None:
    """Number the entries of the body among their likes, from 1: in their section, drugs in the whole body.

    Likes have the same tag and, for observations, the same data element code. A section that stands twice is one, so
    that no number does. The number goes into the attribute `n`.
    """
    drugs: Counter[str] = Counter()
    sections: dict[Any, Counter[str]] = {None: Counter()}
    names: dict[Any, Counter[str]] = {}
    for entry in root.iter(*ENTRIES):
        section = next(entry.iterancestors("section"), None)
        if section not in sections:
            name = next(iter(section_names(section)), section)
            sections[section] = names.setdefault(name, Counter())
        counts = drugs if entry.tag == "substanceAdministration" else sections[section]
        code = entry_code(entry)
        counts[code] += 1
        entry.set(NUMBER, str(counts[code]))


def section_names(section: Any) -> list[str]:
    """What a section goes by: its code, the display name of that, its title."""
    code = section.find("code")
    names = [code.get("code"), code.get("displayName")] if code is not None else []
    return [text for name in (*names, section.findtext("title")) if (text := trimmed(name))]


def entry_code(entry: Any) -> str:
    """What names an entry: the data element code of an observation, the tag of any other."""
    return _plain_code(entry) if entry.tag == "observation" else str(entry.tag)


def speaks(entry: Any) -> bool:
    """Whether an entry says something itself: an observation by its value, an act unless it only holds others."""
    if entry.tag == "observation":
        return bool(value_text(entry.find("value")))
    return entry.tag != "act" or next(entry.iterdescendants(*ENTRIES), None) is None


def _plain_code(entry: Any) -> str:
    code = entry.find("code")
    return (code.get("code") or "").strip() if code is not None else ""


class _Headers:
    """Keeps the header of the document at hand: many fields of a map ask for it, one after the other."""

    def __init__(self) -> None:
        self._last: tuple[Any, Header] | None = None

    def of(self, root: Any) -> Header:
        """The header of a document; that of the same root as the last time is not read again."""
        last = self._last
        if last is None or last[0] is not root:
            last = self._last = (root, _read_header(root))
        return last[1]


_HEADERS = _Headers()


def read_header(root: Any) -> Header:
    """The header of a ClinicalDocument whose elements have no namespace; it must not change after it was read."""
    return _HEADERS.of(root)


def _read_header(root: Any) -> Header:
    return Header(
        id=_attribute(root.find("id"), "extension"),
        type=_attribute(root.find("code"), "code"),
        title=_text(root.find("title")),
        effective=_attribute(root.find("effectiveTime"), "value"),
        organisation=_custodian(root.find("custodian")).upper(),
        version=_version(root.find("versionNumber")),
        set_id=_text(root.find("setId")) or _attribute(root.find("setId"), "extension"),
        parent=_parent(root.find("relatedDocument/parentDocument/id")),
        relation=_RELATIONS.get(_attribute(root.find("relatedDocument"), "typeCode"), "replaces"),
    )


def _version(element: Any) -> str:
    """`versionNumber`, counted from 0."""
    said = _text(element) or _attribute(element, "value")
    first = int(element.get(FIRST, "0")) if element is not None else 0
    return str(int(said) - first) if first and _COUNT.fullmatch(said) and int(said) >= first else said


def _custodian(element: Any) -> str:
    """The first id that is filled."""
    ids = element.iter("id") if element is not None else ()
    return next(filter(None, (_attribute(one, "extension") for one in ids)), "")


def _parent(element: Any) -> str:
    return _text(element) or _attribute(element, "extension")


def _attribute(element: Any, name: str) -> str:
    return _given(element.get(name)) if element is not None else ""


def _text(element: Any) -> str:
    return _given(whole_text(element)) if element is not None else ""


def _given(value: str | None) -> str:
    text = trimmed(value) or ""
    return "" if text in NULL_TEXT else half_width(text)


def value_text(element: Any) -> str:
    """What a `value` element says: `@displayName`, `@value` with `@unit`, its text, `@code`, else what stands between
    the bounds of an interval or the parts of a ratio."""
    if element is None:
        return ""
    get = element.get
    if (sent := get("value")) and (number := trimmed(sent)):
        unit = trimmed(get("unit"))
        return f"{number} {unit}" if unit else number
    named = get("displayName")
    said = (named and trimmed(named)) or trimmed(whole_text(element)) or trimmed(get("code"))
    return said or (_compound_text(element) if len(element) else "")


def _compound_text(element: Any) -> str:
    """An interval (`1-2 g`, `>=1 g`) or a ratio (`1:20`) of quantities (CDA R2 data types IVL and RTO)."""
    low, high, above, below = (value_text(element.find(name)) for name in ("low", "high", "numerator", "denominator"))
    if low and high:
        number, _, unit = low.partition(" ")
        return f"{number if unit and high.endswith(f' {unit}') else low}-{high}"
    if low or high:
        bound = element.find("low" if low else "high")
        return f"{'>' if low else '<'}{'' if bound.get('inclusive') == 'false' else '='}{low or high}"
    return ":".join(part for part in (above, below) if part) or value_text(element.find("center"))


def said_name(element: Any) -> str:
    """The name of a person: its text, or that of its parts (CDA R2 data type PN), with blanks between them."""
    return " ".join(element.itertext()) if element is not None else ""


def whole_text(element: Any) -> str:
    """All text in an element."""
    return "".join(element.itertext()) if len(element) else element.text or ""
