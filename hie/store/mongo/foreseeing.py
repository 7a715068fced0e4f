"""What a job says that it will ask for: read by few commands, and known to the batch when it asks."""

from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from hie.store.mongo.batch import Batch
from hie.store.mongo.selected import look_of, sorted_out
from hie.store.mongo.tables import Key, Look, TableReading, key_of
from hie.store.mongo.versions import VersionReading
from hie.store.table import Table, Where

T = TypeVar("T")
One = TypeVar("One")

TOGETHER = 200
"""Looks, and resources, that one command reads ahead."""

MOST = 3000
"""Rows that one command reads ahead; of looks that find more all are left to be read when they are asked for, maybe
with a limit."""


class Ask(Protocol):
    """Waits for an answer of the server, within the time that a job has."""

    def __call__(self, answer: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """The answer; raises what the refusals of the server mean."""
        ...


class Foreseeing:
    """Reads ahead for one job into its batch."""

    def __init__(self, batch: Batch, tables: TableReading, versions: VersionReading, ask: Ask) -> None:
        self._batch = batch
        self._tables = tables
        self._versions = versions
        self._ask = ask

    async def rows(self, table: Table, looks: Sequence[Where]) -> None:
        """See `Transaction.foresee`."""
        for some in _parts(looks):
            await self._rows(table, some)

    async def _rows(self, table: Table, looks: Sequence[Where]) -> None:
        keys, wanted = set[Key](), set[Look]()
        for one in looks:
            look = look_of(table, one)
            if look is None or self._batch.found(look) is not None:
                continue
            if look[1] == tuple(sorted(table.key)):
                keys.add(tuple(look[2][look[1].index(column)] for column in table.key))
            else:
                wanted.add(look)
        keys = {key for key in keys if not self._batch.row(table, key)[0]}
        if len(keys) + len(wanted) < 2:
            return
        rows = await self._ask(self._tables.any_of(table, keys, wanted, MOST))
        if len(rows) == MOST:
            return
        by_key = {key_of(table, row): row for row in rows}
        for key in keys:
            self._batch.learn_row(table, key, by_key.get(key))
        for look, found in sorted_out(wanted, by_key).items():
            self._batch.learn_found(look, found)

    async def resources(self, references: Sequence[str]) -> None:
        """See `Transaction.foresee_resources`."""
        names = [one for one in dict.fromkeys(references) if not self._batch.known(one)[0]]
        for some in _parts(names) if len(names) > 1 else ():
            found = await self._ask(self._versions.currents(some))
            for one in some:
                self._batch.learn(one, found.get(one))


def _parts(whole: Sequence[One]) -> Iterator[Sequence[One]]:
    """What is read ahead, in parts for one command each."""
    for start in range(0, len(whole), TOGETHER):
        yield whole[start : start + TOGETHER]
