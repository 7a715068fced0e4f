"""MLLP framing without I/O: bytes in, frames out (MLLP release 1: `0B` body `1C 0D`).

The machine is the table `TRANSITIONS`; `FrameMachine` executes it in runs found with `bytes.find`, so the cost is
linear in the bytes and independent of how they were cut into chunks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

START, END, CARRIAGE_RETURN = b"\x0b", b"\x1c", b"\x0d"

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Largest body by default (common rules §2)."""

HEAD_BYTES = 64 * 1024
"""How much of a frame that is too large is handed on, to tell whose it is."""


class State(Enum):
    """Where the machine is between two bytes."""

    OUTSIDE = auto()
    INSIDE = auto()
    ENDING = auto()
    LOST = auto()
    LOST_ENDING = auto()


class Byte(Enum):
    """The kinds of bytes that the machine tells apart."""

    START = auto()
    END = auto()
    CR = auto()
    OTHER = auto()


class Action(Enum):
    """What is done with a byte, or with a run of `OTHER` bytes."""

    SKIP = auto()
    KEEP = auto()
    DELIVER = auto()


_S, _B, _A = State, Byte, Action

TRANSITIONS: dict[tuple[State, Byte], tuple[Action, State]] = {
    (_S.OUTSIDE, _B.START): (_A.SKIP, _S.INSIDE),
    (_S.OUTSIDE, _B.OTHER): (_A.SKIP, _S.OUTSIDE),
    (_S.INSIDE, _B.END): (_A.KEEP, _S.ENDING),
    (_S.INSIDE, _B.OTHER): (_A.KEEP, _S.INSIDE),
    (_S.ENDING, _B.CR): (_A.DELIVER, _S.OUTSIDE),
    (_S.ENDING, _B.END): (_A.KEEP, _S.ENDING),
    (_S.ENDING, _B.OTHER): (_A.KEEP, _S.INSIDE),
    (_S.LOST, _B.END): (_A.SKIP, _S.LOST_ENDING),
    (_S.LOST, _B.OTHER): (_A.SKIP, _S.LOST),
    (_S.LOST_ENDING, _B.CR): (_A.SKIP, _S.OUTSIDE),
    (_S.LOST_ENDING, _B.END): (_A.SKIP, _S.LOST_ENDING),
    (_S.LOST_ENDING, _B.OTHER): (_A.SKIP, _S.LOST),
}
"""(state, byte) -> (action, next state). LOST is the rest of a frame that was too large.

A start byte inside a frame is a byte like others here; see `restarted`.
"""

_SOUGHT: dict[State, tuple[bytes, Byte]] = {
    _S.OUTSIDE: (START, _B.START),
    _S.INSIDE: (END + CARRIAGE_RETURN, _B.END),
    _S.LOST: (END + CARRIAGE_RETURN, _B.END),
}
"""States in which whole runs pass until their first byte is found; the others look at a single byte.

An end byte counts when CR follows, or when it is the last of a chunk and CR may follow; others are ordinary.
"""

_SINGLE: dict[bytes, Byte] = {CARRIAGE_RETURN: _B.CR, END: _B.END}

_RESTART = re.compile(rb"\x0b(?=MSH|FHS|BHS)")


@dataclass(frozen=True, slots=True)
class Frame:
    """A complete frame: the body between `0B` and `1C 0D`."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Oversize:
    """A frame grew beyond the cap; its bytes but the first, `head`, are dropped up to its end block."""

    limit: int
    head: bytes = b""


class FrameMachine:
    """Cuts a byte stream into frames; holds at most one partial frame of `max_frame_bytes`."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max = max_frame_bytes
        self._state = State.OUTSIDE
        self._body = bytearray()

    @property
    def pending(self) -> bool:
        """Whether a frame has begun and not ended: the frame deadline runs while this holds."""
        return self._state is not State.OUTSIDE

    def feed(self, data: bytes) -> list[Frame | Oversize]:
        """Take the next bytes and return what they complete, in order."""
        out: list[Frame | Oversize] = []
        position = 0
        while position < len(data):
            kind, stop = self._run(data, position)
            out.extend(self._step(kind, data, position, stop))
            position = stop
        return out

    def _run(self, data: bytes, position: int) -> tuple[Byte, int]:
        """The kind and the end of the run that starts at `position`; only ordinary bytes run longer than one."""
        sought = _SOUGHT.get(self._state)
        if sought is None:
            return _SINGLE.get(data[position : position + 1], Byte.OTHER), position + 1
        pattern, kind = sought
        found = data.find(pattern, position)
        if found < 0 and data.endswith(pattern[:1]):
            found = len(data) - 1
        if found == position:
            return kind, position + 1
        return Byte.OTHER, len(data) if found < 0 else found

    def _step(self, kind: Byte, data: bytes, start: int, stop: int) -> Iterator[Frame | Oversize]:
        action, self._state = TRANSITIONS[self._state, kind]
        if action is Action.KEEP:
            yield from self._keep(data, start, stop)
        elif action is Action.DELIVER:
            del self._body[-1:]
            body, self._body = bytes(self._body), bytearray()
            yield Frame(restarted(body))

    def _keep(self, data: bytes, start: int, stop: int) -> Iterator[Oversize]:
        end_byte = 1 if self._state is State.ENDING else 0
        if len(self._body) + stop - start - end_byte > self._max:
            head = bytes(self._body[:HEAD_BYTES]) + data[start : start + max(HEAD_BYTES - len(self._body), 0)]
            self._body = bytearray()
            self._state = State.LOST_ENDING if end_byte else State.LOST
            yield Oversize(self._max, head[: self._max])
        else:
            self._body += data[start:stop]


def restarted(body: bytes) -> bytes:
    """The part after the last start byte that a header segment follows.

    A sender that gave up in the middle and began again on the same connection leaves a partial message in front;
    it is never delivered. A start byte before anything else is content (text pasted from word processors has it).
    """
    last = max((match.end() for match in _RESTART.finditer(body)), default=0)
    return body[last:]


def wrap(body: bytes) -> bytes:
    """One frame around `body`."""
    return START + body + END + CARRIAGE_RETURN
