"""Charset rules: common rules §5.1 and Wujiang interface §1.1."""

from pathlib import Path

import pytest

from hie.wire.charset import Decoded, decode_hl7, decode_xml, strip_frame

FIXTURES = Path(__file__).parent / "fixtures"
NAME = "张瑋"


def message(charset: str, codec: str) -> bytes:
    head = f"MSH|^~\\&|HIS|WJYY|HIE|YRD|20260101000000||ADT^A08|1|P|2.4|||||CHN|{charset}\r"
    return (head + f"PID|1||1||{NAME}\r").encode(codec)


def codes(decoded: Decoded) -> list[str]:
    return [found.code for found in decoded.findings]


@pytest.mark.parametrize("name", ["UNICODE UTF-8", "UNICODE", "UTF-8", "UTF8", "utf-8", " UTF-8 ", "UTF-8~GBK"])
def test_utf8_that_is_declared_is_decoded_without_a_word(name: str) -> None:
    decoded = decode_hl7(message(name, "utf-8"))
    assert (decoded.charset, codes(decoded)) == ("utf-8", [])
    assert NAME in decoded.text


@pytest.mark.parametrize("name", ["GB18030", "GB 18030-2000", "GBK", "GB2312", "CP936", "gbk"])
def test_gb18030_that_is_declared_is_decoded_without_a_word(name: str) -> None:
    decoded = decode_hl7(message(name, "gb18030"))
    assert (decoded.charset, codes(decoded)) == ("gb18030", [])
    assert NAME in decoded.text


@pytest.mark.parametrize("said", ["", "-", '""', "null"])
@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_undeclared_is_utf8_then_gb18030_without_a_finding(codec: str, said: str) -> None:
    decoded = decode_hl7(message(said, codec))
    assert (decoded.charset, codes(decoded)) == (codec, [])
    assert NAME in decoded.text


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_an_unknown_name_is_read_as_undeclared_with_a_warning(codec: str) -> None:
    decoded = decode_hl7(message("BIG-5", codec))
    assert (decoded.charset, codes(decoded)) == (codec, ["charset-mismatch"])


def test_gbk_bytes_declared_utf8() -> None:
    decoded = decode_hl7((FIXTURES / "14-wrongcharset-a31.hl7").read_bytes())
    assert (decoded.charset, codes(decoded)) == ("gb18030", ["charset-mismatch"])
    assert decoded.findings[0].path == "MSH-18"


def test_bytes_that_nothing_decodes() -> None:
    decoded = decode_hl7(message("UTF-8", "utf-8") + b"\xff\xff\xff\r")
    assert (decoded.text, codes(decoded)) == ("", ["charset-undecodable"])


def test_msh_18_is_found_by_the_separator_of_the_message() -> None:
    text = message("GBK", "utf-8").decode().replace("|", "!")
    assert decode_hl7(text.encode("gb18030")).charset == "gb18030"


@pytest.mark.parametrize(
    "body", [b"", b"M", b"MSH", b"MSH\r", b"MSH\rPID|1", b"MSH|", b"\x0b\x1c\r", b"PID|1", b"\r\n\r\n"]
)
def test_headers_that_are_no_header(body: bytes) -> None:
    assert decode_hl7(body).findings == ()


def test_strip_frame_takes_off_mllp_bytes_and_the_byte_order_mark() -> None:
    assert strip_frame(b"\x0b\xef\xbb\xbfMSH|\r\x1c\r") == b"MSH|\r"
    assert strip_frame(b"MSH|\r\n") == b"MSH|\r\n"


def xml(encoding: str, codec: str) -> bytes:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding else ""
    return (declaration + f"<a>{NAME}</a>").encode(codec)


@pytest.mark.parametrize(
    ("encoding", "codec", "charset", "expected"),
    [
        ("UTF-8", "utf-8", "utf-8", []),
        ("", "utf-8", "utf-8", []),
        ("", "utf-8-sig", "utf-8", []),
        ("UTF-8", "utf-8-sig", "utf-8", []),
        ("gb18030", "gb18030", "gb18030", []),
        ("GBK", "gb18030", "gb18030", []),
        ("GB2312", "gb18030", "gb18030", []),
        ("UTF-8", "gb18030", "gb18030", ["charset-mismatch"]),
        ("", "gb18030", "gb18030", ["charset-mismatch"]),
        ("EBCDIC-CP-FI", "utf-8", "utf-8", ["charset-mismatch"]),
        ("UTF-16", "utf-8", "utf-8", ["charset-mismatch"]),
        ("UTF-16", "utf-16", "utf-16-le", []),
        ("UTF-16", "utf-16-be", "utf-16-be", []),
        ("", "utf-16", "utf-16-le", []),
        ("UTF-8", "utf-16", "utf-16-le", ["charset-mismatch"]),
        ("Big5", "big5", "big5", []),
    ],
)
def test_xml_is_decoded_whatever_it_declares(encoding: str, codec: str, charset: str, expected: list[str]) -> None:
    name = "張" if codec == "big5" else NAME
    decoded = decode_xml(xml(encoding, "utf-8").decode().replace(NAME, name).encode(codec))
    assert (decoded.charset, codes(decoded)) == (charset, expected)
    assert decoded.text.endswith(f"<a>{name}</a>")
    assert not decoded.text.startswith("\ufeff")


def test_xml_that_nothing_decodes() -> None:
    assert codes(decode_xml(b"<a>\xff\xff</a>")) == ["charset-undecodable"]
