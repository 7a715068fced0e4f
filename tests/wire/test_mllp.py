"""The MLLP frame machine: every cut of the stream gives the same frames."""

from hypothesis import given
from hypothesis import strategies as st

from hie.wire.mllp import TRANSITIONS, Byte, Frame, FrameMachine, Oversize, State, restarted, wrap


def frames(machine: FrameMachine, chunks: list[bytes]) -> list[Frame | Oversize]:
    return [item for chunk in chunks for item in machine.feed(chunk)]


def test_the_table_answers_every_byte_in_every_state() -> None:
    for state in State:
        assert (state, Byte.OTHER) in TRANSITIONS
    assert {target for _, target in TRANSITIONS.values()} <= set(State)


def test_many_frames_in_one_chunk_with_junk_between() -> None:
    machine = FrameMachine()
    assert machine.feed(b"junk\r" + wrap(b"a") + b"\r\n" + wrap(b"") + wrap(b"c") + b"tail") == [
        Frame(b"a"),
        Frame(b""),
        Frame(b"c"),
    ]
    assert not machine.pending


STREAM = b"xx" + wrap(b"MSH|1\r") + wrap(b"a\x1cb\x1c\x1c\nc") + b"\r\n" + wrap(b"\x0b\x1c\x0b")
STREAM += b"\x1c\r" + wrap(b"z")
EXPECTED = [Frame(b"MSH|1\r"), Frame(b"a\x1cb\x1c\x1c\nc"), Frame(b"\x0b\x1c\x0b"), Frame(b"z")]


def test_every_pair_of_split_points() -> None:
    for i in range(len(STREAM) + 1):
        for j in range(i, len(STREAM) + 1):
            assert frames(FrameMachine(), [STREAM[:i], STREAM[i:j], STREAM[j:]]) == EXPECTED


def test_byte_by_byte() -> None:
    assert frames(FrameMachine(), [bytes([byte]) for byte in STREAM]) == EXPECTED


BODY = st.lists(st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\n", b"M", b"|", b"\xe5"]), max_size=12).map(b"".join)


@given(st.lists(BODY.filter(lambda body: b"\x1c\r" not in body), max_size=5), st.data())
def test_any_bodies_in_any_chunks(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(wrap, bodies))
    chunks = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        chunks.append(stream[:size])
        stream = stream[size:]
    machine = FrameMachine()
    assert frames(machine, chunks) == [Frame(body) for body in bodies]
    assert not machine.pending


@given(st.lists(st.binary(max_size=20)))
def test_no_bytes_break_the_machine(chunks: list[bytes]) -> None:
    machine = FrameMachine(8)
    found = frames(machine, chunks)
    assert all(len(item.body) <= 8 for item in found if isinstance(item, Frame))
    assert found == frames(FrameMachine(8), [b"".join(chunks)])


def test_pending_while_a_frame_is_open() -> None:
    machine = FrameMachine()
    assert not machine.pending
    machine.feed(b"junk")
    assert not machine.pending
    machine.feed(b"\x0bMSH")
    assert machine.pending
    machine.feed(b"\x1c")
    assert machine.pending
    machine.feed(b"\r")
    assert not machine.pending


def test_a_partial_frame_is_never_delivered() -> None:
    machine = FrameMachine()
    assert machine.feed(b"\x0bMSH|partial\r") == []
    assert machine.feed(wrap(b"MSH|whole\r")) == [Frame(b"MSH|whole\r")]


def test_a_start_byte_in_text_is_content() -> None:
    assert restarted(b"MSH|\rNTE|a\x0bb\r") == b"MSH|\rNTE|a\x0bb\r"
    assert restarted(b"MSH|1\x0bFHS|2\x0bMSH|3\x0bx") == b"MSH|3\x0bx"


def test_the_cap_is_exact() -> None:
    assert FrameMachine(4).feed(wrap(b"abcd")) == [Frame(b"abcd")]
    assert FrameMachine(4).feed(wrap(b"abcde")) == [Oversize(4, b"abcd")]
    assert frames(FrameMachine(4), [bytes([byte]) for byte in wrap(b"abcd")]) == [Frame(b"abcd")]
    assert frames(FrameMachine(4), [bytes([byte]) for byte in wrap(b"abcde")]) == [Oversize(4, b"abcd")]
    assert FrameMachine(4).feed(wrap(b"abcd\x1c")) == [Oversize(4, b"abcd")]


def test_a_giant_frame_is_reported_once_not_held_and_the_next_one_is_read() -> None:
    machine = FrameMachine(1000)
    found = machine.feed(b"\x0b")
    for _ in range(1000):
        found += machine.feed(b"x\x1c" * 500)
        assert len(machine._body) <= 1000
    assert found == [Oversize(1000, b"x\x1c" * 500)]
    assert machine.pending
    assert machine.feed(b"\x1c\r" + wrap(b"next")) == [Frame(b"next")]
