"""Batches: Wujiang interface §8.3."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.wire.charset import decode_hl7
from hie.wire.hl7v2 import parse
from hie.wire.hl7v2_batch import is_batch, split_batch

FIXTURES = Path(__file__).parent / "fixtures"
M1 = b"MSH|^~\\&|A|B|C|D|1||ADT^A28|1|P|2.4\rPID|1||x\r"
M2 = "MSH|^~\\&|A|B|C|D|1||ADT^A28|2|P|2.4\r\nPID|1||瑋\r\n".encode("gb18030")
HEAD = b"BHS|^~\\&|HIS|WJYY|HIE|YRD|20260401020000||||B1\r"


def codes(body: bytes) -> list[str]:
    batch = split_batch(body)
    assert batch is not None
    return [found.code for found in batch.findings]


def test_the_sample_is_split_into_its_messages() -> None:
    body = (FIXTURES / "11-batch.hl7").read_bytes()
    batch = split_batch(body)
    assert batch is not None
    assert batch.header is not None
    assert (batch.header.text(11), batch.findings) == ("WSB11", ())
    ids = [parse(decode_hl7(message).text).segments[0].value(10) for message in batch.messages]
    assert ids == ["WS00110", "WS00111", "WS00112"]
    assert b"".join(batch.messages) == body[body.index(b"MSH") : body.index(b"BTS")]


def test_messages_are_exact_slices() -> None:
    batch = split_batch(b"\x0bFHS|^~\\&\n" + HEAD + M1 + M2 + b"BTS|2\nFTS|1\r\x1c\r")
    assert batch is not None
    assert batch.messages == (M1, M2)
    assert batch.header is not None
    assert batch.header.value(3) == "HIS"
    assert batch.findings == ()


def test_fhs_and_fts_may_be_absent_and_a_batch_may_be_empty() -> None:
    assert codes(HEAD + M1 + b"BTS|1\r") == []
    assert codes(HEAD + b"BTS|0\r") == []


def test_a_plain_message_is_no_batch() -> None:
    assert split_batch(M1) is None
    assert split_batch(b"") is None
    assert not is_batch(b"<xml/>")
    assert is_batch(b"\r\n\x0bBHS|")


@pytest.mark.parametrize(
    "trailer", [b"BTS|2\r", b"BTS|\r", b"BTS\r", b"BTS|x\r", b"BTS|-1\r", b"BTS|1.0\r", b"BTS|" + b"9" * 5000, b""]
)
def test_the_count_must_be_right(trailer: bytes) -> None:
    assert codes(HEAD + M1 + trailer) == ["count-mismatch"]


@pytest.mark.parametrize(
    "body",
    [
        HEAD + b"PID|1\r" + M1 + b"BTS|1\r",
        HEAD + M1 + b"BTS|1\rPID|1\r",
        HEAD + M1 + b"BTS|1\r" + M2,
        HEAD + M1 + b"BTS|1\r" + HEAD + M2 + b"BTS|1\r",
        b"FHS|^~\\&\r" + M1 + b"BTS|1\r",
        HEAD + HEAD + M1 + b"BTS|1\r",
    ],
)
def test_segments_out_of_place(body: bytes) -> None:
    assert codes(body) == ["message-malformed"]


def test_a_batch_that_stops_early_has_the_wrong_count() -> None:
    assert codes(b"FHS|^~\\&\r") == ["count-mismatch"]
    assert codes(HEAD) == ["count-mismatch"]


def test_a_batch_is_read_by_its_own_delimiters() -> None:
    batch = split_batch(b"BHS!$%/*!!!!!!!!!B$1\r" + M1 + b"BTS!1\r")
    assert batch is not None
    assert batch.header is not None
    assert (batch.header.text(11), batch.findings) == ("B$1", ())


@given(st.binary(max_size=200))
def test_no_bytes_break_it(noise: bytes) -> None:
    split_batch(noise)
    assert split_batch(HEAD + noise) is not None
    assert split_batch(HEAD + M1 + noise + b"\rBTS|1\r") is not None
