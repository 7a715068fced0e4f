"""Files of a drop folder: which may be taken, under which name they are kept, and writes that outlive a crash."""

import hashlib
import os
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path

_LONGEST_NAME = 200
"""Bytes of a name that leave room for suffixes within the 255 of common file systems."""


def candidates(name: str) -> Iterator[str]:
    """`a.xml`, `a.1.xml`, `a.2.xml` and so on; a name too long for suffixes is replaced by its digest."""
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest() + ".xml"
    yield name
    stem = name.removesuffix(".xml")
    yield from (f"{stem}.{number}.xml" for number in count(1))


def is_plain(status: os.stat_result) -> bool:
    """A regular file with one name: a second hard link could be a file of somebody else."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two looks at a file saw the same content."""
    return (one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns) == (
        other.st_dev,
        other.st_ino,
        other.st_size,
        other.st_mtime_ns,
    )


def write_durably(path: Path, content: bytes, temporary: str | None = None) -> None:
    """Make `path` appear complete and on the disk: temporary file, fsync, rename, fsync of the folder."""
    draft = path.with_name(temporary or f"{path.name}.tmp")
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names that appeared in a folder, or left it, outlive a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
