"""Bad input through the real doors: a clear answer, nothing lost, neighbours served."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from hie.commands.serve import Running, running
from hie.config import load_config
from hie.staging.ledger import ledger
from hie.staging.tallies import day_of, tallies
from hie.wire.mllp import Frame, FrameMachine, wrap

ADAPTERS = Path(__file__).resolve().parents[2] / "adapters"
GOOD = (ADAPTERS / "wujiang" / "samples" / "01-admit-a01.hl7").read_bytes()
CDA = (ADAPTERS / "jiashan" / "samples" / "02-c0007-nested.xml").read_bytes()
ROWS = (ADAPTERS / "qingpu" / "samples" / "01-patient-visit-lab.xml").read_bytes()
SOAP = next((ADAPTERS / "jiashan" / "samples").glob("*soap*")).read_bytes()
TRAPS = [
    char
    for char in (bytes((lead, trail)) for lead in range(0x81, 0xFF) for trail in b"|^~\\")
    if len(text := char.decode("gbk", "replace")) == 1 and text > "\u007f" and text != "\ufffd"
]


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Running]:
    """A server on free ports, with small limits."""
    limits = {"max_body": 200_000, "mllp_frame_seconds": 0.5}
    settings = {"data": tmp_path, "port": 0, "mllp_port": 0, "workers": 0, **limits}
    async with running(load_config({**settings, "drop_poll_seconds": 0, "retry_poll_seconds": 0}, {})) as started:
        yield started


async def mllp(live: Running, *chunks: bytes, answers: int = 1) -> list[bytes]:
    """Send raw bytes; returns the bodies of the answers, fewer when the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.exchange.mllp.listening["wujiang-hl7v2"])
    machine, found = FrameMachine(1 << 24), []
    try:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        while len(found) < answers and (data := await asyncio.wait_for(reader.read(65536), 20)):
            found += [frame.body for frame in machine.feed(data) if isinstance(frame, Frame)]
    except ConnectionError:
        pass
    finally:
        writer.close()
    return found


async def post(live: Running, door: str, body: bytes, content_type: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=live.url, timeout=20) as http:
        return await http.post(f"/feeds/{door}", content=body, headers={"Content-Type": content_type})


async def test_a_giant_frame_is_refused_and_neighbours_are_served(live: Running) -> None:
    giant = mllp(live, b"\x0b" + b"MSH|" + b"x" * 300_000)
    good = mllp(live, wrap(GOOD))
    refused, served = await asyncio.gather(giant, good)
    assert b"MSA|AR|" in refused[0]
    assert b"too-large" in refused[0]
    assert b"MSA|AA|WS0001" in served[0]


@pytest.mark.parametrize(
    ("door", "kind", "sample", "sender", "says"),
    [
        ("wujiang-hl7v2", "application/hl7-v2", GOOD, "12320509MBHE01015B", "MSA|AR|WS0001|"),
        ("jiashan-cda", "application/xml", CDA, "12330421MBHE020186", '"too-large"'),
        ("jiashan-soap", "text/xml", SOAP, "12330421MBHE020186", "<faultstring>The request is larger than allowed<"),
        ("qingpu-xml", "application/xml", ROWS, "12310118MBHE03010J", "too-large"),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
async def test_what_is_too_large_is_refused_in_the_words_of_its_door_and_counted_under_its_sender(
    live: Running,
    caplog: pytest.LogCaptureFixture,
    door: str,
    kind: str,
    sample: bytes,
    sender: str,
    says: str,
    declared: bool,
) -> None:
    body = sample + b" " * 300_000

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 50_000):
            yield body[at : at + 50_000]

    async with httpx.AsyncClient(base_url=live.url, timeout=20) as http:
        headers = {"Content-Type": kind}
        for _ in range(2):
            answer = await http.post(f"/feeds/{door}", content=body if declared else chunks(), headers=headers)
            assert (answer.status_code, says in answer.text, "too-large" in answer.text) == (413, True, True)
        metrics = (await http.get("/metrics")).text
    feed = "jiashan-cda" if door == "jiashan-soap" else door
    assert f'hie_staging_items_total{{feed="{feed}",what="too-large"}} 2' in metrics
    await _counted(live, feed, sender, 2)
    assert (
        caplog.messages.count(f"item refused feed={feed} organisation={sender} size={len(body)} reason=too-large") == 2
    )


async def test_a_giant_frame_with_a_header_is_answered_and_counted_under_its_sender(live: Running) -> None:
    answers = await mllp(live, b"\x0b" + GOOD + b"x" * 300_000)
    assert b"MSA|AR|WS0001|" in answers[0]
    await _counted(live, "wujiang-hl7v2", "12320509MBHE01015B", 1)
    assert (await tallies(live.exchange.store, [_today()]))[0].types == {"ADT^A01": 1}


async def test_a_file_that_is_too_large_is_moved_aside_with_its_receipt_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place, big = tmp_path / "drop" / "qingpu-xml", ROWS + b" " * 300_000
    settings = {"data": tmp_path, "port": 0, "mllp_port": -1, "workers": 0, "max_body": 200_000}
    async with running(load_config({**settings, "drop_poll_seconds": 0.01}, {})) as live:
        (place / "incoming" / "big.xml").write_bytes(big)
        for _ in range(2000):
            if (place / "error" / "big.xml").exists():
                break
            await asyncio.sleep(0.01)
        await _counted(live, "qingpu-xml", "12310118MBHE03010J", 1)
    assert (place / "error" / "big.xml").read_bytes() == big
    told = f"item refused feed=qingpu-xml organisation=12310118MBHE03010J size={len(big)} reason=too-large"
    assert told in caplog.messages
    assert "too-large" in (place / "error" / "big.xml.receipt.xml").read_text()


def _today() -> str:
    return day_of(datetime.now(UTC))


async def _counted(live: Running, feed: str, sender: str, n: int) -> None:
    """Refused items are in the tally of the day and of nothing else: they are not kept."""
    [one] = await tallies(live.exchange.store, [_today()])
    assert (one.feed, one.organisation, one.items, one.checked) == (feed, sender, n, n)
    assert {(cause.severity, cause.code): found for cause, found in one.found.items()} == {("reject", "too-large"): n}
    books = await ledger(live.exchange.store)
    assert (books.received, books.balanced) == (0, True)


async def test_a_frame_that_never_ends_loses_its_connection_only(live: Running) -> None:
    stuck = mllp(live, b"\x0b" + GOOD[:50])
    served = await mllp(live, wrap(GOOD))
    assert b"MSA|AA|" in served[0]
    assert await stuck == []


async def test_frames_in_pieces_and_many_frames_in_one_piece(live: Running) -> None:
    pieces = [wrap(GOOD)[k : k + 7] for k in range(0, len(wrap(GOOD)), 7)]
    assert b"MSA|AA|" in (await mllp(live, *pieces))[0]
    other = GOOD.replace(b"WS0001", b"WS9001")
    both = await mllp(live, b"noise" + wrap(GOOD) + wrap(other), answers=2)
    assert [b"WS0001" in both[0], b"WS9001" in both[1]] == [True, True]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", b"message-malformed"),
        (b"PID|1||x", b"message-malformed"),
        (GOOD.replace(b"ADT^A01", b"XYZ^A01"), b"type-unknown"),
        (GOOD.replace(b"ADT^A01", b"ADT^A77"), b"event-unknown"),
        (GOOD.replace(b"|P|2.4", b"|T|2.4"), b"processing-id"),
        (GOOD.replace(b"|P|2.4", b"|P|2.7"), b"version-unsupported"),
        (GOOD.replace(b"WS0001", b""), b"key-missing"),
        (GOOD.replace(b"L800001^^^^LocalID", b"L800001^^^^Other"), b"key-missing"),
        (GOOD.replace(b"12320509MBHE01015B", b"12320509MBHE99999B"), b"org-unknown"),
        (GOOD.replace(b"PID|1", b"PIX|1"), b"segment-sequence"),
    ],
)
async def test_a_bad_message_gets_ar_with_the_finding_and_is_kept(live: Running, body: bytes, code: bytes) -> None:
    answer = (await mllp(live, wrap(body)))[0]
    assert b"MSA|AR|" in answer
    assert code in answer
    books = await ledger(live.exchange.store)
    assert (books.received, books.rejected, books.balanced) == (1, 1, True)


async def test_every_trap_character_survives_in_a_name(live: Running) -> None:
    """471 characters of GBK end in the byte of a delimiter."""
    assert len(TRAPS) > 400
    undeclared = GOOD.replace(b"UNICODE UTF-8", b"")
    for start in range(0, len(TRAPS), 40):
        names = TRAPS[start : start + 40]
        body = undeclared.replace(b"WS0001", b"T%04d" % start).replace("顾晓岚".encode(), b"".join(names))
        body = _recode(body, b"".join(names))
        assert b"MSA|AA|" in (await mllp(live, wrap(body)))[0]
        patients = [v async for v in live.exchange.store.versions("Patient")]
        assert json.loads(patients[0].body)["name"][0]["text"] == b"".join(names).decode("gbk")


def _recode(body: bytes, name: bytes) -> bytes:
    """Everything but the name from UTF-8 to GBK."""
    return name.join(part.decode().encode("gbk") for part in body.split(name))


@pytest.mark.parametrize(
    ("door", "body", "status", "code"),
    [
        ("jiashan-cda", CDA[: len(CDA) // 2], 422, "message-malformed"),
        ("jiashan-cda", b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>", 422, "doctype-forbidden"),
        ("jiashan-cda", CDA.replace(b'code="C0007"', b'code="C9999"'), 422, "type-unknown"),
        ("jiashan-cda", CDA.replace(b"12330421MBHE020186", b"12330421MBHE999999"), 422, "org-unknown"),
        ("jiashan-cda", b"\xff\xfe\x00", 422, "charset-undecodable"),
        ("qingpu-xml", ROWS[:-40], 422, "message-malformed"),
        ("qingpu-xml", ROWS.replace(b"<HS>7</HS>", b"<HS>8</HS>"), 422, "count-mismatch"),
        ("qingpu-xml", ROWS.replace(b'version="1.0">', b'version="2.0">'), 422, "version-unsupported"),
        ("qingpu-xml", b"", 422, "message-malformed"),
    ],
)
async def test_a_bad_document_gets_its_finding_and_is_kept(
    live: Running, door: str, body: bytes, status: int, code: str
) -> None:
    answer = await post(live, door, body, "application/xml")
    assert answer.status_code == status
    assert code in answer.text
    assert "320598196804175127" not in answer.text
    assert (await ledger(live.exchange.store)).received == 1


async def test_requests_that_are_no_items_at_all(live: Running) -> None:
    assert (await post(live, "nowhere", b"x", "text/plain")).status_code == 404
    assert (await post(live, "jiashan-cda", CDA, "text/plain")).status_code == 415
    assert (await post(live, "jiashan-cda", b"x" * 300_000, "application/xml")).status_code == 413
    unreadable = await post(live, "wujiang-hl7v2", b"hello", "application/hl7-v2")
    assert unreadable.status_code == 400
    assert "MSA|AR|" in unreadable.text
    fault = await post(live, "jiashan-soap", b"<x/>", "text/xml")
    assert fault.status_code == 400
    assert "Fault" in fault.text
    async with httpx.AsyncClient(base_url=live.url) as http:
        assert (await http.get("/readyz")).json()["status"] == "ready"
        assert (await http.get("/fhir/metadata", headers={"Host": "elsewhere.example"})).status_code == 421


def _mutations(sample: bytes, k: int) -> Iterator[bytes]:
    at, lines = k * len(sample) // 40, sample.splitlines(keepends=True)
    yield sample[:at]
    yield sample[:at] + bytes([sample[at] ^ 0x15]) + sample[at + 1 :]
    yield sample[:at] + sample[at // 2 :]
    yield b"".join(lines[k % len(lines) :] + lines[: k % len(lines)])


async def test_mutated_samples_never_stop_the_server(live: Running) -> None:
    """Cut, flipped, repeated and reordered: always an answer, and the ledger balances."""
    mutated = [
        (f"/feeds/{door}", body, kind)
        for door, sample, kind in (
            ("wujiang-hl7v2", GOOD, "application/hl7-v2"),
            ("jiashan-cda", CDA, "application/xml"),
            ("qingpu-xml", ROWS, "application/xml"),
        )
        for k in range(1, 40)
        for body in _mutations(sample, k)
    ]
    async with httpx.AsyncClient(base_url=live.url, timeout=20) as http:
        for door, body, kind in mutated:
            answer = await http.post(door, content=body, headers={"Content-Type": kind})
            assert answer.status_code in (200, 202, 400, 422), answer.text
            assert "internal-error" not in answer.text
    books = await ledger(live.exchange.store)
    assert (books.received, books.balanced) == (len(set(mutated)), True)
