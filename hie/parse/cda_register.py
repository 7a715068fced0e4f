"""DocumentRegister: the SOAP envelope around a document, and whether both agree (Jiashan interface §8)."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from hie.base.finding import Finding, finding
from hie.base.systems import NATIONAL_ID_KIND
from hie.base.text import NULL_TEXT, half_width, trimmed, whole_name
from hie.wire.clinical_document import read_header
from hie.wire.safexml import parse_xml
from hie.wire.soap import SOAP_11, SOAP_12

ID_LENGTHS = range(32, 37)
"""Characters of the id of a document, and of the message that registers it (Jiashan interface §3, §8)."""

_BLANKS = re.compile(r"\s+")
_DECLARATION = re.compile(r"\s*<\?xml\s.*?\?>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SoapContext:
    """What the answer needs of the request.

    `soap` is the envelope namespace, empty when the bytes are no SOAP envelope (the answer is then a Fault);
    `message_id` is the id of the DocumentRegister; `sender` and `receiver` are its device ids.
    """

    soap: str = ""
    message_id: str = ""
    sender: str = ""
    receiver: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the registration says about the document; empty where it says nothing."""

    document_id: str = ""
    document_type: str = ""
    patient_id: str = ""
    patient_name: str = ""
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Register:
    """A DocumentRegister after reading; `document` is None when a finding says why."""

    document: bytes | None
    context: SoapContext
    envelope: Envelope | None = None
    findings: tuple[Finding, ...] = ()
    charset: str = "utf-8"


def read_register(body: bytes) -> Register:
    """Read the SOAP envelope, the registration in it and the document in that.

    Rejects: not XML or not an envelope (`message-malformed`, `doctype-forbidden`), another action (`type-unknown`),
    not a production message (`processing-id`), base64 that cannot be decoded (`message-malformed`).
    """
    outer = parse_xml(body)
    if outer.root is None:
        return Register(None, SoapContext(), None, outer.findings, outer.charset)
    soap = _soap_namespace(outer.root)
    if not soap:
        found = finding("message-malformed", "/", "not a SOAP envelope")
        return Register(None, SoapContext(), None, (*outer.findings, found), outer.charset)
    server = _child(_child(outer.root, "Body"), "HIPMessageServer")
    action = _text(_child(server, "action"))
    message, problems = _message(_child(server, "message"))
    if action != "DocumentRegister":
        found = finding("type-unknown", "HIPMessageServer/action")
        return Register(None, _context(soap, message), None, (*outer.findings, found), outer.charset)
    if message is None:
        return Register(None, SoapContext(soap), None, (*outer.findings, *problems), outer.charset)
    return _registration(message, soap, (*outer.findings, *problems), outer.charset)


def _soap_namespace(root: Any) -> str:
    for namespace in (SOAP_11, SOAP_12):
        if root.tag == f"{{{namespace}}}Envelope":
            return namespace
    return ""


def _message(element: Any) -> tuple[Any, tuple[Finding, ...]]:
    """The registration: escaped text or CDATA as agreed, or elements that were put in directly."""
    if element is not None and len(element):
        return element[0], ()
    text = _DECLARATION.sub("", element.text or "", count=1) if element is not None else ""
    document = parse_xml(text.strip().encode("utf-8", "surrogatepass"))
    return document.root, document.findings


def _registration(message: Any, soap: str, earlier: tuple[Finding, ...], charset: str) -> Register:
    context = _context(soap, message)
    clinical = _path(message, "controlActProcess", "subject", "clinicalDocument")
    found = [*earlier, *_checks(message, context)]
    document = _document(_path(clinical, "storageCode", "originalText"))
    if document is None:
        found.append(finding("message-malformed", "storageCode/originalText/@value", "no base64"))
    return Register(document, context, _envelope(clinical), tuple(found), charset)


def _context(soap: str, message: Any) -> SoapContext:
    """What an answer repeats of the message, whatever it was meant to do; nothing of one that cannot be read."""
    identity = _given(_extension(message, "id"))
    return SoapContext(soap, identity, _device(message, "sender"), _device(message, "receiver"))


def _checks(message: Any, context: SoapContext) -> list[Finding]:
    found = []
    if _local(message) != "RCMR_IN000002UV02":
        found.append(finding("type-unknown", "HIPMessageServer/message"))
    if len(context.message_id) not in ID_LENGTHS:
        found.append(finding("value-missing", "message id/@extension", "32 to 36 characters expected"))
    if _attribute(_child(message, "processingCode"), "code") != "P":
        found.append(finding("processing-id", "processingCode/@code"))
    return found


def _document(element: Any) -> bytes | None:
    text = _BLANKS.sub("", element.get("value") or _text(element)) if element is not None else ""
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _envelope(clinical: Any) -> Envelope:
    patient = _path(clinical, "recordTarget", "patient", "patientPerson")
    custodian = _path(clinical, "custodian")
    return Envelope(
        document_id=_given(_extension(clinical, "id")),
        document_type=_given(_attribute(_child(clinical, "code"), "code")),
        patient_id=_given(_extension(patient, "id", NATIONAL_ID_KIND)).upper(),
        patient_name=_name(_child(patient, "name")),
        organisation=_given(_first_extension(custodian)).upper(),
    )


def _name(element: Any) -> str:
    if element is None:
        return ""
    parts = [part.get("value") or "" for part in element.iter() if _local(part) == "part"]
    name = whole_name("".join(parts) or _text(element))
    return "" if name in NULL_TEXT else name


def compare(envelope: Envelope, root: Any) -> tuple[Finding, ...]:
    """`envelope-mismatch` for every statement of the envelope that the document contradicts.

    Document id, type and custodian must be equal; patient id and name only when both sides have them.
    """
    person = root.find("recordTarget/patientRole/patient")
    document = Envelope(
        document_id=_given(_extension(root, "id")),
        document_type=_given(_attribute(root.find("code"), "code")),
        patient_id=_given(_extension(person, "id", NATIONAL_ID_KIND)).upper(),
        patient_name=_name(_child(person, "name")),
        organisation=read_header(root).organisation,
    )
    pairs = [
        ("clinicalDocument/id", envelope.document_id != document.document_id),
        ("clinicalDocument/code", envelope.document_type != document.document_type),
        ("patientPerson/id", _differ(envelope.patient_id, document.patient_id)),
        ("patientPerson/name", _differ(envelope.patient_name, document.patient_name)),
        ("custodian", envelope.organisation != document.organisation),
    ]
    return tuple(finding("envelope-mismatch", path) for path, wrong in pairs if wrong)


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _child(element: Any, name: str) -> Any:
    """The first child of that local name, None when there is none."""
    return next((child for child in element if _local(child) == name), None) if element is not None else None


def _path(element: Any, *names: str) -> Any:
    for name in names:
        element = _child(element, name)
    return element


def _text(element: Any) -> str:
    return "".join(element.itertext()).strip() if element is not None else ""


def _attribute(element: Any, name: str) -> str:
    return (element.get(name) or "").strip() if element is not None else ""


def _extension(element: Any, name: str, root: str | None = None) -> str:
    """`@extension` of a child `id` or of its `item`s, with that root, or none, when one is asked for."""
    if element is None:
        return ""
    ids = [item for child in element if _local(child) == name for item in (child, *child)]
    filled = [item for item in ids if item.get("extension") and (root is None or item.get("root", root) == root)]
    return filled[0].get("extension") or "" if filled else ""


def _first_extension(element: Any) -> str:
    if element is None:
        return ""
    return next((e.get("extension") or "" for e in element.iter() if e.get("extension")), "")


def _device(message: Any, role: str) -> str:
    return _given(_extension(_path(message, role, "device"), "id"))


def _given(value: str) -> str:
    text = trimmed(half_width(value)) or ""
    return "" if text in NULL_TEXT else text
