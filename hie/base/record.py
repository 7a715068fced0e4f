"""Records: what parsing hands to mapping, one per part."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hie.base.finding import Finding


@dataclass(frozen=True, slots=True)
class Record:
    """One part after parsing.

    `type` selects the field map (`ADT^A01`, `C0007`, `TB_LIS_REPORT`); `tree` is the dialect's own tree (an HL7
    message, an XML element, a row); `envelope` holds what the surrounding envelope says (header columns, SOAP fields);
    `body` are the exact bytes of the part, by which duplicates are recognised; `findings` are those of parsing: a
    reject among them means that `tree` may be None. `key` is what an answer shows as the key of a part.
    """

    part: int
    type: str
    tree: Any
    body: bytes
    findings: tuple[Finding, ...] = ()
    organisation: str = ""
    message_id: str = ""
    envelope: Any = None
    label: str = ""
    key: str = ""

    @property
    def sent_id(self) -> str:
        """The message id with its sender, because two organisations may use the same; empty without one (common rules
        §2.2)."""
        return f"{self.organisation}|{self.message_id}" if self.message_id else ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A raw item after parsing: its records in order of processing, and findings about the item as a whole.

    A reject or quarantine among `findings` decides for the whole item and no record is processed. `charset` is what
    the bytes were read in, `context` what the answer needs of the envelope, `organisation` the sender it names, for an
    item without records.
    """

    records: tuple[Record, ...]
    findings: tuple[Finding, ...] = ()
    charset: str = "UTF-8"
    context: Any = None
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One raw item as it came in: which feed, through which door, when, its id and its bytes."""

    id: str
    feed: str
    door: str
    received: datetime
    body: bytes
