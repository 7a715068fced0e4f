"""The tables of the SQLite store, and the steps from one schema version to the next.

A resource gets one row in `resource` when it is first written *or first referred to* (then `version` is 0), so that a
reference is a small integer and a chain is a join of integers. Bodies are only ever appended to `version`; its key is
the order of all writes, which is the order of history. `concept` holds each distinct (system, code) once.
"""

import apsw

from hie.base.errors import Category, HieError

_FIRST = """
CREATE TABLE type (pk INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE param (pk INTEGER PRIMARY KEY, type INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (type, name));
CREATE TABLE resource (
    pk INTEGER PRIMARY KEY, type INTEGER NOT NULL, id TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0, last_updated INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX resource_id ON resource (type, id);
CREATE TABLE version (
    seq INTEGER PRIMARY KEY, resource INTEGER NOT NULL, type INTEGER NOT NULL,
    version INTEGER NOT NULL, last_updated INTEGER NOT NULL, method TEXT NOT NULL, body BLOB NOT NULL
);
CREATE UNIQUE INDEX version_of_resource ON version (resource, version);
CREATE INDEX version_of_type ON version (type);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""Step n takes schema version n to n + 1; steps are only ever added."""


def migrate(connection: apsw.Connection) -> None:
    """Bring the file to the newest schema, each step in its own transaction; raises UNAVAILABLE for a newer file."""
    found = int(connection.pragma("user_version"))
    if found > len(MIGRATIONS):
        raise HieError(
            Category.UNAVAILABLE,
            f"The store has schema version {found}; this program knows {len(MIGRATIONS)}. Start a newer program.",
        )
    for number, step in enumerate(MIGRATIONS[found:], start=found + 1):
        connection.execute(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT")
