"""What `hie simulate` says while it runs and when it ends."""

from collections.abc import Iterator
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console

from hie.commands.simulate import Sent, Target

EVERY_SECONDS = 1.0


class Shown:
    """Shows the state of a run on a terminal, at most once a second, on one line; nothing where no one looks."""

    def __init__(self, console: Console) -> None:
        self._status = console.status("...")
        self._started = monotonic()
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
            self._status.update(progress(sent, now - self._started))


def progress(sent: Sent, seconds: float) -> str:
    """People, items, items a second, answers."""
    each = "  ".join(f"{answer} {n}" for answer, n in sorted(sent.answers.items()))
    rate = sent.all_items / seconds if seconds > 0 else 0.0
    return f"{sent.people} people  {sent.all_items} items  {rate:.0f}/s  {each}".rstrip()


def summary(target: Target, sent: Sent) -> Iterator[str]:
    """What to say at the end, or after an interruption."""
    each = "  ".join(f"{door} {n}" for door, n in sorted(sent.items.items()))
    yield f"{sent.people} people, {sent.all_items} items, {sent.bytes / 1e6:.1f} MB in {sent.seconds:.1f} s: {each}"
    if sent.answers:
        yield "回执 answers: " + "  ".join(f"{answer} {n}" for answer, n in sorted(sent.answers.items()))
    if sent.passed:
        yield f"此前已送 delivered before: {sent.passed}"
    if sent.left_out:
        yield f"[yellow]{sent.left_out} items left out: nothing takes them; add --http[/yellow]"
    yield f"真相 truth: {target.truth_file}"
