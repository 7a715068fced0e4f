"""The rows that a batch altered, by the values that looks ask for: a large job looks at every turn."""

from collections.abc import Callable, Iterable

from hie.store.mongo.tables import Key, Laid, Look
from hie.store.table import Row


class Altered:
    """Keys of rows that had the values of a look at some time of the batch; a row as it is now decides."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, tuple[str, ...]], dict[tuple[object, ...], dict[Key, None]]] = {}

    def change(self, table: str, key: Key, row: Row) -> None:
        """A row is altered to this."""
        for (named, columns), keys in self._keys.items():
            if named == table:
                keys.setdefault(tuple(row[column] for column in columns), {})[key] = None

    def of(self, look: Look, rows: Callable[[], Laid]) -> Iterable[Key]:
        """The keys of the rows that a look may find; `rows` gives all that were altered, for the first such look."""
        table, columns, values = look
        keys = self._keys.get((table, columns))
        if keys is None:
            keys = self._keys[table, columns] = {}
            for key, row in rows().items():
                if row is not None:
                    keys.setdefault(tuple(row[column] for column in columns), {})[key] = None
        return tuple(keys.get(values, ()))
