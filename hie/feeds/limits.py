"""What a peer may cost a feed: sizes, times and connections, as values with defaults."""

from dataclasses import dataclass

from hie.wire import mllp

MAX_ITEM_BYTES = 16 * 1024 * 1024
"""Largest item on every feed (common rules §2.3)."""

HEAD_BYTES = mllp.HEAD_BYTES
"""How much of an item that is too large is looked at, to tell whose it is: the same at every door."""


@dataclass(frozen=True, slots=True)
class MllpLimits:
    """Limits of the MLLP server; times in seconds.

    `frame_bytes`: largest body of a frame. `frame_seconds`: from the start byte to the end block; a connection without
    an open frame may idle for ever. `answer_seconds`: for the peer to take an answer off the socket.
    `linger_seconds`: how long bytes are still read and dropped after a refusal, so that the peer can read the answer.
    `stop_seconds`: how long `stop` waits for messages in progress. `connections`: open at the same time.
    """

    frame_bytes: int = MAX_ITEM_BYTES
    frame_seconds: float = 60.0
    answer_seconds: float = 30.0
    linger_seconds: float = 2.0
    stop_seconds: float = 10.0
    connections: int = 256


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of the HTTP feeds: `body_bytes` of one item, `body_seconds` for it to arrive."""

    body_bytes: int = MAX_ITEM_BYTES
    body_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class DropLimits:
    """Limits of a drop folder: `file_bytes` of one file, `poll_seconds` between two looks into `incoming/`."""

    file_bytes: int = MAX_ITEM_BYTES
    poll_seconds: float = 2.0
