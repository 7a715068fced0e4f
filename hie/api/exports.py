"""Bulk exports: jobs that write NDJSON files, and what is known about them (Bulk Data Access v1.0.1).

Each job is a folder: `request.json` when it begins, one `<Type>.ndjson` a type, `progress` while it runs, and
`manifest.json` when it is complete. The folder is all that servers need to share: any of them tells how far the job of
another is, gives out its files and ends it by removing the folder. A job without manifest whose `progress` is missing
or old was interrupted. What no client removes goes when it is old, as it is full of patient data.
"""

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from hie.base.errors import Category, HieError
from hie.base.tasks import end
from hie.store.port import Version

_JOB = re.compile(r"[A-Za-z0-9\-]{1,64}")
_FILE = re.compile(r"[A-Z][A-Za-z]+\.ndjson")
_BREATH = 200
_TELL_SECONDS = 1.0

SILENT_SECONDS = 120.0
"""After how long without news the job of another server is taken for dead: more than one page of a search may take."""

Failed = Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is exported and for whom: `url` the kick-off request, `owner` the principal, `began` an instant."""

    url: str
    owner: str
    began: str


@dataclass(slots=True)
class _Running:
    task: asyncio.Task[None]
    written: int = 0
    told: float = 0.0


@dataclass
class Exports:
    """All jobs below one folder, which the servers on one store may share; their files are kept for `keep_seconds`."""

    folder: Path
    failed: Failed
    keep_seconds: float
    running: dict[str, _Running] = field(default_factory=dict)

    def start(self, job: str, asked: Asked, versions: AsyncIterator[Version]) -> None:
        """Begin a job."""
        place = self.folder / job
        place.mkdir(parents=True)
        _write(place / "request.json", {"url": asked.url, "owner": asked.owner, "began": asked.began})
        (place / "progress").write_text("0")
        self.running[job] = _Running(asyncio.create_task(self._run(job, place, versions)))

    async def _run(self, job: str, place: Path, versions: AsyncIterator[Version]) -> None:
        running = self.running[job]
        counts: dict[str, int] = {}
        files: dict[str, BinaryIO] = {}
        try:
            async for version in versions:
                if version.type not in files:
                    files[version.type] = (place / f"{version.type}.ndjson").open("wb")
                files[version.type].write(version.body + b"\n")
                counts[version.type] = counts.get(version.type, 0) + 1
                running.written += 1
                if running.written % _BREATH == 0:
                    _tell(place, running)
                    await asyncio.sleep(0)
            for file in files.values():
                file.close()
            _write(place / "manifest.json", counts)
        except Exception as error:
            self._ended(place, error)
        finally:
            for file in files.values():
                file.close()
            (place / "progress").unlink(missing_ok=True)
            self.running.pop(job, None)

    def _ended(self, place: Path, error: Exception) -> None:
        """Report an error, unless it is that another server removed the folder."""
        if place.exists():
            self.failed(error)

    def request(self, job: str, owner: str) -> dict[str, Any]:
        """What was asked; raises NOT_FOUND for a job that is unknown or somebody else's."""
        place = self._place(job)
        try:
            request: dict[str, Any] = orjson.loads((place / "request.json").read_bytes())
        except (OSError, ValueError):
            raise _unknown() from None
        if request["owner"] != owner:
            raise _unknown()
        return request

    def progress(self, job: str) -> int | None:
        """Resources written so far, here or by another server; None when the job does not run."""
        running = self.running.get(job)
        if running is not None:
            return running.written
        place = self._place(job)
        try:
            silent = time.time() - (place / "progress").stat().st_mtime
            written = int((place / "progress").read_text() or 0)
        except (OSError, ValueError):
            return None
        return None if silent > SILENT_SECONDS or (place / "manifest.json").exists() else written

    def counts(self, job: str) -> dict[str, int]:
        """Type -> resources of a complete job; raises INTERNAL for one that was interrupted."""
        try:
            counts: dict[str, int] = orjson.loads((self._place(job) / "manifest.json").read_bytes())
        except (OSError, ValueError):
            raise HieError(Category.INTERNAL, "The export was interrupted; start it again") from None
        return counts

    def expires(self, job: str) -> float:
        """When the files of a complete job are removed, in seconds since 1970; raises NOT_FOUND."""
        try:
            return (self._place(job) / "manifest.json").stat().st_mtime + self.keep_seconds
        except OSError:
            raise _unknown() from None

    def sweep(self) -> int:
        """Remove jobs that were last written longer ago than they are kept, whosever they were; returns how many."""
        old = [
            place
            for place in (request.parent for request in self.folder.glob("*/request.json"))
            if place.name not in self.running and time.time() - _last_written(place) > self.keep_seconds
        ]
        for place in old:
            shutil.rmtree(place, ignore_errors=True)
        return len(old)

    def file(self, job: str, name: str) -> Path:
        """The path of a file of a job; raises NOT_FOUND."""
        path = self._place(job) / name
        if not _FILE.fullmatch(name) or not path.is_file():
            raise _unknown()
        return path

    def remove(self, job: str) -> None:
        """Stop a job and delete its files."""
        running = self.running.pop(job, None)
        if running is not None:
            running.task.cancel()
        shutil.rmtree(self._place(job), ignore_errors=True)

    async def close(self) -> None:
        """Stop all jobs."""
        await end(*(running.task for running in self.running.values()))

    def _place(self, job: str) -> Path:
        if not _JOB.fullmatch(job):
            raise _unknown()
        return self.folder / job


def _tell(place: Path, running: _Running) -> None:
    """Let other servers know how far a job is, once in a while; FileNotFoundError when one of them has ended it."""
    if time.monotonic() - running.told >= _TELL_SECONDS:
        running.told = time.monotonic()
        (place / "progress").write_text(str(running.written))


def _last_written(place: Path) -> float:
    """When anything of a job was written last, in seconds since 1970; the present for one that is being removed."""
    try:
        return max(path.stat().st_mtime for path in (place, *place.iterdir()))
    except OSError:
        return time.time()


def _write(path: Path, content: dict[str, Any]) -> None:
    """A file that is there whole or not at all, whoever looks."""
    part = path.with_suffix(".part")
    part.write_bytes(orjson.dumps(content))
    os.replace(part, path)


def _unknown() -> HieError:
    return HieError(Category.NOT_FOUND, "There is no such export")
