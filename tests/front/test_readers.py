"""The owner's listening, without readers."""

import asyncio
import contextlib
import errno
import socket
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest

from hie.front import readers


class Full(socket.socket):
    """Listens in a process that has no file descriptors to spare."""

    def __init__(self) -> None:
        super().__init__()
        self.tries: list[float] = []
        self.thrice = asyncio.Event()

    def accept(self) -> Any:
        self.tries.append(monotonic())
        if len(self.tries) == 3:
            self.thrice.set()
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
    await asyncio.wait_for(listening.thrice.wait(), 5)
    front.refuse()
    await asyncio.sleep(0.06)
    assert len(listening.tries) == len(caplog.records) == 3
    assert all(later - earlier > 0.04 for earlier, later in pairwise(listening.tries))
    caller.close()


@pytest.mark.parametrize(
    ("named", "ports"),
    [
        pytest.param(["127.0.0.1", "127.0.0.1"], 1, id="an address that the file of hosts has twice"),
        pytest.param(["127.0.0.1", "192.0.2.1"], 1, id="one that this machine does not have, such as ::1 without IPv6"),
        pytest.param(["127.0.0.1", "127.0.0.2"], 2, id="several"),
        pytest.param(["192.0.2.1"], 0, id="none that this machine has"),
    ],
)
def test_it_listens_on_every_address_of_a_host(named: list[str], ports: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in named]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    with contextlib.ExitStack() as stack:
        if ports == 0:
            with pytest.raises(OSError, match="Cannot assign"):
                readers.listen("localhost", 0)
            return
        found = [stack.enter_context(one) for one in readers.listen("localhost", 0)]
        assert [one.getsockname()[0] for one in found] == list(dict.fromkeys(named))[:ports]
        assert not any(one.getblocking() for one in found)


def test_an_address_that_is_taken_leaves_none_open(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
        with pytest.raises(OSError, match="in use"):
            readers.listen("localhost", port)
        socket.create_server(("127.0.0.2", port)).close()


async def test_a_reader_that_cannot_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that ended while there were no file descriptors to spare was missing until the server was started again."""
    monkeypatch.setattr(readers, "_AGAIN_SECONDS", 0.01)
    place = readers._Place(None, None, "INFO", None)  # type: ignore[arg-type]

    twice, tries = asyncio.Event(), []

    def full(*_: Any) -> Any:
        tries.append(1)
        if len(tries) == 2:
            twice.set()
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", full)
    place.keep()
    await asyncio.wait_for(twice.wait(), 5)
    await asyncio.wait_for(place.close(), 5)
    assert caplog.text.count("errno=24; it is tried again") >= 2


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
