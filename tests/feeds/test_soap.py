"""The SOAP answer to a DocumentRegister (Jiashan interface §8)."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from hie.base.finding import Disposition, finding
from hie.base.outcome import ItemOutcome, PartOutcome
from hie.feeds.soap import answer
from hie.parse.cda_register import SoapContext
from hie.wire.soap import SOAP_11, SOAP_12

NOW = datetime(2026, 3, 5, 1, 10, 30, tzinfo=UTC)
HL7 = {"v3": "urn:hl7-org:v3", "hip": "https://hie.example.org/soap", "soap": SOAP_11, "soap12": SOAP_12}
CONTEXT = SoapContext(SOAP_11, "4c58d67ec7fb003ee4849248e948bb6c", "JSPT-DOC01", "YRDHIE-01")


def outcome(disposition: Disposition, *codes: str, context: SoapContext = CONTEXT) -> ItemOutcome:
    findings = tuple(finding(code) for code in codes)
    part = PartOutcome(1, "C0007", "", context.message_id, disposition, findings)
    return ItemOutcome("raw-1", "", "jiashan-cda", "jiashan-soap", disposition, (), (part,), "utf-8", context)


def first(body: bytes, path: str) -> str:
    return str(etree.fromstring(body).xpath(f"string({path})", namespaces=HL7))


@pytest.mark.parametrize(
    ("disposition", "code"),
    [
        (Disposition.ACCEPTED, "AA"),
        (Disposition.ACCEPTED_WITH_WARNINGS, "AA"),
        (Disposition.DUPLICATE, "AA"),
        (Disposition.QUARANTINED, "AE"),
        (Disposition.REJECTED, "AR"),
    ],
)
def test_an_answer_accepts_or_refuses_by_its_type_code(disposition: Disposition, code: str) -> None:
    found = answer(outcome(disposition), NOW)
    assert (found.status, found.content_type) == (200, "text/xml; charset=utf-8")
    assert first(found.body, "//v3:acknowledgement/@typeCode") == code


@pytest.mark.parametrize(
    ("first_time", "code"),
    [(Disposition.ACCEPTED, "AA"), (Disposition.QUARANTINED, "AE"), (Disposition.REJECTED, "AR")],
)
def test_a_copy_is_acknowledged_as_the_first_one_was(first_time: Disposition, code: str) -> None:
    part = PartOutcome(1, "C0007", "", "", Disposition.DUPLICATE, original=first_time)
    item = ItemOutcome("raw-1", "", "jiashan-cda", "jiashan-soap", Disposition.ACCEPTED, (), (part,), "utf-8", CONTEXT)
    assert first(answer(item, NOW).body, "//v3:acknowledgement/@typeCode") == code


def test_the_acknowledgement_in_full() -> None:
    body = answer(outcome(Disposition.ACCEPTED_WITH_WARNINGS, "id-checksum", "unit-unmapped"), NOW).body
    message = etree.fromstring(body).xpath("/soap:Envelope/soap:Body/hip:*/hip:payload/v3:*", namespaces=HL7)[0]
    assert etree.QName(message).localname == "MCCI_IN000002UV01"
    assert message.get("ITSVersion") == "XML_1.0"
    assert [etree.QName(child).localname for child in message] == [
        "id",
        "creationTime",
        "interactionId",
        "processingCode",
        "processingModeCode",
        "acceptAckCode",
        "receiver",
        "sender",
        "acknowledgement",
    ]
    assert first(body, "//v3:creationTime/@value") == "20260305091030"
    assert first(body, "//v3:targetMessageId/@root") == "2.16.156.10011.2.5.1.1"
    assert first(body, "//v3:targetMessageId/@extension") == "4c58d67ec7fb003ee4849248e948bb6c"
    assert first(body, "//v3:receiver//v3:item/@extension") == "JSPT-DOC01"
    assert first(body, "//v3:sender//v3:item/@extension") == "YRDHIE-01"
    assert first(body, "//v3:acknowledgementDetail/v3:text/@value") == "raw-1 id-checksum"


def test_soap_1_2_is_answered_in_kind() -> None:
    found = answer(outcome(Disposition.ACCEPTED, context=SoapContext(SOAP_12, "id")), NOW)
    assert found.content_type == "application/soap+xml; charset=utf-8"
    assert first(found.body, "/soap12:Envelope/soap12:Body//v3:acknowledgement/@typeCode") == "AA"


def test_no_envelope_gets_a_fault() -> None:
    found = answer(outcome(Disposition.REJECTED, "message-malformed", context=SoapContext()), NOW)
    assert found.status == 400
    assert first(found.body, "/soap:Envelope/soap:Body/soap:Fault/faultcode") == "soap:Client"
    assert "message-malformed" in first(found.body, "//detail")


@pytest.mark.parametrize(
    ("code", "status", "unread", "fault"),
    [("too-large", 413, 413, "soap:Client"), ("internal-error", 200, 400, "soap:Server")],
)
def test_what_a_finding_says_with_and_without_an_envelope(code: str, status: int, unread: int, fault: str) -> None:
    assert answer(outcome(Disposition.QUARANTINED, code), NOW).status == status
    found = answer(outcome(Disposition.QUARANTINED, code, context=SoapContext()), NOW)
    assert (found.status, first(found.body, "//faultcode")) == (unread, fault)
