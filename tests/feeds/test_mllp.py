"""The MLLP server over real sockets, with peers that misbehave."""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from hie.feeds.limits import HEAD_BYTES, MllpLimits
from hie.feeds.mllp import MllpServer
from hie.wire.mllp import Frame, FrameMachine, wrap

WAIT = 10.0


class Peer:
    """A scripted sender."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.machine = FrameMachine()
        self.answers: list[bytes] = []

    async def send(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self.writer.write(chunk)
            await self.writer.drain()

    async def answer(self) -> bytes:
        """The next answer; fails when the server closes instead."""
        async with asyncio.timeout(WAIT):
            while not self.answers:
                data = await self.reader.read(65536)
                assert data, "closed without an answer"
                self.answers += [item.body for item in self.machine.feed(data) if isinstance(item, Frame)]
        return self.answers.pop(0)

    async def closed(self) -> bytes:
        """What still comes until the server closes."""
        rest = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(WAIT):
                while data := await self.reader.read(65536):
                    rest += data
        return rest


async def until(holds: Callable[[], bool]) -> None:
    """Let the server run until something holds."""
    async with asyncio.timeout(WAIT):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0)


Connect = Callable[[MllpServer], Awaitable[Peer]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    peers: list[Peer] = []

    async def open_peer(server: MllpServer) -> Peer:
        peers.append(Peer(*await asyncio.open_connection("127.0.0.1", server.port)))
        return peers[-1]

    yield open_peer
    for peer in peers:
        peer.writer.transport.abort()


async def echo(body: bytes) -> bytes:
    if body == b"raise":
        raise RuntimeError("patient 张三")
    return b"ACK " + body


async def too_large(head: bytes) -> bytes:
    assert 0 < len(head) <= HEAD_BYTES
    return b"AR too-large"


@contextlib.asynccontextmanager
async def serving(handler: object = echo, **limits: float) -> AsyncIterator[MllpServer]:
    server = MllpServer(handler, too_large, MllpLimits(**limits))  # type: ignore[arg-type]
    await server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop()


async def test_messages_one_after_the_other(connect: Connect) -> None:
    async with serving() as server:
        peer = await connect(server)
        for body in (b"one", b"two", b""):
            await peer.send(wrap(body))
            assert await peer.answer() == b"ACK " + body


async def test_byte_by_byte(connect: Connect) -> None:
    async with serving() as server:
        peer = await connect(server)
        await peer.send(*[bytes([byte]) for byte in b"junk" + wrap(b"slow \x1c but right")])
        assert await peer.answer() == b"ACK slow \x1c but right"


async def test_many_frames_in_one_segment_are_answered_in_order_one_at_a_time(connect: Connect) -> None:
    running = 0

    async def handler(body: bytes) -> bytes:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        return body

    async with serving(handler) as server:
        peer = await connect(server)
        bodies = [b"%d" % n for n in range(100)]
        await peer.send(b"".join(map(wrap, bodies)))
        assert [await peer.answer() for _ in bodies] == bodies


async def test_a_tuple_is_several_frames(connect: Connect) -> None:
    async def handler(body: bytes) -> tuple[bytes, ...]:
        return b"CA", b"AA"

    async with serving(handler) as server:
        peer = await connect(server)
        await peer.send(wrap(b"x"))
        assert [await peer.answer(), await peer.answer()] == [b"CA", b"AA"]


async def test_a_peer_that_stops_sending_still_gets_its_answers(connect: Connect) -> None:
    async with serving() as server:
        peer = await connect(server)
        await peer.send(wrap(b"a") + wrap(b"b"))
        peer.writer.write_eof()
        assert [await peer.answer(), await peer.answer()] == [b"ACK a", b"ACK b"]
        assert await peer.closed() == b""


async def test_a_giant_frame_is_refused_and_the_connection_closed(connect: Connect) -> None:
    async with serving(frame_bytes=100_000) as server:
        neighbour = await connect(server)
        peer = await connect(server)
        await peer.send(wrap(b"before") + b"\x0b")
        assert await peer.answer() == b"ACK before"
        with contextlib.suppress(ConnectionError):
            await peer.send(*[b"x" * 10_000] * 50)
        assert await peer.answer() == b"AR too-large"
        assert await peer.closed() == b""
        peer.writer.write_eof()
        await neighbour.send(wrap(b"fine"))
        assert await neighbour.answer() == b"ACK fine"


async def test_a_partial_frame_is_dropped_after_the_deadline_and_never_handled(connect: Connect) -> None:
    handled: list[bytes] = []

    async def handler(body: bytes) -> bytes:
        handled.append(body)
        return body

    async with serving(handler, frame_seconds=0.1) as server:
        idle = await connect(server)
        peer = await connect(server)
        await peer.send(b"\x0bMSH|half")
        assert await peer.closed() == b""
        await idle.send(wrap(b"idle is allowed"))
        assert await idle.answer() == b"idle is allowed"
    assert handled == [b"idle is allowed"]


async def test_a_trickle_does_not_move_the_deadline(connect: Connect) -> None:
    async with serving(frame_seconds=0.2) as server:
        peer = await connect(server)
        await peer.send(b"\x0b")
        closed = asyncio.ensure_future(peer.closed())
        with contextlib.suppress(ConnectionError):
            while not closed.done():
                await peer.send(b"x")
                await asyncio.sleep(0.01)
        assert await closed == b""


async def test_a_partial_frame_before_the_end_of_the_stream_is_not_handled(connect: Connect) -> None:
    async with serving() as server:
        peer = await connect(server)
        await peer.send(b"\x0bMSH|half\x1c")
        peer.writer.write_eof()
        assert await peer.closed() == b""


async def test_an_error_in_the_handler_costs_one_connection_and_logs_no_data(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as server:
        neighbour = await connect(server)
        peer = await connect(server)
        with caplog.at_level(logging.INFO):
            await peer.send(wrap(b"raise"))
            assert await peer.closed() == b""
        await neighbour.send(wrap(b"fine"))
        assert await neighbour.answer() == b"ACK fine"
    assert "RuntimeError" in caplog.text
    assert "张三" not in caplog.text
    assert "raise" not in caplog.text


async def test_connections_are_capped_and_come_free_again(connect: Connect) -> None:
    async with serving(connections=2) as server:
        first, second = await connect(server), await connect(server)
        for peer in (first, second):
            await peer.send(wrap(b"x"))
            assert await peer.answer() == b"ACK x"
        assert server.connections == 2
        assert await (await connect(server)).closed() == b""
        first.writer.close()
        await until(lambda: server.connections < 2)
        third = await connect(server)
        await third.send(wrap(b"y"))
        assert await third.answer() == b"ACK y"


async def test_a_peer_that_takes_no_answers_is_closed(connect: Connect) -> None:
    answer = b"x" * 8_000_000

    async def handler(body: bytes) -> bytes:
        return answer

    async with serving(handler, answer_seconds=0.1) as server:
        peer = await connect(server)
        await peer.send(wrap(b"a"))
        await until(lambda: server.connections == 1)
        await until(lambda: server.connections == 0)
        assert len(await peer.closed()) < len(answer)


def test_a_peer_that_is_gone_before_its_answer_is_a_lost_connection(caplog: pytest.LogCaptureFixture) -> None:
    """On the loop of the server, whose transports refuse to write once they are closed."""

    async def gone_before_the_answer() -> None:
        entered, go = asyncio.Event(), asyncio.Event()

        async def handler(body: bytes) -> bytes:
            entered.set()
            await go.wait()
            return body

        async with serving(handler) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(wrap(b"x"))
            await entered.wait()
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            await asyncio.sleep(0.02)
            go.set()
            await until(lambda: server.connections == 0)

    with caplog.at_level(logging.INFO):
        uvloop.run(gone_before_the_answer())
    assert [record.getMessage() for record in caplog.records] == ["connection lost"]


async def test_stop_lets_a_message_in_progress_finish(connect: Connect) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def handler(body: bytes) -> bytes:
        entered.set()
        await go.wait()
        return b"done"

    server = MllpServer(handler, too_large, MllpLimits())
    await server.start("127.0.0.1", 0)
    busy, idle = await connect(server), await connect(server)
    await busy.send(wrap(b"x") + wrap(b"never handled"))
    await entered.wait()
    stopping = asyncio.ensure_future(server.stop())
    assert await idle.closed() == b""
    go.set()
    assert await busy.answer() == b"done"
    assert await busy.closed() == b""
    await stopping
    with pytest.raises(RuntimeError):
        _ = server.port


async def test_stop_does_not_wait_for_ever(connect: Connect) -> None:
    entered = asyncio.Event()

    async def handler(body: bytes) -> bytes:
        entered.set()
        await asyncio.Event().wait()
        return b""

    server = MllpServer(handler, too_large, MllpLimits(stop_seconds=0.05))
    await server.start("127.0.0.1", 0)
    peer = await connect(server)
    await peer.send(wrap(b"x"))
    await entered.wait()
    await server.stop()
    assert await peer.closed() == b""
    await server.stop()
