"""The process that keeps the text index up to date (`text_follower.py`), from the side of the store.

It has an interpreter of its own, so that it takes nothing from the one that writes, and the lowest priority: under load
the index falls behind and catches up later. It is told of commits by a byte in a pipe and ends when the pipe does.
"""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

log = logging.getLogger("hie.store")

_PROCESS = "hie.store.sqlite.text_follower"

_AGAIN_SECONDS = 5.0
"""Between two starts of the process."""


class TextFollowing:
    """The store's end. `start` may come late or never: a search reads what the index does not have."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._started: float | None = None
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Start the process, unless it runs. One that cannot be started is tried again at a later commit."""
        with self._lock:
            if self._closed or (self._process is not None and self._process.poll() is None):
                return
            self._end()
            self._started = monotonic()
            command = [sys.executable, "-m", _PROCESS, str(self._path.absolute())]
            try:
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)  # noqa: S603 (own program)
            except OSError as error:
                log.error("the text index is not followed errno=%s; it is tried again", error.errno)
                return
            assert self._process.stdin is not None
            os.set_blocking(self._process.stdin.fileno(), False)

    def tell(self) -> None:
        """Something was committed. A process that has ended is started again."""
        if not self._heard() and self._started is not None and monotonic() - self._started > _AGAIN_SECONDS:
            self.start()

    def _heard(self) -> bool:
        """Tell the process; False when it is not there (any more)."""
        process = self._process
        if process is None or process.stdin is None:
            return False
        try:
            process.stdin.write(b"+")  # a full pipe tells it as well
        except (OSError, ValueError):
            return False
        return True

    def close(self) -> None:
        """End the process after the batch under way."""
        with self._lock:
            self._closed = True
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
