"""What runs in the process that keeps the text index up to date; `text_following.py` starts it.

python -m hie.store.sqlite.text_follower STORE
"""

import contextlib
import os
import select
import sys
from pathlib import Path
from time import sleep

import apsw

from hie.base.errors import HieError
from hie.store.sqlite.texts import BATCH, TextIndex

_TOLD = 0
"""The end of the pipe here: standard input."""

_COLLECTING_SECONDS = 0.25
"""How long it waits for more commits after the first that it is told of."""

_REFUSED_SECONDS = 1.0
"""The pause after the files could not be read or written."""


def main(path: Path) -> None:
    """Follow the store until standard input ends."""
    os.nice(19)
    index = TextIndex(path)
    goes_on = True
    while goes_on:
        try:
            behind = index.step() == BATCH
        except (apsw.Error, HieError):
            sleep(_REFUSED_SECONDS)
            behind = True
        goes_on = _told(0 if behind else None)
        if goes_on and not behind:
            sleep(_COLLECTING_SECONDS)
    index.close()


def _told(seconds: float | None) -> bool:
    """Wait so long for word of commits, None: until there is some; False when the other end of the pipe is closed."""
    there, _, _ = select.select([_TOLD], [], [], seconds)
    return bool(os.read(_TOLD, 4096)) if there else True


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(Path(sys.argv[1]))
