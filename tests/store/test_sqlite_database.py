"""How the file of the SQLite store is opened."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hie.base.errors import HieError
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.store.port import Transaction, Version
from hie.store.sqlite import SqliteStore
from hie.store.sqlite.database import NEAR_PENDING, connect, fit_cache, mapped_bytes, translated, writing_cache_mib


def test_a_file_is_mapped_only_while_half_of_the_memory_holds_it(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    connect(small).close()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with large.open("wb") as file:
        file.truncate(memory // 2 + 1)  # sparse: takes no room
    assert mapped_bytes(tmp_path / "new") == mapped_bytes(small) == memory // 2
    assert mapped_bytes(large) == 0


def test_the_connection_maps_that_much(tmp_path: Path) -> None:
    connection = connect(tmp_path / "store")
    assert int(connection.pragma("mmap_size")) > 0
    connection.close()


async def test_two_processes_on_one_file_number_their_words_alike(tmp_path: Path) -> None:
    """What one wrote of a type that the other had never seen, that could not write for as long as it lived."""
    extract = Extractors(official()).extract
    stores = [await SqliteStore.open(tmp_path / "store", extract=extract) for _ in range(2)]
    try:
        for number, store in enumerate((stores[0], stores[1], stores[0]), start=1):
            coded = {"resourceType": "Basic", "id": "b", "code": {"coding": [{"system": "u", "code": "c"}]}}
            assert (await store.write(partial(_put, coded))).version == number
    finally:
        for store in stores:
            await store.close()


async def _put(resource: dict[str, Any], transaction: Transaction) -> Version:
    return await transaction.put(resource)


def test_who_only_reads_makes_no_file_and_changes_none(tmp_path: Path) -> None:
    with pytest.raises(HieError, match="The store refuses: CantOpenError"):
        connect(tmp_path / "none", read_only=True)
    connect(tmp_path / "store").close()
    reading = connect(tmp_path / "store", read_only=True)
    with pytest.raises(HieError, match="The store refuses: ReadOnlyError"), translated():
        reading.execute("CREATE TABLE t (a)")
    reading.close()
    (tmp_path / "text").write_text("no database" * 100)
    with pytest.raises(HieError, match="is no SQLite database"):
        connect(tmp_path / "text")


def test_a_small_file_is_written_through_a_small_cache(tmp_path: Path) -> None:
    connection = connect(tmp_path / "store")
    fit_cache(connection)
    assert connection.pragma("cache_size") == -64 * 1024
    connection.close()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert writing_cache_mib(NEAR_PENDING - 1) == 64
    assert writing_cache_mib(NEAR_PENDING) == max(64, min(1024, memory // 8 >> 20))
