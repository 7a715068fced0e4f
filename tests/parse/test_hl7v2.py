"""HL7 v2 items to records: header, organisation, charset, batch, segment order (Wujiang §1.1, §2, §3, §8.3)."""

import pytest

from adapters.wujiang import adapter
from hie.base.record import Parsed
from hie.wire.hl7v2_envelope import Hl7Envelope
from tests.mapping.wujiang import PID, WJYY, WJZY, message, parsed, pv1

OBR = "OBR|1||B1|X^血||||||||||||||||||||||F"
OBX = "OBX|1|NM|K^钾||4||||||F"


def noted(found: Parsed) -> list[tuple[str, str]]:
    return [(f.code, f.path) for record in found.records for f in record.findings]


def test_a_message_is_one_record() -> None:
    body = message("ADT^A01", PID, pv1())
    found = parsed(body)
    (record,) = found.records
    assert (record.type, record.label, record.organisation, record.message_id) == ("ADT^A01", "ADT^A01", WJYY, "C1")
    assert (record.body, record.findings, found.findings, found.charset) == (body, (), (), "utf-8")


def test_the_structure_of_msh_9_does_not_count() -> None:
    assert parsed(message("ADT^A01^ADT_A01", PID, pv1())).records[0].type == "ADT^A01"


@pytest.mark.parametrize(
    ("event", "header", "expected"),
    [
        ("ADT^A99", {}, ("event-unknown", "MSH-9")),
        ("ADT^", {}, ("event-unknown", "MSH-9")),
        ("ORU^R03", {}, ("event-unknown", "MSH-9")),
        ("SIU^S12", {}, ("type-unknown", "MSH-9")),
        ("ADT^A01", {"f10": ""}, ("key-missing", "MSH-10")),
        ("ADT^A01", {"f10": "-"}, ("key-missing", "MSH-10")),
        ("ADT^A01", {"f10": '""'}, ("key-missing", "MSH-10")),
        ("ADT^A01", {"f10": "x" * 51}, ("field-too-long", "MSH-10")),
        ("ADT^A01", {"f11": "T"}, ("processing-id", "MSH-11")),
        ("ADT^A01", {"f11": ""}, ("processing-id", "MSH-11")),
        ("ADT^A01", {"f12": "2.2"}, ("version-unsupported", "MSH-12")),
        ("ADT^A01", {"f12": "2.7"}, ("version-unsupported", "MSH-12")),
        ("ADT^A01", {"f12": ""}, ("version-unsupported", "MSH-12")),
        ("ADT^A01", {"f4": "WJXX^12320509MBHE099999^USCC"}, ("org-unknown", "MSH-4")),
        ("ADT^A01", {"f4": ""}, ("org-unknown", "MSH-4")),
    ],
)
def test_a_header_against_the_rules_is_noted(event: str, header: dict[str, str], expected: tuple[str, str]) -> None:
    assert noted(parsed(message(event, PID, pv1(), **header))) == [expected]


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
def test_versions_that_are_tolerated(version: str) -> None:
    assert noted(parsed(message("ADT^A01", PID, pv1(), f12=version))) == []


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(f"WJYY^{WJYY}^USCC", WJYY), (WJZY, WJZY), ("WJZY", WJZY), (f"wrong^{WJYY}", WJYY), ("WJYY^-", WJYY)],
)
def test_the_organisation_is_msh_4_2_then_msh_4_1(sent: str, expected: str) -> None:
    assert parsed(message("ADT^A01", PID, pv1(), organisation=sent)).records[0].organisation == expected


@pytest.mark.parametrize(
    ("event", "segments", "path"),
    [
        ("ADT^A01", (PID,), "PV1"),
        ("ADT^A01", (pv1(),), "PID"),
        ("ADT^A28", (), "PID"),
        ("ADT^A40", (PID,), "MRG"),
        ("ORU^R01", (PID,), "OBR"),
        ("ORU^R01", (PID, OBX, OBR), "OBX"),
        ("ORU^R01", (PID, "ORC|NW|S1", OBX, OBR), "OBR"),
        ("ORM^O01", (PID, "ORC|NW|S1"), "OBR"),
        ("ORM^O01", (PID, OBR), "ORC"),
        ("ADT^A28", (PID, PID), "PID"),
        ("ADT^A40", (PID, "MRG|L8^^^^LocalID", "MRG|L9^^^^LocalID"), "MRG"),
    ],
)
def test_segments_that_cannot_be_grouped(event: str, segments: tuple[str, ...], path: str) -> None:
    assert ("segment-sequence", path) in noted(parsed(message(event, *segments)))


def test_an_observation_of_an_admission_needs_no_order() -> None:
    assert noted(parsed(message("ADT^A01", PID, pv1(), "OBX|1|NM|X||1"))) == []


@pytest.mark.parametrize("body", [b"", b"hello", b"PID|1\rMSH|", b"<xml/>", b"MSH", b"MSH\rPID|1"])
def test_what_is_no_hl7_is_refused_as_a_whole(body: bytes) -> None:
    found = parsed(body)
    assert (found.records, [f.code for f in found.findings]) == ((), ["message-malformed"])
    assert isinstance(found.context, Hl7Envelope)
    assert not found.context.is_readable


def test_mllp_bytes_around_a_message_are_tolerated() -> None:
    body = message("ADT^A01", PID, pv1())
    assert parsed(b"\x0b" + body + b"\x1c\r").records[0].findings == ()


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\n\r\n"])
def test_segments_may_end_in_any_way(end: bytes) -> None:
    found = parsed(message("ADT^A01", PID, pv1()).replace(b"\r", end))
    assert [name for name, _ in found.records[0].tree.flat] == ["MSH", "EVN", "PID", "PV1"]


@pytest.mark.parametrize(
    ("declared", "codec", "charset", "findings"),
    [
        ("UNICODE UTF-8", "utf-8", "utf-8", []),
        ("GBK", "gb18030", "gb18030", []),
        ("", "utf-8", "utf-8", []),
        ("", "gb18030", "gb18030", []),
        ("UNICODE UTF-8", "gb18030", "gb18030", ["charset-mismatch"]),
        ("8859/1", "utf-8", "utf-8", ["charset-mismatch"]),
    ],
)
def test_a_message_is_decoded_whatever_it_declares(
    declared: str, codec: str, charset: str, findings: list[str]
) -> None:
    body = message("ADT^A28", PID.replace("张三", "王瑋"), f18=declared).decode().encode(codec)
    found = parsed(body)
    assert (found.charset, [code for code, _ in noted(found)]) == (charset, findings)
    assert found.records[0].tree.find("PID")[0].field(5) == "王瑋"


def batch(*messages: bytes, count: str | None = None) -> bytes:
    trailer = str(len(messages)) if count is None else count
    return (
        b"FHS|^~\\&|HIS\rBHS|^~\\&|HIS|WJYY|||20260401||||B9\r"
        + b"".join(messages)
        + f"BTS|{trailer}\rFTS|1\r".encode()
    )


def test_a_batch_gives_one_record_per_message_and_a_bad_one_spoils_no_other() -> None:
    good, bad = message("ADT^A28", PID), message("ADT^A99", PID, f10="C2")
    found = parsed(batch(good, bad, good))
    assert [(r.part, r.type, [f.code for f in r.findings]) for r in found.records] == [
        (0, "ADT^A28", []),
        (1, "ADT^A99", ["event-unknown"]),
        (2, "ADT^A28", []),
    ]
    assert found.records[0].body.rstrip() == good.rstrip()
    assert found.context.is_batch
    assert [header.text(10) for header in found.context.headers] == ["C1", "C2", "C1"]


def test_a_broken_message_in_a_batch_is_a_rejected_part() -> None:
    found = parsed(batch(message("ADT^A28", PID), b"MSH|||||\r"))
    assert [(r.tree is None, [f.code for f in r.findings]) for r in found.records] == [
        (False, []),
        (True, ["message-malformed"]),
    ]


@pytest.mark.parametrize("count", ["1", "3", "", "x"])
def test_a_wrong_count_refuses_the_batch(count: str) -> None:
    found = parsed(batch(message("ADT^A28", PID), message("ADT^A28", PID), count=count))
    assert (found.records, [f.code for f in found.findings]) == ((), ["count-mismatch"])
    assert found.context.batch.text(11) == "B9"


def test_each_message_of_a_batch_has_its_own_charset() -> None:
    gbk = message("ADT^A28", PID, f18="GBK").decode().encode("gb18030")
    assert parsed(batch(message("ADT^A28", PID), gbk)).context.charsets == ("utf-8", "gb18030")


def test_every_sample_has_a_readable_header() -> None:
    for sample in sorted(adapter.samples.glob("*.hl7")):
        assert parsed(sample.read_bytes()).context.is_readable


def test_control_characters_are_dropped_before_splitting() -> None:
    found = parsed(message("ADT^A28", PID.replace("张三", "张\x00\x1d三")))
    assert found.records[0].tree.find("PID")[0].field(5) == "张三"
