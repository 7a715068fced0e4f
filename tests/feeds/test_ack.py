"""HL7 answers: original and enhanced mode, batches, unreadable items (Wujiang §8)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hie.base.finding import Disposition, disposition, finding
from hie.base.outcome import Answer, ItemOutcome, PartOutcome
from hie.feeds import ack
from hie.wire.hl7v2 import Message, parse
from tests.mapping.wujiang import PID, drafts, message, parsed

NOW = datetime(2026, 4, 2, 1, 2, 3, tzinfo=UTC)
RAW = "0f0f0f0f-1111-5222-8333-444444444444"


def outcome(body: bytes, *originals: Disposition | None) -> ItemOutcome:
    """What the pipeline would make of a body when the store adds no finding."""
    found = parsed(body)
    whole = disposition([*found.findings, *(f for r in found.records for f in r.findings)])
    parts = tuple(
        PartOutcome(record.part, record.label, "", record.message_id, disposition(d.findings), d.findings)
        for record, d in zip(found.records, drafts(body), strict=True)
    )
    if originals:
        parts = tuple(
            PartOutcome(p.part, p.label, "", p.message_id, Disposition.DUPLICATE, p.findings, (), original)
            for p, original in zip(parts, originals, strict=True)
        )
    return ItemOutcome(RAW, "", "wujiang-hl7v2", "http", whole, found.findings, parts, found.charset, found.context)


def answer(body: bytes) -> Answer:
    return ack.answer(outcome(body), NOW)


def read(body: bytes, charset: str = "utf-8") -> Message:
    return parse(body.decode(charset), charset)


def line(body: bytes, name: str) -> list[str]:
    found = read(body).first(name)
    assert found is not None
    return found.fields


def test_an_accepted_message() -> None:
    found = answer(message("ADT^A28", PID, f3="HIS", f10="C7"))
    assert (found.status, found.content_type, found.frames) == (200, "application/hl7-v2", ())
    msh = line(found.body, "MSH")
    assert msh[3:8] == ["HIE", "YRD", "HIS", "WJYY^12320509MBHE01015B^USCC", "20260402090203"]
    assert (msh[9], msh[11], msh[12], msh[17], msh[18]) == ("ACK^A28", "P", "2.4", "CHN", "UNICODE UTF-8")
    assert 0 < len(msh[10]) <= 20
    assert line(found.body, "MSA")[1:] == ["AA", "C7", RAW]
    assert read(found.body).first("ERR") is None


def test_a_rejected_message_says_where_and_why() -> None:
    found = answer(message("ADT^A28", "PID|1||C9^^^^IDCard||张三||19800102|M"))
    assert (found.status, line(found.body, "MSA")[1]) == (200, "AR")
    err = line(found.body, "ERR")
    assert (err[2], err[3].split("^")[0], err[4], err[5]) == ("PID^1^3", "101", "E", "key-missing")
    assert err[3].endswith("^HL70357")
    assert "张三" not in found.body.decode()


def test_warnings_are_sent_and_infos_are_not() -> None:
    found = answer(message("ADT^A28", "PID|1||L1^^^^LocalID||张三||198001|X"))
    assert line(found.body, "MSA")[1] == "AA"
    assert [(s.fields[4], s.fields[5]) for s in read(found.body).all("ERR")] == [("W", "code-unknown")]


def test_a_quarantined_message_is_ae() -> None:
    found = answer(message("ADT^A28", f"PID|1||L1^^^^LocalID||{'x' * 101}||19800102|M"))
    assert line(found.body, "MSA")[1] == "AE"


@pytest.mark.parametrize("body", [b"", b"hello"])
def test_what_is_no_hl7_gets_an_ar_without_id_and_http_400(body: bytes) -> None:
    found = answer(body)
    assert (found.status, line(found.body, "MSA")[1:3]) == (400, ["AR", ""])
    assert line(found.body, "ERR")[5] == "message-malformed"


def test_an_item_without_context_is_answered_all_the_same() -> None:
    found = ack.answer(
        ItemOutcome(RAW, "", "wujiang-hl7v2", "mllp", Disposition.REJECTED, (finding("too-large"),)), NOW
    )
    assert (line(found.body, "MSA")[1], line(found.body, "ERR")[5]) == ("AR", "too-large")


def test_the_answer_is_written_in_the_charset_of_the_message() -> None:
    body = message("ADT^A28", PID, f3="系统", f18="GBK").decode().encode("gb18030")
    found = answer(body)
    assert read(found.body, "gb18030").segments[0].field(5) == "系统"
    assert read(found.body, "gb18030").segments[0].field(18) == "GBK"


def test_enhanced_mode_without_application_answer() -> None:
    found = answer(message("ADT^A28", PID, f15="AL", f16="NE"))
    assert [s.fields[1] for s in read(found.body).all("MSA")] == ["CA"]
    assert found.frames == ()


def test_enhanced_mode_with_application_answer_is_two_frames() -> None:
    found = answer(message("ADT^A28", PID, f15="AL", f16="AL"))
    assert [line(frame, "MSA")[1] for frame in found.frames] == ["CA", "AA"]
    assert b"".join(found.frames) == found.body
    assert len({line(frame, "MSH")[10] for frame in found.frames}) == 2


@pytest.mark.parametrize(
    ("wanted", "good", "bad"), [("AL", 2, 2), ("ER", 1, 2), ("SU", 2, 1), ("NE", 1, 1), ("", 1, 1)]
)
def test_the_application_answers_when_msh_16_wants_it(wanted: str, good: int, bad: int) -> None:
    for person, answers in ((PID, good), ("PID|1||C9^^^^IDCard||张三||19800102|M", bad)):
        found = answer(message("ADT^A28", person, f15="AL", f16=wanted))
        assert len(read(found.body).all("MSA")) == answers


@pytest.mark.parametrize("accept", ["", "NE", "ER", "SU"])
def test_any_other_accept_condition_is_original_mode(accept: str) -> None:
    found = answer(message("ADT^A28", PID, f15=accept, f16="AL"))
    assert ([s.fields[1] for s in read(found.body).all("MSA")], found.frames) == (["AA"], ())


@pytest.mark.parametrize("header", [{"f9": "ADT^A99"}, {"f9": "XXX^Y"}, {"f11": "T"}, {"f12": "9"}])
def test_a_header_that_is_not_acceptable_is_cr(header: dict[str, str]) -> None:
    found = answer(message(header.pop("f9", "ADT^A28"), PID, f15="AL", **header))
    assert line(found.body, "MSA")[1] == "CR"
    assert line(found.body, "ERR")[4] == "E"


def test_other_trouble_is_still_ca_and_the_application_says_no() -> None:
    found = answer(message("ADT^A28", "PID|1||C9^^^^IDCard||张三||19800102|M", f15="AL", f16="AL"))
    assert [line(frame, "MSA")[1] for frame in found.frames] == ["CA", "AR"]


def test_what_could_not_be_stored_is_ce() -> None:
    good = outcome(message("ADT^A28", PID, f15="AL"))
    failed = ItemOutcome(
        RAW, "", good.feed, "http", Disposition.QUARANTINED, (finding("internal-error"),), (), "utf-8", good.context
    )
    assert line(ack.answer(failed, NOW).body, "MSA")[1] == "CA", "it was given up, and is kept"
    assert line(ack.answer(replace(failed, failed=True), NOW).body, "MSA")[1] == "CE"


def batch(*messages: bytes, count: int | None = None) -> bytes:
    declared = len(messages) if count is None else count
    return b"FHS|^~\\&|HIS\rBHS|^~\\&|HIS|WJYY|||20260401||||B9\r" + b"".join(messages) + f"BTS|{declared}\r".encode()


GOOD = message("ADT^A28", PID)
BAD = message("ADT^A28", "PID|1||C9^^^^IDCard", f10="C2")


def test_a_batch_is_answered_message_by_message() -> None:
    found = answer(batch(GOOD, BAD, message("ADT^A28", PID, f10="C3")))
    names = [text.split(b"|")[0] for text in found.body.split(b"\r") if text]
    assert [n for n in names if n != b"ERR"] == [b"FHS", b"BHS", *[b"MSH", b"MSA"] * 3, b"BTS", b"FTS"]
    msa = [text.split(b"|")[1:3] for text in found.body.split(b"\r") if text.startswith(b"MSA")]
    assert msa == [[b"AA", b"C1"], [b"AR", b"C2"], [b"AA", b"C3"]]
    assert b"BTS|3\r" in found.body
    assert found.frames == ()


def test_a_batch_with_a_wrong_count_gets_one_ar() -> None:
    found = answer(batch(GOOD, GOOD, count=3))
    assert line(found.body, "MSA")[1:3] == ["AR", "B9"]
    assert line(found.body, "ERR")[5] == "count-mismatch"
    assert found.body.count(b"MSA|") == 1


def test_a_known_message_in_a_batch_gets_its_first_answer() -> None:
    found = ack.answer(outcome(batch(GOOD, BAD), Disposition.ACCEPTED, Disposition.REJECTED), NOW)
    codes = [text.split(b"|")[1] for text in found.body.split(b"\r") if text.startswith(b"MSA")]
    assert codes == [b"AA", b"AR"]


def test_a_repeated_item_gets_the_saved_bytes() -> None:
    saved = Answer(b"MSH|saved\rMSA|AA|1\r", ack.CONTENT_TYPE)
    assert ack.repeat(saved) == saved


@pytest.mark.parametrize(("f16", "frames"), [("NE", 0), ("AL", 2)])
def test_a_repeated_item_gets_the_frames_of_the_first_time(f16: str, frames: int) -> None:
    first = answer(message("ADT^A28", PID, f15="AL", f16=f16))
    assert len(first.frames) == frames
    assert ack.repeat(replace(first, frames=())) == first


def test_a_repeated_batch_is_one_frame() -> None:
    first = answer(batch(GOOD, BAD))
    assert ack.repeat(first) == first


def test_a_batch_without_messages_is_answered_as_one() -> None:
    found = answer(batch())
    assert [line[:3] for line in found.body.split(b"\r")] == [b"FHS", b"BHS", b"BTS", b"FTS", b""]


def test_what_does_not_decode_is_answered_to_its_header() -> None:
    found = answer(message("ADT^A28", PID, f18="").replace("张三".encode(), b"\xff\xff"))
    assert (found.status, line(found.body, "MSA")[1:3]) == (200, ["AR", "C1"])
    assert line(found.body, "ERR")[5] == "charset-undecodable"
    assert line(found.body, "MSH")[9] == "ACK^A28"
