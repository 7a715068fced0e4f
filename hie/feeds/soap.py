"""The SOAP answer to a DocumentRegister: an MCCI acknowledgement, or a Fault (Jiashan interface §8)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lxml import etree

from hie.base.clock import CHINA
from hie.base.finding import Disposition, Severity
from hie.base.ids import stable_id
from hie.base.outcome import Answer, ItemOutcome
from hie.base.systems import BASE, OID
from hie.feeds.ack import ACKNOWLEDGE
from hie.feeds.receipt import http_status
from hie.wire.soap import SOAP_11, SOAP_12

HL7 = "urn:hl7-org:v3"
HIP = f"{BASE}/soap"
INTERACTION = "MCCI_IN000002UV01"
DEVICE = "YRDHIE-01"
"""Device id of the exchange, used when the request does not name its receiver."""

CONTENT_TYPES: Mapping[str, str] = {SOAP_11: "text/xml; charset=utf-8", SOAP_12: "application/soap+xml; charset=utf-8"}
"""Envelope namespace -> Content-Type of the answer: SOAP 1.1 or 1.2."""

_NO_ENVELOPE = ("soap:Client", "The request is not a SOAP envelope that can be read")
_FAULTS: Mapping[str, tuple[str, str]] = {
    "too-large": ("soap:Client", "The request is larger than allowed"),
    "internal-error": ("soap:Server", "The exchange failed"),
}
"""Finding -> faultcode and faultstring where they are not those of a request that is none (SOAP 1.1 §4.4.1)."""

_DEFAULT_NAMESPACE: Any = {None: HL7}
_ROOT = f"{OID}.2.5.1"


def answer(outcome: ItemOutcome, now: datetime) -> Answer:
    """The acknowledgement at `now`; a Fault when the envelope was not read: with status 400 when it is none.

    An acknowledgement travels with 200 whatever it says, except for `too-large`.
    """
    soap = getattr(outcome.context, "soap", "")
    if not soap:
        return Answer(_fault(outcome), CONTENT_TYPES[SOAP_11], http_status(outcome, 400))
    return Answer(_acknowledgement(outcome, soap, now), CONTENT_TYPES[soap], http_status(outcome, 200))


def _first_disposition(outcome: ItemOutcome) -> Disposition:
    """What became of the item; of a document that came before, what became of it then (common rules §2.2)."""
    return next((part.original for part in outcome.parts if part.original is not None), outcome.disposition)


def _detail(outcome: ItemOutcome) -> str:
    """The raw item id and the finding codes above info, separated by blanks."""
    codes = [f.code for f in outcome.all_findings if f.severity.rank > Severity.INFO.rank]
    return " ".join([outcome.id, *dict.fromkeys(codes)])


def _fault(outcome: ItemOutcome) -> bytes:
    envelope = etree.Element(f"{{{SOAP_11}}}Envelope", nsmap={"soap": SOAP_11})
    fault = etree.SubElement(etree.SubElement(envelope, f"{{{SOAP_11}}}Body"), f"{{{SOAP_11}}}Fault")
    code = next((found.code for found in outcome.all_findings if found.code in _FAULTS), "")
    for name, text in zip(("faultcode", "faultstring"), _FAULTS.get(code, _NO_ENVELOPE), strict=True):
        etree.SubElement(fault, name).text = text
    etree.SubElement(etree.SubElement(fault, "detail"), f"{{{HIP}}}text", nsmap={"hip": HIP}).text = _detail(outcome)
    return _serialise(envelope)


def _acknowledgement(outcome: ItemOutcome, soap: str, now: datetime) -> bytes:
    envelope = etree.Element(f"{{{soap}}}Envelope", nsmap={"soap": soap})
    body = etree.SubElement(envelope, f"{{{soap}}}Body")
    response = etree.SubElement(body, f"{{{HIP}}}HIPMessageServerResponse", nsmap={"hip": HIP})
    payload = etree.SubElement(response, f"{{{HIP}}}payload")
    payload.append(_mcci(outcome, now))
    return _serialise(envelope)


def _mcci(outcome: ItemOutcome, now: datetime) -> etree._Element:
    """The message MCCI_IN000002UV01 in the element order of its schema."""
    message = etree.Element(f"{{{HL7}}}{INTERACTION}", nsmap=_DEFAULT_NAMESPACE, ITSVersion="XML_1.0")
    identity = stable_id("mcci", outcome.id).replace("-", "")
    _add(message, "id", root=f"{_ROOT}.1", extension=identity)
    _add(message, "creationTime", value=f"{now.astimezone(CHINA):%Y%m%d%H%M%S}")
    _add(message, "interactionId", root=f"{_ROOT}.2", extension=INTERACTION)
    _add(message, "processingCode", code="P")
    _add(message, "processingModeCode")
    _add(message, "acceptAckCode", code="NE")
    _device(message, "receiver", "RCV", getattr(outcome.context, "sender", ""))
    _device(message, "sender", "SND", getattr(outcome.context, "receiver", "") or DEVICE)
    acknowledgement = _add(message, "acknowledgement", typeCode=ACKNOWLEDGE[_first_disposition(outcome)])
    _add(acknowledgement, "targetMessageId", root=f"{_ROOT}.1", extension=outcome.context.message_id)
    _add(_add(acknowledgement, "acknowledgementDetail"), "text", value=_detail(outcome))
    return message


def _device(message: etree._Element, role: str, type_code: str, identity: str) -> None:
    device = _add(_add(message, role, typeCode=type_code), "device", classCode="DEV", determinerCode="INSTANCE")
    _add(_add(device, "id"), "item", root=f"{_ROOT}.3", extension=identity)


def _add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{HL7}}}{name}", {k: v for k, v in attributes.items() if v})


def _serialise(envelope: etree._Element) -> bytes:
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")
