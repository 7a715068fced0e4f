"""Moving the write-ahead log into the database file without holding up commits.

Each time the log has grown by `STEP` pages a passive checkpoint runs in a thread, on a connection of its own, beside
the writer. Less often is better: a page that many commits changed is then moved once.
Under unbroken load the log cannot begin anew, because there is always a newer frame; at `LIMIT` pages one commit waits
until it can, which is short, as nearly everything has been moved by then. A reader that holds on to an old state (a
backup, a long search) keeps the log from it: then it grows, and is tried again `STEP` pages later.
"""

from concurrent.futures import Future, ThreadPoolExecutor

import apsw

STEP = 16_000
LIMIT = 64_000
"""In pages: 64 MB and 256 MB at 4 KiB a page."""

_PATIENCE = 200
"""Milliseconds that a commit waits for readers."""


class Checkpointer:
    """Watches the log of `writing`; `connection` does the moving."""

    def __init__(self, writing: apsw.Connection, connection: apsw.Connection) -> None:
        self._connection = connection
        connection.set_busy_timeout(_PATIENCE)
        self._thread = ThreadPoolExecutor(1, "hie-checkpoint")
        self._thread.submit(int)  # the thread is there before a commit asks for it: what is committed cannot fail then
        self._running: Future[bool] | None = None
        self._pages = 0
        self._relieve_at = LIMIT
        self._moved = 0
        writing.set_wal_hook(self._committed)

    def _committed(self, writing: apsw.Connection, database: str, pages: int) -> int:
        """Called by SQLite after each commit, in the thread that commits."""
        if pages < self._pages:
            self._moved = 0
        self._pages = pages
        if pages - self._moved >= STEP and (self._running is None or self._running.done()):
            self._moved = pages
            self._running = self._thread.submit(self._move, apsw.SQLITE_CHECKPOINT_PASSIVE)
        return apsw.SQLITE_OK

    def relieve(self) -> bool:
        """Begin the log anew when it is too long, and say whether that was done; called between transactions, in the
        thread that commits."""
        if self._pages < self._relieve_at:
            return False
        if self._thread.submit(self._move, apsw.SQLITE_CHECKPOINT_RESTART).result():
            self._pages = self._moved = 0
            self._relieve_at = LIMIT
            return True
        self._relieve_at = self._pages + STEP
        return False

    def _move(self, mode: int) -> bool:
        """Whether it was done: what cannot be moved now stays safe in the log and is moved later."""
        try:
            self._connection.wal_checkpoint(mode=mode)
        except apsw.Error:
            return False
        return True

    def close(self) -> None:
        """Wait for what runs."""
        self._thread.shutdown()
