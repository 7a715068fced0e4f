"""The data directory: one server at a time holds it, and says where it listens."""

import fcntl
import os
from pathlib import Path

from hie.base.errors import Category, HieError


class DataDirectory:
    """A data directory held by this process until `release`; `DIR/server` names the URL of the one who holds it."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._file = path / "server"
        self._handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise HieError(
                Category.CONFLICT, f"Another server uses the data directory {path}. Stop it, or choose another --data."
            ) from None
        os.ftruncate(self._handle, 0)

    def announce(self, url: str) -> None:
        """Write down where the server listens."""
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, url.encode(), 0)

    def release(self) -> None:
        """Let the directory go."""
        os.ftruncate(self._handle, 0)
        os.close(self._handle)


def running_server(path: Path) -> str | None:
    """The URL of the server that holds the directory, None when nobody does."""
    try:
        handle = os.open(path / "server", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return None
    except OSError:
        return os.pread(handle, 200, 0).decode() or None
    finally:
        os.close(handle)
