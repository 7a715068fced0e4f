"""The store that the configuration names, opened."""

import contextlib
import os
from pathlib import Path
from secrets import token_bytes
from tempfile import mkstemp

from hie.api.reindex import TABLE as REINDEX_TABLE
from hie.base.clock import Clock
from hie.base.errors import Category, HieError
from hie.config import Config
from hie.identity.tables import TABLES as IDENTITY_TABLES
from hie.search.extract import Extractors
from hie.staging.tables import TABLES as STAGING_TABLES
from hie.store.copy import MIGRATION
from hie.store.lease import LEASE
from hie.store.port import Store
from hie.store.sqlite import SqliteFollower, SqliteStore

TABLES = (*STAGING_TABLES, *IDENTITY_TABLES, REINDEX_TABLE, LEASE)
"""Every table of the exchange."""


async def open_store(config: Config, extractors: Extractors, clock: Clock | None = None) -> Store:
    """Open the store that the configuration names; `pymongo` is needed for MongoDB only."""
    return await open_path_or_url(config.store_path, config.store, extractors, clock, _secret_of(config))


def follow_store(config: Config) -> SqliteFollower:
    """The SQLite store that the configuration names and another process has open, for reading."""
    assert config.store_path is not None
    return SqliteFollower(config.store_path, (*TABLES, MIGRATION), _secret_of(config))


async def open_path_or_url(
    path: Path | None, url: str, extractors: Extractors, clock: Clock | None = None, secret: bytes | None = None
) -> Store:
    """Open the SQLite file `path`, or without one the MongoDB that `url` names."""
    tables = (*TABLES, MIGRATION)
    if path is None:
        from hie.store.mongo import open_mongo

        return await open_mongo(url, tables, extract=extractors.extract, clock=clock, secret=secret)
    path.parent.mkdir(parents=True, exist_ok=True)
    return await SqliteStore.open(path, tables, extract=extractors.extract, clock=clock, secret=secret)


def _secret_of(config: Config) -> bytes:
    """The key that signs paging links, made at the first start, so that links outlive a restart; raises UNAVAILABLE for
    an empty file, by which anyone could sign."""
    path = Path(config.secret_file) if config.secret_file else config.data / "secret"
    if not path.exists():
        _make_key(path)
    key = path.read_bytes()
    if not key:
        raise HieError(Category.UNAVAILABLE, f"The key file {path} is empty: remove it, and a new key is made.")
    return key


def _make_key(path: Path) -> None:
    """Put a whole key there at once, unless another server was first: servers may share the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = mkstemp(dir=path.parent, prefix=f"{path.name}-")
    try:
        os.write(handle, token_bytes(32))
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
    finally:
        os.close(handle)
        os.unlink(made)
