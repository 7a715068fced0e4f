"""Messages between processes: in order and whole, however the socket cuts them."""

import asyncio
import marshal
import socket

from hie.front.channel import Channel, Message

MESSAGES: list[Message] = [("up",), ("ask", 1, [b"x", {"a": 1}], b"y" * 300_000, False), ("next", 7)]


async def test_messages_arrive_whole_and_in_order() -> None:
    here, there = socket.socketpair()
    got: list[Message] = []
    done, ended = asyncio.Event(), asyncio.Event()

    def take(message: Message) -> None:
        got.append(message)
        if len(got) == len(MESSAGES):
            done.set()

    sending = await Channel.over(here, got.append, ended.set)
    receiving = await Channel.over(there, take, ended.set)
    for message in MESSAGES:
        sending.send(message)
    await asyncio.wait_for(done.wait(), 5)
    assert got == MESSAGES
    sending.close()
    await asyncio.wait_for(ended.wait(), 5)
    receiving.send(("late",))


def test_a_message_may_come_in_pieces_of_any_size() -> None:
    got: list[Message] = []
    whole = b"".join(len(c).to_bytes(4, "big") + c for c in map(marshal.dumps, MESSAGES))
    for size in (1, 3, 5000, len(whole)):
        got.clear()
        channel = Channel(got.append, lambda: None)
        for at in range(0, min(len(whole), 40) if size == 1 else len(whole), size):
            channel.data_received(whole[at : at + size])
        assert got == (MESSAGES[:1] if size == 1 else MESSAGES)
