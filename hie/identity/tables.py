"""The tables of identity, declared once for every store."""

from hie.store.table import Table

NUMBER = Table("identity_number", {"number": str, "patient": str}, key=("number", "patient"), indexes=(("patient",),))
"""Which local Patients carry a number that identifies a person (`system|value`)."""

RECORD = Table(
    "identity_record",
    {"patient": str, "name": str, "year": str, "golden": str, "body": bytes},
    key=("patient",),
    indexes=(("name", "year"), ("golden",)),
)
"""What identity knows of each local Patient; `golden` is the golden Patient it is linked to, if any."""

REVIEW = Table(
    "identity_review",
    {"first": str, "second": str, "reason": str, "at": int},
    key=("first", "second"),
    indexes=(("second",), ("at",)),
)
"""Pairs of local Patients left apart for a person to look at."""

TABLES = (NUMBER, RECORD, REVIEW)
"""All of them, for the store to create."""
