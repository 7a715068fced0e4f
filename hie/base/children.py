"""Child processes: forked from one that has imported what they run, so that they are up at once and share its memory.

That process, the *fork server*, is started once, imports `IMPORTED` and forks a child whenever one is asked for. It has
no threads and no connections, unlike the process that asks, and ends with it. One that is gone is started again for the
next child; children live on without it.
"""

import errno
import multiprocessing
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from typing import Any

IMPORTED = "hie.app.children"
"""The module that the fork server imports, by name: what children run is wired there."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([IMPORTED])


def foresee_children() -> None:
    """Start the fork server now, if it is not there: it imports while this process does other things."""
    forkserver.ensure_running()


def start_child(target: Callable[..., None], *given: Any) -> BaseProcess:
    """Run `target`, a function at the top of a module, in a child, which is killed when this process ends in order.

    Waits until it is forked; raises OSError when it cannot be, also when the fork server ends over it (as it does when
    the system has no process or no file descriptor for it)."""
    child = _CONTEXT.Process(target=target, args=given, daemon=True)
    try:
        child.start()
    except EOFError:
        raise ConnectionResetError(errno.ECONNRESET, "The fork server ended over the child.") from None
    return child
