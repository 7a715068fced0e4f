"""Collections and indexes of a database, made when a store opens it.

- `resource`: one document per resource: `_id` `Type/id`, `n` paging number (order of first writing), `v` version, `w`
  number of the current write, `u` last updated in microseconds, `z` and `p` what it is sharded by; while it is not
  deleted also `t` type and the index fields of `hie.store.mongo.keys`.
- `version`: one document per version, never changed but for `e`: `_id` number of the write, `t`, `i`, `v`, `u`, method
  `m`, `z`, `p`, `b` the exact bytes (none for a deletion), `e` the `u` of the version that followed.
- `control`: the one document `clock`: `seq` the last number given out, `last` the time of the last batch, `by` process
  -> the key of its last batch, what makes a repeated batch harmless; `calls` how often a process had to wait for it.
- `writer`: one document per process that writes: its session, and its signs of life (`hie.store.mongo.writers`).
- `text`: what words each version has, for `_text` and `_content` (`hie.store.mongo.texts`).
- `stage_<name>`: the rows of a `Table`; a key of one column is `_id`.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from hie.base.errors import Category, HieError
from hie.store.mongo.keys import MAIN_DATES, MAIN_STRINGS
from hie.store.table import Table

SCHEMA = 4
"""Version of the layout; a database with a higher one was written by a newer program. From 4 on findings name their
dimension, which a program before it cannot read."""

_IS_THERE = 48
"""Server code NamespaceExists."""

RESOURCE, VERSION, CONTROL, TEXT, WRITER = "resource", "version", "control", "text", "writer"
CLOCK = "clock"

KEYS = "keys"
TYPE = "type"
UPDATED = "updated"
NEWEST = "newest"
LISTED = "listed"
STRINGS = "strings"
DATES = "dates"
QUANTITIES = "quantities"
CANONICAL = "canonical"
POSITIONS = "positions"


def _index(name: str, *fields: str, **options: Any) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields], name=name, **options)


INDEXES: dict[str, list[IndexModel]] = {
    RESOURCE: [
        _index(KEYS, "k", "t", "n"),
        _index(TYPE, "t", "n"),
        _index(UPDATED, "t", "u", "n"),
        _index(NEWEST, "t", "m", "n"),
        _index(LISTED, "t", "f", "n", partialFilterExpression={"f": {"$exists": True}}),
        _index(STRINGS, "s.p", "s.f", sparse=True),
        _index(DATES, "d.p", "d.l", "d.h", sparse=True),
        _index(QUANTITIES, "q.p", "q.l", sparse=True),
        _index(CANONICAL, "q.p", "q.b", "q.a", sparse=True),
        _index(POSITIONS, "g.a", sparse=True),
    ],
    VERSION: [
        _index("chain", "t", "i", "v", unique=True),
        _index("type", "t", "u", "_id"),
        _index("all", "u", "_id"),
    ],
    TEXT: [_index("content", "c", "t"), _index("narrative", "x", "t", sparse=True), _index("parts", "w", sparse=True)],
    CONTROL: [],
    WRITER: [],
}


def collection(table: Table) -> str:
    """The collection of a table."""
    return f"stage_{table.name}"


def field(table: Table, column: str) -> str:
    """The field of a column: `_id` for a key of one column, else its name."""
    return "_id" if table.key == (column,) else column


def table_indexes(table: Table) -> list[IndexModel]:
    """The key, if it has several columns, and the declared indexes, each ending in the key."""
    found = []
    if len(table.key) > 1:
        found.append(_index("key", *table.key, unique=True))
    for index in (*table.indexes, *table.unique):
        whole = [*index, *(column for column in table.key if column not in index)]
        found.append(_index("__".join(index), *(field(table, column) for column in whole)))
    for index in table.unique:
        there = {column: {"$type": ["string", "long", "int", "binData"]} for column in index}
        found.append(_index("unique__" + "__".join(index), *index, unique=True, partialFilterExpression=there))
    return found


async def migrate(database: AsyncDatabase[Any], tables: Sequence[Table]) -> None:
    """Make what is missing; raises UNAVAILABLE for a database of a newer program."""
    control = database[CONTROL]
    found = await control.find_one({"_id": "schema"}) or {}
    if found.get("version", SCHEMA) > SCHEMA:
        raise HieError(
            Category.UNAVAILABLE,
            f"The database has schema version {found['version']}; this program knows {SCHEMA}. Start a newer program.",
        )
    wanted = _digest(tables)
    if found.get("digest") == wanted and found.get("version") == SCHEMA:
        return
    every = {**INDEXES, **{collection(table): table_indexes(table) for table in tables}}
    await asyncio.gather(*(_make(database, name, models) for name, models in every.items()))
    for table in tables:
        for column in table.columns:
            missing = {field(table, column): {"$exists": False}}
            if column not in table.key and await database[collection(table)].find_one(missing) is not None:
                value = {"$set": {column: table.defaults.get(column)}}
                await database[collection(table)].update_many(missing, value)
    if found.get("version", SCHEMA) < 2:
        await _add_main_dates(database)
    if found.get("version", SCHEMA) < 3:
        await _add_main_strings(database)
    await control.update_one({"_id": CLOCK}, {"$setOnInsert": {"seq": 0, "last": 0}}, upsert=True)
    await control.update_one({"_id": "schema"}, {"$set": {"version": SCHEMA, "digest": wanted}}, upsert=True)


async def _add_main_dates(database: AsyncDatabase[Any]) -> None:
    """Step 1 -> 2: `m` of the documents that were written before there was one."""
    branches = [{"case": {"$eq": ["$t", kind]}, "then": code} for kind, code in MAIN_DATES.items()]
    param = {"$concat": ["$t", ".", {"$switch": {"branches": branches, "default": "date"}}]}
    ours = {"$filter": {"input": {"$ifNull": ["$d", []]}, "as": "one", "cond": {"$eq": ["$$one.p", param]}}}
    newest = {"$max": {"$map": {"input": ours, "as": "one", "in": "$$one.l"}}}
    await database[RESOURCE].update_many({"t": {"$gt": ""}, "m": {"$exists": False}}, [{"$set": {"m": newest}}])


async def _add_main_strings(database: AsyncDatabase[Any]) -> None:
    """Step 2 -> 3: `f` of the documents that were written before there was one."""
    for kind, code in MAIN_STRINGS.items():
        ours = {"$filter": {"input": "$s", "as": "one", "cond": {"$eq": ["$$one.p", f"{kind}.{code}"]}}}
        first = {"$min": {"$map": {"input": ours, "as": "one", "in": "$$one.f"}}}
        without = {"t": {"$eq": kind}, "s.p": {"$eq": f"{kind}.{code}"}, "f": {"$exists": False}}
        await database[RESOURCE].update_many(without, [{"$set": {"f": first}}])


async def _make(database: AsyncDatabase[Any], name: str, models: list[IndexModel]) -> None:
    """What is there stays, also when another server makes it in the same moment."""
    try:
        await database.create_collection(name, check_exists=False)
    except OperationFailure as error:
        if error.code != _IS_THERE:
            raise
    if models:
        await database[name].create_indexes(models)


def _digest(tables: Sequence[Table]) -> str:
    """Changes with every collection, column and index."""
    text = repr([(name, [model.document for model in models]) for name, models in INDEXES.items()])
    text += repr([(table.name, list(table.columns), table.key, table.indexes, table.unique) for table in tables])
    return hashlib.sha256(text.encode()).hexdigest()
