"""Deliveries of `hie simulate`: how long a sender tries, what counts as an answer, and how fast items go."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hie.base.errors import HieError
from hie.commands import delivery, patience, simulate
from hie.commands.delivery import Delivered, NotTaken
from hie.commands.simulate import Sent
from hie.commands.simulated import Forecast, progress
from hie.simulate.history import World
from hie.simulate.item import Item

ITEM = Item(
    datetime(2025, 1, 6), "qingpu-xml", "xml", b"<x/>", "QPZS visit", 1, "Patient/a", "", "accepted", frozenset()
)


class Clock:
    """A clock that sleeping moves; it notes how long each sleep was."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (patience, simulate):
        monkeypatch.setattr(module, "monotonic", clock.monotonic)
        monkeypatch.setattr(module.asyncio, "sleep", clock.sleep)
    return clock


def sender(answers: Iterator[Delivered | NotTaken | Exception]) -> delivery._Patient:
    async def send(item: Item) -> Delivered | NotTaken:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return delivery._Patient(send, "127.0.0.1:1")


async def test_a_server_that_starts_anew_gets_minutes_and_one_that_was_never_there_seconds(clock: Clock) -> None:
    """A server that was killed and came back after 20 seconds ended the run."""

    def down(seconds: float) -> Iterator[Delivered | NotTaken | Exception]:
        yield Delivered("200")
        back = clock.now + seconds
        while clock.now < back:
            yield ConnectionRefusedError()
        yield Delivered("200")

    patient = sender(down(120))
    await patient.send(ITEM, 1)
    assert await patient.send(ITEM, 2) == Delivered("200")
    began = clock.now
    with pytest.raises(HieError, match=r"No answer from .* after 8 tries"):
        await sender(iter([ConnectionRefusedError()] * 99)).send(ITEM, 1)
    assert clock.now - began < 15


async def test_a_server_is_asked_again_when_it_says_and_not_called_silent(clock: Clock) -> None:
    answers: list[Delivered | NotTaken | Exception] = [NotTaken(30.0), NotTaken(9999.0), NotTaken(), Delivered("200")]
    await sender(iter(answers)).send(ITEM, 1)
    assert clock.slept == [30.0, 60.0, 0.4]
    with pytest.raises(HieError, match="did not take an item in 8 tries"):
        await sender(iter([NotTaken()] * 99)).send(ITEM, 1)


@pytest.mark.parametrize(
    ("status", "headers", "found"),
    [
        (200, {}, Delivered("200")),
        (422, {}, Delivered("422")),
        (503, {"Retry-After": "5"}, NotTaken(5.0)),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, NotTaken()),
        (302, {"Location": "/login"}, None),
        (405, {}, None),
    ],
)
async def test_only_what_the_exchange_answers_counts_as_delivered(
    status: int, headers: dict[str, str], found: Delivered | NotTaken | None
) -> None:
    """A redirect or another program's 405 was counted as delivered, with exit code 0."""
    transport = httpx.MockTransport(lambda request: httpx.Response(status, headers=headers))
    async with httpx.AsyncClient(base_url="http://x", transport=transport) as client:
        if found:
            assert await delivery._to_http(client, ITEM) == found
            return
        with pytest.raises(HieError, match=f"POST /feeds/qingpu-xml answered {status}"):
            await delivery._to_http(client, ITEM)


async def test_lost_time_is_made_up_for_a_second_at_most(clock: Clock) -> None:
    """After an outage of 20 seconds 1,000 items went at once at a rate of 50."""
    pace, began = simulate._Pace(50), clock.now
    for _ in range(101):
        await pace.wait()
    assert clock.now - began == pytest.approx(2.0)
    clock.now += 20
    began = clock.now
    for _ in range(151):
        await pace.wait()
    assert clock.now - began == pytest.approx(2.0)


def test_the_time_left_is_told_by_how_full_the_days_are() -> None:
    world = World(7, 300, datetime(2025, 1, 6), 360)
    forecast, sent = Forecast(world), Sent(people=10, items={"qingpu-xml": 40})
    middle = world.start + timedelta(days=180)
    assert forecast.share(middle) < 0.45, "later days are fuller"
    assert (forecast.share(world.start), forecast.share(world.start + timedelta(days=370))) == (0, 1)
    sent.reached = world.start
    assert forecast.at(sent, 1000.0) == (0, 0, None)
    sent.reached = middle
    done, seconds, left = forecast.at(sent, 1100.0)
    assert (seconds, left) == (100, pytest.approx(100 * (1 - done) / done))
    assert progress(sent, done, 100, left).startswith(f"{done:.0%}  10 people  40 items  0/s  about ")
    assert progress(Sent(passed=7), 0.1, 0, None) == "7 items delivered before"


async def test_a_day_has_a_folder(tmp_path: Path) -> None:
    done: Any = [await delivery._to_file(tmp_path, ITEM, number) for number in (1, 2)]
    assert [one.file for one in done] == [f"2025-01-06/000000{n}-qingpu-xml.xml" for n in (1, 2)]
    assert all((tmp_path / one.file).read_bytes() == b"<x/>" for one in done)
