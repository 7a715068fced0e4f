"""`hie simulate`: made-up traffic to files, MLLP or HTTP, with the truth beside it; it can be stopped and go on later.

The truth file is also the log of what was delivered: its lines are written in the order of the traffic, each after its
item was answered. To go on, the traffic is made anew from the seed and as many lines are passed over as there are.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from hie.base.errors import Category, HieError
from hie.base.ids import sha256
from hie.commands.delivery import Addresses, Send, sender
from hie.simulate.history import World
from hie.simulate.item import Item
from hie.simulate.people import Person
from hie.simulate.traffic import traffic
from hie.simulate.truth import item_line, person_line, to_json, world_line

_HEAD = b'{"kind": "world"'
"""How a truth begins."""

WAITING = 4
"""Items that wait for one connection; more are not made."""


@dataclass(frozen=True)
class Target(Addresses):
    """Where items go and how: at most `rate` a second (0: as fast as they are taken) over `connections` senders.

    A person's items always go through the same sender, in order. `resume`: go on behind the last line of the truth.
    """

    truth: Path | None = None
    rate: float = 0.0
    connections: int = 1
    resume: bool = False

    @property
    def truth_file(self) -> Path:
        """Where the truth is written: as told, else `truth.jsonl` in the folder or here."""
        return self.truth or (self.out or Path()) / "truth.jsonl"


@dataclass
class Sent:
    """What was done: people, items by door, answers, items left out because nothing takes them, and those `passed`
    over because an earlier run delivered them; `reached`: when the last of them all arrives; `seconds` is 0 when
    nothing was begun."""

    people: int = 0
    items: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    left_out: int = 0
    passed: int = 0
    reached: datetime = datetime.min
    seconds: float = 0.0

    @property
    def all_items(self) -> int:
        """Items delivered in this run."""
        return sum(self.items.values())


async def simulate(
    world: World, target: Target, progress: Callable[[Sent], None] = lambda _: None, sent: Sent | None = None
) -> Sent:
    """Make the traffic and deliver it; `sent` is filled as it goes, so that it tells the state after an interruption.

    Raises INVALID without a target, with one that cannot be read, with a folder or file that holds something else, or
    when the truth to resume is of another traffic, and leaves the truth as it is; UNAVAILABLE when a server does not
    take an item.
    """
    if not (target.out or target.mllp or target.http):
        raise HieError(Category.INVALID, "Say where the traffic goes: --out DIR, --mllp HOST:PORT or --http URL.")
    sent = sent or Sent()
    started = monotonic()
    async with contextlib.AsyncExitStack() as stack:
        senders = [await stack.enter_async_context(sender(target)) for _ in range(max(target.connections, 1))]
        if target.out is not None and not target.resume:
            _must_be_free(target.out, target.truth_file, world)
        target.truth_file.parent.mkdir(parents=True, exist_ok=True)
        _must_be_truth(target.truth_file)
        kept = _kept(target.truth_file, world) if target.resume else _Kept(0, "")
        with target.truth_file.open("a" if kept.lines else "w", encoding="utf-8") as truth:
            if not kept.lines:
                truth.write(to_json(world_line(world)))
            try:
                await _run(world, target.rate, kept, _Log(truth), sent, senders, progress)
            finally:
                sent.seconds = monotonic() - started
    return sent


def _must_be_free(folder: Path, truth: Path, world: World) -> None:
    """Refuse a folder that holds something else than this traffic: files of two runs could not be told apart."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    with contextlib.suppress(OSError), truth.open(encoding="utf-8") as file:
        if file.readline() == to_json(world_line(world)):
            return
    raise HieError(Category.INVALID, f"{folder} holds something else: name a new folder, or empty it.")


def _must_be_truth(path: Path) -> None:
    """Refuse to write over a file that holds something else than a truth, or the beginning of one."""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(len(_HEAD))
        if not _HEAD.startswith(head):
            raise HieError(Category.INVALID, f"{path} is no truth: name another file with --truth.")


@dataclass(frozen=True)
class _Kept:
    """What an earlier run wrote: lines of people and items, and the hash of the last item."""

    lines: int
    last: str


def _kept(path: Path, world: World) -> _Kept:
    """Read the truth of an earlier run and cut off a last line that was not finished."""
    if not path.exists():
        return _Kept(0, "")
    lines, last, end = 0, "", 0
    with path.open("rb") as file:
        for raw in file:
            if not raw.endswith(b"\n"):
                break
            end += len(raw)
            line = _read(raw, f"{path}:{lines + 1}")
            last = line.get("sha256", last)
            if lines == 0 and line != json.loads(to_json(world_line(world))):
                raise HieError(Category.INVALID, f"{path} is the truth of other traffic: it cannot be gone on with.")
            lines += 1
    with path.open("rb+") as file:
        file.truncate(end)
    return _Kept(max(lines - 1, 0), last) if lines else _Kept(0, "")


def _read(raw: bytes, place: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        line: Any = json.loads(raw)
        if isinstance(line, dict):
            return line
    raise HieError(Category.INVALID, f"{place}: this is no line of a truth.")


class _Log:
    """Writes lines in the order of their places, whatever the order in which they are done."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._next = 0
        self._done: dict[int, str] = {}
        self.places = 0

    def take(self) -> int:
        """The place of the next line."""
        self.places += 1
        return self.places - 1

    def write(self, place: int, line: str) -> None:
        """Keep a line, and write every line whose turn it is."""
        self._done[place] = line
        while (ready := self._done.pop(self._next, None)) is not None:
            self._file.write(ready)
            self._next += 1


Job = tuple[Item, int, int]
"""An item, its number, and its place in the truth."""


async def _run(
    world: World,
    rate: float,
    kept: _Kept,
    log: _Log,
    sent: Sent,
    senders: Sequence[dict[str, Send]],
    progress: Callable[[Sent], None],
) -> None:
    queues: list[asyncio.Queue[Job | None]] = [asyncio.Queue(WAITING) for _ in senders]
    try:
        async with asyncio.TaskGroup() as group:
            for send, queue in zip(senders, queues, strict=True):
                group.create_task(_work(send, queue, log, sent, progress))
            await _hand_out(world, rate, kept, log, sent, queues, senders[0], progress)
    except ExceptionGroup as several:
        raise several.exceptions[0] from None


async def _hand_out(
    world: World,
    rate: float,
    kept: _Kept,
    log: _Log,
    sent: Sent,
    queues: Sequence["asyncio.Queue[Job | None]"],
    takes: dict[str, Send],
    progress: Callable[[Sent], None],
) -> None:
    """Give every item to the sender of its person, at most `rate` a second; then tell the senders that it is over."""
    number, pace = 0, _Pace(rate)
    async for line, old in _stream(world, kept, takes, sent):
        if isinstance(line, Person):
            if not old:
                log.write(log.take(), to_json(person_line(world, line)))
                sent.people += 1
            continue
        number += 1
        if old:
            sent.passed, sent.reached = sent.passed + 1, line.at
            progress(sent)
            continue
        await pace.wait()
        await queues[line.person % len(queues)].put((line, number, log.take()))
    for queue in queues:
        await queue.put(None)


class _Pace:
    """Lets so many through a second (0: all at once). Time that was lost is made up for a second at most: after an
    outage nothing comes faster than was asked for."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate if rate > 0 else 0.0
        self._due = 0.0

    async def wait(self) -> None:
        """Wait for the turn of the next one."""
        if self._gap:
            now = monotonic()
            self._due = max(self._due, now - 1.0 if self._due else now)
            await asyncio.sleep(max(0.0, self._due - now))
            self._due += self._gap


async def _stream(
    world: World, kept: _Kept, takes: dict[str, Send], sent: Sent
) -> AsyncIterator[tuple[Person | Item, bool]]:
    """Every person and every item that is taken, and whether an earlier run has it already.

    Raises INVALID when the last item of the earlier run is another one in this traffic.
    """
    place, recent = 0, b""
    for line in traffic(world):
        if isinstance(line, Item):
            if line.door not in takes:
                sent.left_out += 1
                continue
            recent = line.body
        place += 1
        if place == kept.lines and kept.last not in ("", sha256(recent)):
            raise HieError(Category.INVALID, "The truth was written by another version: it cannot be gone on with.")
        yield line, place <= kept.lines
        await asyncio.sleep(0)


async def _work(
    send: dict[str, Send], queue: "asyncio.Queue[Job | None]", log: _Log, sent: Sent, progress: Callable[[Sent], None]
) -> None:
    """Deliver what comes, one after the other."""
    while (job := await queue.get()) is not None:
        item, number, place = job
        done = await send[item.door](item, number)
        log.write(place, to_json(item_line(item, number, done.file)))
        sent.items[item.door] = sent.items.get(item.door, 0) + 1
        if done.answer:
            sent.answers[done.answer] = sent.answers.get(done.answer, 0) + 1
        sent.bytes, sent.reached = sent.bytes + len(item.body), item.at
        progress(sent)
