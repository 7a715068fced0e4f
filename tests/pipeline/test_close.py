"""Closing days: one report for each feed, organisation and day, by one process, and again when the day changes."""

import json
from typing import Any

import pytest

from hie.base.errors import HieError
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.pipeline.close import LEASE_SECONDS, close_days
from hie.quality.measure import MEASURE_ID
from hie.store.lease import Lease, take
from hie.store.port import Store
from tests.pipeline.world import World, patient

DAY = 24 * 3600


def by(organisation: str, **part: Any) -> dict[str, Any]:
    return {**part, "from": organisation}


async def close(world: World, process: str = "p1") -> int:
    return await close_days(world.store, world.ingest.feeds, world.clock, process)


async def reports(world: World) -> dict[str, tuple[int, dict[str, Any]]]:
    found = {}
    async for version in world.store.versions("MeasureReport"):
        report = json.loads(version.body)
        found[report["identifier"][0]["value"]] = (version.version, report)
    return found


async def test_a_day_is_closed_when_it_is_over_in_china(world: World) -> None:
    await world.send(by("ORG-A", **patient("1"), findings=["id-checksum"]), by("ORG-A", **patient("2")))
    await world.send(by("ORG-B", **patient("3")))
    world.clock.advance(15 * 3600)
    assert await close(world) == 0
    world.clock.advance(3600)
    assert await close(world) == 2
    assert await close(world) == 0
    found = await reports(world)
    assert set(found) == {"test|ORG-A|2026-04-01", "test|ORG-B|2026-04-01"}
    version, report = found["test|ORG-A|2026-04-01"]
    assert version == 1
    assert report["period"] == {"start": "2026-04-01T00:00:00+08:00", "end": "2026-04-01T23:59:59+08:00"}
    assert report["reporter"]["reference"].startswith("Organization/")
    shares = {group["code"]["coding"][0]["code"]: group["measureScore"]["value"] for group in report["group"]}
    assert shares == {"conformity": 50.0, "reference": 100.0}
    [conformity] = [group for group in report["group"] if group["code"]["coding"][0]["code"] == "conformity"]
    assert [population["count"] for population in conformity["population"]] == [2, 1]
    [stratum] = conformity["stratifier"][0]["stratum"]
    assert (stratum["value"]["coding"][0]["code"], stratum["population"][0]["count"]) == ("id-checksum", 1)


async def test_reports_and_their_measure_are_valid(world: World) -> None:
    await world.send(by("ORG-A", **patient("1"), findings=["id-checksum", "orphan-reference"]), by("", **patient("2")))
    world.clock.advance(DAY)
    assert await close(world) == 2
    validator = Validator(official())
    measure = await world.store.read("Measure", MEASURE_ID)
    assert measure is not None
    for resource in [json.loads(measure.body), *(report for _, report in (await reports(world)).values())]:
        assert [issue for issue in validator.all_issues(resource) if issue.fails] == []


async def test_a_change_to_a_closed_day_issues_its_report_anew(world: World) -> None:
    """A part that waits for its parent over midnight."""
    await world.send(by("ORG-A", **patient("1"), needs=[["Encounter", "9"]]))
    world.clock.advance(DAY)
    await close(world)
    _, before = (await reports(world))["test|ORG-A|2026-04-01"]
    await world.send(by("ORG-B", says=[{"target": ["Encounter", "9"], "order": "1", "slots": {"status": "finished"}}]))
    assert await close(world) == 1
    version, after = (await reports(world))["test|ORG-A|2026-04-01"]
    assert (version, after["id"]) == (2, before["id"])
    assert [group["measureScore"]["value"] for group in before["group"]] == [100.0, 0.0]
    assert [group["measureScore"]["value"] for group in after["group"]] == [100.0, 100.0]
    assert await close(world) == 0


async def test_a_replay_that_changes_nothing_makes_no_new_version(world: World) -> None:
    answer = await world.send(by("ORG-A", **patient("1")))
    world.clock.advance(DAY)
    await close(world)
    await world.operator.replay(answer["id"])
    assert await close(world) == 0
    assert [version for version, _ in (await reports(world)).values()] == [1]


async def test_only_the_leader_closes_and_another_takes_over(world: World) -> None:
    await world.send(by("ORG-A", **patient("1")))
    world.clock.advance(DAY)
    assert await take(world.store, world.clock, "close-day", "p0", LEASE_SECONDS) is not None
    assert await close(world, "p1") == 0
    world.clock.advance(LEASE_SECONDS)
    assert await close(world, "p1") == 1
    assert await close(world, "p2") == 0


async def test_a_leader_that_was_paused_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.send(by("ORG-A", **patient("1")))
    world.clock.advance(DAY)

    async def paused(store: Store, clock: Any, name: str, holder: str, seconds: float) -> Lease | None:
        lease = await take(store, clock, name, holder, seconds)
        world.clock.advance(seconds)
        assert await take(store, clock, name, "p2", seconds) is not None
        return lease

    with monkeypatch.context() as patch:
        patch.setattr("hie.pipeline.close.take", paused)
        with pytest.raises(HieError):
            await close(world, "p1")
    assert await reports(world) == {}
    assert await close(world, "p2") == 1
