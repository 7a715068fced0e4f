"""Documents that were read wrongly, as corrections, replacements or withdrawals, and are replayed rightly; and back."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hie.base.record import Delivery, Parsed
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.operate import Operator
from hie.staging.tables import REDIRECT, ROOT
from tests.adapters.jiashan_exchange import FEED, RUNTIME, Exchange
from tests.adapters.test_jiashan_versions import FEWER, FIRST, ID, REPLACING, VERSION, WITHDRAWN

NEWEST_ID = "a7463759fb4e51f1f418225cc6ebd521"
SENT = {"first": FIRST, "fewer": FEWER, "replacing": REPLACING, "withdrawn": WITHDRAWN}
MISREAD = [
    ("withdrawn", "-1</versionNumber>", "1</versionNumber>"),
    ("withdrawn", ID, NEWEST_ID),
    ("withdrawn", 'root="2.16.156.10011.1.33"', 'root="other"'),
    ("first", VERSION, "<versionNumber>-1</versionNumber>"),
    ("first", ID, NEWEST_ID),
    ("fewer", "1</versionNumber>", "-1</versionNumber>"),
    ("fewer", 'root="2.16.156.10011.1.33"', 'root="other"'),
    ("replacing", f"<id> {ID} </id>", "<id></id>"),
    ("replacing", f"<id> {ID} </id>", f"<id> {NEWEST_ID} </id>"),
    ("replacing", "1</versionNumber>", "-1</versionNumber>"),
]
"""Which document is misread: a text in it, and what is read in its place."""

ORDERS = [
    ("first", "fewer", "replacing", "withdrawn"),
    ("withdrawn", "replacing", "fewer", "first"),
    ("replacing", "first", "withdrawn"),
]


def reading(misread: Mapping[bytes, bytes]) -> FeedRuntime:
    """A feed whose tables read some documents as if they were others."""

    def parse(delivery: Delivery) -> Parsed:
        return RUNTIME.parse(replace(delivery, body=misread.get(delivery.body, delivery.body)))

    return replace(RUNTIME, parse=parse)


async def state(exchange: Exchange) -> dict[str, Any]:
    """What is stored, without versions and times."""
    found: dict[str, Any] = {}
    async for version in exchange.store.versions():
        if version.type not in ("AuditEvent", "Provenance"):
            body = json.loads(version.body)
            del body["meta"]
            found[f"{version.type}/{version.id}"] = body
    for table in (ROOT, REDIRECT):
        found[table.name] = sorted(await exchange.store.select(table, {}), key=repr)
    return found


async def taken_in(runtime: FeedRuntime, order: tuple[str, ...]) -> Exchange:
    exchange = Exchange(runtime)
    for name in order:
        await exchange.send(SENT[name])
    return exchange


async def replayed(exchange: Exchange, runtime: FeedRuntime) -> dict[str, Any]:
    operator = Operator(exchange.store, {FEED: runtime}, exchange.clock, "tester")
    await operator.replay_all()
    return await state(exchange)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("name", "right", "wrong"), MISREAD)
async def test_a_replay_gives_what_a_fresh_run_gives(order: tuple[str, ...], name: str, right: str, wrong: str) -> None:
    body = SENT[name]
    assert right.encode() in body
    misreading = reading({body: body.replace(right.encode(), wrong.encode(), 1)})
    spoilt, sound = await taken_in(misreading, order), await taken_in(RUNTIME, order)
    made, expected = await state(spoilt), await state(sound)
    assert made != expected or name not in order
    assert await replayed(spoilt, RUNTIME) == expected
    assert await replayed(sound, misreading) == made
