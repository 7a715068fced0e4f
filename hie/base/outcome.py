"""Outcomes: what became of a raw item and of each of its parts; from them every answer is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hie.base.finding import Disposition, Finding


@dataclass(frozen=True, slots=True)
class PartOutcome:
    """One part: its number in the item, `label` (table name or message type), key and message id as the sender wrote
    them, disposition, findings, and the resources it is about as `Type/id`; `versions` are those that its item wrote
    just now. A part whose bytes are known is a `duplicate`; `original` is then the disposition it got the first time,
    which HL7 and SOAP answers repeat.
    """

    part: int
    label: str
    key: str
    message_id: str
    disposition: Disposition
    findings: tuple[Finding, ...] = ()
    resources: tuple[str, ...] = ()
    original: Disposition | None = None
    versions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """One raw item: `findings` are those about the item as a whole; `parts` in the order of the envelope.

    `charset` is what the item was read in and `context` what its parser keeps for the answer (the MSH of each message,
    the batch header, the SOAP ids). `failed`: the exchange failed at it just now, so that it has no disposition yet and
    its sender is to send it again (common rules §9).
    """

    id: str
    sha256: str
    feed: str
    door: str
    disposition: Disposition
    findings: tuple[Finding, ...] = ()
    parts: tuple[PartOutcome, ...] = ()
    charset: str = "UTF-8"
    context: Any = None
    failed: bool = False

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Those of the item and of every part, in order."""
        return self.findings + tuple(f for part in self.parts for f in part.findings)

    @property
    def resources(self) -> tuple[str, ...]:
        """Everything written, in order, without repeats."""
        return tuple(dict.fromkeys(r for part in self.parts for r in part.resources))


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the sender: `status` is the HTTP status, `body` the bytes of any transport.

    `frames` are set where MLLP sends the same answer as several frames (enhanced mode, Wujiang §8.2).
    """

    body: bytes
    content_type: str
    status: int = 200
    frames: tuple[bytes, ...] = ()
