"""Acknowledgements: Wujiang interface §8."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hie.base.finding import Finding, finding
from hie.wire.charset import decode_hl7
from hie.wire.hl7v2 import Segment, parse
from hie.wire.hl7v2_ack import Field, build_ack, build_batch_ack, location
from hie.wire.hl7v2_batch import split_batch

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 1, 18, 0, 30, 5, tzinfo=UTC)
TEXT = r"MSH|^~\&|HIS|WJYY^12320509MBHE01015B^USCC|HIE|YRD|20260118083000||ADT^A01|WS1|P|2.4|||||CHN|UNICODE UTF-8"
MSH = parse(TEXT).segments[0]
HEADER = r"MSH|^~\&|HIE|YRD|HIS|WJYY^12320509MBHE01015B^USCC|20260118083005||ACK^A01|OWN1|P|2.4|||||CHN|UNICODE UTF-8"


def ack(request: Segment | None, code: str, *findings: Finding, charset: str = "utf-8") -> list[str]:
    body = build_ack(request, code, raw_item_id="RAW1", findings=findings, now=NOW, control_id="OWN1", charset=charset)
    return body.decode(charset).split("\r")


@pytest.mark.parametrize("code", ["AA", "AE", "AR", "CA", "CE", "CR"])
def test_an_ack_without_findings_has_no_err(code: str) -> None:
    assert ack(MSH, code) == [HEADER, f"MSA|{code}|WS1|RAW1", ""]


def test_findings_above_info_are_sent() -> None:
    found = [
        finding("key-missing", "PID-3", "LocalID"),
        finding("null-text", "PID-11"),
        finding("id-checksum", "PID-3[2].1"),
    ]
    assert ack(MSH, "AR", *found)[2:] == [
        "ERR||PID^1^3|101^Required field missing^HL70357|E|key-missing|||A key field is missing: LocalID",
        "ERR||PID^1^3^2^1|102^Data type error^HL70357|W|id-checksum|||National id fails its check digit",
        "",
    ]


def test_internal_error_is_an_error() -> None:
    assert ack(MSH, "AE", finding("internal-error"))[2] == (
        "ERR|||207^Application internal error^HL70357|E|internal-error|||The exchange failed; the item is kept"
    )


def test_not_readable_as_hl7() -> None:
    assert ack(None, "AR", finding("message-malformed", "MSH")) == [
        r"MSH|^~\&|HIE|YRD|||20260118083005||ACK|OWN1|P|2.4|||||CHN|",
        "MSA|AR||RAW1",
        "ERR||MSH^1|100^Segment sequence error^HL70357|E|message-malformed|||The message is malformed or cut off",
        "",
    ]


def test_the_ack_is_written_in_the_charset_of_the_message() -> None:
    decoded = decode_hl7((FIXTURES / "04-register-gb18030.hl7").read_bytes())
    msh = parse(decoded.text, decoded.charset).segments[0]
    msh.fields[3] = "院内瑋"
    lines = ack(msh, "AA", charset=decoded.charset)
    assert lines[0].split("|")[4] == "院内瑋"
    assert lines[0].endswith("|GB18030")


def test_delimiters_of_the_sender_become_ours() -> None:
    request = parse(r"MSH!$%/*!H|S!A$B*C%D!HIE!YRD!1!!ADT$A08!I|1!P!2.4").segments[0]
    lines = ack(request, "AA")
    assert lines[0].startswith(r"MSH|^~\&|HIE|YRD|H\F\S|A^B*C~D|")
    assert lines[1] == r"MSA|AA|I\F\1|RAW1"


def test_control_bytes_of_the_sender_cannot_end_our_frame() -> None:
    request = parse("MSH|^~\\&|H\x1c|A\x0b|HIE|YRD|1||ADT^A08|I\x1c|P|2.4").segments[0]
    body = build_ack(request, "AA", now=NOW, control_id="OWN1")
    assert b"\x1c" not in body
    assert b"\x0b" not in body


def test_a_refused_batch_names_the_batch() -> None:
    batch = split_batch((FIXTURES / "11-batch.hl7").read_bytes())
    assert batch is not None
    lines = ack(batch.header, "AR", finding("count-mismatch", "BTS-1"))
    assert lines[0] == r"MSH|^~\&|HIE|YRD|HIS|WJYY|20260118083005||ACK|OWN1|P|2.4|||||CHN|"
    assert lines[1] == "MSA|AR|WSB11|RAW1"
    assert lines[2].startswith("ERR||BTS^1^1|207^")


def test_a_batch_is_answered_by_a_batch_that_names_it() -> None:
    batch = split_batch((FIXTURES / "11-batch.hl7").read_bytes())
    assert batch is not None
    acks = [build_ack(MSH, "AA", now=NOW, control_id=str(n)) for n in range(3)]
    answer = build_batch_ack(batch.header, acks, now=NOW, control_id="OWNB")
    assert answer.startswith(
        b"FHS|^~\\&|HIE|YRD|HIS|WJYY|20260118083005\rBHS|^~\\&|HIE|YRD|HIS|WJYY|20260118083005||||OWNB|WSB11\rMSH|"
    )
    assert answer.endswith(b"BTS|3\rFTS|1\r")
    again = split_batch(answer)
    assert again is not None
    assert (again.messages, again.findings) == (tuple(acks), ())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("PID", ("PID", "1")),
        ("PID-3", ("PID", "1", "3")),
        ("OBX[12]-5", ("OBX", "12", "5")),
        ("PID-3.4", ("PID", "1", "3", "1", "4")),
        ("PID-3[2].4.1", ("PID", "1", "3", "2", "4", "1")),
        ("PID-3[2]", ("PID", "1", "3", "2")),
        ("", ""),
        ("/ClinicalDocument/id", ""),
        ("?", ""),
    ],
)
def test_the_place_of_a_finding_becomes_an_error_location(path: str, expected: Field) -> None:
    assert location(path) == expected
