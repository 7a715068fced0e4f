"""What only document order pairs: flat laboratory results, and the two texts of an examination (§6.3, §6.4).

C0007 shape A sends items, results and units as siblings; the tree is rewritten to shape B, so that one field map reads
both. C0006 sends findings and impression under one DE code; each observation gets the attribute `role`.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from lxml import etree

from hie.base import moment
from hie.base.finding import Finding, finding
from hie.base.text import half_width, trimmed
from hie.wire.clinical_document import section_names, value_text

ITEM = "DE04.30.019.00"
"""Opens a group."""

RESULTS = frozenset({"DE04.30.015.00", "DE04.30.016.00", "DE04.30.017.00"})
"""Result, unit and result code: they mean nothing before an item."""

REPORT_LEVEL = frozenset({"DE04.30.018.00", "DE04.50.130.00"})
"""Test category and report result: never part of an item."""

ABOUT_FINDINGS = frozenset({"DE04.30.017.00", "DE06.00.179.00"})
"""Result code and note of an examination: they belong to its findings."""

_RESULTS, _EXAMINATION = "检验报告", "检查报告"
"""What the section with the results, and that with the texts, is called, where its region has no other name for it."""


def pair_results(root: Any) -> tuple[Finding, ...]:
    """Group flat entries of the report section in place.

    Findings: `pairing-assumed` once when two or more items were paired, `pairing-broken` for results before any item.
    A document in shape B is left as it is.
    """
    found: list[Finding] = []
    paired = 0
    for section in _sections(root, _RESULTS, {ITEM, *RESULTS}):
        entries = [
            (entry, code) for entry in section.findall("entry") if (code := _observed(entry, "observation/code"))
        ]
        items = sum(code == ITEM for _, code in entries)
        if _results_before_item(code for _, code in entries):
            found.append(finding("pairing-broken", "structuredBody//section/entry"))
        elif items:
            _group(section, entries)
        paired += items
    if paired > 1:
        found.append(finding("pairing-assumed", "structuredBody//section/entry"))
    return tuple(found)


def _sections(root: Any, name: str, codes: Set[str]) -> list[Any]:
    """The sections of the body that go by a name, as field maps find them; without any, those with entries of `codes`:
    what maps call a section is for each region to say."""
    sections = list(root.iterfind("component/structuredBody//section"))
    named = [one for one in sections if name in section_names(one)]
    return named or [one for one in sections if any(_observed(o) in codes for o in one.iterfind("entry//observation"))]


def _results_before_item(codes: Iterable[str]) -> bool:
    for code in codes:
        if code == ITEM:
            return False
        if code in RESULTS:
            return True
    return False


def _group(section: Any, entries: list[tuple[Any, str]]) -> None:
    """Move each entry that follows an item into that item."""
    item = None
    for entry, code in entries:
        observation = entry.find("observation")
        if code == ITEM:
            item = observation
            etree.SubElement(etree.SubElement(entry, "organizer"), "component").append(observation)
        elif item is not None and code not in REPORT_LEVEL:
            etree.SubElement(item, "entryRelationship", typeCode="COMP").append(observation)
            section.remove(entry)


FINDINGS, IMPRESSION = "findings", "impression"
_WORDS = (("客观所见", FINDINGS), ("主观提示", IMPRESSION))
_TEXTS = "DE04.50.131.00"
_TEXTS_PATH = f"section//{_TEXTS}"
_SPECIMEN, _METHOD = "DE04.50.134.00", "DE02.10.027.00"


def mark_texts(root: Any) -> tuple[Finding, ...]:
    """Give the report texts of an examination their `role`, by the word in their displayName.

    One without either word takes the role that is still free, findings first: `pairing-assumed`. A text for which no
    role is left is `field-unmapped`; so is what is said about findings that are not there.
    """
    entries = [o for section in _sections(root, _EXAMINATION, {_TEXTS}) for o in section.iter("observation")]
    entries = [o for o in entries if value_text(o.find("value"))]
    texts = [o for o in entries if _observed(o) == _TEXTS]
    free = [FINDINGS, IMPRESSION]
    unnamed = []
    for text in texts:
        name = text.find("code").get("displayName") or ""
        role = next((role for word, role in _WORDS if word in name), None)
        if role is None:
            unnamed.append(text)
        elif role in free:
            text.set("role", role)
            free.remove(role)
    for text, role in zip(unnamed, free, strict=False):
        text.set("role", role)
    found = [finding("pairing-assumed", _TEXTS_PATH)] if unnamed else []
    if any(text.get("role") is None for text in texts):
        found.append(finding("field-unmapped", _TEXTS_PATH))
    if not any(text.get("role") == FINDINGS for text in texts):
        about = dict.fromkeys(code for o in entries if (code := _observed(o)) in ABOUT_FINDINGS)
        found += [finding("field-unmapped", f"section//{code}") for code in about]
    return tuple(found)


def _observed(entry: Any, path: str = "code") -> str:
    """The data element code at a path; empty when there is none."""
    code = entry.find(path)
    return (code.get("code") or "").strip() if code is not None else ""


def pair_report(root: Any) -> tuple[Finding, ...]:
    """`pair_results`, then what holds for the whole report is written on each item: `collected`, `method`.

    `collected` is the first sampling time of any item that is a date, `method` that of an entry outside every item
    (§6.4).
    """
    found = pair_results(root)
    for section in _sections(root, _RESULTS, {ITEM, *RESULTS}):
        items = [o for o in section.iterfind("entry/organizer/component/observation") if _observed(o) == ITEM]
        lows = (low.get("value") for o in section.iter("observation") if _observed(o) == _SPECIMEN for low in _lows(o))
        methods = (
            value_text(o.find("value")) for o in section.iterfind("entry/observation") if _observed(o) == _METHOD
        )
        for name, value in (
            ("collected", next(filter(_is_date, lows), "")),
            ("method", next(filter(None, methods), "")),
        ):
            for item in items if value else ():
                item.set(name, value)
    return found


def _is_date(text: str | None) -> bool:
    found = moment.read(half_width(trimmed(text) or ""))
    return found is not None and found.date != moment.SENTINEL


def _lows(observation: Any) -> list[Any]:
    return list(observation.iterfind("effectiveTime/low"))


PAIRING: Mapping[str, Callable[[Any], tuple[Finding, ...]]] = {"C0006": mark_texts, "C0007": pair_report}
"""Document type -> what is paired before mapping."""
