"""After a map is mended, a replay yields what a fresh run would have given; by the same maps it changes nothing."""

import asyncio
import shutil
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hie.app import Exchange, open_exchange
from hie.base.data import data_path
from hie.config import load_config
from hie.identity.tables import NUMBER, RECORD
from hie.pipeline.verify import verify
from hie.simulate.dirt import dirt
from hie.simulate.history import World
from hie.simulate.item import Item
from hie.simulate.traffic import traffic
from hie.staging.tables import PART, REDIRECT, ROOT, TALLY
from hie.store.table import Table
from tests.acceptance.test_mongodb import content
from tests.acceptance.test_samples import send
from tests.acceptance.test_story import FEEDS

REPORT = "fields/wujiang-hl7v2/report.toml"
VISIT = "fields/wujiang-hl7v2/visit.toml"
PERSON = "fields/wujiang-hl7v2/shared/person.toml"
EXTRA = """[[resource]]
name = "coverage-of-visit"
type = "Coverage"
key = { kind = "extra", value = { source = ["PV1-19.1", "PV1-50.1"] } }
subject = "patient"

[[resource.field]]
constant = "active"
target = "status"

"""

UNLIKE = {"received", "maps"}
"""Columns that tell when and by which tables."""

SPOILT = [
    ("wujiang-hl7v2", "codes/wujiang-lab-item.csv", "2823-3", "2951-2"),
    ("wujiang-hl7v2", REPORT, 'kind = "2.16.156.10011.1.33", req', 'kind = "other", req'),
    ("wujiang-hl7v2", REPORT, '{ source = "OBX-4.1", ordinal = true }', '{ text = "other" }'),
    ("wujiang-hl7v2", VISIT, '[[resource]]\nname = "encounter"', EXTRA + '[[resource]]\nname = "encounter"'),
    ("wujiang-hl7v2", VISIT, 'types = ["ADT^A01", ', "types = ["),
    ("wujiang-hl7v2", PERSON, 'key = { kind = "2.16.156.10011.2.5.1.4"', 'key = { kind = "other"'),
    ("jiashan-cda", "fields/jiashan-cda/C0007.toml", 'key = { kind = "2.16.156.10011.1.33"', 'key = { kind = "other"'),
    ("jiashan-cda", "fields/jiashan-cda/C0007.toml", "{ ordinal = true }]", '{ text = "other" }]'),
    (
        "jiashan-cda",
        "fields/jiashan-cda/include/patient.toml",
        '[\n  { kind = "2.16.156.10011.1.3"',
        '[\n  { kind = "other"',
    ),
    ("qingpu-xml", "fields/qingpu-xml/visit.toml", 'kind = "2.16.156.10011.2.5.1.9"', 'kind = "other"'),
    ("qingpu-xml", "fields/qingpu-xml/patient.toml", 'kind = "card-{KLX}"', 'kind = "other-{KLX}"'),
]
"""What is wrong with the tables at first: the feed, a file of theirs, a text in it, and what stands there instead."""


async def opened(data: Path, mappings: str = "") -> Exchange:
    settings = {
        "data": data,
        "mappings": mappings,
        "mllp_port": -1,
        "workers": 0,
        "drop_poll_seconds": 0,
        "retry_poll_seconds": 0,
    }
    exchange = await open_exchange(load_config(settings, {}))
    await exchange.start()
    return exchange


def spoilt_maps(folder: Path, name: str, right: str, wrong: str) -> Path:
    """The shipped tables with one mistake."""
    shutil.copytree(data_path("mappings"), folder)
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    return folder


async def state(exchange: Exchange, *tables: Table) -> dict[str, Any]:
    """What is stored in resources and rows, without versions, times and what says which tables did it."""
    found: dict[str, Any] = {"resources": await content(exchange)}
    for table in (ROOT, REDIRECT, RECORD, NUMBER, *tables):
        rows = await exchange.store.select(table, {})
        found[table.name] = sorted(({n: v for n, v in row.items() if n not in UNLIKE} for row in rows), key=repr)
    return found


async def versions(exchange: Exchange) -> set[tuple[str, str, int]]:
    """The current versions of all resources but the operator's own audit."""
    return {(v.type, v.id, v.version) async for v in exchange.store.versions() if v.type != "AuditEvent"}


async def replay(exchange: Exchange, feed: str | None = None) -> None:
    """Run items again, in order of arrival."""
    operator = exchange.operator()
    for item in [str(row["id"]) async for row in operator.items(feed=feed)]:
        await operator.replay(item)
    result = await verify(exchange.store, operator)
    assert result.sound, result.problems


async def decide(exchange: Exchange, chance: Random) -> set[str]:
    """Release, discard or leave what is held, by chance; returns what was done."""
    operator, done = exchange.operator(), set()
    for held in await operator.held():
        what = chance.choice(["release", "discard", "leave"])
        if what == "release":
            await operator.release(held.item, held.part)
        elif what == "discard":
            await operator.discard(held.item, "by chance", held.part)
        done.add(what)
    return done


@pytest.mark.parametrize("seed", [8, 11])
async def test_replay_by_the_same_tables_changes_nothing(tmp_path: Path, seed: int) -> None:
    """Neither resources nor what was found or decided, however much came late, twice or wrong."""
    exchange, chance = await opened(tmp_path), Random(seed)
    items = [one for one in traffic(World(seed, 20, datetime(2026, 1, 1), 200, dirt("0.3"))) if isinstance(one, Item)]
    chance.shuffle(items)
    for item in items:
        await exchange.ingest.receive(item.door, item.body)
    assert await decide(exchange, chance) >= {"release", "discard"}
    before = await state(exchange, PART, TALLY), await versions(exchange)
    await replay(exchange)
    assert (await state(exchange, PART, TALLY), await versions(exchange)) == before
    await exchange.close()


async def taken_in(data: Path, feed: str, mappings: str = "", *, again: bool = False) -> dict[str, Any]:
    """Take in the samples of a feed, or those of a store `again` by other tables; returns the state of the store."""
    exchange = await opened(data, mappings)
    await (replay if again else send)(exchange, feed)
    found = await state(exchange)
    await exchange.close()
    return found


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """For each feed the folder and the state of a store that took in its samples by the shipped tables."""
    folder = tmp_path_factory.mktemp("shipped")
    return {feed: (folder / feed, asyncio.run(taken_in(folder / feed, feed))) for feed in FEEDS}


@pytest.mark.parametrize(("feed", "name", "right", "wrong"), SPOILT)
async def test_replay_by_other_tables_equals_a_fresh_run_by_them(
    tmp_path: Path, shipped: dict[str, tuple[Path, dict[str, Any]]], feed: str, name: str, right: str, wrong: str
) -> None:
    spoilt = str(spoilt_maps(tmp_path / "mappings", name, right, wrong))
    folder, expected = shipped[feed]
    shutil.copytree(folder, tmp_path / "right")

    made = await taken_in(tmp_path / "spoilt", feed, spoilt)
    assert made != expected
    assert await taken_in(tmp_path / "spoilt", feed, again=True) == expected
    assert await taken_in(tmp_path / "right", feed, spoilt, again=True) == made
