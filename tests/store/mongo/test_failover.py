"""Three members as real processes, and faults on the primary under load: what was acknowledged is there, once.

`HIE_TEST_FAILOVERS` sets how many there are (2 without it). Every message is sent again with the same key until it is
acknowledged, as feeds do; the history of the store then has to show each exactly once.
"""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pymongo import WriteConcern

from hie.base.errors import Category, HieError
from hie.store.mongo import MongoStore, open_mongo
from hie.store.port import HistoryQuery, Transaction
from hie.store.table import Table
from tests.mongod import Member, ReplicaSet, find_mongod, primary_of, unusable

FAILOVERS = int(os.environ.get("HIE_TEST_FAILOVERS", "2"))
SENDERS = 4
CHAINS = 3
MESSAGE = Table("message", {"id": str, "n": int}, key=("id",))
COUNTER = Table("counter", {"name": str, "n": int}, key=("name",))


@dataclass
class Seen:
    """What senders and readers saw."""

    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    longest: float = 0.0


@pytest.fixture
def members(mongodb_uri: str) -> Iterator[ReplicaSet]:
    """A set of its own, as its members are killed; skips where the shared one cannot be."""
    mongod = find_mongod()
    if mongod is None or unusable(mongod):
        pytest.skip("no mongod of our own to kill")
    started = ReplicaSet(mongod).start()
    yield started
    started.stop()


async def send(store: MongoStore, message: str, chain: int) -> None:
    """One message: a row with its key, a version that names it, a count. Known messages change nothing."""

    async def job(transaction: Transaction) -> None:
        if await transaction.get(MESSAGE, message) is not None:
            return
        row = await transaction.get(COUNTER, "all")
        number = int(str(row["n"])) + 1 if row else 1
        await transaction.upsert(COUNTER, {"name": "all", "n": number})
        await transaction.insert(MESSAGE, {"id": message, "n": number})
        await transaction.put({"resourceType": "Basic", "id": f"chain{chain}", "code": {"text": message}})

    await store.write(job)


async def sender(store: MongoStore, name: int, seen: Seen, stop: asyncio.Event) -> None:
    """Sends one message after the other; each again until it is acknowledged."""
    loop, number = asyncio.get_running_loop(), 0
    while not stop.is_set():
        message, began = f"{name}-{number}", loop.time()
        while True:
            try:
                await send(store, message, number % CHAINS)
                break
            except HieError as error:
                seen.refused += 1
                if error.category not in (Category.UNAVAILABLE, Category.TIMEOUT):
                    seen.wrong.append(error.message)
        seen.longest = max(seen.longest, loop.time() - began)
        seen.acknowledged.append(message)
        seen.enough.set()
        number += 1


async def reader(store: MongoStore, seen: Seen, stop: asyncio.Event) -> None:
    """What was there stays there, and versions only grow: an error is allowed, a wrong answer is not."""
    last = 0
    while not stop.is_set():
        try:
            found = await store.read("Basic", "chain0")
        except HieError:
            continue
        version = found.version if found is not None else 0
        if version < last:
            seen.wrong.append(f"read version {version} after {last}")
        last = max(last, version)
        await asyncio.sleep(0.01)


async def check(store: MongoStore, acknowledged: list[str]) -> list[str]:
    """Everything that is wrong with the history, given what was acknowledged."""
    wrong: list[str] = []
    written: Counter[str] = Counter()
    for chain in range(CHAINS):
        query = HistoryQuery("Basic", f"chain{chain}", count=1_000_000)
        versions = list(reversed((await store.history(query)).versions))
        if [version.version for version in versions] != list(range(1, len(versions) + 1)):
            wrong.append(f"chain{chain} has a gap or a fork")
        times = [version.last_updated for version in versions]
        if times != sorted(times):
            wrong.append(f"chain{chain} runs back in time")
        written.update(json.loads(version.body)["code"]["text"] for version in versions)
    rows = {str(row["id"]) for row in await store.select(MESSAGE, {})}
    wrong += [f"lost {message}" for message in acknowledged if message not in rows or message not in written]
    wrong += [f"doubled {message}" for message, times in written.items() if times > 1]
    counter = await store.get(COUNTER, "all")
    if counter is None or not counter["n"] == len(rows) == sum(written.values()):
        wrong.append(f"counted {counter}, rows {len(rows)}, versions {sum(written.values())}")
    return wrong


async def fail(members: ReplicaSet, number: int) -> None:
    """Kill the primary and restart it, or pause it until there is another."""
    old = await asyncio.to_thread(members.primary)
    sort = (signal.SIGKILL, signal.SIGSTOP)[number % 2]
    old.signal(sort)
    await asyncio.to_thread(other_primary, members, old)
    if sort is signal.SIGKILL:
        old.start()
        await asyncio.to_thread(old.wait)
    else:
        old.signal(signal.SIGCONT)


def other_primary(members: ReplicaSet, old: Member) -> None:
    """Wait for a primary that is not `old`."""
    primary_of([member for member in members.members if member is not old])


async def progress(seen: Seen, more: int) -> None:
    """Wait until `more` messages were acknowledged from now on."""
    goal = len(seen.acknowledged) + more
    while len(seen.acknowledged) < goal:
        seen.enough.clear()
        await seen.enough.wait()


async def test_nothing_acknowledged_is_lost_and_nothing_doubled(members: ReplicaSet) -> None:
    store = await open_mongo(members.uri, [MESSAGE, COUNTER])
    seen, stop = Seen(), asyncio.Event()
    tasks = [asyncio.create_task(sender(store, name, seen, stop)) for name in range(SENDERS)]
    tasks.append(asyncio.create_task(reader(store, seen, stop)))
    async with asyncio.timeout(60 + 45 * FAILOVERS):
        for number in range(FAILOVERS):
            await progress(seen, 40)
            await fail(members, number)
        await progress(seen, 40)
        stop.set()
        await asyncio.gather(*tasks)
    wrong = await check(store, seen.acknowledged)
    print(f"{FAILOVERS} failovers: {len(seen.acknowledged)} acknowledged, {seen.refused} refused,", end=" ")
    print(f"longest wait {seen.longest:.1f} s")
    await store.close()
    assert seen.wrong == []
    assert wrong == []
    assert len(seen.acknowledged) >= 40 * (FAILOVERS + 1)


async def test_the_checker_finds_a_lost_write_when_one_member_may_acknowledge(
    members: ReplicaSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with w:1 a write that only the primary has is acknowledged, and lost with it."""
    monkeypatch.setattr("hie.store.mongo.writers.DURABLE", WriteConcern(w=1, j=True))
    store = await open_mongo(members.uri, [MESSAGE, COUNTER])
    for number in range(CHAINS):
        await send(store, f"before-{number}", number)
    primary = await asyncio.to_thread(members.primary)
    others = [member for member in members.members if member is not primary]
    for member in others:
        member.kill()
    await send(store, "only-here", 0)
    primary.kill()
    for member in others:
        member.start()
    await asyncio.to_thread(other_primary, members, primary)
    primary.start()
    await asyncio.to_thread(primary.wait)
    wrong = await check(store, [*(f"before-{number}" for number in range(CHAINS)), "only-here"])
    await store.close()
    assert wrong == ["lost only-here"]
