"""What `hie simulate` says while it runs and when it ends."""

from bisect import bisect
from collections.abc import Iterator
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console

from hie.commands.simulate import Sent, Target
from hie.simulate.history import World, plan

EVERY_SECONDS = 1.0
ASKED = 500
"""How many people's plans say how the visits of a run are spread over its days."""


class Shown:
    """Shows the state of a run on a terminal, at most once a second, on one line; nothing where no one looks."""

    def __init__(self, console: Console, world: World) -> None:
        self._status = console.status("...")
        self._forecast = Forecast(world)
        self._last = 0.0

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._status.stop()

    def show(self, sent: Sent) -> None:
        """The line for what was done so far."""
        now = monotonic()
        if now - self._last >= EVERY_SECONDS:
            self._last = now
            self._status.update(progress(sent, *self._forecast.at(sent, now)))


class Forecast:
    """How much of a run is done, and when it will end, by the visits of some of its people: days are not equally full,
    as people with a chronic disease come back."""

    def __init__(self, world: World) -> None:
        some = range(0, world.patients, max(1, world.patients // ASKED))
        self._visits = sorted(one.at for number in some for one in plan(world, number))
        self._began: tuple[float, float] | None = None

    def share(self, moment: datetime) -> float:
        """The share of all visits that begin until then."""
        return bisect(self._visits, moment) / len(self._visits)

    def at(self, sent: Sent, now: float) -> tuple[float, float, float | None]:
        """Share of the run that is done, seconds since items are delivered, seconds left as far as they can be told."""
        done = self.share(sent.reached)
        if not sent.all_items:
            return done, 0.0, None
        began, before = self._began = self._began or (now, done)
        seconds, gained = now - began, done - before
        return done, seconds, seconds * (1 - done) / gained if gained > 0.005 else None


def progress(sent: Sent, done: float, seconds: float, left: float | None) -> str:
    """Share, people, items, items a second, answers, time left."""
    if not sent.all_items:
        return f"{sent.passed} items delivered before"
    each = "  ".join(f"{answer} {n}" for answer, n in sorted(sent.answers.items()))
    rate = f"{sent.all_items / seconds:.0f}/s  " if seconds >= 1 else ""
    rest = f"  about {_clock(left)} left" if left is not None else ""
    return f"{done:.0%}  {sent.people} people  {sent.all_items} items  {rate}{each}".rstrip() + rest


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def summary(target: Target, sent: Sent) -> Iterator[str]:
    """What to say at the end, or after an interruption."""
    each = "  ".join(f"{door} {n}" for door, n in sorted(sent.items.items()))
    done = f"{sent.people} people, {sent.all_items} items, {sent.bytes / 1e6:.1f} MB in {sent.seconds:.1f} s"
    yield f"{done}: {each}" if each else done
    if sent.answers:
        yield "回执 answers: " + "  ".join(f"{answer} {n}" for answer, n in sorted(sent.answers.items()))
    if sent.passed:
        yield f"此前已送 delivered before: {sent.passed}"
    if sent.left_out:
        yield f"[yellow]{sent.left_out} items left out: nothing takes them; add --http[/yellow]"
    yield f"真相 truth: {target.truth_file}"
