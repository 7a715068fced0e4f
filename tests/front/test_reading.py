"""The site of a reading process, in this process."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from hie.app.browse import KnownSilences
from hie.app.reading import Reading, open_reading
from hie.app.store import open_store
from hie.base.clock import CHINA, SystemClock
from hie.base.silence import Silence
from hie.config import load_config
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.store.port import Transaction

BASE = "http://localhost/browse/"


async def owner(*_: Any) -> None:
    raise AssertionError("a page was passed on to the owner")


async def test_a_reader_shows_what_the_owner_found_silent(tmp_path: Path) -> None:
    config = load_config(given={"data": tmp_path})
    store = await open_store(config, Extractors(official()), SystemClock())

    async def job(tx: Transaction) -> None:
        await tx.put({"resourceType": "Patient", "id": "lin", "name": [{"family": "Lin"}]})

    await store.write(job)
    since = datetime(2026, 3, 2, 10, 40, tzinfo=CHINA)
    known = KnownSilences()
    known.now = (Silence("jiashan", "", since), Silence("hangzhou", "", since + timedelta(hours=1)))
    reading = open_reading(Reading(config, {"region.hangzhou": "Hangzhou lake"}), owner)
    async with reading as site, httpx.AsyncClient(transport=httpx.ASGITransport(site.app), base_url=BASE) as client:
        before = await client.get("record/lin?lang=en")
        site.take(known.told())
        after = await client.get("record/lin?lang=en")
        strange = await client.get("record/lin", headers={"Host": "elsewhere.example"})
    await store.close()
    assert strange.status_code == 421
    assert "Nothing received" not in before.text
    assert "Nothing received from Jiashan since 2026-03-02 10:40" in after.text
    assert "Nothing received from Hangzhou lake since 2026-03-02 11:40" in after.text
