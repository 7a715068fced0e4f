"""After a map is mended, a replay yields what a fresh run would have given."""

import shutil
from pathlib import Path

from hie.app import Exchange, open_exchange
from hie.base.data import data_path
from hie.config import load_config
from hie.pipeline.verify import verify
from tests.acceptance.test_mongodb import content
from tests.acceptance.test_samples import send

FEED = "wujiang-hl7v2"


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


def spoilt_maps(folder: Path) -> Path:
    """The shipped tables with the potassium of Wujiang translated to another LOINC code."""
    shutil.copytree(data_path("mappings"), folder)
    path = folder / "codes" / "wujiang-lab-item.csv"
    text = path.read_text(encoding="utf-8")
    assert "2823-3" in text
    path.write_text(text.replace("2823-3", "2951-2"), encoding="utf-8")
    return folder


async def test_replay_after_a_map_is_mended_equals_a_fresh_run(tmp_path: Path) -> None:
    fresh = await opened(tmp_path / "fresh")
    await send(fresh, FEED)
    expected = await content(fresh)
    await fresh.close()

    wrong = await opened(tmp_path / "mended", str(spoilt_maps(tmp_path / "mappings")))
    await send(wrong, FEED)
    assert await content(wrong) != expected
    await wrong.close()

    mended = await opened(tmp_path / "mended")
    operator = mended.operator()
    for item in [str(row["id"]) async for row in operator.items(feed=FEED)]:
        await operator.replay(item)
    assert await content(mended) == expected
    result = await verify(mended.store, mended.operator())
    assert result.sound, result.problems
    await mended.close()
