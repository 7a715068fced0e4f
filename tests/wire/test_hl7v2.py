"""The HL7 v2 tokenizer: split after decoding, everything below fields on demand."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.base.finding import Finding
from hie.wire.charset import decode_hl7
from hie.wire.hl7v2 import STANDARD, UNNAMED, Delimiters, Message, Segment, parse, unescape
from hie.wire.hl7v2_ack import encode_segment, escape

FIXTURES = Path(__file__).parent / "fixtures"
MSH = r"MSH|^~\&|HIS|WJYY^12320509MBHE01015B^USCC|HIE|YRD|20260118083000||ADT^A01|WS1|P|2.4|||||CHN|UTF-8"
PID = "PID|1||L1^^^^LocalID~C9^^^^IDCard||张三^^^^^1|||M"


def trap_characters() -> list[str]:
    """GBK characters whose second byte is the code of a delimiter, from the codec itself."""
    found = []
    for lead in range(0x81, 0xFF):
        for trail in b"|^~\\":
            try:
                found.append(bytes([lead, trail]).decode("gbk"))
            except UnicodeDecodeError:
                continue
    return found


def read(body: bytes) -> Message:
    decoded = decode_hl7(body)
    return parse(decoded.text, decoded.charset)


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [found.code for found in findings]


def pid(message: Message) -> Segment:
    found = message.first("PID")
    assert found is not None
    return found


def test_there_are_471_trap_characters() -> None:
    characters = trap_characters()
    assert len(characters) == 471
    assert {"瑋", "昞", "億", "頭", "館"} <= set(characters)


@pytest.mark.parametrize("charset", ["GB18030", ""])
def test_every_trap_character_survives_in_a_name(charset: str) -> None:
    head = MSH.replace("UTF-8", charset)
    for character in trap_characters():
        text = f"{head}\rPID|1||L1^^^^LocalID||王{character}^{character}|||M\r"
        segment = pid(read(text.encode("gb18030")))
        assert segment.value(5) == "王" + character
        assert segment.value(5, 2) == character
        assert segment.value(8) == "M"


def test_declared_gb18030_sample() -> None:
    message = read((FIXTURES / "04-register-gb18030.hl7").read_bytes())
    assert message.charset == "gb18030"
    assert [segment.name for segment in message.segments][:3] == ["MSH", "EVN", "PID"]
    assert "瑋" in pid(message).value(5)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r", "\n\r\n", "\r \r"])
def test_segments_may_end_in_any_way(end: str) -> None:
    message = parse(end.join([MSH, PID, "PV1|1|I", ""]))
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "PV1"]
    assert message.findings == ()


def test_mixed_segment_ends() -> None:
    message = parse(f"\n{MSH}\r\n\n{PID}\nPV1|1|I\rZZZ|x\r\n\r")
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "PV1", "ZZZ"]
    assert message.segments[-1].fields == ["ZZZ", "x"]


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1d", "\x85", "\u2028"])
def test_other_line_breaks_of_unicode_end_nothing(separator: str) -> None:
    message = parse(f"{MSH}\rNTE|1||a{separator}b\r")
    assert message.segments[1].text(3) == f"a{separator}b"


def test_fields_of_msh_are_counted_from_the_separator() -> None:
    msh = parse(MSH).segments[0]
    assert msh.field(1) == msh.value(1) == "|"
    assert msh.field(2) == msh.value(2) == msh.text(2) == "^~\\&"
    assert msh.repeats(2) == msh.components(2) == ["^~\\&"]
    assert msh.value(2, 2) == ""
    assert msh.value(3) == "HIS"
    assert msh.components(4) == ["WJYY", "12320509MBHE01015B", "USCC"]
    assert (msh.value(9), msh.value(9, 2)) == ("ADT", "A01")
    assert msh.value(18) == "UTF-8"
    assert msh.value(19) == msh.field(99) == ""
    assert list(msh.populated()) == [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 17, 18]


def test_repeats_components_and_subcomponents() -> None:
    segment = pid(parse(f"{MSH}\rPID|1||A&b^^^X&Y~B||||"))
    assert segment.repeats(3) == ["A&b^^^X&Y", "B"]
    assert segment.repeats(4) == []
    assert segment.value(3) == "A"
    assert segment.value(3, 1, 2) == "b"
    assert segment.value(3, 4, 2) == "Y"
    assert segment.value(3, 4, 3) == ""
    assert segment.value(3, 5) == ""
    assert segment.value(3, repeat=1) == "B"
    assert segment.value(3, repeat=2) == segment.value(1, repeat=1) == ""
    assert segment.value(1, 2) == segment.value(1, 1, 2) == segment.value(3, 2, repeat=1) == ""
    assert segment.component(3) == "A&b"
    assert segment.component(3, 9) == ""
    assert segment.components(3, 1) == ["B"]
    assert segment.components(3, 2) == segment.components(4) == []
    assert segment.text(3) == "A&b^^^X&Y"
    assert list(segment.populated()) == [1, 3]


def test_a_message_is_read_by_its_own_delimiters() -> None:
    text = MSH.replace("|", "!").replace("^~\\&", "$%/*").replace("^", "$") + "\rPID!1!!a/S/b$c*d%e!!x|y"
    message = parse(text)
    assert message.delimiters == Delimiters("!", "$", "%", "/", "*")
    assert pid(message).value(3) == "a$b"
    assert pid(message).value(3, 2, 2) == "d"
    assert pid(message).value(3, repeat=1) == "e"
    assert pid(message).value(5) == "x|y"


def test_a_fifth_encoding_character_is_ignored() -> None:
    message = parse(MSH.replace("^~\\&", "^~\\&#") + "\rPID|1||a#b^c")
    assert message.delimiters == STANDARD
    assert pid(message).components(3) == ["a#b", "c"]


def test_encoding_characters_left_out_keep_their_usual_value() -> None:
    assert parse("MSH|^~|HIS").delimiters == STANDARD
    assert parse("MSH|$|HIS").delimiters == Delimiters(component="$")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r\n",
        "PID|1",
        "MSH",
        "MSHX^~\\&|A",
        "MSH|^^\\&|A",
        "MSH|^~A&|A",
        "MSH1^~\\&1A",
        "MSH||~\\&",
        "MSH张^~\\&张",
        "msh|^~\\&|",
    ],
)
def test_what_is_no_message(text: str) -> None:
    message = parse(text)
    assert codes(message.findings) == ["message-malformed"]
    assert message.msh is None


def test_two_messages_without_a_batch_are_not_one() -> None:
    assert codes(parse(f"{MSH}\r{PID}\r{MSH}\r{PID}\r").findings) == ["segment-sequence"]


def test_a_line_without_segment_name_does_not_show_its_content() -> None:
    message = parse(f"{MSH}\rOBX|1|TX|X||first line\n张三 second line\nPV1|1")
    assert [segment.name for segment in message.segments] == ["MSH", "OBX", UNNAMED, "PV1"]
    assert [segment.value(1) for segment in message.all("PV1")] == ["1"]
    assert message.first("ZZZ") is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r"\F\\S\\T\\R\\E" + "\\", "|^&~\\"),
        (r"a\.br\b", "a\nb"),
        (r"\H\bold\N\ text", "bold text"),
        (r"\X41\\X42\C", "ABC"),
        (r"\XE4BDA0\好", "你好"),
        (r"\XE4\\XBD\\XA0\好", "你好"),
        (r"\XFF\x", r"\XFF\x"),
        (r"\X4\x", r"\X4\x"),
        (r"\Zabc\x", r"\Zabc\x"),
        (r"\.sp2\x", r"\.sp2\x"),
        (r"\Z1\F\T\x", r"\Z1\F&x"),
        (r"C:\dir\F\x", r"C:\dir|x"),
        ("5\\6", "5\\6"),
        ("end\\", "end\\"),
        ("\\", "\\"),
        ("\\\\", "\\\\"),
        (r"\f\x", r"\f\x"),
        ("plain", "plain"),
    ],
)
def test_escapes_are_undone(raw: str, text: str) -> None:
    assert unescape(raw) == text


def test_hex_escapes_are_in_the_charset_of_the_message() -> None:
    assert unescape(r"\XAC7C\|", charset="gb18030") == "瑋|"
    body = (MSH.replace("UTF-8", "GBK") + "\rPID|1||L1||\\XAC7C\\^x").encode("gbk")
    assert pid(read(body)).components(5) == ["瑋", "x"]


def test_escapes_are_resolved_after_splitting() -> None:
    segment = pid(parse(f"{MSH}\r" + r"PID|1||a\S\b\R\c\T\d\F\e"))
    assert segment.repeats(3) == [r"a\S\b\R\c\T\d\F\e"]
    assert segment.value(3) == segment.text(3) == "a^b~c&d|e"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escape_and_back(value: str) -> None:
    written = escape(value)
    assert not set("|^~&\r\n\x0b\x1c") & set(written)
    assert unescape(written) == value


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_a_written_segment_is_read_back(values: list[str]) -> None:
    line = encode_segment("ZZZ", [[("x", (value, "s"))] for value in values])
    segment = parse(f"{MSH}\r{line}").segments[1]
    assert [segment.value(n + 1, 2) for n in range(len(values))] == values


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_break_the_reader(noise: bytes, with_header: bool) -> None:
    message = read((MSH.encode() + b"\r" if with_header else b"") + noise)
    for segment in message.segments:
        assert segment.name
        for n in segment.populated():
            segment.components(n)
            segment.value(n, 2, 2, 1)
            segment.text(n)


@given(st.data())
def test_mutations_of_a_message_are_read_or_refused(data: st.DataObject) -> None:
    body = bytearray((FIXTURES / "09-oul-r24-gb18030.hl7").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    message = read(bytes(body))
    assert message.segments or codes(message.findings) == ["message-malformed"]
