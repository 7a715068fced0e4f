"""Notes of a drop folder: how far a file had come when the process ended, so that the next one goes on from there.

A note lies in `.pending/` under the key of its file, which stands for name, size and content. It says first that the
file was *begun*, its bytes being new; then where the file goes and what its receipt is.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from hie.feeds.dropfile import write_durably


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a file: `name` in `incoming/`, and the folder it goes to, its name there and its receipt. A
    file that was only begun goes nowhere yet: `folder` is empty."""

    name: str
    folder: str = ""
    target: str = ""
    receipt: bytes = b""

    def encode(self) -> bytes:
        """One JSON line, then the receipt."""
        return json.dumps([self.name, self.folder, self.target]).encode("ascii") + b"\n" + self.receipt

    @classmethod
    def decode(cls, raw: bytes) -> "Note":
        """The note of `encode`; raises `ValueError`."""
        head, _, receipt = raw.partition(b"\n")
        name, folder, target = json.loads(head)
        return cls(name, folder, target, receipt)


class Notes:
    """The notes in `pending` about files of the folder above it."""

    def __init__(self, pending: Path) -> None:
        self._pending = pending

    def recall(self, key: str) -> Note | None:
        """The note about a file, if it is still to be carried out: complete, and its target not taken."""
        try:
            note = Note.decode((self._pending / key).read_bytes())
        except (OSError, ValueError):
            return None
        target = self._pending.parent / note.folder / note.target
        return None if note.folder and os.path.lexists(target) else note

    def keep(self, key: str, note: Note) -> Note:
        """Note something about a file, in place of what was noted before."""
        write_durably(self._pending / key, note.encode())
        return note

    def forget(self, key: str) -> None:
        """The file is settled."""
        (self._pending / key).unlink()

    def clear(self, incoming: Path) -> None:
        """Remove what a crash left behind: notes that are torn, carried out, or about a file that is gone."""
        for path in self._pending.iterdir():
            note = self.recall(path.name)
            if note is None or not os.path.lexists(incoming / note.name):
                path.unlink()
