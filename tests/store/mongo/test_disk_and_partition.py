"""A full disk on the primary, and a primary that is cut off: what was acknowledged stays, writes come back elsewhere.

The disk is a small file system in memory (needs root, else skipped); the cut is a pause of both other members, after
which the primary must stop acknowledging.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hie.base.errors import HieError
from hie.store.mongo import MongoStore, open_mongo
from hie.store.port import Transaction
from hie.store.table import Table
from tests.mongod import Member, ReplicaSet, find_mongod, primary_of, unusable

BLOB = Table("blob", {"id": str, "body": bytes}, key=("id",))
DISK = "420m"
"""Room for an empty member (journal and oplog are made at once) and little else."""


def mounted(folder: Path) -> bool:
    """Whether a small file system could be mounted there."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "hie-test", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(mongodb_uri: str, tmp_path: Path) -> Iterator[ReplicaSet]:
    """Three members, of which the first has a small disk and is preferred as primary."""
    mongod = find_mongod()
    if mongod is None or unusable(mongod):
        pytest.skip("no mongod of our own to fill")
    folder = tmp_path / "set"
    if not mounted(folder / "0"):
        pytest.skip("a small file system cannot be mounted here")
    try:
        members = ReplicaSet(mongod, keep=folder).start()
        try:
            yield members
        finally:
            members.stop()
    finally:
        subprocess.run(["umount", "-l", str(folder / "0")], check=True)


def lead(members: ReplicaSet, wanted: Member) -> None:
    """Make `wanted` the primary."""
    with members.primary().client() as client:
        config = client.admin.command("replSetGetConfig")["config"]
        config["version"] += 1
        for member in config["members"]:
            member["priority"] = 5 if member["host"] == wanted.address else 1
        client.admin.command("replSetReconfig", config)
    primary_of([wanted])


async def keep(store: MongoStore, name: str, size: int) -> bool:
    """Write a row; whether it was acknowledged."""

    async def job(tx: Transaction) -> None:
        await tx.upsert(BLOB, {"id": name, "body": os.urandom(size)})

    with contextlib.suppress(HieError):
        await store.write(job)
        return True
    return False


async def until_kept(store: MongoStore, name: str, size: int) -> None:
    """Write a row again and again until it is acknowledged, as feeds do."""
    while True:
        if await keep(store, name, size):
            return
        await asyncio.sleep(0.1)


async def kept(store: MongoStore, name: str) -> int:
    """Size of a row; -1 without one. Asked until there is an answer."""
    while True:
        try:
            row = await store.get(BLOB, name)
        except HieError:
            await asyncio.sleep(0.1)
            continue
        return -1 if row is None else len(row["body"])  # type: ignore[arg-type]


async def test_a_primary_whose_disk_is_full_gives_way(small_disk: ReplicaSet) -> None:
    """The full one ends; another takes over; nothing acknowledged is lost, and the rest is written again."""
    full = small_disk.members[0]
    await asyncio.to_thread(lead, small_disk, full)
    store = await open_mongo(small_disk.uri, [BLOB])
    acknowledged = []
    async with asyncio.timeout(150):
        for number in range(400):
            await until_kept(store, f"b{number}", 1 << 20)
            acknowledged.append(f"b{number}")
            if full.process is not None and full.process.poll() is not None:
                break
        assert full.process is not None
        assert full.process.poll() is not None, "its disk did not fill"
        assert await keep(store, "after", 10)
        assert [name for name in acknowledged if await kept(store, name) != 1 << 20] == []
    await store.close()


async def test_a_primary_without_majority_acknowledges_nothing(mongodb_uri: str, tmp_path: Path) -> None:
    """Cut off from the others it neither acknowledges nor answers wrongly; when they are back, writes go on."""
    mongod = find_mongod()
    if mongod is None or unusable(mongod):
        pytest.skip("no mongod of our own to cut off")
    members = await asyncio.to_thread(ReplicaSet(mongod, keep=tmp_path / "set").start)
    try:
        store = await open_mongo(members.uri, [BLOB])
        assert await keep(store, "before", 10)
        primary = await asyncio.to_thread(members.primary)
        others = [member for member in members.members if member is not primary]
        for member in others:
            member.signal(signal.SIGSTOP)
        during = asyncio.create_task(keep(store, "during", 20))
        done, _ = await asyncio.wait([during], timeout=4)
        assert not done, "acknowledged, or given up, without a majority"
        for member in others:
            member.signal(signal.SIGCONT)
        async with asyncio.timeout(40):
            assert await during
            assert await kept(store, "before") == 10
            assert await kept(store, "during") == 20
        await store.close()
    finally:
        members.stop()
