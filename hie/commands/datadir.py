"""The data directory: one server, or one command that changes something without a server, holds it and its SQLite file
at a time; a server says where it listens."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from hie.base.errors import Category, HieError


class DataDirectory:
    """A data directory held by this process until `release`, and the SQLite file `store` with it, which may lie
    elsewhere; `DIR/server` names the URL of the one who holds it. Raises CONFLICT while somebody else holds either,
    UNAVAILABLE where this user may not write."""

    def __init__(self, path: Path, store: Path | None = None) -> None:
        self._handle = _held(path / "server", f"the data directory {path}", "--data")
        try:
            self._store = None if store is None else _held_store(store)
        except BaseException:
            os.close(self._handle)
            raise
        os.ftruncate(self._handle, 0)

    def announce(self, url: str) -> None:
        """Write down where the server listens."""
        os.pwrite(self._handle, url.encode(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the directory go."""
        os.ftruncate(self._handle, 0)
        os.close(self._handle)
        if self._store is not None:
            os.close(self._store)


def _held(file: Path, what: str, option: str) -> int:
    """A handle by which this process alone holds `file`, which stands for `what` that `option` names; raises CONFLICT,
    and UNAVAILABLE where `file` cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        advice = f"let this user write there, or choose another {option}"
        raise HieError(Category.UNAVAILABLE, f"Cannot write {what} ({error.strerror}): {advice}.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        told = f"Another server, or a command, uses {what}. Stop it, or choose another {option}."
        raise HieError(Category.CONFLICT, told) from None
    return handle


@contextlib.contextmanager
def holding(store: Path) -> Iterator[None]:
    """Hold a SQLite file as a server on it does; raises CONFLICT while somebody else holds it."""
    handle = _held_store(store)
    try:
        yield
    finally:
        os.close(handle)


def _held_store(path: Path) -> int:
    real = path.resolve()
    return _held(real.with_name(f"{real.name}-server"), f"the store {path}", "--store")


def running_server(path: Path) -> str | None:
    """The URL of the server that holds the directory, None when nobody does.

    Raises UNAVAILABLE while whoever holds it listens nowhere: what would be done beside it, it would not know of.
    """
    try:
        handle = os.open(path / "server", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return None
    except OSError:
        url = os.pread(handle, 200, 0).decode()
    finally:
        os.close(handle)
    if not url:
        raise HieError(
            Category.UNAVAILABLE, f"A server starts or ends on {path}, or another command is at work there: try again."
        )
    return url
