"""Handing over between the server and a worker process: frames of bytes, and what the pure stages made as plain values.

A frame is its length in four bytes and then its content. Trees and envelopes stay in the worker, bodies are sent only
when they are not those of the whole item. Values are rebuilt by calling their class, which costs half of what copying
their state does.
"""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import fields
from io import BytesIO
from operator import attrgetter
from typing import Any

from hie.base.draft import Alias, Claim, Contribution, Draft, Event, Key, Member, Merge
from hie.base.finding import Finding
from hie.base.record import Delivery, Parsed, Record
from hie.pipeline.ahead import Ahead, pack_ahead, unpack_ahead
from hie.pipeline.prepare import Prepared

HEAD = 4
"""Bytes of a frame that say how long its content is."""

_AHEAD = b"ahead:"
"""Before what was settled ahead; a pickle begins otherwise."""

READY = b""
"""The content of the frame that a worker sends when it is up."""


def frame(content: bytes) -> bytes:
    """One frame."""
    return len(content).to_bytes(HEAD, "big") + content


class Frames:
    """Cuts frames out of chunks of any size."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The contents of the frames that are complete with this chunk."""
        kept = self._kept
        kept += chunk
        start = 0
        while len(kept) - start >= HEAD:
            begin = start + HEAD
            end = begin + int.from_bytes(kept[start:begin], "big")
            if len(kept) < end:
                break
            yield bytes(kept[begin:end])
            start = end
        del kept[:start]


def pack_delivery(delivery: Delivery, *, ahead: bool) -> bytes:
    """A delivery as the content of a frame, and whether it is to be settled ahead."""
    return pickle.dumps((delivery.id, delivery.feed, delivery.door, delivery.received, delivery.body, ahead), 5)


def unpack_delivery(content: bytes) -> tuple[Delivery, bool]:
    """What `pack_delivery` wrote."""
    *delivery, ahead = pickle.loads(content)  # noqa: S301 - from the server
    return Delivery(*delivery), ahead


def pack_settled(ahead: Ahead) -> bytes:
    """What an item came to that was settled ahead, as the content of a frame."""
    return _AHEAD + pack_ahead(ahead)


def pack_prepared(delivery: Delivery, parsed: Parsed, parts: list[Prepared]) -> bytes:
    """What the pure stages made of a delivery, as the content of a frame."""
    whole = delivery.body
    records = [
        (r.part, r.type, None if r.body == whole else r.body, r.findings, r.organisation, r.message_id, r.label, r.key)
        for r in parsed.records
    ]
    about = (parsed.findings, parsed.charset, parsed.context, parsed.organisation)
    return _dumps((about, records, [(part.draft, part.findings) for part in parts]))


def pack_failure(place: str) -> bytes:
    """That the pure stages failed, and where (`hie.base.errors.where`)."""
    return _dumps(place)


def unpack_answer(content: bytes, delivery: Delivery) -> tuple[Parsed, list[Prepared]] | Ahead | str:
    """What `pack_prepared` or `pack_settled` wrote, or the place that `pack_failure` did."""
    if content.startswith(_AHEAD):
        return unpack_ahead(content[len(_AHEAD) :])
    found = pickle.loads(content)  # noqa: S301 - from our own worker
    if isinstance(found, str):
        return found
    about, rows, made = found
    records = tuple(_record(delivery.body, *row) for row in rows)
    parts = [Prepared(record, *part) for record, part in zip(records, made, strict=False)]
    return Parsed(records, *about), parts


def _record(
    whole: bytes,
    part: int,
    kind: str,
    body: bytes | None,
    findings: tuple[Finding, ...],
    organisation: str,
    message_id: str,
    label: str,
    key: str,
) -> Record:
    sent = whole if body is None else body
    return Record(part, kind, None, sent, findings, organisation, message_id, None, label, key)


def _rebuilt(made: type) -> Callable[[Any], tuple[Callable[..., Any], tuple[Any, ...]]]:
    """How values of a dataclass are pickled: as a call of the class with its fields."""
    values = attrgetter(*(field.name for field in fields(made)))
    return lambda value: (made, values(value))


_REBUILT: dict[type, Callable[[Any], Any]] = {
    made: _rebuilt(made) for made in (Alias, Claim, Contribution, Draft, Event, Finding, Key, Member, Merge)
}


def _dumps(value: Any) -> bytes:
    written = BytesIO()
    pickler = pickle.Pickler(written, 5)
    pickler.dispatch_table = _REBUILT
    pickler.dump(value)
    return written.getvalue()
