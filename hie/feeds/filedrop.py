"""The drop folder: files in, receipts out (Qingpu interface §1).

A file is read from `incoming/`, handled, and moved to `done/` or `error/`; its receipt lies there before it moves.
From before it is handled until it is moved, a *note* in `.pending/` (`dropnote.py`) says how far it has come, so that a
restart at any point goes on instead of beginning again: a file that was sent once is no duplicate of itself. A file
name never decides a path outside the three folders.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hie.base.errors import HieError, where
from hie.feeds.dropfile import candidates, is_plain, same, sync_folder, write_durably
from hie.feeds.dropnote import Note, Notes
from hie.feeds.limits import HEAD_BYTES, DropLimits

INCOMING, DONE, ERROR, PENDING = "incoming", "done", "error", ".pending"
RECEIPT_SUFFIX = ".receipt.xml"

_LOG = logging.getLogger("hie.feeds.filedrop")
_NOT_PLAIN = "not plain files"


@dataclass(frozen=True, slots=True)
class DropAnswer:
    """The receipt of a file, and whether it goes to `done/` (accepted) or `error/`."""

    receipt: bytes
    accepted: bool


Knows = Callable[[bytes], Awaitable[bool]]
"""Whether bytes have come before, by whatever door."""

Handler = Callable[[bytes, bool], Awaitable[DropAnswer]]
"""The bytes of a file in, and whether this very file was begun before, as new: it is then answered as for the first
time. Otherwise the same bytes again are a duplicate, which is accepted whatever they were before."""

OversizeHandler = Callable[[int, bytes], Awaitable[DropAnswer]]
"""Size and beginning of a file that is too large; it goes to `error/` as it is."""


class Step(StrEnum):
    """What has just become true for a file; told to `reached`."""

    READ = "read"
    BEGUN = "begun"
    HANDLED = "handled"
    NOTED = "noted"
    RECEIPT_VISIBLE = "receipt-visible"
    MOVED = "moved"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it was read; `key` stands for its name and content."""

    name: str
    body: bytes
    status: os.stat_result
    key: str


def _nothing(_: Step) -> None:
    return


class DropFolder:
    """One feed's folder (`DIR/drop/{feed}`), the only reader of its `incoming/`.

    `reached` is called after every step of a file; an exception from it stops the scan (for tests of crashes).
    """

    def __init__(
        self,
        folder: Path,
        knows: Knows,
        handler: Handler,
        oversize: OversizeHandler,
        limits: DropLimits | None = None,
        reached: Callable[[Step], None] = _nothing,
    ) -> None:
        self._folder = folder
        self._notes = Notes(folder / PENDING)
        self._knows = knows
        self._handler = handler
        self._oversize = oversize
        self._limits = limits or DropLimits()
        self._reached = reached
        self._staying: Counter[str] = Counter()
        self._answers: dict[str, tuple[str, DropAnswer]] = {}

    def prepare(self) -> None:
        """Make the folders and clear away notes that a crash left behind; raises `OSError` when it cannot."""
        for name in (INCOMING, DONE, ERROR, PENDING):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._notes.clear(self._folder / INCOMING)

    async def run(self, stop: asyncio.Event) -> None:
        """Scan again and again until `stop` is set; the file in progress is finished first."""
        while not stop.is_set():
            await self.scan(stop)
            try:
                async with asyncio.timeout(self._limits.poll_seconds):
                    await stop.wait()
            except TimeoutError:
                continue

    async def scan(self, stop: asyncio.Event | None = None) -> int:
        """Take every `*.xml` file of `incoming/` in the order of the names; returns how many were moved.

        A file whose handling fails stays for the next scan and does not hold up the others.
        """
        moved = 0
        staying: Counter[str] = Counter()
        try:
            names, staying[_NOT_PLAIN] = await asyncio.to_thread(self._names)
        except OSError as error:
            names, staying[_reason(error)] = [], 1
        self._answers = {name: self._answers[name] for name in names if name in self._answers}
        for name in names:
            if stop is not None and stop.is_set():
                return moved
            try:
                moved += await self._process(name)
            except Exception as error:
                staying[_reason(error)] += 1
        self._tell(+staying)
        return moved

    def _tell(self, staying: Counter[str]) -> None:
        """Log what keeps how many files in `incoming/` when it begins, when twice as many stay, and when it ends: not
        each file at each scan."""
        for reason in sorted(staying.keys() | self._staying.keys()):
            now, told = staying[reason], self._staying[reason]
            if now and now < 2 * told:
                continue
            _LOG.warning("files stay in incoming number=%d reason=%s", now, reason)
            self._staying[reason] = now
        self._staying = +self._staying

    def _names(self) -> tuple[list[str], int]:
        """Names of plain files that are ready, and how many entries are no plain files: links, folders, pipes and files
        with a second name are left alone."""
        ready, refused = [], 0
        with os.scandir(self._folder / INCOMING) as entries:
            for entry in entries:
                if not entry.name.endswith(".xml") or entry.name.startswith("."):
                    continue
                if is_plain(entry.stat(follow_symlinks=False)):
                    ready.append(entry.name)
                else:
                    refused += 1
        return sorted(ready), refused

    async def _process(self, name: str) -> bool:
        """Take one file through all steps; `False` when it is not there (any more) as a stable plain file."""
        file = await asyncio.to_thread(self._read, name)
        if file is None:
            return False
        self._reached(Step.READ)
        note = await asyncio.to_thread(self._notes.recall, file.key)
        if note is None or not note.folder:
            answer = await self._answered(file, begun=note is not None)
            self._reached(Step.HANDLED)
            note = await asyncio.to_thread(self._note, file, answer)
            del self._answers[name]
            self._reached(Step.NOTED)
        return await asyncio.to_thread(self._settle, file, note)

    async def _answered(self, file: _File, *, begun: bool) -> DropAnswer:
        """The answer to a file. It is kept until it is noted, which a full disk may hinder for many scans: handed in
        again, a file would be its own duplicate."""
        key, answer = self._answers.get(file.name, ("", None))
        if answer is None or key != file.key:
            answer = await self._answer(file, begun=begun)
            self._answers[file.name] = file.key, answer
        return answer

    async def _answer(self, file: _File, *, begun: bool) -> DropAnswer:
        if file.status.st_size > self._limits.file_bytes:
            return await self._oversize(file.status.st_size, file.body[:HEAD_BYTES])
        if not begun and not await self._knows(file.body):
            await asyncio.to_thread(self._notes.keep, file.key, Note(file.name))
            self._reached(Step.BEGUN)
        return await self._handler(file.body, begun)

    def _read(self, name: str) -> _File | None:
        """The file, if it is plain and does not change while it is read; of a large one only the beginning. Raises
        `OSError` when it may not be read."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(self._folder / INCOMING / name, flags)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as stream:
            before = os.fstat(descriptor)
            if not is_plain(before):
                return None
            body = stream.read(self._limits.file_bytes + 1)
            after = os.fstat(descriptor)
        if not same(before, after) or len(body) != min(before.st_size, self._limits.file_bytes + 1):
            return None
        digest = hashlib.sha256(os.fsencode(name) + b"\0%d\0" % before.st_size + body)
        return _File(name, body, before, digest.hexdigest())

    def _note(self, file: _File, answer: DropAnswer) -> Note:
        folder = DONE if answer.accepted else ERROR
        target = self._free_name(folder, file.name)
        return self._notes.keep(file.key, Note(file.name, folder, target, answer.receipt))

    def _free_name(self, folder: str, name: str) -> str:
        """The first name of which neither file nor receipt exists: nothing is ever overwritten."""
        return next(
            candidate
            for candidate in candidates(name)
            if not os.path.lexists(self._folder / folder / candidate)
            and not os.path.lexists(self._folder / folder / (candidate + RECEIPT_SUFFIX))
        )

    def _settle(self, file: _File, note: Note) -> bool:
        """Show the receipt, move the file, forget the note.

        A file that was replaced by its sender meanwhile stays: it is another file and gets its own receipt.
        """
        folder = self._folder / note.folder
        receipt = folder / (note.target + RECEIPT_SUFFIX)
        if not receipt.exists():
            write_durably(receipt, note.receipt, f".{file.key}.tmp")
        self._reached(Step.RECEIPT_VISIBLE)
        moved = self._move(file, folder / note.target)
        if moved:
            self._reached(Step.MOVED)
        else:
            receipt.unlink()
        self._notes.forget(file.key)
        self._reached(Step.FORGOTTEN)
        return moved

    def _move(self, file: _File, target: Path) -> bool:
        """Move a file out of `incoming/`, if it is still the one that was read."""
        source = self._folder / INCOMING / file.name
        if not same(source.lstat(), file.status):
            return False
        source.rename(target)
        moved = same(target.lstat(), file.status)
        if not moved:
            self._give_back(target, file.name)
        sync_folder(target.parent)
        sync_folder(source.parent)
        return moved

    def _give_back(self, target: Path, name: str) -> None:
        """Put a file back that took the place of the one that was read between the last look and the move; where the
        next has come already, under another name."""
        for candidate in candidates(name):
            with contextlib.suppress(FileExistsError):
                os.link(target, self._folder / INCOMING / candidate, follow_symlinks=False)
                return target.unlink()


def _reason(error: Exception) -> str:
    """What keeps a file where it is, for the log, without its name: what the exchange or the system refuses, or where
    it failed."""
    if isinstance(error, HieError):
        return error.message
    return f"errno {error.errno}" if isinstance(error, OSError) and error.errno is not None else where(error)
