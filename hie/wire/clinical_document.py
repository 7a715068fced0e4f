"""A ClinicalDocument as a tree without namespaces, and its header (Jiashan interface §3, §5)."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from hie.base import moment
from hie.base.text import NULL_TEXT, half_width, trimmed

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

ENTRIES = ("observation", "procedure", "substanceAdministration")
"""Elements of the body that carry content."""

NUMBER = "n"
"""Attribute that `number_entries` sets."""

_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says about the document itself, each as sent, trimmed, half width; empty when missing."""

    id: str
    type: str
    title: str
    effective: str
    organisation: str
    version: str
    set_id: str
    parent: str

    @property
    def is_new(self) -> bool:
        """Whether the document makes no claim to change another one."""
        return self.version in ("", "0")

    @property
    def corrects(self) -> bool:
        """Whether the document is a corrected version, or replaces another one."""
        return self.version.isdecimal() and int(self.version) > 0

    @property
    def withdraws(self) -> bool:
        """Whether the document takes its id back."""
        return self.version == "-1"

    @property
    def order(self) -> str:
        """Sorts the versions of a document: effective time, then new, corrected, withdrawn, then document id."""
        found = moment.read(self.effective)
        at = f"{found.start.astimezone(UTC):%Y%m%d%H%M%S}" if found else ""
        rank = "2" if self.withdraws else f"1{int(self.version):09d}" if self.corrects else "0"
        return _SEPARATOR.join((at, rank, self.id))


def drop_namespaces(root: Any) -> None:
    """Leave local names only: some senders forget the namespace, none uses a second one for elements."""
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag.startswith("{"):
            element.tag = element.tag.partition("}")[2]


def number_entries(root: Any) -> None:
    """Number the entries of the body among their likes, from 1: in their section, drugs in the whole body.

    Likes have the same tag and, for observations, the same data element code. The number goes into the attribute `n`.
    """
    drugs: Counter[str] = Counter()
    sections: dict[Any, Counter[str]] = {}
    for entry in root.iter(*ENTRIES):
        section = next(entry.iterancestors("section"), None)
        counts = drugs if entry.tag == "substanceAdministration" else sections.setdefault(section, Counter())
        code = entry_code(entry)
        counts[code] += 1
        entry.set(NUMBER, str(counts[code]))


def entry_code(entry: Any) -> str:
    """What names an entry: the data element code of an observation, the tag of any other."""
    return _plain_code(entry) if entry.tag == "observation" else str(entry.tag)


def _plain_code(entry: Any) -> str:
    code = entry.find("code")
    return (code.get("code") or "").strip() if code is not None else ""


def read_header(root: Any) -> Header:
    """The header of a ClinicalDocument whose elements have no namespace."""
    custodian = root.find("custodian")
    return Header(
        id=_attribute(root.find("id"), "extension"),
        type=_attribute(root.find("code"), "code"),
        title=_text(root.find("title")),
        effective=_attribute(root.find("effectiveTime"), "value"),
        organisation=_attribute(custodian.find(".//id") if custodian is not None else None, "extension").upper(),
        version=_text(root.find("versionNumber")) or _attribute(root.find("versionNumber"), "value"),
        set_id=_text(root.find("setId")) or _attribute(root.find("setId"), "extension"),
        parent=_parent(root.find("relatedDocument/parentDocument/id")),
    )


def _parent(element: Any) -> str:
    return _text(element) or _attribute(element, "extension")


def _attribute(element: Any, name: str) -> str:
    return _given(element.get(name)) if element is not None else ""


def _text(element: Any) -> str:
    return _given("".join(element.itertext())) if element is not None else ""


def _given(value: str | None) -> str:
    text = trimmed(value) or ""
    return "" if text in NULL_TEXT else half_width(text)


def value_text(element: Any) -> str:
    """What a `value` element says: `@displayName`, `@value` with `@unit`, its text, else `@code`."""
    if element is None:
        return ""
    number = trimmed(element.get("value"))
    if number:
        return " ".join(part for part in (number, trimmed(element.get("unit"))) if part)
    says = (element.get("displayName"), "".join(element.itertext()), element.get("code"))
    return next((text for part in says if (text := trimmed(part))), "")
