"""Which charset the bytes are in (common rules §5.1; Wujiang interface §1.1).

Text is decoded before it is split: the second byte of 471 GBK characters is the code of an HL7 delimiter.
"""

import re
from dataclasses import dataclass

from hie.base.finding import Finding, finding
from hie.base.text import NULL_TEXT

UTF8 = "utf-8"
GB18030 = "gb18030"

HL7_CHARSETS: dict[str, str] = {
    "UNICODE UTF-8": UTF8,
    "UNICODE": UTF8,
    "UTF-8": UTF8,
    "UTF8": UTF8,
    "GB18030": GB18030,
    "GB 18030-2000": GB18030,
    "GBK": GB18030,
    "GB2312": GB18030,
    "CP936": GB18030,
}
"""MSH-18 in upper case -> codec (Wujiang interface §1.1)."""

XML_CHARSETS: dict[str, str] = {
    "UTF-8": UTF8,
    "UTF8": UTF8,
    "GB18030": GB18030,
    "GBK": GB18030,
    "GB2312": GB18030,
    "CP936": GB18030,
    "US-ASCII": "ascii",
    "ASCII": "ascii",
    "ISO-8859-1": "iso-8859-1",
    "WINDOWS-1252": "cp1252",
    "BIG5": "big5",
    "UTF-16": "utf-16",
    "UTF-16LE": "utf-16-le",
    "UTF-16BE": "utf-16-be",
}
"""Encoding name of an XML declaration in upper case -> codec; a name that is not here counts as not decodable."""

_WIDE_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
"""First bytes that only a UTF-16 document can have (XML 1.0 appendix F)."""

_UNSAID = frozenset({"", '""', *NULL_TEXT})
"""What stands in MSH-18 where it says nothing (common rules §5.3)."""

_BOM = b"\xef\xbb\xbf"
_LEADING = b"\x0b\r\n \t"
_XML_DECLARATION = re.compile(r"\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._ -]{0,40})[\"']")


@dataclass(frozen=True)
class Decoded:
    """Text, and how it was read.

    `charset` is the Python codec that was really used (an answer is written in it); `findings` holds at most one of
    `charset-mismatch` and `charset-undecodable`. Undecodable bytes give an empty text.
    """

    text: str
    charset: str
    findings: tuple[Finding, ...] = ()


def strip_frame(body: bytes) -> bytes:
    """The body without a byte order mark, a leading VT or a trailing FS CR (Wujiang interface §1, HTTP)."""
    start = body.lstrip(_LEADING).removeprefix(_BOM).lstrip(_LEADING)
    end = start.rstrip(b"\r\n \t")
    return end[:-1] if end.endswith(b"\x1c") else start


def decode_hl7(body: bytes) -> Decoded:
    """Decode one HL7 v2 message (not a batch, and without its frame) by the charset of its MSH-18."""
    name = _msh_18(body)
    codec = HL7_CHARSETS.get(name)
    if codec is None:
        return _undeclared(body, () if not name else (finding("charset-mismatch", "MSH-18"),), "MSH-18")
    return _declared(body, codec, "MSH-18")


def decode_xml(body: bytes) -> Decoded:
    """Decode an XML document: declaration, else byte order mark, else UTF-8; the mark is taken off the text."""
    wide = next((codec for start, codec in _WIDE_STARTS if body.startswith(start)), None)
    body = body.removeprefix(_BOM)
    name = _xml_encoding(body, wide)
    if wide is not None:
        decoded = _declared(body, wide, "encoding")
        fits = name == "" or XML_CHARSETS.get(name, "").startswith("utf-16")
        findings = decoded.findings if fits or decoded.findings else (finding("charset-mismatch", "encoding"),)
        return Decoded(decoded.text.removeprefix("\ufeff"), decoded.charset, findings)
    codec = XML_CHARSETS.get(name) if name else UTF8
    if codec is None or codec.startswith("utf-16"):
        return _undeclared(body, (finding("charset-mismatch", "encoding"),), "encoding")
    return _declared(body, codec, "encoding")


def _declared(body: bytes, codec: str, path: str) -> Decoded:
    text = _decode(body, codec)
    if text is not None:
        return Decoded(text, codec)
    return _undeclared(body, (finding("charset-mismatch", path),), path)


def _undeclared(body: bytes, findings: tuple[Finding, ...], path: str) -> Decoded:
    for codec in (UTF8, GB18030):
        text = _decode(body, codec)
        if text is not None:
            return Decoded(text, codec, findings)
    return Decoded("", UTF8, (finding("charset-undecodable", path),))


def _decode(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except UnicodeDecodeError:
        return None


def _msh_18(body: bytes) -> str:
    """MSH-18 in upper case from raw bytes: MSH is ASCII up to there. Empty when it says nothing."""
    if not body.startswith(b"MSH"):
        return ""
    line = re.split(rb"[\r\n]", body[:4096], maxsplit=1)[0]
    fields = line.split(line[3:4] or None)
    if len(fields) < 18:
        return ""
    name = re.split(rb"[~^]", fields[17], maxsplit=1)[0].decode("latin-1").strip().upper()
    return "" if name in _UNSAID else name


def _xml_encoding(body: bytes, wide: str | None) -> str:
    head = body[:400].decode(wide or "latin-1", "replace").removeprefix("\ufeff")
    match = _XML_DECLARATION.match(head)
    return match.group(1).strip().upper() if match else ""
