"""A row of a vendor table and the header of its envelope, as parsing leaves them (Qingpu interface document §2)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """The header of an envelope: sender, batch number, and the upload time as FHIR text and as an order key."""

    organisation: str
    batch: str
    uploaded: str
    order: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `values` by column, trimmed, without the columns that have no value.

    `order` is the order key (upload time, batch, number of the row); `key` the key columns as shown in a receipt;
    `digest` recognises a row with the same content; `revoking` says that it takes back what was sent for its key,
    `revoking_column` is the one that says so, empty where the feed has none. `header` is that of its envelope.
    """

    table: str
    values: Mapping[str, str]
    order: str
    key: str
    digest: str
    revoking: bool
    header: Header
    revoking_column: str = ""

    @property
    def source(self) -> str:
        """Table and key: what this row and later rows about the same thing have in common."""
        return f"{self.table}|{self.key}"

    @property
    def batch(self) -> str:
        """The batch number."""
        return self.header.batch

    @property
    def uploaded(self) -> str:
        """The upload time as FHIR dateTime."""
        return self.header.uploaded

    @property
    def organisation(self) -> str:
        """The social credit code of the sender."""
        return self.header.organisation
