"""HL7 v2 text to segments and fields: decode first (`hie.wire.charset`), then split, escapes last.

Segments and fields are split when a message is parsed; repeats, components and sub-components only when asked for
(HL7 v2.5.1 §2.5-2.7; Wujiang interface §1). Writing is in `hie.wire.hl7v2_ack`, batches in `hie.wire.hl7v2_batch`.
"""

import re
from dataclasses import dataclass

from hie.base.finding import Finding, finding

HEADERS = frozenset({"MSH", "FHS", "BHS"})
"""Segments whose first field is the field separator itself."""

UNNAMED = "?"
"""Name of a line that does not begin with a segment name; its real start could be a patient's data."""


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators of one message (HL7 v2.5.1 §2.5.4); a fifth encoding character is not used."""

    field: str = "|"
    component: str = "^"
    repeat: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding(self) -> str:
        """MSH-2: the four encoding characters."""
        return self.component + self.repeat + self.escape + self.subcomponent


STANDARD = Delimiters()

DELETION = '""'
"""A field that deletes a value (Wujiang interface §1.2); where there is nothing to delete it states nothing."""

_CONTROLS = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]")

_ESCAPE_SEQUENCE = (
    r"(?P<hex>(?:{e}X[0-9A-Fa-f]+{e})+)"
    r"|{e}(?:(?P<plain>[FSTREHN]|\.br)|(?:P|[CMZ][0-9A-Za-z]*|\.[a-z]{{2}}[+-]?[0-9]*)){e}"
)
"""Sequences of HL7 v2.5.1 §2.7. Those without a group are recognised so that they are kept whole."""


class Segment:
    """One segment. `fields[n]` is field n as sent; `fields[0]` is the name."""

    __slots__ = ("charset", "delimiters", "fields")

    def __init__(self, fields: list[str], delimiters: Delimiters = STANDARD, charset: str = "utf-8") -> None:
        self.fields = fields
        self.delimiters = delimiters
        self.charset = charset

    @property
    def name(self) -> str:
        """Three letters or digits such as `PID`; `UNNAMED` for a line that has no such name."""
        name = self.fields[0]
        return name if len(name) == 3 and name.isascii() and name.isalnum() else UNNAMED

    def field(self, n: int) -> str:
        """Field `n` as sent, with repeats and escapes; empty when absent. MSH-1 is the separator."""
        fields = self.fields
        return fields[n] if n < len(fields) else ""

    def repeats(self, n: int) -> list[str]:
        """The repeats of field `n` as sent; no repeat when the field is empty."""
        raw = self.field(n)
        if not raw:
            return []
        return [raw] if self._is_literal(n) else raw.split(self.delimiters.repeat)

    def components(self, n: int, repeat: int = 0) -> list[str]:
        """The components of one repeat (counted from 0), unescaped, sub-components not split."""
        raw = self._repeat(n, repeat)
        if self._is_literal(n):
            return [raw]
        return [self._text(part) for part in raw.split(self.delimiters.component)] if raw else []

    def value(self, field: int, component: int = 1, subcomponent: int = 1, repeat: int = 0) -> str:
        """One unescaped value; field, component and sub-component count from 1, repeats from 0. Absent is empty."""
        raw = self._repeat(field, repeat)
        if not raw or self._is_literal(field):
            return raw if component == subcomponent == 1 else ""
        raw = _part(raw, self.delimiters.component, component - 1)
        return self._text(_part(raw, self.delimiters.subcomponent, subcomponent - 1))

    def component(self, field: int, component: int = 1) -> str:
        """One component, unescaped, with its sub-component separators: for text whose `&` was not escaped."""
        parts = self.components(field)
        return parts[component - 1] if component <= len(parts) else ""

    def text(self, field: int, repeat: int = 0) -> str:
        """One whole repeat, unescaped and not split: for ST, TX and FT fields."""
        raw = self._repeat(field, repeat)
        return raw if self._is_literal(field) else self._text(raw)

    def populated(self) -> list[int]:
        """Numbers of the fields that are not empty, in order."""
        return [n for n, raw in enumerate(self.fields) if raw and n]

    def _is_literal(self, n: int) -> bool:
        return n <= 2 and self.fields[0] in HEADERS

    def _repeat(self, n: int, repeat: int) -> str:
        raw = self.field(n)
        if self._is_literal(n):
            return raw if repeat == 0 else ""
        return _part(raw, self.delimiters.repeat, repeat)

    def _text(self, raw: str) -> str:
        return unescape(raw, self.delimiters, self.charset) if self.delimiters.escape in raw else raw


@dataclass(frozen=True, slots=True)
class Message:
    """One message, MSH first. `findings` is not empty when the text is no message; then `segments` may be empty."""

    segments: list[Segment]
    delimiters: Delimiters
    charset: str
    findings: tuple[Finding, ...] = ()

    @property
    def msh(self) -> Segment | None:
        """The header segment, `None` when the text is no message."""
        return self.segments[0] if self.segments else None

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        return next((segment for segment in self.segments if segment.fields[0] == name), None)

    def all(self, name: str) -> list[Segment]:
        """Every segment of that name, in order."""
        return [segment for segment in self.segments if segment.fields[0] == name]


def parse(text: str, charset: str = "utf-8") -> Message:
    """Split one decoded message; CR, LF and CRLF end a segment, empty lines are ignored.

    Findings: `message-malformed` when it does not begin with a usable MSH, `segment-sequence` when a second MSH
    follows (two messages without a batch header must not become one).
    """
    lines = split_lines(text)
    delimiters = read_delimiters(lines[0]) if lines and lines[0].startswith("MSH") else None
    if delimiters is None:
        return Message([], STANDARD, charset, (finding("message-malformed", "MSH"),))
    segments = read_segments(lines, delimiters, charset)
    second = any(line.startswith("MSH" + delimiters.field) for line in lines[1:])
    return Message(segments, delimiters, charset, (finding("segment-sequence", "MSH"),) if second else ())


def split_lines(text: str) -> list[str]:
    """The lines of a message that are not blank."""
    return [line for line in text.replace("\n", "\r").split("\r") if line and not line.isspace()]


def without_controls(text: str) -> str:
    """The text without the control characters that no FHIR string may hold; tab, line feed and CR stay."""
    return _CONTROLS.sub("", text) if _CONTROLS.search(text) else text


def read_segments(lines: list[str], delimiters: Delimiters, charset: str) -> list[Segment]:
    """One `Segment` per line; the separator is put in as field 1 of header segments."""
    separator = delimiters.field
    segments = [Segment(line.split(separator), delimiters, charset) for line in lines]
    for segment in segments:
        if segment.fields[0] in HEADERS:
            segment.fields.insert(1, separator)
    return segments


def read_delimiters(header: str) -> Delimiters | None:
    """The delimiters of a header line (`MSH`, `FHS`, `BHS`); `None` when they cannot be used.

    Encoding characters that are left out at the end keep their usual value.
    """
    if header.startswith("|^~\\&|", 3):
        return STANDARD
    separator = header[3:4]
    if not _is_separator(separator):
        return None
    encoding = header[4:].split(separator, 1)[0][:4]
    found = separator + encoding + STANDARD.encoding[len(encoding) :]
    if not encoding or len(set(found)) != 5 or not all(map(_is_separator, found)):
        return None
    return Delimiters(*found)


def _is_separator(character: str) -> bool:
    return bool(character) and character.isascii() and character.isprintable() and not character.isalnum()


def unescape(raw: str, delimiters: Delimiters = STANDARD, charset: str = "utf-8") -> str:
    r"""Resolve the escape sequences of one value, after splitting (HL7 v2.5.1 §2.7; Wujiang interface §1.2).

    `\Xhh..\` gives bytes in the message's charset; sequences that stand side by side are decoded together. Unknown
    sequences, bytes that do not decode and a lone escape character stay as they are.
    """
    escape = delimiters.escape
    if escape not in raw:
        return raw
    plain = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repeat,
        "E": escape,
        "H": "",
        "N": "",
        ".br": "\n",
    }

    def resolve(match: re.Match[str]) -> str:
        if match["plain"] is not None:
            return plain[match["plain"]]
        if match["hex"] is not None:
            return _hex_text(match["hex"], escape, charset)
        return match[0]

    return re.sub(_ESCAPE_SEQUENCE.format(e=re.escape(escape)), resolve, raw)


def _hex_text(run: str, escape: str, charset: str) -> str:
    digits = run.replace(escape + "X", "").replace(escape, "")
    try:
        return bytes.fromhex(digits).decode(charset)
    except ValueError:
        return run


def _part(raw: str, separator: str, index: int) -> str:
    if separator not in raw:
        return raw if index == 0 else ""
    parts = raw.split(separator)
    return parts[index] if index < len(parts) else ""
