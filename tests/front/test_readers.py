"""The owner's listening, without readers."""

import asyncio
import errno
import socket
from typing import Any

import pytest

from hie.front import readers


class Full(socket.socket):
    """Listens in a process that has no file descriptors to spare."""

    tries = 0

    def accept(self) -> Any:
        self.tries += 1
        raise OSError(errno.EMFILE, "Too many open files")


async def test_without_file_descriptors_to_spare_it_is_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The socket stays ready: each turn of the loop was a line in the log."""
    monkeypatch.setattr(readers, "_AGAIN_SECONDS", 0.05)
    listening, caller = Full(), socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    caller.connect(listening.getsockname())
    front = readers.Readers(0, None, None, "INFO", None, None)  # type: ignore[arg-type]
    front.accept([listening])
    await asyncio.sleep(0.12)
    assert 2 <= listening.tries == len(caplog.records) <= 3
    front.refuse()
    await asyncio.sleep(0.06)
    assert listening.tries <= 3
    caller.close()


class Said:
    """The owner's end of a channel that only notes what is sent."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def send(self, message: Any) -> None:
        self.messages.append(message)


def test_a_reader_is_told_what_was_said_before_it_came_up_and_all_after() -> None:
    place, said = readers._Place(None, None, "INFO", None), Said()  # type: ignore[arg-type]
    place._channel = said  # type: ignore[assignment]
    place.tell(["old"])
    place.tell(["new"])
    assert said.messages == []
    place._take(("up",))
    place.tell(["newer"])
    assert said.messages == [("tell", ["new"]), ("tell", ["newer"])]
