"""What a process knows of the server from its last batches, as long as it alone has written.

Every batch raises the number of the clock. When a batch finds the number as the last batch of the same process left it,
nobody wrote in between, and what that one knew is still true: counters, senders, the rows of a patient whose messages
come one after the other need not be read again. Otherwise everything is forgotten.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from hie.store.mongo.selected import Selected
from hie.store.mongo.tables import Found, Key, Look
from hie.store.table import Row

MOST = 2000
"""Resources, and rows, that are kept."""

_LARGE = 16 << 10
"""Bytes of a body from which on it is not kept."""

Document = dict[str, Any]
RowName = tuple[str, Key]


class Kept:
    """`current`: name -> document of the current version, None: never written; `rows`: (table, key) -> row;
    `selected`: what looks at rows find."""

    def __init__(self) -> None:
        self.current: OrderedDict[str, Document | None] = OrderedDict()
        self.rows: OrderedDict[RowName, Row | None] = OrderedDict()
        self.selected = Selected()
        self._number: int | None = None

    def begin(self, number: int) -> None:
        """A batch found the clock at `number`."""
        if number != self._number:
            self.forget()

    def forget(self) -> None:
        """Nothing is certain any more."""
        self._number = None
        self.current.clear()
        self.rows.clear()
        self.selected.clear()

    def commit(self, number: int, current: Mapping[str, Document | None], rows: Mapping[RowName, Row | None]) -> None:
        """A batch that knew all this has left the clock at `number`."""
        self._number = number
        for name, document in current.items():
            if document is not None and len(document.get("b", b"")) > _LARGE:
                self.current.pop(name, None)
            else:
                self.current[name] = document
                self.current.move_to_end(name)
        for pair, row in rows.items():
            if row is not None and any(len(v) > _LARGE for v in row.values() if isinstance(v, str | bytes)):
                self.rows.pop(pair, None)
            else:
                self.rows[pair] = row
                self.rows.move_to_end(pair)
        _trim(self.current)
        _trim(self.rows)

    def commit_found(
        self,
        found: Mapping[Look, Found],
        altered: Mapping[str, Iterable[Key]],
        rows: Mapping[RowName, Row | None],
    ) -> None:
        """What the looks of the same batch have found, and the rows that it altered."""
        self.selected.keep(found)
        for table, keys in altered.items():
            for key in keys:
                self.selected.change(table, key, rows[table, key])


def _trim(found: "OrderedDict[Any, Any]") -> None:
    while len(found) > MOST:
        found.popitem(last=False)
