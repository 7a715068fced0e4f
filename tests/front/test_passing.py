"""Requests passed on to another process: the answer is the one that the application gave."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from hie.front.channel import Message
from hie.front.passing import ANSWERS, Answering, App, Asking, Receive, Scope, Send

SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/fhir/Patient",
    "query_string": b"a=1",
    "headers": [(b"host", b"h"), (b"x-request-id", b"r1")],
    "state": {"not": "carried"},
}


class Link:
    """Both ends in one process; what goes from one to the other is written down."""

    def __init__(self, app: App) -> None:
        self.told: list[Message] = []
        self.asking = Asking(self._to_owner)
        self.answering = Answering(app, self._to_reader)

    def _to_owner(self, message: Message) -> None:
        self.told.append(message)
        self.answering.take(message)

    def _to_reader(self, message: Message) -> None:
        self.told.append(message)
        self.asking.take(message)

    async def ask(self, *chunks: bytes, hang_up: bool = False) -> list[MutableMapping[str, Any]]:
        waiting = [
            {"type": "http.request", "body": chunk, "more_body": hang_up or place < len(chunks) - 1}
            for place, chunk in enumerate(chunks)
        ]
        if hang_up:
            waiting.append({"type": "http.disconnect"})
        got: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return waiting.pop(0) if waiting else await asyncio.Event().wait() or {}

        async def send(message: MutableMapping[str, Any]) -> None:
            got.append(message)

        await asyncio.wait_for(self.asking(dict(SCOPE), receive, send), 5)
        return got


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            body, more = b"cut off", False
        else:
            body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 201, "headers": scope["headers"]})
    await send({"type": "http.response.body", "body": scope["query_string"] + b"|" + body})


@pytest.mark.parametrize("chunks", [(b"",), (b"whole",), (b"in ", b"three ", b"parts")])
async def test_request_and_answer_go_through_unchanged(chunks: tuple[bytes, ...]) -> None:
    start, body = await Link(echo).ask(*chunks)
    assert (start["status"], start["headers"]) == (201, SCOPE["headers"])
    assert body == {"type": "http.response.body", "body": b"a=1|" + b"".join(chunks), "more_body": False}


async def test_a_caller_that_hangs_up_is_noticed() -> None:
    """One who did so before any of the body came had sent an empty one: an item of no bytes, received and refused."""
    for came in ((b"half",), ()):
        _, body = await Link(echo).ask(*came, hang_up=True)
        assert body["body"] == b"a=1|cut off"


async def test_pieces_are_sent_one_after_the_other() -> None:
    async def pieces(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for place in range(3):
            await send({"type": "http.response.body", "body": b"%d" % place, "more_body": place < 2})

    link = Link(pieces)
    _, *bodies = await link.ask(b"")
    assert [body["body"] for body in bodies] == [b"0", b"1", b"2"]
    assert [message[0] for message in link.told] == ["ask", "start", "next", "body", "next", "body"]


async def test_many_requests_at_once_get_their_own_answers() -> None:
    link = Link(echo)
    answers = await asyncio.gather(*(link.ask(b"%d" % number, b"!") for number in range(50)))
    assert [body["body"] for _, body in answers] == [b"a=1|%d!" % number for number in range(50)]


async def test_a_failure_is_answered_and_nothing_of_it_told() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret")

    start, body = await Link(broken).ask(b"")
    assert (start["status"], body["body"]) == (500, b"")


async def test_an_answer_that_breaks_off_is_not_taken_for_the_whole() -> None:
    """Whoever fetched a file that could no longer be read waited for ever."""

    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise OSError

    start, *bodies = await Link(breaking).ask(b"")
    assert start["status"] == 200
    assert bodies == [{"type": "http.response.body", "body": b"half", "more_body": True}], "never said to be whole"


async def test_a_failure_after_the_answer_changes_nothing() -> None:
    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await echo(scope, receive, send)
        raise RuntimeError

    link = Link(late)
    assert (await link.ask(b"x"))[0]["status"] == 201
    assert [message[0] for message in link.told] == ["ask", "start"]


@pytest.mark.parametrize("late", [False, True])
async def test_when_the_owner_is_gone_the_caller_is_told_to_come_again(late: bool) -> None:
    """Whoever asked only then waited ten seconds, for a 500."""
    asking = Asking(lambda message: None)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    got: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        got.append(message)

    if late:
        asking.end()
    task = asyncio.create_task(asking(dict(SCOPE), receive, send))
    await asyncio.sleep(0.01)
    asking.end()
    await asyncio.wait_for(task, 1)
    assert got[0]["status"] == 503


async def test_when_the_asker_is_gone_its_request_still_runs_to_the_end() -> None:
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        ended.set()

    told: list[Message] = []
    answering = Answering(endless, told.append)
    answering.take(("ask", 1, [None] * 13, b"", False))
    await asyncio.sleep(0.01)
    assert [message[0] for message in told] == ["start"], "the second piece waits until the first has left"
    answering.end()
    await asyncio.wait_for(answering.finished(5), 5)
    assert ended.is_set()
    assert {message[0] for message in told} <= ANSWERS


async def test_what_does_not_end_is_cut_off_in_the_end() -> None:
    """A server that was told to end while it replayed everything ended three minutes later."""
    cut = asyncio.Event()

    async def endless(_: Scope, __: Receive, ___: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()

    answering = Answering(endless, lambda _: None)
    answering.take(("ask", 0, [None] * 13, b"", False))
    await asyncio.sleep(0)
    answering.end()
    await answering.finished(0.01)
    assert cut.is_set()
