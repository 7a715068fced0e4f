"""HL7 v2: one message or one batch to records (Wujiang interface §1.1, §2, §3, §8.3).

Checks what can be known before mapping: readable, header acceptable, organisation registered, segments can be grouped.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from hie.base.finding import Finding, Severity, finding, gravest
from hie.base.record import Delivery, Parsed, Record
from hie.base.text import is_null_text
from hie.plugin import Adapter
from hie.wire.charset import decode_hl7, strip_frame
from hie.wire.hl7v2 import DELETION, Segment, without_controls
from hie.wire.hl7v2 import parse as split_message
from hie.wire.hl7v2_batch import Batch, split_batch
from hie.wire.hl7v2_envelope import Hl7Envelope
from hie.wire.hl7v2_group import ORDER, RESULT, Group, group

_VERSION = re.compile(r"2\.[3-6](\.\d)?")
CONTROL_ID_LENGTH = 50
"""Most characters of MSH-10 (Wujiang §2)."""


def parse(delivery: Delivery, adapter: Adapter, messages: Mapping[str, Sequence[str]]) -> Parsed:
    """The records of one item.

    `messages` gives every record type of the feed (`ADT^A01`) with the segments it needs. `Parsed.context` is an
    `Hl7Envelope`. Findings of the whole: of a single message that cannot be read, `message-malformed` and
    `charset-undecodable`; of a batch also `count-mismatch`.
    """
    batch = split_batch(delivery.body)
    if batch is not None:
        return _parse_batch(batch, adapter, messages)
    record, header, charset = _parse_message(0, strip_frame(delivery.body), adapter, messages)
    envelope = Hl7Envelope((header,), (charset,))
    if header is None:
        return Parsed((), record.findings, charset, envelope)
    return Parsed((record,), (), charset, envelope)


def _parse_batch(batch: Batch, adapter: Adapter, messages: Mapping[str, Sequence[str]]) -> Parsed:
    if gravest(batch.findings) is Severity.REJECT:
        return Parsed((), batch.findings, context=Hl7Envelope((), (), True, batch.header))
    parts = [_parse_message(number, body, adapter, messages) for number, body in enumerate(batch.messages)]
    charsets = tuple(charset for _, _, charset in parts)
    envelope = Hl7Envelope(tuple(header for _, header, _ in parts), charsets, True, batch.header)
    return Parsed(
        tuple(record for record, _, _ in parts), batch.findings, charsets[0] if charsets else "utf-8", envelope
    )


def _parse_message(
    number: int, body: bytes, adapter: Adapter, messages: Mapping[str, Sequence[str]]
) -> tuple[Record, Segment | None, str]:
    decoded = decode_hl7(body)
    message = split_message(without_controls(decoded.text), decoded.charset)
    header = message.msh
    if header is None:
        if gravest(decoded.findings) is Severity.REJECT:
            return _undecodable(number, body, decoded.findings, adapter)
        return Record(number, "", None, body, (*decoded.findings, *message.findings)), None, decoded.charset
    label, organisation = record_type(header), _organisation(header, adapter)
    findings = (*decoded.findings, *message.findings, *_header(header, label, organisation, messages))
    tree = group(message)
    if gravest(findings) is not Severity.REJECT:
        findings = (*findings, *_sequence(tree, messages[label]))
    control_id = header.text(10).strip()
    return (
        Record(number, label, tree, body, findings, organisation or "", control_id, label=label),
        header,
        decoded.charset,
    )


def _undecodable(
    number: int, body: bytes, findings: tuple[Finding, ...], adapter: Adapter
) -> tuple[Record, Segment | None, str]:
    """A message that no charset decodes. Its header is most often readable alone, and names what is answered to
    (Wujiang §1.1, §8.1); such an item has no message id (common rules §2.2)."""
    line = re.split(rb"[\r\n]", body, maxsplit=1)[0]
    decoded = decode_hl7(line)
    header = split_message(without_controls(decoded.text), decoded.charset).msh
    if header is None:
        return Record(number, "", None, body, findings), None, decoded.charset
    label, organisation = record_type(header), _organisation(header, adapter) or ""
    return Record(number, label, None, body, findings, organisation, label=label), header, decoded.charset


def record_type(header: Segment) -> str:
    """`type^event` of MSH-9; the structure does not count."""
    return f"{header.value(9, 1).strip()}^{header.value(9, 2).strip()}"


def _organisation(header: Segment, adapter: Adapter) -> str | None:
    """The USCC named by MSH-4.2, when empty by MSH-4.1 (a USCC or a short code); `None` when not registered."""
    named = _given(header.value(4, 2)) or _given(header.value(4, 1))
    known = {key: one.uscc for one in adapter.organisations for key in (one.code, one.uscc)}
    return known.get(named) or known.get(named.upper())


def _given(text: str) -> str:
    """What a header field says; null text and a deletion say nothing (common rules §5.3, Wujiang §1.2)."""
    said = text.strip()
    return "" if said == DELETION or is_null_text(said) else said


def _header(
    header: Segment, label: str, organisation: str | None, messages: Mapping[str, Sequence[str]]
) -> Iterable[Finding]:
    if label not in messages:
        kinds = {known.partition("^")[0] for known in messages}
        is_event = label.partition("^")[0] in kinds
        yield finding("event-unknown" if is_event else "type-unknown", "MSH-9")
    control_id = header.text(10).strip()
    if not _given(control_id):
        yield finding("key-missing", "MSH-10")
    elif len(control_id) > CONTROL_ID_LENGTH:
        yield finding("field-too-long", "MSH-10", f"more than {CONTROL_ID_LENGTH} characters")
    if header.value(11).strip() != "P":
        yield finding("processing-id", "MSH-11")
    if not _VERSION.fullmatch(header.value(12).strip()):
        yield finding("version-unsupported", "MSH-12")
    if organisation is None:
        yield finding("org-unknown", "MSH-4")


def _sequence(tree: Group, needed: Sequence[str]) -> Iterable[Finding]:
    """`segment-sequence` for what is missing, stands twice, or belongs to nothing (HL7 v2.5.1 §2.13)."""
    names = {name for name, _ in tree.flat}
    for name in needed:
        if name not in names:
            yield finding("segment-sequence", name, "the segment is missing")
    if len(tree.segments.get("PID", ())) > 1:
        yield finding("segment-sequence", "PID", "more than one patient")
    if len(tree.segments.get("MRG", ())) > 1:
        yield finding("segment-sequence", "MRG", "more than one merge")
    if ORDER not in needed:
        return
    if tree.groups.get(RESULT):
        yield finding("segment-sequence", "OBX", "a result before any order")
    if any(ORDER not in order.segments for order in tree.groups.get(ORDER, ())):
        yield finding("segment-sequence", "OBR", "an ORC without OBR")
