"""Operators: quarantine, release, discard, replay, retry, verify."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from hie.base.draft import Draft
from hie.base.errors import Category, HieError
from hie.base.record import Delivery, Parsed
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.operate import Operator
from hie.pipeline.prepare import Prepared
from hie.pipeline.retry import try_again
from hie.pipeline.verify import verify
from hie.pipeline.workers import NoWorker
from hie.staging.ledger import ledger
from hie.staging.states import LONGEST_BACKOFF, MAX_ATTEMPTS
from hie.staging.tables import AUDIT, RAW_ITEM
from hie.staging.tallies import tallies
from hie.store.memory import MemoryStore
from hie.store.port import Transaction
from hie.store.table import Row
from tests.pipeline.world import TABLES, Part, World, key, patient


def saying(world: World, *parts: Part) -> Operator:
    """An operator whose parser reads these parts in whatever came."""
    runtime, body = world.runtime, json.dumps(parts).encode()
    mended = replace(runtime, parse=lambda delivery: runtime.parse(replace(delivery, body=body)))
    return Operator(world.store, {"test": mended}, world.clock, "tester")


async def test_release_processes_in_spite_of_the_finding(world: World) -> None:
    answer = await world.send({**patient("1"), "findings": ["field-too-long"]})
    assert answer["status"] == "quarantined"
    assert await world.resource("Patient", "1") is None
    assert await world.operator.release(answer["id"]) == "stored"
    assert await world.operator.release(answer["id"]) == "stored"
    assert await world.resource("Patient", "1") is not None
    assert await world.operator.held() == []
    assert [row["action"] for row in await world.store.select(AUDIT, {})] == ["release"]


async def test_a_part_that_contradicts_what_is_stored_is_released_in_spite_of_it() -> None:
    world = World(MemoryStore(TABLES))
    await world.send(patient("1", gender="male"))
    claim = [["Patient", "1"], "female", "gender", "envelope-mismatch", "BRXB"]
    answer = await world.send({**patient("2"), "claims": [claim]})
    assert (answer["status"], answer["findings"]) == ("quarantined", ["envelope-mismatch"])
    assert await world.operator.release(answer["id"]) == "stored"
    assert await world.resource("Patient", "2") is not None
    assert await world.operator.held() == []


async def test_discard_needs_a_reason_and_keeps_the_bytes(world: World) -> None:
    answer = await world.send({**patient("1"), "findings": ["envelope-mismatch"]})
    with pytest.raises(HieError):
        await world.operator.discard(answer["id"], " ")
    assert await world.operator.discard(answer["id"], "sent by mistake") == "rejected"
    row = await world.store.get(RAW_ITEM, answer["id"])
    assert row is not None
    assert row["body"]
    books = await ledger(world.store)
    assert (books.rejected, books.quarantined, books.balanced) == (1, 0, True)


async def test_discarding_what_is_not_held_changes_nothing(world: World) -> None:
    answer = await world.send(*({**patient(n), "findings": ["field-too-long"]} for n in "12"))
    for part in (0, 0):
        assert await world.operator.discard(answer["id"], "sent by mistake", part) == "quarantined"
    for act in (world.operator.release(answer["id"], 99), world.operator.discard(answer["id"], "by mistake", 99)):
        with pytest.raises(HieError, match=r"no part 99: its parts are 0 to 1\.") as refused:
            await act
        assert refused.value.category is Category.NOT_FOUND
    assert [str(row["target"])[-2:] for row in await world.store.select(AUDIT, {})] == ["/0"]


async def test_items_are_replayed_in_order_and_some_of_them_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, each waited for the disks of a majority."""
    sent = []
    for number in "54321":
        world.clock.advance(1)
        sent.append((await world.send(patient(number)))["id"])
    write, waiting, most = world.store.write, 0, 0

    async def seen(job: Any) -> Any:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        await asyncio.sleep(0)
        try:
            return await write(job)
        finally:
            waiting -= 1

    monkeypatch.setattr(world.store, "write", seen)
    monkeypatch.setattr("hie.pipeline.operate.TOGETHER", 2)
    assert await world.operator.replay_all() == {"stored": 5}
    assert most == 2
    acts = [version.body.decode() for _, version in await world.store.log() if version.type == "AuditEvent"]
    assert all(item in act for item, act in zip(sent, acts, strict=True))


async def test_replay_yields_what_a_fresh_run_would(world: World) -> None:
    first = await world.send(patient("1", "1", gender="male"))
    await world.send(patient("1", "2", birthDate="1968-04-17"))
    before = await world.all()
    assert await world.operator.replay(first["id"]) == "stored"
    assert await world.all() == before
    result = await verify(world.store, world.operator)
    assert (result.sound, result.items, result.problems) == (True, 2, ())
    assert result.resources == len([version async for version in world.store.versions()]) > 2


async def test_a_failing_item_is_retried_and_given_up_in_the_end(world: World) -> None:
    answer = await world.send_bytes(b'"explode"')
    assert await try_again(world.store, dict(world.ingest.feeds), world.clock) == 0
    tries = 0
    for _ in range(MAX_ATTEMPTS + 2):
        world.clock.advance(2000)
        tries += await try_again(world.store, dict(world.ingest.feeds), world.clock)
    assert tries == MAX_ATTEMPTS - 1
    row = await world.store.get(RAW_ITEM, answer["id"])
    assert row is not None
    assert row["state"] == "quarantined"
    assert [held.cause for held in await world.operator.held()] == ["internal-error"]
    assert (await ledger(world.store)).balanced


@pytest.mark.parametrize("by_sender", [True, False])
async def test_what_is_too_much_for_the_store_is_tried_once_more_and_given_up(world: World, by_sender: bool) -> None:
    """Each of its six tries, and each time that it was sent again, kept all other writes waiting for up to 50 s."""

    def too_much(*_: object) -> Draft:
        raise HieError(Category.TOO_LARGE, "The store says which setting.")

    runtime = replace(world.runtime, draft=too_much)
    world.ingest.change([runtime])
    answer = await world.send(patient("1"))
    assert (await world.operator.item(answer["id"]))["state"] == "retry"
    if by_sender:
        told = await world.ingest.receive("test", json.dumps([patient("1")]).encode())
        assert (told.status, json.loads(told.body)["findings"]) == (200, ["internal-error"]), "503 would be: again"
    else:
        world.clock.advance(2000)
        assert await try_again(world.store, {"test": runtime}, world.clock) == 1
    assert (await world.operator.item(answer["id"]))["state"] == "quarantined"
    [held] = await world.operator.held()
    assert [f.text for f in held.findings] == ["The exchange failed; the item is kept: The store says which setting."]
    assert [one.items for one in await tallies(world.store, ["2026-04-01"])] == [1]
    operator = Operator(world.store, {"test": runtime}, world.clock, "tester")
    with pytest.raises(HieError, match=rf"Item {answer['id']} is too much for the store: The store says"):
        await operator.release(answer["id"])
    assert await operator.replay_all() == {"failed": 1}, "the others have their turn"
    assert (await world.send(patient("1")))["status"] == "quarantined"
    assert await world.operator.release(answer["id"]) == "stored"
    assert (await ledger(world.store)).balanced


async def test_an_item_for_which_no_worker_comes_waits_and_no_attempt_is_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def nobody(
        runtime: FeedRuntime, delivery: Delivery, *, suspect: bool = False
    ) -> tuple[Parsed, list[Prepared]]:
        raise NoWorker("No worker process comes up.")

    items = [(await world.send_bytes(body))["id"] for body in (b'"explode"', b' "explode"')]
    for _ in range(MAX_ATTEMPTS + 2):
        world.clock.advance(2000)
        assert await try_again(world.store, dict(world.ingest.feeds), world.clock, nobody) == 0
    for item in items:
        row = await world.operator.item(item)
        assert (row["state"], row["attempts"]) == ("retry", 1)
    said = [message for message in caplog.messages if message.startswith("retry waits")]
    assert len(said) == MAX_ATTEMPTS + 2, "the others are not asked for as well"
    assert said[0].endswith("reason=No worker process comes up.")


async def test_what_a_clock_that_was_ahead_put_off_is_tried_now(world: World) -> None:
    """It waited until that time had come."""
    for body in (b'"explode"', b' "explode"'):
        await world.send_bytes(body)
    world.clock.advance(-86_400)
    assert await try_again(world.store, dict(world.ingest.feeds), world.clock) == 2
    assert await try_again(world.store, dict(world.ingest.feeds), world.clock) == 0
    world.clock.advance(LONGEST_BACKOFF)
    assert await try_again(world.store, dict(world.ingest.feeds), world.clock) == 2


async def test_what_failed_of_a_feed_whose_adapter_is_gone_waits_for_it(world: World) -> None:
    """It ended the round of everything behind it, each time, and its attempts were used up."""
    gone, ours = [(await world.send_bytes(body))["id"] for body in (b'"explode"', b' "explode"')]
    row = await world.operator.item(gone)
    await world.store.write(lambda tx: tx.upsert(RAW_ITEM, {**row, "feed": "gone", "due": int(row["due"]) - 1}))
    for tried in (1, 0):
        world.clock.advance(10)
        assert await try_again(world.store, dict(world.ingest.feeds), world.clock) == tried
    assert [(await world.operator.item(item))["attempts"] for item in (gone, ours)] == [1, 2]


@pytest.mark.parametrize(("failed", "tried"), [(RuntimeError(), 1), (NoWorker("none"), 0)])
async def test_a_failure_leaves_alone_what_was_settled_meanwhile(world: World, failed: Exception, tried: int) -> None:
    """An operator settles the item while a retry prepares it, which then fails, or waits for a worker in vain."""
    answer = await world.send_bytes(b'"explode"')
    operator = saying(world, patient("1"))

    async def overtaken(
        runtime: FeedRuntime, delivery: Delivery, *, suspect: bool = False
    ) -> tuple[Parsed, list[Prepared]]:
        await operator.replay(answer["id"])
        raise failed

    world.clock.advance(2000)
    assert await try_again(world.store, dict(world.ingest.feeds), world.clock, overtaken) == tried
    assert (await operator.item(answer["id"]))["state"] == "stored"
    assert [one.items for one in await tallies(world.store, ["2026-04-01"])] == [1]


async def test_a_failure_leaves_alone_what_another_one_tries(world: World) -> None:
    answer = await world.send_bytes(b'"explode"')

    async def sent_again(
        runtime: FeedRuntime, delivery: Delivery, *, suspect: bool = False
    ) -> tuple[Parsed, list[Prepared]]:
        assert (await world.send_bytes(b'"explode"'))["findings"] == ["internal-error"]
        assert (await world.operator.item(answer["id"]))["state"] == "leased"
        raise RuntimeError

    world.clock.advance(2000)
    await try_again(world.store, dict(world.ingest.feeds), world.clock, sent_again)
    row = await world.operator.item(answer["id"])
    assert (row["state"], row["attempts"]) == ("retry", 2)


async def test_who_sends_again_and_again_puts_off_no_try_and_uses_none_up(world: World) -> None:
    """Each failure of what was sent again put the next try off, and counted as one, so that none ever came."""
    answer = await world.send_bytes(b'"explode"')
    for _ in range(MAX_ATTEMPTS):
        before = await world.operator.item(answer["id"])
        for _ in range(3):
            assert (await world.send_bytes(b'"explode"'))["findings"] == ["internal-error"]
        assert await world.operator.item(answer["id"]) == before
        world.clock.advance(2000)
        await try_again(world.store, dict(world.ingest.feeds), world.clock)
    assert (await world.operator.item(answer["id"]))["state"] == "quarantined"


async def test_who_sends_again_what_had_failed_is_told_what_became_of_it(world: World) -> None:
    answer = await world.send_bytes(b'"explode"')
    assert await saying(world, patient("1")).replay(answer["id"]) == "stored"
    row = await world.operator.item(answer["id"])
    assert (row["answer_type"], row["answer_status"]) == ("application/json", 200)
    again = await world.send_bytes(b'"explode"')
    assert (again["status"], again["parts"]) == ("duplicate", ["accepted"])


async def test_verify_finds_a_changed_byte_and_a_lost_item(world: World) -> None:
    answer = await world.send(patient("1"))
    other = await world.send(patient("2"))
    row = await world.store.get(RAW_ITEM, answer["id"])
    assert row is not None
    assert isinstance(row["body"], bytes)
    spoilt = {**row, "body": row["body"].replace(b"Patient", b"Pat1ent")}
    await world.store.write(lambda tx: tx.upsert(RAW_ITEM, spoilt))
    await world.store.write(lambda tx: tx.remove(RAW_ITEM, {"id": other["id"]}))
    result = await verify(world.store, world.operator)
    assert not result.sound
    assert any("do not match their hash" in problem for problem in result.problems)
    assert any(problem.startswith("ledger:") for problem in result.problems)


async def test_what_a_feed_left_whose_adapter_is_gone_is_verified_too(world: World) -> None:
    """A store was not sound while the package of a region was not installed: its items were not there."""
    answer = await world.send(patient("1"))
    bare = Operator(world.store, {}, world.clock, "tester")
    found = await verify(world.store, bare)
    assert (found.sound, found.items) == (True, 1)
    for act in (bare.replay, bare.release, bare.rehearse):
        with pytest.raises(HieError, match="of the feed test, whose adapter is not installed here"):
            await act(answer["id"])
    row = await world.store.get(RAW_ITEM, answer["id"])
    assert row is not None
    await world.store.write(lambda tx: tx.upsert(RAW_ITEM, {**row, "body": b"[]"}))
    assert not (await verify(world.store, bare)).sound


async def test_what_comes_in_while_it_is_verified_is_no_problem(world: World) -> None:
    """A store under traffic was not sound: items had come since the ledger was read."""
    await world.send(patient("1"))
    count = world.store.count

    async def counting(*given: Any) -> int:
        await world.send(patient(str(world.clock.now())))
        return await count(*given)

    class Busy(Operator):
        async def items(self, **given: Any) -> AsyncIterator[Row]:
            await world.send(patient("2"))
            async for row in super().items(**given):
                yield row

    world.store.count = counting  # type: ignore[method-assign]
    books = await ledger(world.store)
    assert books.balanced
    assert (await verify(world.store, Busy(world.store, {"test": world.runtime}, world.clock, "tester"))).sound


async def test_items_are_told_once_each_wherever_a_page_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hie.pipeline.items.PAGE", 3)
    times = (1, 2, 2, 2, 2, 3, 4, 4)
    moments = {str((await world.send(patient(str(n))))["id"]): moment for n, moment in enumerate(times)}

    async def move(tx: Transaction) -> None:
        for item, moment in moments.items():
            await tx.update(RAW_ITEM, {"id": item, "received": moment})

    await world.store.write(move)
    told = [str(row["id"]) async for row in world.operator.items()]
    assert (sorted(told), [moments[item] for item in told]) == (sorted(moments), [*times])


async def test_an_item_is_found_by_a_prefix_of_its_id(world: World) -> None:
    answer = await world.send(patient("1"))
    assert (await world.operator.item(answer["id"][:8]))["id"] == answer["id"]
    other = {**await world.operator.item(answer["id"]), "id": answer["id"][:-1] + "x"}
    await world.store.write(lambda tx: tx.insert(RAW_ITEM, other))
    assert (await world.operator.item(answer["id"]))["id"] == answer["id"]
    for given, told in (
        ("00000000", "no raw item"),
        (answer["id"][:5], "the first 6"),
        (answer["id"][:8], "More than one"),
    ):
        with pytest.raises(HieError, match=told):
            await world.operator.item(given)
    assert key("Patient", "1").reference in answer["resources"]
