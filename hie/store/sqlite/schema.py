"""The tables of the SQLite store, and the steps from one schema version to the next.

A resource gets one row in `resource` when it is first written *or first referred to* (then `version` is 0), so that a
reference is a small integer and a chain is a join of integers. Bodies are only ever appended to `version`; its key is
the order of all writes, which is the order of history.

Entries are kept per kind in tables clustered by resource (so they are appended, found again for a change, and probed
when a set of candidates is there) with one covering index by value (so a value is a range scan). `concept` holds each
distinct (system, code) once, and each text as a concept without code; URIs are concepts without system. `said` tells
which texts were ever used for a coded concept, so that `:text` finds the concepts first. `dated` has the resources of a
code by date (`hie.store.sqlite.dated`), `coded` those of a patient by code (`hie.store.sqlite.coded`). `batch` holds
the number of the last transaction that wrote (`hie.store.sqlite.recent`). See `docs/decisions/`.
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
CREATE INDEX resource_live ON resource (type) WHERE deleted = 0;
CREATE INDEX resource_updated ON resource (type, last_updated) WHERE deleted = 0;

CREATE TABLE system (pk INTEGER PRIMARY KEY, uri TEXT NOT NULL UNIQUE);
CREATE TABLE concept (pk INTEGER PRIMARY KEY, system INTEGER NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL);
CREATE UNIQUE INDEX concept_code ON concept (code, system, text);
CREATE INDEX concept_system ON concept (system);
CREATE INDEX concept_text ON concept (text) WHERE text <> '';
CREATE TABLE said (phrase INTEGER, concept INTEGER, PRIMARY KEY (phrase, concept)) WITHOUT ROWID;

CREATE TABLE token (
    resource INTEGER, param INTEGER, concept INTEGER, phrase INTEGER, PRIMARY KEY (resource, param, concept, phrase)
) WITHOUT ROWID;
CREATE INDEX token_by ON token (param, concept, resource);
CREATE TABLE string (
    resource INTEGER, param INTEGER, text TEXT, exact TEXT, PRIMARY KEY (resource, param, text, exact)
) WITHOUT ROWID;
CREATE INDEX string_by ON string (param, text, resource);
CREATE TABLE reference (
    resource INTEGER, param INTEGER, target INTEGER, version TEXT, PRIMARY KEY (resource, param, target, version)
) WITHOUT ROWID;
CREATE INDEX reference_by ON reference (param, target, resource);
CREATE TABLE date (
    resource INTEGER, param INTEGER, low INTEGER, high INTEGER, PRIMARY KEY (resource, param, low, high)
) WITHOUT ROWID;
CREATE INDEX date_by ON date (param, low, resource, high);
CREATE INDEX date_long ON date (param, high, low, resource) WHERE high - low > 86400000000;
CREATE TABLE number (
    resource INTEGER, param INTEGER, low REAL, high REAL, PRIMARY KEY (resource, param, low, high)
) WITHOUT ROWID;
CREATE INDEX number_by ON number (param, low, high, resource);
CREATE TABLE quantity (
    resource INTEGER, param INTEGER, low REAL, high REAL, unit INTEGER,
    canonical_low REAL, canonical_high REAL, canonical INTEGER,
    PRIMARY KEY (resource, param, low, high, unit)
) WITHOUT ROWID;
CREATE INDEX quantity_by ON quantity (param, low, high, resource) WHERE canonical IS NULL;
CREATE INDEX quantity_canonical ON quantity (param, canonical, canonical_low, canonical_high, resource)
    WHERE canonical IS NOT NULL;
CREATE TABLE near (
    resource INTEGER, param INTEGER, latitude REAL, longitude REAL, PRIMARY KEY (resource, param, latitude, longitude)
) WITHOUT ROWID;
CREATE INDEX near_by ON near (param, latitude, longitude, resource);
CREATE TABLE composite (
    resource INTEGER, param INTEGER, tuple INTEGER, part INTEGER,
    key INTEGER, phrase INTEGER, text TEXT, exact TEXT, low NUMERIC, high NUMERIC, unit INTEGER,
    canonical_low REAL, canonical_high REAL, canonical INTEGER,
    PRIMARY KEY (resource, param, tuple, part)
) WITHOUT ROWID;
CREATE INDEX composite_by ON composite (param, key, resource) WHERE part = 0;
CREATE TABLE compartment (
    patient INTEGER, type INTEGER, resource INTEGER, PRIMARY KEY (patient, type, resource)
) WITHOUT ROWID;
CREATE INDEX compartment_of ON compartment (resource);
"""

_DATED = """
CREATE TABLE dated (
    param INTEGER, concept INTEGER, low INTEGER, resource INTEGER, PRIMARY KEY (param, concept, low, resource)
) WITHOUT ROWID;
INSERT OR IGNORE INTO dated
SELECT x.param, x.concept, d.low, x.resource
FROM param c CROSS JOIN param w ON w.type = c.type AND w.name = 'date'
CROSS JOIN token x ON x.param = c.pk AND x.concept <> x.phrase
CROSS JOIN date d ON d.resource = x.resource AND d.param = w.pk
WHERE c.name = 'code' AND (
    d.low = (SELECT min(low) FROM date WHERE resource = x.resource AND param = w.pk)
    OR d.low = (SELECT max(low) FROM date WHERE resource = x.resource AND param = w.pk)
)
ORDER BY 1, 2, 3, 4
"""

_CODED = """
CREATE TABLE coded (
    param INTEGER, target INTEGER, concept INTEGER, resource INTEGER, PRIMARY KEY (param, target, concept, resource)
) WITHOUT ROWID;
INSERT OR IGNORE INTO coded
SELECT r.param, r.target, x.concept, r.resource
FROM param p CROSS JOIN param c ON c.type = p.type AND c.name = 'code'
CROSS JOIN reference r ON r.param = p.pk
CROSS JOIN token x ON x.resource = r.resource AND x.param = c.pk AND x.concept <> x.phrase
WHERE p.name = 'patient'
ORDER BY 1, 2, 3, 4
"""

_BATCH = "CREATE TABLE batch (n INTEGER NOT NULL); INSERT INTO batch VALUES (0)"

_DIMENSIONS = ""
"""Nothing changes; but findings name their dimension from here on, which a program before this step cannot read."""

MIGRATIONS: tuple[str, ...] = (_FIRST, _DATED, _CODED, _BATCH, _DIMENSIONS)
"""Step n takes schema version n to n + 1; steps are only ever added."""


def migrate(connection: apsw.Connection) -> None:
    """Bring the file to the newest schema, each step in its own transaction; raises UNAVAILABLE for a newer file, and
    for one that has tables of another program."""
    found = int(connection.pragma("user_version"))
    if found == 0 and connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").get:
        raise HieError(Category.UNAVAILABLE, "The file of the store is the database of another program.")
    if found > len(MIGRATIONS):
        raise HieError(
            Category.UNAVAILABLE,
            f"The store has schema version {found}; this program knows {len(MIGRATIONS)}. Start a newer program.",
        )
    for number, step in enumerate(MIGRATIONS[found:], start=found + 1):
        connection.execute(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT")
