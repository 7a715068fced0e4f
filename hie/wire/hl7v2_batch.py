"""HL7 v2 batches: one body cut into the exact bytes of its messages (HL7 v2.5.1 §2.10.3; Wujiang interface §8.3)."""

import re
from dataclasses import dataclass

from hie.base.finding import Finding, finding
from hie.wire.charset import GB18030, UTF8, strip_frame
from hie.wire.hl7v2 import STANDARD, Segment, read_delimiters, read_segments, split_lines

_BOUNDARY = re.compile(rb"(?<![^\r\n])(FHS|BHS|MSH|BTS|FTS)(?![A-Za-z0-9])")
"""A line that begins a message or belongs to the envelope. CR and LF are never part of a GB18030 character."""

_FOLLOWS: dict[str, frozenset[str]] = {
    "": frozenset({"FHS", "BHS"}),
    "FHS": frozenset({"BHS"}),
    "BHS": frozenset({"MSH", "BTS"}),
    "MSH": frozenset({"MSH", "BTS"}),
    "BTS": frozenset({"FTS", "end"}),
    "FTS": frozenset({"end"}),
}
"""What may come after what: `[FHS] BHS {message} BTS [FTS]`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch and its messages.

    `messages` are slices of the body, each from its `MSH` to the byte before the next message or trailer, with its
    own segment ends. `header` is the BHS. With `count-mismatch` or `message-malformed` in `findings` no message may be
    processed.
    """

    messages: tuple[bytes, ...]
    header: Segment | None
    findings: tuple[Finding, ...] = ()


def is_batch(body: bytes) -> bool:
    """Whether the body begins with FHS or BHS, MLLP bytes in front not counted."""
    return strip_frame(body[:64]).startswith((b"FHS", b"BHS"))


def split_batch(body: bytes) -> Batch | None:
    """Cut a batch; `None` when the body is a plain message (or no HL7 at all).

    Findings: `message-malformed` when segments stand where the envelope allows none, `count-mismatch` when BTS-1 is
    absent, no number or not the number of messages.
    """
    if not is_batch(body):
        return None
    body = strip_frame(body)
    cuts = [(match[1].decode("ascii"), match.start()) for match in _BOUNDARY.finditer(body)]
    ends = [start for _, start in cuts[1:]] + [len(body)]
    parts = [(name, body[start:end]) for (name, start), end in zip(cuts, ends, strict=True)]
    messages = tuple(part for name, part in parts if name == "MSH")
    header = _envelope(parts, "BHS")
    trailer = _envelope(parts, "BTS", header)
    findings: tuple[Finding, ...] = ()
    if not _in_order(parts):
        findings = (finding("message-malformed", "BHS"),)
    elif _count(trailer) != len(messages):
        findings = (finding("count-mismatch", "BTS-1"),)
    return Batch(messages, header, findings)


def _in_order(parts: list[tuple[str, bytes]]) -> bool:
    """Whether the envelope is complete, in order and free of stray segments.

    A batch that stops before BTS is in order: its missing count is the finding.
    """
    before = ""
    for name, part in parts:
        if name not in _FOLLOWS[before] or (name != "MSH" and len(_lines(part)) != 1):
            return False
        before = name
    return True


def _envelope(parts: list[tuple[str, bytes]], name: str, header: Segment | None = None) -> Segment | None:
    """The first envelope segment of that name; trailers take the delimiters of the batch header."""
    lines = next((_lines(part) for found, part in parts if found == name), [])
    if not lines:
        return None
    own = read_delimiters(lines[0]) if header is None else header.delimiters
    return read_segments(lines[:1], own or STANDARD, UTF8)[0]


def _lines(part: bytes) -> list[str]:
    try:
        return split_lines(part.decode(UTF8))
    except UnicodeDecodeError:
        return split_lines(part.decode(GB18030, "replace"))


def _count(trailer: Segment | None) -> int | None:
    text = trailer.value(1).strip() if trailer else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
