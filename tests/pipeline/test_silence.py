"""Institutions that stop sending against their own rhythm are noted, once a day."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hie.base.clock import CHINA
from hie.base.data import data_path
from hie.base.silence import Silence
from hie.pipeline.silence import silences, watch
from hie.quality.rules import load_rules
from hie.staging.tallies import day_of, tallies
from tests.pipeline.world import World, patient

RULES = [rule for rule in load_rules(data_path("mappings", "quality")) if rule.scope == "feed"]
HOUR, DAY = 3600, 24 * 3600
WEEK = 7 * DAY
SILENT = [("test", "ORG-A", "feed-not-silent")]


@pytest.fixture
async def busy(world: World) -> World:
    """Three weeks in which ORG-A sends from 8 to 12 on one weekday; the clock then stands at 8 of that weekday."""
    until_8 = (8 - world.clock.now().astimezone(CHINA).hour) % 24 * HOUR
    world.clock.advance(until_8)
    for week in range(3):
        for hour in range(4):
            await world.send({**patient(f"{week}-{hour}"), "from": "ORG-A"})
            world.clock.advance(HOUR)
        world.clock.advance(WEEK - 4 * HOUR)
    return world


async def silent(world: World, process: str = "p1") -> list[tuple[str, str, str]]:
    return await watch(world.store, world.ingest.feeds, RULES, world.clock, process)


async def test_a_feed_is_silent_after_three_busy_hours_without_an_item(busy: World) -> None:
    busy.clock.advance(3 * HOUR - 60)
    assert await silent(busy) == []
    busy.clock.advance(60)
    assert await silent(busy) == SILENT


async def test_a_rule_of_another_region_watches_no_feed_of_this(busy: World) -> None:
    busy.clock.advance(3 * HOUR)
    elsewhere = [replace(rule, regions=frozenset({"kunshan"})) for rule in RULES]
    assert await watch(busy.store, busy.ingest.feeds, elsewhere, busy.clock, "p1") == []


async def test_an_item_ends_the_silence(busy: World) -> None:
    busy.clock.advance(2 * HOUR)
    await busy.send({**patient("x"), "from": "ORG-A"})
    busy.clock.advance(2 * HOUR)
    assert await silent(busy) == []


async def test_hours_that_are_usually_quiet_are_no_silence(busy: World) -> None:
    busy.clock.advance(-2 * DAY)
    assert await silent(busy) == []


async def test_silence_is_counted_once_a_day_by_one_process(busy: World) -> None:
    busy.clock.advance(4 * HOUR)
    assert await silent(busy) == SILENT
    assert await silent(busy) == []
    assert await silent(busy, "p2") == []
    [today] = await tallies(busy.store, [day_of(busy.clock.now())], organisation="ORG-A")
    assert {cause.rule: n for cause, n in today.found.items()} == {"feed-not-silent": 1}
    assert (today.items, today.checked) == (0, 1)


async def test_two_weeks_are_needed_to_know_a_rhythm(world: World) -> None:
    await world.send({**patient("1"), "from": "ORG-A"})
    world.clock.advance(WEEK + 4 * HOUR)
    assert await silent(world) == []


async def now_silent(world: World) -> tuple[Silence, ...]:
    return await silences(world.store, world.ingest.feeds.values(), RULES, world.clock.now())


async def test_a_region_is_silent_since_its_last_item_however_long_that_is_ago(busy: World) -> None:
    busy.clock.advance(60)
    await busy.send({**patient("x"), "from": "ORG-A"})
    last = busy.clock.now()
    busy.clock.advance(3 * HOUR)
    assert await now_silent(busy) == ()
    for _ in range(2):
        busy.clock.advance(30 * WEEK)
        assert await now_silent(busy) == (Silence("test", "", last),)
    await busy.send({**patient("y"), "from": "ORG-A"})
    assert await now_silent(busy) == ()


async def test_an_institution_is_silent_while_its_region_sends(busy: World) -> None:
    end = (busy.clock.now() - timedelta(seconds=WEEK - 4 * HOUR)).replace(minute=0, second=0, microsecond=0)
    busy.clock.advance(4 * HOUR)
    await busy.send({**patient("x"), "from": "ORG-B"})
    assert await now_silent(busy) == (Silence("test", "ORG-A", end),)


async def test_a_feed_that_never_sent_has_no_silence(world: World) -> None:
    assert await now_silent(world) == ()
