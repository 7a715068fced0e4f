"""How the file of the SQLite store is opened."""

import os
from pathlib import Path

from hie.store.sqlite.database import connect, mapped_bytes


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
