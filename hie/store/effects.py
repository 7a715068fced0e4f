"""Effects: what a job came to that was run in another process, on a snapshot of the store; plain values to hand over.

Whoever writes takes them (`Transaction.take`) when nothing that the job looked at has changed since its snapshot: then
the job would have come to the same here. That is optimistic concurrency control, with validation by looks.
"""

from typing import Any, NamedTuple

from hie.store.table import Value

Values = tuple[Value, ...]

Look = tuple[str, Values]
"""Where a job looked: a place (`VERSION`, or a table with the columns compared: `root:parent`) and the values."""

VERSION = "version"
"""The place of a look at the current version of a resource; the values are its type and id."""


class NotAhead(Exception):
    """The job does something that can be done by the process that writes only."""


class Effects(NamedTuple):
    """`batch` is the number of the last commit that the snapshot had; `looked` where the job looked.

    `rows` by table are full rows to add or replace: those of which the job does not know a row with the same key, and
    those of which it does. `puts` are resources ready to be written: type, id, content and entries of `Ready`, the
    entries as a plain tuple.
    """

    batch: int
    looked: list[Look]
    rows: list[tuple[str, list[Values], list[Values]]]
    puts: list[tuple[str, str, bytes, tuple[Any, ...]]]
