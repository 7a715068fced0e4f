"""One feed, two doors: plain documents, and documents in a DocumentRegister (Jiashan interface §1, §5, §8, §9.1)."""

import base64
import re

import pytest

from hie.staging.ledger import ledger
from tests.adapters.jiashan_exchange import JSYY, JSZY, Exchange, changed, sample

DOOR = "jiashan-soap"
FIRST = changed("02")
AGAIN = changed(
    "02",
    ('<effectiveTime value="20260302111500"/>', '<effectiveTime value="20260302121500"/>'),
    ("11.2000", "11.3000"),
)
UNREGISTERED = FIRST.replace(JSYY.encode(), b"12330421MBHE029999")
OTHER_NAME = ("顾晓嵐", "顾小嵐")


def register(document: bytes, message: str, *pairs: tuple[str, str]) -> bytes:
    """A DocumentRegister of sample 02 or a changed form of it, each text of the envelope replaced once."""
    found = re.search(rf'extension="({JSYY}|{JSZY}|12330421MBHE029999)"', document.decode())
    assert found is not None
    registration = (
        f'<RCMR_IN000002UV02 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"><id extension="{message * 32}"/>'
        '<processingCode code="P"/><controlActProcess><subject><clinicalDocument>'
        '<id><item root="2.16.156.10011.1.1" extension="e7463759fb4e51f1f418225cc6ebd521"/></id><code code="C0007"/>'
        f'<storageCode><originalText value="{base64.b64encode(document).decode()}"/></storageCode>'
        "<recordTarget><patient><patientPerson><id>"
        '<item root="2.16.156.10011.1.3" extension="320598196804175127"/></id>'
        '<name><item><part value="顾晓嵐"/></item></name></patientPerson></patient></recordTarget>'
        "<custodian><assignedCustodian><representedOrganization><id>"
        f'<item root="2.16.156.10011.1.5" extension="{found[1]}"/>'
        "</id></representedOrganization></assignedCustodian></custodian>"
        "</clinicalDocument></subject></controlActProcess></RCMR_IN000002UV02>"
    )
    body = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        '<hip:HIPMessageServer xmlns:hip="https://hie.example.org/soap"><hip:action>DocumentRegister</hip:action>'
        f"<hip:message><![CDATA[{registration}]]></hip:message></hip:HIPMessageServer></soap:Body></soap:Envelope>"
    )
    for old, new in pairs:
        assert old in body, old
        body = body.replace(old, new, 1)
    return body.encode()


async def told(exchange: Exchange, body: bytes) -> tuple[str, list[str]]:
    """The typeCode of the acknowledgement and the finding codes in it."""
    answer = (await exchange.ingest.receive(DOOR, body)).body.decode()
    (code,) = re.findall(r'acknowledgement typeCode="(\w\w)"', answer)
    (detail,) = re.findall(r'<text value="([^"]*)"', answer)
    return code, detail.split()[1:]


async def test_a_document_is_taken_in_when_its_envelope_was_corrected() -> None:
    exchange = Exchange()
    assert await told(exchange, register(FIRST, "a", OTHER_NAME)) == ("AE", ["envelope-mismatch"])
    assert await exchange.all("Patient", "DiagnosticReport") == []
    assert await told(exchange, register(FIRST, "b")) == ("AA", [])
    assert len(await exchange.all("Patient", "DiagnosticReport")) == 2


async def test_a_document_is_taken_in_plain_after_an_envelope_that_contradicted_it() -> None:
    exchange = Exchange()
    await told(exchange, register(FIRST, "a", OTHER_NAME))
    assert await exchange.status(FIRST) == ("accepted", [])
    assert len(await exchange.all("Patient", "DiagnosticReport")) == 2


async def test_an_envelope_that_contradicts_a_known_document() -> None:
    exchange = Exchange()
    await exchange.send(FIRST)
    assert await told(exchange, register(FIRST, "a", OTHER_NAME)) == ("AE", ["envelope-mismatch"])
    assert await told(exchange, register(FIRST, "b")) == ("AA", [])
    assert await exchange.status(FIRST) == ("duplicate", [])


async def test_a_copy_of_a_refused_document_is_refused() -> None:
    exchange = Exchange()
    assert await exchange.status(UNREGISTERED) == ("rejected", ["org-unknown"])
    assert await told(exchange, register(UNREGISTERED, "a")) == ("AR", ["org-unknown"])
    found = await ledger(exchange.store)
    assert (found.received, found.stored, found.rejected) == (2, 0, 2)


@pytest.mark.parametrize("doors", ["soap soap", "cda soap", "soap cda", "cda cda"])
async def test_an_id_that_stands_for_other_bytes_through_any_door(doors: str) -> None:
    exchange = Exchange()
    found = []
    for document, door, message in zip((FIRST, AGAIN), doors.split(), "ab", strict=True):
        if door == "soap":
            found.append((await told(exchange, register(document, message)))[1])
        else:
            found.append((await exchange.status(document))[1])
    assert found == [[], ["control-id-reused"]]
    (report,) = await exchange.all("DiagnosticReport")
    assert report["status"] == "corrected"


async def test_another_document_under_a_known_message_id() -> None:
    exchange = Exchange()
    await told(exchange, register(FIRST, "a"))
    other = FIRST.replace(b"e7463759fb4e51f1f418225cc6ebd521", b"f7463759fb4e51f1f418225cc6ebd521")
    body = register(other, "a", ("e7463759fb4e51f1f418225cc6ebd521", "f7463759fb4e51f1f418225cc6ebd521"))
    assert await told(exchange, body) == ("AA", ["control-id-reused"])


async def test_another_action_is_refused_under_the_id_of_its_message() -> None:
    answer = await Exchange().ingest.receive(DOOR, register(FIRST, "a", ("DocumentRegister<", "DocumentQuery<")))
    assert answer.status == 200
    assert b'typeCode="AR"' in answer.body
    assert f'extension="{"a" * 32}"'.encode() in answer.body


async def test_the_document_of_a_register_is_kept_as_it_was_before_base64() -> None:
    exchange = Exchange()
    await told(exchange, register(sample("02"), "a"))
    (binary,) = await exchange.all("Binary")
    assert base64.b64decode(binary["data"]) == sample("02")
