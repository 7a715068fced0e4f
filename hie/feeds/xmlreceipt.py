"""The XML receipt for an envelope of rows (Qingpu interface document §3)."""

from datetime import datetime
from typing import Any

from lxml import etree

from hie.base.finding import Disposition, Finding, answered
from hie.base.outcome import Answer, ItemOutcome, PartOutcome
from hie.feeds.receipt import HTTP_STATUS, http_status

CONTENT_TYPE = "application/xml"


def answer(outcome: ItemOutcome, now: datetime) -> Answer:
    """The receipt: findings about the envelope, then one `Row` per row in the order of the envelope.

    A refused envelope has no rows. `outcome.context` is what `hie.parse.rows` keeps: the batch number and the `seq` of
    every row. `now` is not part of the receipt, so that a resend gets the same bytes.
    """
    context: dict[str, Any] = outcome.context or {}
    receipt = etree.Element("Receipt")
    receipt.set("id", outcome.id)
    receipt.set("sha256", outcome.sha256)
    receipt.set("batch", str(context.get("batch", "")))
    receipt.set("status", outcome.disposition.value)
    for found in answered(outcome.findings):
        _finding(receipt, found)
    numbers = context.get("seq", ())
    for part in sorted(outcome.parts, key=lambda part: part.part):
        _row(receipt, part, numbers)
    return Answer(_bytes(receipt), CONTENT_TYPE, http_status(outcome, HTTP_STATUS[outcome.disposition]))


def as_duplicate(saved: bytes) -> bytes:
    """A saved receipt with its status replaced by `duplicate`; the saved rows are repeated (common rules §2.2)."""
    receipt = etree.fromstring(saved, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    receipt.set("status", Disposition.DUPLICATE.value)
    return _bytes(receipt)


def _row(receipt: etree._Element, part: PartOutcome, numbers: Any) -> None:
    row = etree.SubElement(receipt, "Row")
    row.set("table", part.label)
    row.set("seq", numbers[part.part - 1] if 0 < part.part <= len(numbers) else str(part.part))
    row.set("key", part.key)
    row.set("status", part.disposition.value)
    for resource in part.resources:
        etree.SubElement(row, "Resource").text = resource
    for found in answered(part.findings):
        _finding(row, found)


def _finding(parent: etree._Element, found: Finding) -> None:
    element = etree.SubElement(parent, "Finding")
    element.set("code", found.code)
    element.set("severity", found.severity.value)
    if found.path:
        element.set("field", found.path)
    element.text = f"{found.row.zh}: {found.detail}" if found.detail else found.row.zh


def _bytes(receipt: etree._Element) -> bytes:
    etree.indent(receipt)
    return etree.tostring(receipt, xml_declaration=True, encoding="UTF-8")
