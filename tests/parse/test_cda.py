"""Jiashan documents through both doors, down to the record (Jiashan interface §1-3, §6.4 shape A, §8)."""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hie.base.record import Delivery, Parsed, Record
from hie.parse.cda import Agreed, parse
from hie.wire.clinical_document import read_header

SAMPLES = Path(__file__).parents[2] / "adapters" / "jiashan" / "samples"
JSYY = "12330421MBHE020186"
REGISTERED = frozenset({JSYY, "12330421MBHE020261", "12330421MBHE02034U"})
RECEIVED = datetime(2026, 4, 1, tzinfo=UTC)
AGREED = Agreed(REGISTERED, frozenset({"C0001", "C0002", "C0004", "C0006", "C0007", "C0053"}), {"jiashan-soap"})


def sample(start: str) -> bytes:
    return next(SAMPLES.glob(f"{start}-*.xml")).read_bytes()


def received(body: bytes, door: str = "jiashan-cda") -> Parsed:
    delivery = Delivery("raw", "jiashan-cda", door, RECEIVED, body)
    return parse(delivery, AGREED)


def record(body: bytes, door: str = "jiashan-cda") -> Record:
    return received(body, door).records[0]


def codes(findings: object) -> list[str]:
    return [found.code for found in findings]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("start", "type_", "organisation", "findings"),
    [
        ("01", "C0002", JSYY, []),
        ("02", "C0007", JSYY, []),
        ("03", "C0007", "12330421MBHE02034U", ["pairing-assumed"]),
        ("04", "C0007", JSYY, []),
        ("05", "C0006", "12330421MBHE020261", []),
        ("06", "C0004", JSYY, []),
        ("07", "C0053", JSYY, []),
        ("09", "C0007", "12330421MBHE020261", ["charset-mismatch"]),
        ("12", "C0007", "12330421MBHE02034U", ["pairing-assumed"]),
    ],
)
def test_a_sample_gives_the_record_that_its_story_says(
    start: str, type_: str, organisation: str, findings: list[str]
) -> None:
    body = sample(start)
    found = record(body)
    assert (found.type, found.organisation, found.body) == (type_, organisation, body)
    assert codes(found.findings) == findings


@pytest.mark.parametrize(("start", "code"), [("10", "message-malformed"), ("11", "doctype-forbidden")])
def test_a_refused_sample_gives_no_record(start: str, code: str) -> None:
    found = received(sample(start))
    assert found.records == ()
    assert codes(found.findings) == [code]


def test_gb18030_text_is_read_whichever_charset_is_declared() -> None:
    assert record(sample("05")).tree.findtext("title") == "检查报告"
    found = record(sample("05").replace(b'encoding="GB18030"', b'encoding="UTF-8"'))
    assert found.tree.findtext("title") == "检查报告"
    assert codes(found.findings) == ["charset-mismatch"]


def changed(start: str, *pairs: tuple[str, str]) -> bytes:
    text = sample(start).decode()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('extension="624630befc9ede0c9acc410b321cd06f"', 'extension=""', "key-missing"),
        ('extension="624630befc9ede0c9acc410b321cd06f"', 'extension="无"', "key-missing"),
        ('extension="624630befc9ede0c9acc410b321cd06f"', 'extension="short"', "value-missing"),
        ('<effectiveTime value="20260302101000"/>', "<effectiveTime/>", "key-missing"),
        ('<effectiveTime value="20260302101000"/>', '<effectiveTime value="昨天"/>', "key-missing"),
        ('<effectiveTime value="20260302101000"/>', '<effectiveTime value="19000101000000"/>', "key-missing"),
        (
            'representedCustodianOrganization classCode="ORG" determinerCode="INSTANCE">\n'
            '<id root="2.16.156.10011.1.5" extension="12330421MBHE020186"',
            'representedCustodianOrganization>\n<id root="2.16.156.10011.1.5" extension="12310118MBHE03010J"',
            "org-unknown",
        ),
        ('code="C0002"', 'code="C0054"', "type-unknown"),
        ('code="C0002"', 'code="C0000"', "type-unknown"),
        ('code="C0002"', 'code="DG001"', "type-unknown"),
    ],
)
def test_header_must_haves(old: str, new: str, code: str) -> None:
    assert codes(record(changed("01", (old, new))).findings) == [code]


def test_a_document_without_custodian_names_no_registered_organisation() -> None:
    text = sample("01").decode()
    start, end = text.index("<custodian"), text.index("</custodian>") + len("</custodian>")
    assert codes(record((text[:start] + text[end:]).encode()).findings) == ["org-unknown"]


def test_another_root_is_no_document() -> None:
    assert codes(record(b"<ClinicalDocuments/>").findings) == ["type-unknown"]


def test_a_region_has_its_own_document_types_and_first_version() -> None:
    """HL7 CDA R2 says neither what documents are called nor from where versions count."""
    agreed = replace(AGREED, types={"DQ-11"}, first_version=1)
    headers = []
    for version in ("1", "2", "-1", ""):
        stated = f"<versionNumber>{version}</versionNumber>"
        body = changed("01", ('code="C0002"', 'code="DQ-11"'), ("<versionNumber></versionNumber>", stated))
        (found,) = parse(Delivery("raw", "a-cda", "a-cda", RECEIVED, body), agreed).records
        assert not found.findings
        headers.append(read_header(found.tree))
    assert [header.version for header in headers] == ["0", "1", "-1", ""]
    assert [header.corrects for header in headers] == [False, True, False, False]


def test_flat_results_are_grouped_under_their_items() -> None:
    root = record(sample("03")).tree
    items = root.findall(".//organizer/component/observation")
    assert [item.findtext("value") for item in items] == ["葡萄糖", "尿素", "肌酐"]
    inner = [[o.find("code").get("code") for o in item.findall("entryRelationship/observation")] for item in items]
    assert inner == [["DE04.30.017.00", "DE04.30.015.00", "DE04.30.016.00"]] * 3


def test_results_and_texts_are_paired_whatever_a_region_calls_their_section() -> None:
    """Else the texts of an examination have no role, and no map reads them; nothing says so."""
    texts = sample("05").decode("gb18030").replace("检查报告", "影像所见").encode("gb18030")
    roles = sorted(filter(None, (text.get("role") for text in record(texts).tree.iter("observation"))))
    assert roles == ["findings", "impression"]
    flat_results = record(sample("03").decode().replace("检验报告", "化验结果").encode())
    assert codes(flat_results.findings) == ["pairing-assumed"]
    assert len(flat_results.tree.findall(".//organizer/component/observation/entryRelationship")) == 9


def flat(*entries: tuple[str, str]) -> bytes:
    text = sample("03").decode()
    start, end = text.index("<entry>"), text.rindex("</entry>") + len("</entry>")
    entry = '<entry><observation><code code="{}"/><value>{}</value></observation></entry>'
    inner = "".join(entry.format(*pair) for pair in entries)
    return (text[:start] + inner + text[end:]).encode()


def test_one_flat_item_needs_no_assumption() -> None:
    assert record(flat(("DE04.30.019.00", "钾"), ("DE04.30.015.00", "4"))).findings == ()


@pytest.mark.parametrize("code", ["DE04.30.015.00", "DE04.30.016.00", "DE04.30.017.00"])
def test_a_result_before_any_item_is_quarantined(code: str) -> None:
    assert codes(record(flat((code, "4"), ("DE04.30.019.00", "钾"))).findings) == ["pairing-broken"]


def test_the_report_result_is_never_part_of_an_item() -> None:
    root = record(flat(("DE04.30.019.00", "钾"), ("DE04.30.015.00", "4"), ("DE04.50.130.00", "正常"))).tree
    assert [e.get("code") for e in root.findall(".//section/entry/observation/code")] == ["DE04.50.130.00"]


def registered(*pairs: tuple[str, str]) -> bytes:
    return changed("08", *pairs)


def test_soap_gives_the_document_itself() -> None:
    found = received(sample("08"), "jiashan-soap")
    document = found.records[0]
    assert document.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument')
    assert document.message_id == "4c58d67ec7fb003ee4849248e948bb6c"
    assert document.findings == ()
    assert found.context.message_id == document.message_id
    assert (found.context.sender, found.context.receiver) == ("JSPT-DOC01", "YRDHIE-01")
    assert record(document.body).body == document.body


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<hip:action>DocumentRegister", "<hip:action>DocumentAccess", "type-unknown"),
        ('<processingCode code="P"/>', '<processingCode code="T"/>', "processing-id"),
        ('originalText value="PD94', 'originalText value="!!', "message-malformed"),
        ("<![CDATA[<RCMR", "<![CDATA[<!DOCTYPE a><RCMR", "doctype-forbidden"),
        ("]]></hip:message>", "</x>]]></hip:message>", "message-malformed"),
    ],
)
def test_envelopes_that_are_refused(old: str, new: str, code: str) -> None:
    found = received(registered((old, new)), "jiashan-soap")
    assert found.records == ()
    assert codes(found.findings) == [code]
    assert found.context.soap == "http://schemas.xmlsoap.org/soap/envelope/"


@pytest.mark.parametrize("body", [b"<ClinicalDocument/>", b"not xml", b"<!DOCTYPE a><a/>"])
def test_what_is_no_envelope_has_no_context(body: bytes) -> None:
    found = received(body, "jiashan-soap")
    assert found.records == ()
    assert found.context.soap == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('root="2.16.156.10011.2.5.1.24" extension="a5efb', 'root="2.16.156.10011.2.5.1.24" extension="b5efb'),
        ('<code code="C0007"', '<code code="C0006"'),
        ('extension="320598196804175127"', 'extension="320598196804175128"'),
        ('<part value="顾晓嵐"/>', '<part value="顾晓岚"/>'),
        ('root="2.16.156.10011.1.3" extension="320598196804175127"', 'extension="320598196804175128"'),
    ],
)
def test_an_envelope_that_disagrees_is_quarantined(old: str, new: str) -> None:
    assert codes(record(registered((old, new)), "jiashan-soap").findings) == ["envelope-mismatch"]


def test_another_custodian_in_the_envelope_is_quarantined() -> None:
    text = sample("08").decode()
    at = text.rindex(f'extension="{JSYY}"')
    body = text[:at] + text[at:].replace(JSYY, "12330421MBHE020261", 1)
    assert codes(record(body.encode(), "jiashan-soap").findings) == ["envelope-mismatch"]


@pytest.mark.parametrize("new", ['extension=""', 'extension="-"'])
def test_a_patient_id_that_one_side_does_not_have_is_no_mismatch(new: str) -> None:
    body = registered(('extension="320598196804175127"', new))
    assert record(body, "jiashan-soap").findings == ()


def test_blanks_in_base64_and_soap_1_2_are_accepted() -> None:
    body = registered(('originalText value="PD94', 'originalText value=" PD\n94')).replace(
        b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"
    )
    found = received(body, "jiashan-soap")
    assert found.records[0].type == "C0007"
    assert found.context.soap == "http://www.w3.org/2003/05/soap-envelope"


def test_a_broken_document_in_a_good_envelope() -> None:
    text = sample("08").decode()
    start = text.index('originalText value="') + len('originalText value="')
    end = text.index('"', start)
    body = text[:start] + base64.b64encode(b"<ClinicalDocument>").decode() + text[end:]
    found = received(body.encode(), "jiashan-soap")
    assert codes(found.findings) == ["message-malformed"]
    assert found.context.message_id == "4c58d67ec7fb003ee4849248e948bb6c"


def test_a_document_up_to_the_item_limit_comes_over_soap() -> None:
    """11.9 MB of document are 15.9 MB of base64, more text than libxml2 takes by itself."""
    envelope, document = sample("08"), sample("02")
    padded = document.replace(b"</ClinicalDocument>", b"<!-- %b --></ClinicalDocument>" % (b"x" * 11_850_000))
    before, _, rest = envelope.partition(b'<originalText value="')
    after = rest.partition(b'"')[2]
    body = before + b'<originalText value="' + base64.b64encode(padded) + b'"' + after
    assert 15_000_000 < len(body) < 16 * 1024 * 1024
    found = received(body, "jiashan-soap")
    assert codes(found.findings) == []
    assert found.records[0].body == padded
