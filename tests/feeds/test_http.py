"""The HTTP doors: what they take, and what is still sent of an item that is too large (common rules §2.3, §2.5)."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from hie.base.outcome import Answer
from hie.feeds.http import LINGER_SIZES, HttpFeeds
from hie.feeds.limits import HEAD_BYTES, HttpLimits

LIMIT = 1000
DOOR = "wujiang-hl7v2"


class Sender:
    """Sends `chunks` of 100 bytes, for ever without a number, and counts them."""

    def __init__(self, chunks: int | None) -> None:
        self.chunks = chunks
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in count():
            if number == self.chunks:
                return
            self.sent += 1
            yield b"x" * 100


async def post(sender: Sender, **headers: str) -> httpx.Response:
    async def receive(_: str, body: bytes) -> Answer:
        return Answer(str(len(body)).encode(), "text/plain")

    async def too_large(_: str, size: int, head: bytes) -> Answer:
        assert 0 < len(head) <= HEAD_BYTES
        assert size > LIMIT
        return Answer(b"AR", "text/plain", 413)

    feeds = HttpFeeds({DOOR: "application/hl7-v2"}, receive, too_large, HttpLimits(LIMIT, 0.05))
    transport: Any = httpx.ASGITransport(Starlette(routes=feeds.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        content = sender.__aiter__()
        return await client.post(
            f"/feeds/{DOOR}", content=content, headers={"content-type": "application/hl7-v2", **headers}
        )


@pytest.mark.parametrize("headers", [{}, {"content-length": "1000"}])
async def test_an_item_of_the_limit_is_taken(headers: dict[str, str]) -> None:
    found = await post(Sender(10), **headers)
    assert (found.status_code, found.text) == (200, "1000")
    assert "connection" not in found.headers, "the next item may come over the same connection"


@pytest.mark.parametrize(("coding", "status"), [("gzip", 415), ("identity", 200)])
async def test_a_packed_item_is_not_taken_for_what_it_is_not(coding: str, status: int) -> None:
    found = await post(Sender(1), **{"content-encoding": coding})
    assert (found.status_code, "Content-Encoding" in found.text) == (status, status == 415)


@pytest.mark.parametrize("headers", [{}, {"content-length": "2000"}])
async def test_an_item_that_is_too_large_is_answered_when_all_of_it_is_sent(headers: dict[str, str]) -> None:
    sender = Sender(20)
    found = await post(sender, **headers)
    assert (found.status_code, found.text, found.headers["connection"]) == (413, "AR", "close")
    assert sender.sent == 20


class Slow(Sender):
    """Sends a byte now and then."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)


async def test_an_item_that_does_not_end_is_not_waited_for() -> None:
    found = await post(Slow(None))
    assert (found.status_code, found.headers["retry-after"], found.headers["connection"]) == (503, "5", "close")


async def test_nobody_is_listened_to_for_ever() -> None:
    sender = Sender(None)
    assert (await post(sender)).status_code == 413
    assert sender.sent <= LINGER_SIZES * LIMIT / 100 + 1
