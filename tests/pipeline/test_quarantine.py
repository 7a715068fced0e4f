"""Quarantine: grouped by ground, rehearsed without a trace, released or discarded once, and every act audited."""

import json
from dataclasses import replace
from typing import Any

import pytest

from hie.base.clock import micros
from hie.base.errors import HieError
from hie.base.finding import finding
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.pipeline.codec import encode_findings
from hie.pipeline.operate import Operator
from hie.pipeline.quarantine import Ground, Group, Held, _item, _part, ground, groups, overdue
from hie.pipeline.retry import try_again
from hie.staging.ledger import ledger
from hie.staging.states import MAX_ATTEMPTS
from hie.staging.tables import AUDIT, PART, RAW_ITEM
from hie.staging.tallies import tallies
from tests.pipeline.world import START, World, patient

TOO_LONG = Ground("test", "T", "field-too-long", "", "1")


async def events(world: World) -> list[dict[str, Any]]:
    return [json.loads(version.body) async for version in world.store.versions("AuditEvent")]


async def three_held(world: World) -> list[str]:
    """Two items held on one ground, one on another; their ids."""
    items = []
    for number, code in (("1", "field-too-long"), ("2", "field-too-long"), ("3", "envelope-mismatch")):
        items.append(str((await world.send({**patient(number), "findings": [code]}))["id"]))
    return items


async def test_groups_say_why_how_many_and_since_when(world: World) -> None:
    await three_held(world)
    first, second = groups(await world.operator.held())
    assert (first.ground, first.count) == (TOO_LONG, 2)
    assert (first.oldest, first.newest) == (micros(START) + 1_000_000, micros(START) + 2_000_000)
    assert (second.ground.cause, second.count) == ("envelope-mismatch", 1)
    assert len(await world.operator.held(cause="field-too-long", feed=None)) == 2


async def test_orphans_are_overdue_after_seven_days(world: World) -> None:
    await world.send({**patient("1"), "findings": ["orphan-reference"]})
    await world.send({**patient("2"), "findings": ["field-too-long"]})
    parts = await world.operator.held()
    since = next(one.received for one in parts if one.cause == "orphan-reference")
    assert overdue(parts, since + 7 * 86_400_000_000 - 1) == []
    assert [one.cause for one in overdue(parts, since + 7 * 86_400_000_000)] == ["orphan-reference"]


async def test_a_rehearsal_tells_everything_and_leaves_no_trace(world: World) -> None:
    item = (await three_held(world))[0]
    before = (
        await world.store.select(RAW_ITEM, {}, order=("id",)),
        await world.store.select(PART, {}, order=("item",)),
        await tallies(world.store, ["2026-04-01"]),
    )
    now = await world.operator.rehearse(item)
    assert now.outcome.disposition == "quarantined"
    assert json.loads(now.answer.body)["findings"] == ["field-too-long"]
    released = await world.operator.rehearse(item, release=True)
    assert released.outcome.disposition == "accepted-with-warnings"
    assert json.loads(released.answer.body)["resources"] == list(released.outcome.resources) != []
    assert before == (
        await world.store.select(RAW_ITEM, {}, order=("id",)),
        await world.store.select(PART, {}, order=("item",)),
        await tallies(world.store, ["2026-04-01"]),
    )
    assert [version async for version in world.store.versions()] == []


async def test_a_rehearsed_draft_shows_shapes_only(world: World) -> None:
    answer = await world.send({**patient("1", birthDate="1968-04-17"), "findings": ["field-too-long"]})
    [draft] = (await world.operator.rehearse(answer["id"])).drafts[0]
    assert draft["target"].startswith("Patient/")
    assert draft["s"] == {"birthDate": "9999-99-99"}


def test_groups_come_largest_first_with_the_places_of_their_cause() -> None:
    long, masked = finding("field-too-long", "PID-5"), finding("id-masked", "PID-3")
    one = Held("i1", 0, "f", "T", 5, "envelope-mismatch", (finding("envelope-mismatch", "BRXB"),))
    two = [Held(item, 0, "f", "T", at, "field-too-long", (masked, long)) for item, at in (("i2", 9), ("i3", 7))]
    assert groups([one, *two]) == [
        Group(ground(two[0]), 2, 7, 9, ("PID-5",)),
        Group(ground(one), 1, 5, 5, ("BRXB",)),
    ]


def test_what_is_held_names_the_rule_that_its_cause_broke() -> None:
    found = tuple(replace(finding(code), rule=rule) for code, rule in (("id-masked", "m"), ("field-too-long", "l")))
    row = {"item": "i", "part": 0, "feed": "f", "label": "T", "received": 5, "cause": "field-too-long", "maps": None}
    assert [_part({**row, "findings": encode_findings(one)}).rule for one in (found, found[:1])] == ["l", ""]
    whole = _item({**row, "id": "i", "findings": encode_findings(found)})
    assert (whole.cause, whole.rule) == ("field-too-long", "l"), "the gravest"


async def test_a_group_is_released_once(world: World) -> None:
    await three_held(world)
    assert await world.operator.release_group(TOO_LONG) == {"stored": 2}
    assert await world.operator.release_group(TOO_LONG) == {}
    assert [one.cause for one in await world.operator.held()] == ["envelope-mismatch"]
    assert await world.resource("Patient", "1") is not None
    assert await world.resource("Patient", "3") is None
    assert [row["action"] for row in await world.store.select(AUDIT, {})] == ["release", "release"]


async def test_a_group_is_discarded_with_a_reason(world: World) -> None:
    items = await three_held(world)
    with pytest.raises(HieError):
        await world.operator.discard_group(TOO_LONG, "")
    assert await world.operator.discard_group(TOO_LONG, "sent twice by mistake") == {"rejected": 2}
    assert (await ledger(world.store)).balanced
    rows = await world.store.select(AUDIT, {})
    assert {(row["target"], row["reason"]) for row in rows} == {
        (f"{item}/0", "sent twice by mistake") for item in items[:2]
    }


async def test_every_act_is_an_audit_event_without_free_text(world: World) -> None:
    items = await three_held(world)
    await world.operator.release(items[0])
    await world.operator.discard(items[1], "name was 顾晓岚", part=0)
    await world.operator.replay(items[2])
    found = await events(world)
    said = {
        (one["subtype"][0]["code"], entity["what"]["identifier"]["value"], len(entity.get("detail", ())))
        for one in found
        for entity in one["entity"]
    }
    assert said == {("release", items[0], 0), ("discard", items[1], 1), ("replay", items[2], 0)}
    assert {one["agent"][0]["who"]["identifier"]["value"] for one in found} == {"tester"}
    assert "顾" not in json.dumps(found, ensure_ascii=False)
    assert {one["id"] for one in found} == {row["id"] for row in await world.store.select(AUDIT, {})}
    validator = Validator(official())
    assert [issue for one in found for issue in validator.all_issues(one) if issue.fails] == []


async def test_an_act_that_fails_leaves_no_audit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    item = (await three_held(world))[0]

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("hie.pipeline.settle.Settler.release", broken)
    with pytest.raises(HieError, match="RuntimeError@"):
        await world.operator.release(item)
    assert await world.store.select(AUDIT, {}) == []
    assert await events(world) == []


async def test_what_was_given_up_is_tried_again_by_a_release(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await world.send_bytes(b'"explode"')
    for _ in range(MAX_ATTEMPTS):
        world.clock.advance(2000)
        await try_again(world.store, dict(world.ingest.feeds), world.clock)
    [held] = await world.operator.held()
    assert (held.cause, held.label) == ("internal-error", "")
    for act in (world.operator.release, world.operator.replay, world.operator.rehearse):
        with pytest.raises(HieError, match=r"fails at item .*: RuntimeError@"):
            await act(answer["id"])
    with pytest.raises(HieError, match=r"no part 7: its only part is 0\."):
        await world.operator.release(answer["id"], 7)
    await world.send(patient("2"))
    assert await world.operator.replay_all() == {"failed": 1, "stored": 1}
    runtime = world.ingest.feeds["test"]
    body = json.dumps([patient("1")]).encode()
    mended = replace(runtime, parse=lambda delivery: runtime.parse(replace(delivery, body=body)))
    operator = Operator(world.store, {"test": mended}, world.clock, "tester")
    assert await operator.release(answer["id"]) == "stored"
    assert (await ledger(world.store)).balanced
