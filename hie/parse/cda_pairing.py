"""Flat laboratory results (C0007 shape A) grouped under their items, by document order (Jiashan interface §6.4).

Shape A sends items, results and units as siblings; only their order pairs them. The tree is rewritten to shape B, so
that one field map reads both.
"""

from collections.abc import Iterable
from typing import Any

from lxml import etree

from hie.base.finding import Finding, finding

ITEM = "DE04.30.019.00"
"""Opens a group."""

RESULTS = frozenset({"DE04.30.015.00", "DE04.30.016.00", "DE04.30.017.00"})
"""Result, unit and result code: they mean nothing before an item."""

REPORT_LEVEL = frozenset({"DE04.30.018.00", "DE04.50.130.00"})
"""Test category and report result: never part of an item."""

_SECTION = "检验报告"


def pair_results(root: Any) -> tuple[Finding, ...]:
    """Group flat entries of the report section in place.

    Findings: `pairing-assumed` once when two or more items were paired, `pairing-broken` for results before any item.
    A document in shape B is left as it is.
    """
    found: list[Finding] = []
    paired = 0
    for section in _sections(root):
        entries = [(entry, code) for entry in section.findall("entry") if (code := _code(entry))]
        items = sum(code == ITEM for _, code in entries)
        if _results_before_item(code for _, code in entries):
            found.append(finding("pairing-broken", "structuredBody//section/entry"))
        elif items:
            _group(section, entries)
        paired += items
    if paired > 1:
        found.append(finding("pairing-assumed", "structuredBody//section/entry"))
    return tuple(found)


def _sections(root: Any) -> list[Any]:
    sections = root.iterfind("component/structuredBody/component/section")
    return [s for s in sections if _display(s) == _SECTION or s.find("code") is None or not s.find("code").get("code")]


def _display(section: Any) -> str:
    code = section.find("code")
    return (code.get("displayName") or "").strip() if code is not None else (section.findtext("title") or "").strip()


def _code(entry: Any) -> str:
    code = entry.find("observation/code")
    return (code.get("code") or "").strip() if code is not None else ""


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
