"""Tallies: counted once for every settled item, whatever comes again, and taken back by what changes it."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hie.base.finding import finding
from hie.base.tally import Cause, Tally
from hie.pipeline.close import dimension_of
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.operate import Operator
from hie.pipeline.retry import try_again
from hie.staging.states import MAX_ATTEMPTS
from hie.staging.tallies import MOST_NAMES, OTHERS, arrivals, counts_of_part, tallies
from tests.pipeline.world import START, World, key, patient

DAY = "2026-04-01"
"""`START` is 08:00 in China."""


def by(organisation: str, **part: Any) -> dict[str, Any]:
    return {**part, "from": organisation}


async def counted(world: World, organisation: str) -> Tally:
    [one] = await tallies(world.store, [DAY], feed="test", organisation=organisation)
    return one


async def test_an_item_is_counted_under_its_sender_day_and_hour(world: World) -> None:
    await world.send(by("ORG-A", **patient("1"), findings=["id-checksum", "null-text"]))
    await world.send(by("ORG-B", **patient("2")), by("ORG-A", **patient("3")))
    one = await counted(world, "ORG-A")
    assert (one.items, one.checked, one.resources, one.state) == (1, 2, 2, "open")
    assert await arrivals(world.store, "test", START - timedelta(hours=8), START) == {
        "ORG-A": Counter({START: 1}),
        "ORG-B": Counter({START: 1}),
    }
    assert one.failed == {"规范性": 1}
    assert one.found == {Cause("warn", "id-checksum", "", "", "规范性"): 1, Cause("info", "null-text", "", ""): 1}
    assert set(one.samples) == set(one.found)
    assert (await counted(world, "ORG-B")).items == 1


async def test_the_same_bytes_and_a_copied_part_count_once(world: World) -> None:
    part = by("ORG-A", **patient("1"), findings=["id-checksum"], hash=True)
    for _ in range(3):
        await world.send(part)
    await world.send(part, by("ORG-A", **patient("2")))
    one = await counted(world, "ORG-A")
    assert (one.items, one.checked, one.failed) == (2, 2, {"规范性": 1})
    assert sum(one.found.values()) == 1


async def test_a_replay_counts_what_is_stored_afterwards_and_no_more(world: World) -> None:
    answer = await world.send(by("ORG-A", **patient("1"), findings=["id-checksum"]), by("ORG-B", **patient("2")))
    before = [await counted(world, name) for name in ("ORG-A", "ORG-B")]
    hours = await arrivals(world.store, "test", START, START)
    for _ in range(2):
        await world.operator.replay(answer["id"])
    assert [await counted(world, name) for name in ("ORG-A", "ORG-B")] == before
    assert await arrivals(world.store, "test", START, START) == hours


async def test_an_unregistered_sender_is_counted_under_no_name(world: World) -> None:
    await world.send(by("ORG-X", **patient("1")))
    await world.send_bytes(b"no json")
    one = await counted(world, "")
    assert (one.items, one.checked) == (2, 2)
    assert one.found == {Cause("reject", "message-malformed", "", "", "规范性"): 1}


async def test_a_release_takes_the_quarantine_finding_back(world: World) -> None:
    answer = await world.send(by("ORG-A", **patient("1"), findings=["field-too-long"]))
    assert (await counted(world, "ORG-A")).found == {Cause("quarantine", "field-too-long", "", "", "规范性"): 1}
    await world.operator.release(answer["id"])
    one = await counted(world, "ORG-A")
    assert one.found == {Cause("warn", "field-too-long", "", "", "规范性"): 1}
    assert (one.items, one.checked, one.resources) == (1, 1, 1)


async def test_what_was_counted_in_a_dimension_is_taken_back_from_it_when_its_rule_is_moved(world: World) -> None:
    held = await world.send(by("ORG-A", **patient("1"), findings=["field-too-long"]))
    sent = await world.send(by("ORG-A", **patient("2"), findings=["id-checksum"]))
    moved = replace(world.runtime, dimension=lambda _: "关联性")
    operator = Operator(world.store, {"test": moved}, world.clock, "tester")
    assert [dimension_of(cause, moved) for cause in (await counted(world, "ORG-A")).found] == ["规范性", "规范性"]
    await operator.release(held["id"])
    one = await counted(world, "ORG-A")
    assert one.failed == {"规范性": 1, "关联性": 1}
    assert one.found == {
        Cause("warn", "id-checksum", "", "", "规范性"): 1,
        Cause("warn", "field-too-long", "", "", "关联性"): 1,
    }
    await operator.replay(sent["id"])
    assert (await counted(world, "ORG-A")).failed == {"关联性": 2}


async def test_what_was_counted_before_dimensions_were_kept_is_taken_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FeedRuntime, "weighed", lambda _, findings: tuple(findings))
    sent = await world.send(by("ORG-A", **patient("1"), findings=["id-checksum"]))
    [cause] = (await counted(world, "ORG-A")).found
    assert (cause.dimension, dimension_of(cause, world.runtime)) == (None, "规范性")
    monkeypatch.undo()
    await world.operator.replay(sent["id"])
    one = await counted(world, "ORG-A")
    assert (one.failed, one.found) == ({"规范性": 1}, {cause._replace(dimension="规范性"): 1})


async def test_a_parent_that_comes_later_heals_the_tally(world: World) -> None:
    child = by("ORG-A", **patient("1"), needs=[["Encounter", "9"]])
    await world.send(child)
    assert (await counted(world, "ORG-A")).failed == {"关联性": 1}
    await world.send(by("ORG-B", says=[{"target": ["Encounter", "9"], "order": "1", "slots": {"status": "finished"}}]))
    one = await counted(world, "ORG-A")
    assert (one.failed, one.found, one.checked) == ({}, {}, 1)
    assert await world.resource("Encounter", "9") is not None
    assert key("Patient", "1").id


async def test_an_item_in_flight_is_counted_when_it_is_settled(world: World) -> None:
    await world.send_bytes(b'"explode"')
    assert await tallies(world.store, [DAY]) == []
    for _ in range(MAX_ATTEMPTS):
        world.clock.advance(2000)
        await try_again(world.store, dict(world.ingest.feeds), world.clock)
    one = await counted(world, "")
    assert (one.items, one.found) == (1, {Cause("quarantine", "internal-error", "", "", "规范性"): 1})


async def test_paths_are_counted_without_indexes_and_bounded(world: World) -> None:
    for n in range(3):
        await world.send(by("ORG-A", **patient(str(n)), paths=[f"OBX[{n}]-5", f"Z{n}"]))
    one = await counted(world, "ORG-A")
    assert one.found[Cause("info", "field-unmapped", "", "OBX-5")] == 3
    many = [f"Z{n}" for n in range(600)]
    await world.send(by("ORG-A", **patient("9"), paths=many))
    one = await counted(world, "ORG-A")
    assert len(one.found) < 410
    assert sum(one.found.values()) == 606


async def test_what_found_no_room_in_a_full_tally_is_taken_back_as_exactly(world: World) -> None:
    """Where it stands is not known any more: counters have become free since."""
    first = await world.send(by("ORG-A", **patient("1"), paths=[f"Z{n}" for n in range(MOST_NAMES)]))
    last = await world.send(by("ORG-A", **patient("2"), paths=["Y1", "Y2", "Y3"]))
    full = await counted(world, "ORG-A")
    assert full.found[Cause("info", "field-unmapped", "", OTHERS)] > 3
    await world.mended(lambda part: {**part, "paths": part["paths"][:1]}).replay(first["id"])
    await world.send(by("ORG-A", **patient("3"), paths=["Y1"]))
    assert sum((await counted(world, "ORG-A")).found.values()) == 5
    await world.mended(lambda part: {**part, "paths": ["Y3"]}).replay(last["id"])
    one = await counted(world, "ORG-A")
    assert (sum(one.found.values()), sum(one.unknown.values())) == (3, 3)
    await world.mended(lambda part: {**part, "paths": []}).replay_all()
    assert (await counted(world, "ORG-A")).found == {}


async def test_arrivals_show_the_rhythm_of_a_feed(world: World) -> None:
    await world.send(by("ORG-A", **patient("1")))
    world.clock.advance(2 * 3600)
    await world.send(by("ORG-A", **patient("2")))
    await world.send(by("ORG-B", **patient("3")))
    late = START + timedelta(hours=2)
    for since, asked in ((START - timedelta(hours=9), {START, late}), (START + timedelta(hours=1), {late})):
        seen = await arrivals(world.store, "test", since + timedelta(minutes=59), late)
        assert seen == {"ORG-A": dict.fromkeys(asked, 1), "ORG-B": {late: 1}}
    assert await arrivals(world.store, "test", START, START + timedelta(minutes=119)) == {"ORG-A": {START: 1}}


def test_what_a_checked_part_stands_for() -> None:
    found = [finding("type-unknown"), finding("field-unmapped", "A[2]"), finding("id-checksum", "B")]
    counted = counts_of_part([*found, found[1]], 0, lambda one: {"B": "conformity"}.get(one.path, ""), "T|1")
    assert counted == {
        "checked": 1,
        "type|T/1": 1,
        "unmapped|T/1": 1,
        "unknown|T/1|A": 1,
        "found|reject|type-unknown||": 1,
        "found|info|field-unmapped||A": 2,
        "found|warn|id-checksum||B": 1,
        "failed|conformity": 1,
    }
    weighed = replace(found[2], dimension="规范性")
    assert counts_of_part([weighed], 0, lambda _: "", "T") == {
        "checked": 1,
        "type|T": 1,
        "fault|规范性|warn|id-checksum||B": 1,
        "failed|规范性": 1,
    }
    assert counts_of_part((), 3, lambda _: "", "T") == {"checked": 1, "type|T": 1, "resources": 3}
