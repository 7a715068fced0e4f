"""CDA documents (WS/T 500) from both doors: plain, and in a SOAP DocumentRegister (Jiashan interface §1-3, §8).

Both doors give the same record: its `body` is the document itself, so the second copy is a duplicate whichever way it
came. Elements lose their namespace, and results sent as flat entries are grouped, before mapping sees the tree.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from hie.base import moment
from hie.base.finding import Finding, Severity, finding, gravest
from hie.base.record import Delivery, Parsed, Record
from hie.base.text import is_null_text
from hie.parse.cda_pairing import PAIRING
from hie.parse.cda_register import ID_LENGTHS, Register, compare, read_register
from hie.wire.clinical_document import (
    NAMESPACE,
    Header,
    count_versions,
    drop_namespaces,
    number_entries,
    read_header,
    trim_roots,
    whole_text,
)
from hie.wire.safexml import parse_xml

_HEADER = ("setId/@extension", "versionNumber", "relatedDocument/parentDocument/id")
"""What a document may do without: null text there is noted, where a key should be it counts as missing."""

_OID = re.compile(r"[0-9.]{1,64}")
_CODED = ("administrativeGenderCode", "maritalStatusCode", "occupationCode", "ethnicGroupCode", "patienttypeCode")


@dataclass(frozen=True, slots=True)
class Agreed:
    """What is agreed with the senders of a feed: their social credit codes, the document types that have a map, the
    doors through which documents come in a DocumentRegister, and the `versionNumber` of a new document."""

    organisations: Collection[str]
    types: Collection[str]
    soap: Collection[str] = ()
    first_version: int = 0


def parse(delivery: Delivery, agreed: Agreed) -> Parsed:
    """The one record of a delivery.

    Never raises for bad data: a reject among the findings says what is wrong.
    """
    if delivery.door in agreed.soap:
        return _parse_register(delivery, agreed)
    document = parse_xml(delivery.body, bare=NAMESPACE)
    if document.root is None:
        return Parsed((), document.findings, document.charset)
    return Parsed((_record(delivery.body, document.root, document.findings, agreed),), (), document.charset)


def _parse_register(delivery: Delivery, agreed: Agreed) -> Parsed:
    register = read_register(delivery.body)
    sender = register.envelope.organisation if register.envelope else ""
    if register.document is None or gravest(register.findings) is Severity.REJECT:
        return Parsed((), register.findings, register.charset, register.context, sender)
    document = parse_xml(register.document, bare=NAMESPACE)
    if document.root is None:
        findings = (*register.findings, *document.findings)
        return Parsed((), findings, register.charset, register.context, sender)
    record = _record(register.document, document.root, document.findings, agreed)
    findings = (*register.findings, *record.findings, *_compared(register, record))
    record = replace(record, findings=findings, message_id=register.context.message_id, envelope=register.envelope)
    return Parsed((record,), (), register.charset, register.context)


def _compared(register: Register, record: Record) -> tuple[Finding, ...]:
    return compare(register.envelope, record.tree) if record.tree is not None and register.envelope else ()


def _record(body: bytes, root: Any, earlier: tuple[Finding, ...], agreed: Agreed) -> Record:
    drop_namespaces(root)
    trim_roots(root)
    count_versions(root, agreed.first_version)
    if root.tag != "ClinicalDocument":
        return Record(1, "", None, body, (*earlier, finding("type-unknown", "/")))
    header = read_header(root)
    findings = (*earlier, *_must_haves(header, agreed), *_one_patient(root), *_null_text(root))
    findings = (*findings, *_paired(header, root))
    return Record(1, header.type, root, body, findings, organisation=header.organisation, label=header.type)


def _one_patient(root: Any) -> tuple[Finding, ...]:
    """Leave the first record target: a document is about one patient, and what is said about another is not theirs."""
    others = root.findall("recordTarget")[1:]
    for other in others:
        root.remove(other)
    return (finding("field-unmapped", "recordTarget[2]"),) if others else ()


def _null_text(root: Any) -> tuple[Finding, ...]:
    """Take null text out of the numbers and the coded fields of the patient: `-` is none (common rules §5.3). That of
    the header, which `read_header` reads as none, is noted."""
    found = [finding("null-text", place) for place in _HEADER if _is_null(root, place)]
    for patient in root.iterfind("recordTarget"):
        fields = [
            (element, name, f"recordTarget//{element.tag}/@{name}")
            for element in patient.iter(*_CODED)
            for name in ("code", "displayName")
        ]
        fields += [(number, "extension", _number_place(number)) for number in patient.iterfind("patientRole/id")]
        for element, name, path in fields:
            if is_null_text(element.get(name)):
                del element.attrib[name]
                found.append(finding("null-text", path))
    return tuple(found)


def _is_null(root: Any, place: str) -> bool:
    path, _, attribute = place.partition("/@")
    element = root.find(path)
    return element is not None and is_null_text(element.get(attribute) if attribute else whole_text(element))


def _number_place(number: Any) -> str:
    root = number.get("root") or ""
    kind = f"[@root='{root}']" if _OID.fullmatch(root) else ""
    return f"recordTarget/patientRole/id{kind}/@extension"


def _paired(header: Header, root: Any) -> tuple[Finding, ...]:
    pair = PAIRING.get(header.type)
    found = pair(root) if pair else ()
    number_entries(root)
    return found


def _must_haves(header: Header, agreed: Agreed) -> tuple[Finding, ...]:
    """Findings about the fields without which a document has no place (Jiashan interface §2, §3)."""
    found: list[Finding] = []
    if header.type not in agreed.types:
        found.append(finding("type-unknown", "code/@code"))
    if not header.id:
        found.append(finding("key-missing", "id/@extension"))
    elif len(header.id) not in ID_LENGTHS:
        found.append(finding("value-missing", "id/@extension", "32 to 36 characters expected"))
    effective = moment.read(header.effective)
    if effective is None or effective.date == moment.SENTINEL:
        found.append(finding("key-missing", "effectiveTime/@value"))
    if header.organisation not in agreed.organisations:
        found.append(finding("org-unknown", "custodian//id/@extension"))
    return tuple(found)
