"""One store into another, through the port: everything, in order, resumable, verified by count and hash.

What a store holds is cut into *parts*: `versions` (every version of every resource in order of writing, so that
history, numbers and times stay as they are; the index is made anew) and one part a table (rows in order of the key).
How far each part is stands in the target, in the commit that wrote it, so a copy that is killed goes on where it was
and writes nothing twice. The source must not change meanwhile; `compare` would find that it did.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from hie.base.errors import Category, HieError
from hie.store.port import HistoryQuery, Reader, Store, Transaction, Version
from hie.store.table import Above, Row, Table, Value, Where

MIGRATION = Table(
    "migration",
    {"part": str, "source": str, "reached": str, "copied": int, "complete": int},
    key=("part",),
)
"""How far a copy into this store is: `reached` is where the next reading of the source begins."""

VERSIONS = "versions"
"""The part that holds the resources."""

BATCH = 500
"""Versions or rows that are read, and written in one commit, at a time."""

_BATCH_BYTES = 4 << 20

Progress = Callable[[str, int], None]
"""Told the name of a part and how many of it are done."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What a part holds: how many, and a hash over all of them in order."""

    count: int
    digest: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One part in both stores."""

    part: str
    source: Sum
    target: Sum

    @property
    def same(self) -> bool:
        """Whether both hold the same."""
        return self.source == self.target


def _silent(_: str, __: int) -> None:
    return


async def rows(
    reader: Reader, table: Table, after: Sequence[Value] = (), limit: int = BATCH
) -> AsyncIterator[list[Row]]:
    """All rows of a table in chunks, in order of the key, those behind the key `after`."""
    key = list(after)
    while True:
        chunk: list[Row] = []
        for where, order in _behind(table, key):
            chunk += await reader.select(table, where, order=order, limit=limit - len(chunk))
            if len(chunk) == limit:
                break
        if not chunk:
            return
        yield chunk
        key = [chunk[-1][column] for column in table.key]


def _behind(table: Table, key: Sequence[Value]) -> list[tuple[Where, Sequence[str]]]:
    """Queries that together give the rows behind `key` in order: first those with most columns in common with it."""
    if not key:
        return [({}, table.key)]
    found: list[tuple[Where, Sequence[str]]] = []
    for shared in reversed(range(len(table.key))):
        same = dict(zip(table.key[:shared], key[:shared], strict=True))
        bound = key[shared]
        assert isinstance(bound, str | int)  # the columns of keys are
        found.append(({**same, table.key[shared]: Above(bound)}, table.key[shared:]))
    return found


async def copy(
    source: Store,
    target: Store,
    tables: Sequence[Table],
    named: str,
    progress: Progress = _silent,
    batch: int = BATCH,
) -> None:
    """Copy what is not in the target yet; `named` stands for the source.

    Raises CONFLICT for a target that holds data that this copy did not bring: another source's, or its own.
    """
    await _admit(target, tables, named)
    for table in tables:
        await _Part(target, table.name, named, progress).table(source, table, batch)
    await _Part(target, VERSIONS, named, progress).versions(source, batch)


async def totals(source: Store, tables: Sequence[Table]) -> dict[str, int]:
    """Part -> how many versions or rows it has."""
    found = {table.name: await source.count(table, {}) for table in tables}
    return {**found, VERSIONS: (await source.history(HistoryQuery(count=1))).total}


async def unfinished(store: Reader) -> bool:
    """Whether a copy into this store was begun and is not complete."""
    return any(not row["complete"] for row in await store.select(MIGRATION, {}))


async def _admit(target: Store, tables: Sequence[Table], named: str) -> None:
    found = await target.select(MIGRATION, {})
    if not found:
        if await target.log(limit=1):
            raise HieError(Category.CONFLICT, "The target holds resources already; name an empty one.")
        for table in tables:
            if await target.select(table, {}, limit=1):
                raise HieError(Category.CONFLICT, f"The target holds rows of {table.name} already; name an empty one.")
        parts = [*(table.name for table in tables), VERSIONS]
        await target.write(partial(_begin, parts=parts, named=named))
    elif any(row["source"] != named for row in found):
        raise HieError(Category.CONFLICT, "The target was filled from another source; name an empty one.")


async def _begin(tx: Transaction, parts: Sequence[str], named: str) -> None:
    for part in parts:
        await tx.upsert(MIGRATION, {"part": part, "source": named, "reached": "", "copied": 0, "complete": 0})


class _Part:
    """The copying of one part into `target`."""

    def __init__(self, target: Store, name: str, named: str, progress: Progress) -> None:
        self._target = target
        self._name = name
        self._named = named
        self._progress = progress

    async def table(self, source: Store, table: Table, batch: int) -> None:
        """All rows behind those that are there."""
        reached, copied = await self._state()
        after = orjson.loads(reached) if reached else ()
        async for chunk in rows(source, table, after, batch):
            copied += len(chunk)
            reached = orjson.dumps([chunk[-1][column] for column in table.key]).decode()
            await self._target.write(partial(self._rows, table=table, chunk=chunk, reached=reached, copied=copied))
            self._progress(self._name, copied)
        await self._target.write(partial(self._mark, reached=reached, copied=copied, complete=1))

    async def versions(self, source: Store, batch: int) -> None:
        """All versions behind those that are there."""
        reached, copied = await self._state()
        while log := await source.log(int(reached or 0), batch):
            for chunk in _cut(log):
                copied += len(chunk)
                reached = str(chunk[-1][0])
                await self._target.write(partial(self._versions, chunk=chunk, reached=reached, copied=copied))
                self._progress(self._name, copied)
        await self._target.write(partial(self._mark, reached=reached, copied=copied, complete=1))

    async def _state(self) -> tuple[str, int]:
        row = await self._target.get(MIGRATION, self._name)
        return ("", 0) if row is None else (str(row["reached"]), int(str(row["copied"])))

    async def _rows(self, tx: Transaction, table: Table, chunk: list[Row], reached: str, copied: int) -> None:
        for row in chunk:
            await tx.upsert(table, row)
        await self._mark(tx, reached, copied, 0)

    async def _versions(self, tx: Transaction, chunk: list[tuple[int, Version]], reached: str, copied: int) -> None:
        for _, version in chunk:
            await tx.restore(version)
        await self._mark(tx, reached, copied, 0)

    async def _mark(self, tx: Transaction, reached: str, copied: int, complete: int) -> None:
        row: Row = {"part": self._name, "source": self._named, "reached": reached}
        await tx.upsert(MIGRATION, {**row, "copied": copied, "complete": complete})


def _cut(log: list[tuple[int, Version]]) -> list[list[tuple[int, Version]]]:
    """Pieces of at most 4 MiB of bodies, for one commit each."""
    pieces: list[list[tuple[int, Version]]] = [[]]
    size = 0
    for number, version in log:
        if pieces[-1] and size + len(version.body) > _BATCH_BYTES:
            pieces.append([])
            size = 0
        pieces[-1].append((number, version))
        size += len(version.body)
    return pieces


# -- comparing -------------------------------------------------------------------------------------------------------


async def compare(
    source: Store, target: Store, tables: Sequence[Table], progress: Progress = _silent
) -> list[Compared]:
    """Read both stores whole and say of every part whether they hold the same."""
    found = []
    for table in tables:
        sums = [await _sum_rows(store, table) for store in (source, target)]
        progress(table.name, sums[1].count)
        found.append(Compared(table.name, *sums))
    told = partial(progress, VERSIONS)
    found.append(Compared(VERSIONS, await _sum_versions(source, told), await _sum_versions(target, told)))
    return found


async def _sum_rows(store: Reader, table: Table) -> Sum:
    chain = _Chain()
    async for chunk in rows(store, table):
        for row in chunk:
            chain.add(*(row[column] for column in table.columns))
    return chain.sum()


async def _sum_versions(store: Store, told: Callable[[int], None]) -> Sum:
    chain, reached = _Chain(), 0
    while log := await store.log(reached, BATCH):
        reached = log[-1][0]
        for _, version in log:
            chain.add(version.type, version.id, version.version, version.last_updated, version.method, version.body)
        told(chain.count)
    return chain.sum()


class _Chain:
    """SHA-256 over values, each with its kind and length, so that no two different lists look the same."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.count = 0

    def add(self, *values: Value) -> None:
        """The values of one version or row."""
        self.count += 1
        for value in values:
            kind, content = _told(value)
            self._hash.update(f"{kind}{len(content)}:".encode() + content)

    def sum(self) -> Sum:
        """All that was added."""
        return Sum(self.count, self._hash.hexdigest())


def _told(value: Value) -> tuple[str, bytes]:
    """A letter for the kind of a value, and its bytes."""
    match value:
        case bytes():
            return "b", value
        case str():
            return "s", value.encode()
        case int():
            return "i", b"%d" % value
    return "n", b""
