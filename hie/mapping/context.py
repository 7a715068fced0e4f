"""What a transform may know and say besides its value: the part it works for, and the findings it makes."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hie.base.draft import Key
from hie.base.finding import CODES, Finding, Severity
from hie.base.record import Delivery, Record
from hie.base.systems import identifier_system
from hie.mapping.codes import CodeRow, CodeTable
from hie.mapping.terms import NO_TERMS, Terms


class Context:
    """The surroundings of one part while it is mapped.

    `organisation` is the USCC that qualifies local numbers; `codes` are the code maps, `terms` what is known of codes
    beyond them; `path` the source path at work, in the source's own terms; `current` the key of the resource at work
    (for values that refer to it); `envelope` what the envelope of the part says; `node` the node at work and `locate`
    the function of the dialect that makes the path of a finding; `mentions` the references of the contribution at work
    that are settled later. Made new for each part; findings gather in `findings`, equal ones once.
    """

    __slots__ = (
        "codes",
        "current",
        "envelope",
        "feed",
        "locate",
        "mentions",
        "node",
        "organisation",
        "path",
        "received",
        "region",
        "seen",
        "terms",
        "type",
    )

    def __init__(
        self,
        *,
        region: str,
        organisation: str,
        feed: str,
        received: datetime,
        codes: Mapping[str, CodeTable] | None = None,
        terms: Terms = NO_TERMS,
        type: str = "",
        envelope: Any = None,
    ) -> None:
        self.region = region
        self.organisation = organisation
        self.feed = feed
        self.received = received
        self.codes = codes if codes is not None else {}
        self.terms = terms
        self.type = type
        self.envelope = envelope
        self.path = ""
        self.current: Key | None = None
        self.node: Any = None
        self.locate: Callable[[Any, str], str] = lambda node, path: path
        self.mentions: tuple[str, ...] = ()
        self.seen: dict[Finding, None] = {}

    @classmethod
    def of(
        cls, record: Record, delivery: Delivery, region: str, codes: Mapping[str, CodeTable], terms: Terms
    ) -> "Context":
        """The surroundings of a part that came with a delivery."""
        return cls(
            region=region,
            organisation=record.organisation,
            feed=delivery.feed,
            received=delivery.received,
            codes=codes,
            terms=terms,
            type=record.type,
            envelope=record.envelope,
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything noted so far, in order, each once."""
        return tuple(self.seen)

    def note(self, code: str, detail: str = "", path: str | None = None, severity: Severity | None = None) -> None:
        """Record a finding at the current source path (or at `path`), with the severity of its code unless told
        otherwise; `detail` never holds a value of the patient.

        Raises `KeyError` for a code that is not in `CODES`.
        """
        place = self.locate(self.node, self.path if path is None else path)
        found = Finding(code, place, detail, CODES[code].severity if severity is None else severity)
        self.seen.setdefault(found)

    def mention(self, key: Key) -> str:
        """The reference to a resource that may not be known yet: literal only while it is (`Contribution.mentions`)."""
        if key.reference not in self.mentions:
            self.mentions = (*self.mentions, key.reference)
        return key.reference

    def local_system(self, kind: str) -> str:
        """The identifier system of a number of that kind, an OID or a local kind (rule L; global OIDs stay global)."""
        return identifier_system(self.organisation, kind)

    def code(self, table: str, value: str) -> CodeRow | None:
        """The row of a code map for the code as sent, `None` when it has none. `KeyError` for an unknown table."""
        return self.codes[table].rows.get(value)

    def called(self, system: str, code: str, name: str = "") -> str:
        """What a code is called: as sent, else as its code system says; empty when nobody says. A code that its code
        system, known in full, does not have is noted as `code-unknown`."""
        if self.terms.has(system, code) is False:
            self.note("code-unknown")
        return name or self.terms.display(system, code) or ""

    def key(self, type: str, kind: str, value: str) -> Key:
        """The natural key of a resource of this organisation."""
        return Key(self.region, self.organisation, type, kind, value)
