"""What nobody states any more after a replay by another map goes; what others state stays."""

from collections.abc import Callable

from hie.pipeline.verify import verify
from hie.staging.tables import PART, RAW_ITEM, REDIRECT, ROOT
from hie.staging.tallies import tallies
from hie.store.memory import MemoryStore
from tests.pipeline.world import START, TABLES, Part, World, key, number, patient

NATIONAL = "urn:oid:2.16.156.10011.1.3"


def under(value: str) -> Callable[[Part], Part]:
    """A map that keys the Patient of a part otherwise."""
    return lambda part: {**part, "says": [{**one, "target": ["Patient", value]} for one in part["says"]]}


def elsewhere(part: Part) -> Part:
    """A map that keys visit `v` otherwise."""
    says = [{**one, "target": ["Encounter", "w"]} if one["target"][1] == "v" else one for one in part["says"]]
    return {**part, "says": says}


async def test_a_resource_under_another_key_takes_the_place_of_the_first(world: World) -> None:
    answer = await world.send(patient("wrong", gender="male"))
    await world.mended(under("right")).replay(answer["id"])
    assert await world.resource("Patient", "wrong") is None
    assert await world.resource("Patient", "right") is not None
    assert await world.store.get(ROOT, key("Patient", "wrong").reference) is None
    deleted = await world.store.read("Patient", key("Patient", "wrong").id)
    assert deleted is not None
    assert (deleted.deleted, deleted.version) == (True, 2)
    assert (await world.store.vread("Patient", key("Patient", "wrong").id, 1)) is not None
    assert (await verify(world.store, world.operator)).sound


async def test_a_deleted_resource_comes_back_when_the_map_is_taken_back(world: World) -> None:
    answer = await world.send(patient("wrong", gender="male"))
    before = await world.all()
    await world.mended(under("right")).replay(answer["id"])
    await world.operator.replay(answer["id"])
    assert await world.all() == before


async def test_what_another_item_states_stays(world: World) -> None:
    answer = await world.send(patient("shared", "1", gender="male"))
    await world.send(patient("shared", "2", birthDate="1968-04-17"))
    await world.mended(under("right")).replay(answer["id"])
    left = await world.resource("Patient", "shared")
    assert left is not None
    assert (left.get("gender"), left["birthDate"]) == (None, "1968-04-17")


async def test_the_person_of_a_patient_that_is_gone_is_told_without_it(world: World) -> None:
    answer = await world.send(patient("1", **{"identifier[]": number(NATIONAL, "320598196804175127")}))
    await world.send(patient("2", **{"identifier[]": number(NATIONAL, "320598196804175127")}))
    linked = await world.resource("Patient", "2")
    assert linked is not None
    assert linked["link"]
    nothing = world.mended(lambda part: {**part, "says": [], "findings": ["key-missing"]})
    assert await nothing.replay(answer["id"]) == "rejected"
    assert await world.resource("Patient", "1") is None
    golden = linked["link"][0]["other"]["reference"].partition("/")[2]
    version = await world.store.read("Patient", golden)
    assert version is None or version.deleted or key("Patient", "1").id.encode() not in version.body


async def test_a_merge_that_is_not_made_any_more_leads_nowhere(world: World) -> None:
    await world.send(patient("old"))
    await world.send(patient("new"))
    answer = await world.send({"merges": [[["Patient", "old"], ["Patient", "new"], "2"]]})
    report = {"target": ["DiagnosticReport", "r"], "order": "3", "subject": key("Patient", "old").reference}
    await world.send({"says": [report]})
    merged = await world.resource("DiagnosticReport", "r")
    assert merged is not None
    assert merged["subject"]["reference"] == key("Patient", "new").reference

    await world.mended(lambda part: {**part, "merges": []}).replay(answer["id"])
    assert await world.store.select(REDIRECT, {"source": key("Patient", "old").reference}) == []
    patient_again, parted = await world.resource("Patient", "old"), await world.resource("DiagnosticReport", "r")
    assert patient_again is not None
    assert parted is not None
    assert "link" not in patient_again
    assert parted["subject"]["reference"] == key("Patient", "old").reference


async def test_a_merge_from_before_items_were_kept_is_taken_back_after_one_replay(world: World) -> None:
    await world.send(patient("old"))
    answer = await world.send({"merges": [[["Patient", "old"], ["Patient", "new"], "2"]]})
    (row,) = await world.store.select(REDIRECT, {"source": key("Patient", "old").reference})
    await world.store.write(lambda tx: tx.upsert(REDIRECT, {**row, "item": None}))
    none = world.mended(lambda part: {**part, "merges": []})
    await none.replay(answer["id"])
    assert await world.store.select(REDIRECT, {"source": key("Patient", "old").reference}) != []
    await world.operator.replay(answer["id"])
    await none.replay(answer["id"])
    assert await world.store.select(REDIRECT, {"source": key("Patient", "old").reference}) == []


async def test_what_hung_on_something_that_is_gone_waits_again(world: World) -> None:
    visit = {"says": [{"target": ["Encounter", "v"], "order": "1", "slots": {"status": "finished"}}]}
    child = {"target": ["Observation", "o"], "order": "1", "parent": ["Encounter", "v"], "slots": {"status": "final"}}
    parent = await world.send(visit)
    answer = await world.send({"says": [child], "needs": [["Encounter", "v"]]})
    assert answer["status"] == "accepted"

    await world.mended(elsewhere).replay(parent["id"])
    assert await world.resource("Observation", "o") is None
    assert [(held.item, held.cause) for held in await world.operator.held()] == [(answer["id"], "orphan-reference")]
    await world.operator.replay(parent["id"])
    assert await world.resource("Observation", "o") is not None
    assert await world.operator.held() == []


async def test_an_item_whose_own_part_waits_again_through_another_item(world: World) -> None:
    visit = {"says": [{"target": ["Encounter", "v"], "order": "1", "slots": {"status": "finished"}}]}
    report = {"target": ["DiagnosticReport", "r"], "order": "1", "parent": ["Encounter", "v"], "slots": {}}
    result = {"target": ["Observation", "o"], "order": "1", "parent": ["DiagnosticReport", "r"], "slots": {}}
    first = await world.send(visit, {"says": [result], "needs": [["DiagnosticReport", "r"]]})
    other = await world.send({"says": [report], "needs": [["Encounter", "v"]]})
    assert await world.resource("Observation", "o") is not None

    await world.mended(elsewhere).replay(first["id"])
    assert await world.resource("DiagnosticReport", "r") is None
    assert await world.resource("Observation", "o") is None
    assert {held.item for held in await world.operator.held()} == {first["id"], other["id"]}
    rows = [await world.store.get(RAW_ITEM, answer["id"]) for answer in (first, other)]
    assert [row and row["disposition"] for row in rows] == ["accepted-with-warnings", "quarantined"]


async def test_parts_that_an_item_has_no_more_are_not_counted(world: World) -> None:
    answer = await world.send(patient("1"), {**patient("2"), "paths": ["x"]})
    await world.mended(parts=1).replay(answer["id"])
    assert [row["part"] for row in await world.store.select(PART, {"item": answer["id"]})] == [0]
    assert await world.resource("Patient", "2") is None
    (tally,) = await tallies(world.store, [f"{START:%Y-%m-%d}"])
    assert (tally.types, tally.unknown) == ({"T": 1}, {})


async def test_a_report_lists_no_result_that_nobody_states_any_more() -> None:
    world = World(MemoryStore(TABLES))
    report = {"target": ["DiagnosticReport", "r"], "order": "1", "slots": {"status": "final"}}
    result = {"target": ["Observation", "o"], "order": "1", "parent": ["DiagnosticReport", "r"], "slots": {}}
    await world.send({"says": [report]})
    answer = await world.send({"says": [result]})
    listing = await world.resource("DiagnosticReport", "r")
    assert listing is not None
    assert listing["result"] == [{"reference": key("Observation", "o").reference}]
    await world.mended(lambda part: {**part, "says": []}).replay(answer["id"])
    alone = await world.resource("DiagnosticReport", "r")
    assert alone is not None
    assert "result" not in alone


async def test_an_alias_that_another_item_states_too_stays() -> None:
    """Of two who say so only the one with the least order key is kept, and it may have come last."""
    world = World(MemoryStore(TABLES))
    for order in ("2", "1"):
        stated = {
            **patient("known", order, gender="male"),
            "aliases": [[["Patient", "visit"], ["Patient", "known"], order]],
        }
        last = await world.send(stated)
    await world.send(patient("visit", "3", birthDate="1968-04-17"))
    before = await world.all()

    without = world.mended(lambda part: {**part, "aliases": [one for one in part.get("aliases", ()) if one[2] == "2"]})
    await without.replay(last["id"])
    assert await world.all() == before
    (row,) = await world.store.select(REDIRECT, {"source": key("Patient", "visit").reference})
    assert row["ord"] == "2"


async def test_what_came_under_an_alias_that_nobody_states_any_more_stands_by_itself() -> None:
    """It had no row of its own."""
    world = World(MemoryStore(TABLES))
    stated = {**patient("known", gender="male"), "aliases": [[["Patient", "visit"], ["Patient", "known"], "1"]]}
    answer = await world.send(stated)
    await world.send(patient("visit", "2", birthDate="1968-04-17"))
    await world.mended(lambda part: {**part, "aliases": []}).replay(answer["id"])
    known, visit = await world.resource("Patient", "known"), await world.resource("Patient", "visit")
    assert known is not None
    assert "birthDate" not in known
    assert visit is not None
    assert visit["birthDate"] == "1968-04-17"


async def test_what_mentions_something_that_is_gone_mentions_it_no_more() -> None:
    world = World(MemoryStore(TABLES))
    order, report = key("ServiceRequest", "s").reference, {"target": ["DiagnosticReport", "r"], "order": "2"}
    named = {"identifier": {"value": "s"}, "reference": order}
    await world.send({"says": [{**report, "mentions": [order], "slots": {"status": "final", "basedOn[]": [named]}}]})
    answer = await world.send(
        {"says": [{"target": ["ServiceRequest", "s"], "order": "1", "slots": {"status": "active"}}]}
    )
    mentioning = await world.resource("DiagnosticReport", "r")
    assert mentioning is not None
    assert mentioning["basedOn"] == [named]
    await world.mended(lambda part: {**part, "says": []}).replay(answer["id"])
    left = await world.resource("DiagnosticReport", "r")
    assert left is not None
    assert left["basedOn"] == [{"identifier": {"value": "s"}}]


async def test_what_hung_on_something_that_is_only_spoken_of_now_waits_again() -> None:
    world = World(MemoryStore(TABLES))
    visit = {"target": ["Encounter", "v"], "order": "1", "slots": {"status": "finished"}}
    child = {"target": ["Observation", "o"], "order": "1", "parent": ["Encounter", "v"], "slots": {"status": "final"}}
    aside = {"target": ["Encounter", "v"], "order": "2", "exists": False, "slots": {"priority": {"text": "x"}}}
    parent = await world.send({"says": [visit]})
    await world.send({"says": [child], "needs": [["Encounter", "v"]]})
    await world.send({"says": [aside]})
    await world.mended(elsewhere).replay(parent["id"])
    assert await world.resource("Encounter", "v") is None
    assert await world.resource("Observation", "o") is None
    assert [held.cause for held in await world.operator.held()] == ["orphan-reference"]
