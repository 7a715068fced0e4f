"""What an HL7 v2 answer needs of the item answered to: the headers as they were read."""

from dataclasses import dataclass

from hie.wire.hl7v2 import Segment


@dataclass(frozen=True, slots=True)
class Hl7Envelope:
    """The headers of one item.

    `headers` has the MSH of each message in order, `None` for one that could not be read, and `charsets` the codec each
    was read in. Of a batch `is_batch` is true and `batch` its BHS.
    """

    headers: tuple[Segment | None, ...]
    charsets: tuple[str, ...]
    is_batch: bool = False
    batch: Segment | None = None

    @property
    def is_readable(self) -> bool:
        """Whether there is a header to answer to."""
        return self.is_batch or any(header is not None for header in self.headers)
