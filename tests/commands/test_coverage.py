"""What no map covers is kept, answered truthfully and counted by type, sender and day; coverage from real traffic."""

import shutil
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from hie.app import Exchange, open_exchange
from hie.base.data import data_path
from hie.commands.adapters import covered_by_traffic
from hie.config import Config, load_config
from hie.simulate.answers import READ
from hie.simulate.dirt import dirt
from hie.simulate.history import World
from hie.simulate.item import Item
from hie.simulate.traffic import traffic
from hie.staging.states import State
from hie.staging.tables import RAW_ITEM

WORLD = World(seed=5, patients=60, start=datetime(2025, 1, 6), days=20, dirt=dirt("address=0.5"))
KINDS = {"event-unknown": "ADT^A99", "type-unknown": "C0099", "table-unknown": "TB_UNKNOWN"}
SAMPLES = data_path("adapters", "wujiang", "samples")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    settings = {"data": tmp_path, "mllp_port": -1, "drop_poll_seconds": 0, "retry_poll_seconds": 0, "workers": 0}
    return load_config(settings, {})


@pytest.fixture
async def exchange(config: Config) -> AsyncIterator[Exchange]:
    opened = await open_exchange(config)
    await opened.start()
    yield opened
    await opened.close()


async def get(exchange: Exchange, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=exchange.web)
    async with httpx.AsyncClient(base_url="http://localhost", transport=transport) as client:
        return await client.get(path)


async def test_types_that_no_map_covers_are_kept_answered_and_counted(exchange: Exchange) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for item in traffic(WORLD):
        if not isinstance(item, Item) or item.fault not in KINDS:
            continue
        for _ in range(2):
            answer = await exchange.ingest.receive(item.door, item.body)
        status, findings = READ[item.door](answer.body)
        assert status in ("rejected", "duplicate")
        assert item.findings <= findings
        rows = item.body.count(b"TB_UNKNOWN") or 1
        expected[exchange.ingest.doors[item.door].feed.id, KINDS[item.fault]] += rows
    assert {kind for _, kind in expected} == set(KINDS.values())
    kept = await exchange.store.select(RAW_ITEM, {"state": State.REJECTED.value})
    assert kept
    assert all(row["body"] for row in kept)
    found = (await get(exchange, "/admin/coverage?days=2")).json()
    counted: Counter[tuple[str, str]] = Counter()
    for row in found["unmapped"]:
        assert row["day"] in found["days"]
        assert len(row["organisation"]) == 18
        counted[row["feed"], row["type"]] += row["parts"]
    assert counted == expected
    assert found["feeds"]["wujiang-hl7v2"]["ADT^A99"]["unmapped"] == expected["wujiang-hl7v2", "ADT^A99"]
    metrics = (await get(exchange, "/metrics")).text
    lines = [line for line in metrics.splitlines() if line.startswith("hie_mapping_unmapped_today{")]
    assert any('type="ADT^A99"' in line and 'organisation="12320509MBH' in line for line in lines)
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == sum(expected.values())


async def test_fields_that_no_map_mentions_are_counted_by_type_and_outlast_a_restart(config: Config) -> None:
    body = (SAMPLES / "12-oru-z-segments.hl7").read_bytes()
    exchange = await open_exchange(config)
    await exchange.start()
    await exchange.ingest.receive("wujiang-hl7v2", body)
    await exchange.close()
    again = await open_exchange(config)
    await again.start()
    row = (await get(again, "/admin/coverage?feed=wujiang-hl7v2")).json()["feeds"]["wujiang-hl7v2"]["ORU^R01"]
    assert (row["parts"], row["unmapped"]) == (1, 0)
    assert "ZLB" in {path.partition("-")[0] for path in row["unknownFields"]}
    text = (await get(again, "/metrics")).text
    assert 'hie_mapping_parts_today{feed="wujiang-hl7v2",organisation="12320509MBHE01015B",type="ORU^R01"} 1' in text
    assert (await get(again, "/admin/coverage?days=0")).status_code == 400
    await again.close()


async def test_coverage_from_what_an_exchange_has_stored(exchange: Exchange, config: Config, tmp_path: Path) -> None:
    clean = replace(WORLD, dirt=dirt("0"), patients=40)
    items = [item for item in traffic(clean) if isinstance(item, Item)]
    for item in items:
        await exchange.ingest.receive(item.door, item.body)
    found = (await covered_by_traffic(config, "wujiang", 1000)).types
    assert found["ADT^A04"].records == sum(1 for i in items if i.label in ("WJYY A04", "WJZY A04", "WJSL A04"))
    assert found["ORU^R01"].used["OBX-5"] == found["ORU^R01"].records
    assert found["ADT^A04"].ignored["MSH-3"] == found["ADT^A04"].records
    assert found["ADT^A04"].share > 0.9
    few = (await covered_by_traffic(config, "wujiang-hl7v2", 3)).types
    assert sum(one.records for one in few.values()) >= 3
    shutil.copytree(data_path("mappings"), tmp_path / "mappings")
    edited = tmp_path / "mappings" / "fields" / "wujiang-hl7v2" / "report.toml"
    edited.write_text(edited.read_text().replace('"OBX-1", ', ""))
    other = (await covered_by_traffic(replace(config, mappings=str(tmp_path / "mappings")), "wujiang", 40)).types
    assert "OBX-1" in found["ORU^R01"].ignored
    assert "OBX-1" in other["ORU^R01"].unknown, "by the tables that the settings name"
