"""From bytes to answer: durable, once, and with the truth about what happened."""

import asyncio
import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from hie.base.errors import Category, HieError
from hie.base.record import Delivery, Parsed
from hie.pipeline.retry import try_again
from hie.pipeline.workers import NoWorker
from hie.staging.ledger import counters, ledger
from hie.staging.states import MAX_ATTEMPTS
from hie.staging.tables import RAW_ITEM
from hie.store.memory import MemoryStore
from tests.pipeline.world import TABLES, World, key, patient

SECRET = b'"explode"'


async def test_what_is_stated_is_stored_with_source_tag_and_provenance(world: World) -> None:
    answer = await world.send(patient("1", birthDate="1968-04-17"))
    assert answer["status"] == "accepted"
    assert answer["resources"] == [key("Patient", "1").reference]
    stored = await world.resource("Patient", "1")
    assert stored is not None
    assert stored["birthDate"] == "1968-04-17"
    assert stored["meta"]["source"] == f"https://hie.example.org/feeds/test#{answer['id']}"
    assert stored["meta"]["tag"] == [{"system": "https://hie.example.org/fhir/CodeSystem/region", "code": "test"}]
    traces = [v async for v in world.store.versions("Provenance")]
    assert len(traces) == 1
    assert key("Patient", "1").reference.encode() in traces[0].body


async def test_the_same_bytes_again_change_nothing_and_get_the_saved_answer(world: World) -> None:
    first = await world.send(patient("1", birthDate="1968-04-17"))
    again = await world.send(patient("1", birthDate="1968-04-17"))
    assert again == {**first, "status": "duplicate"}
    version = await world.store.read("Patient", key("Patient", "1").id)
    assert version is not None
    assert version.version == 1
    assert (await ledger(world.store)).received == 1


async def test_the_same_bytes_at_once_are_taken_in_once_and_counted_as_repeated(world: World) -> None:
    sent = [world.send(patient("1", birthDate="1968-04-17")) for _ in range(4)]
    statuses = [answer["status"] for answer in await asyncio.gather(*sent)]
    assert sorted(statuses) == ["accepted", "duplicate", "duplicate", "duplicate"]
    assert (await ledger(world.store)).received == 1
    assert sum(n for name, n in (await counters(world.store)).items() if name.startswith("duplicate|")) == 3


async def test_unchanged_content_makes_no_new_version(world: World) -> None:
    await world.send(
        patient("1", "1", birthDate="1968-04-17", **{"maritalStatus.id": "m", "maritalStatus.text": "已婚"})
    )
    await world.send(patient("1", "2", birthDate="1968-04-17"))
    await world.send(patient("1", "0", **{"maritalStatus.text": "已婚"}))  # older, so its member comes first now
    version = await world.store.read("Patient", key("Patient", "1").id)
    assert version is not None
    assert version.version == 1


async def test_an_older_item_is_put_in_its_place_and_flagged(world: World) -> None:
    await world.send(patient("1", "2", birthDate="1968-04-17"))
    answer = await world.send(patient("1", "1", birthDate="1900-01-01", gender="female"))
    assert answer["findings"] == ["stale-update"]
    assert answer["status"] == "accepted-with-warnings"
    stored = await world.resource("Patient", "1")
    assert stored is not None
    assert (stored["birthDate"], stored["gender"]) == ("1968-04-17", "female")


async def test_malformed_items_are_kept_and_counted(world: World) -> None:
    answer = await world.send_bytes(b"[not json")
    assert (answer["status"], answer["findings"]) == ("rejected", ["message-malformed"])
    row = await world.store.get(RAW_ITEM, answer["id"])
    assert row is not None
    assert row["body"] == b"[not json"
    books = await ledger(world.store)
    assert (books.received, books.rejected, books.balanced) == (1, 1, True)


async def test_what_is_too_large_for_the_store_is_refused_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of 16 MiB less 300 bytes: MongoDB keeps no row of that size, so that it was answered AE for ever."""
    world = World(MemoryStore(TABLES))
    write, full = world.store.write, [HieError(Category.TOO_LARGE, "full")] * 2

    async def at_last(job: Any) -> Any:
        if full:
            raise full.pop()
        return await write(job)

    monkeypatch.setattr(world.store, "write", at_last)
    answer = await world.ingest.receive("test", json.dumps([patient("1")]).encode())
    assert (answer.status, json.loads(answer.body)["findings"]) == (413, ["too-large"])
    assert await counters(world.store) == {"too-large|2026-04-01|test": 1}


async def test_one_bad_part_does_not_sink_the_others(world: World) -> None:
    answer = await world.send(patient("1"), {"findings": ["key-missing"]}, patient("2"))
    assert answer["parts"] == ["accepted", "rejected", "accepted"]
    assert answer["status"] == "accepted-with-warnings"
    assert await world.resource("Patient", "2") is not None


async def test_a_message_id_used_for_other_bytes_is_flagged(world: World) -> None:
    await world.send({**patient("1"), "id": "M1"})
    answer = await world.send({**patient("2"), "id": "M1"})
    assert answer["findings"] == ["control-id-reused"]


async def test_a_part_known_from_another_item_is_a_duplicate(world: World) -> None:
    part = {**patient("1"), "hash": True}
    first = await world.send(part)
    answer = await world.send(part, {**patient("2"), "hash": True})
    assert answer["parts"] == ["duplicate", "accepted"]
    assert first["resources"][0] in answer["resources"]
    traces = [v async for v in world.store.versions("Provenance")]
    assert len(traces) == 2


async def test_orphans_wait_for_their_parents_step_by_step(world: World) -> None:
    visit = {"target": ["Encounter", "v"], "order": "1", "slots": {"status": "finished"}, "subject": "Patient/p"}
    report = {
        "target": ["DiagnosticReport", "r"],
        "order": "1",
        "slots": {"status": "preliminary", "effectiveDateTime": "2026-04-02"},
        "parent": ["Encounter", "v"],
    }
    result = {
        "target": ["Observation", "o"],
        "order": "1",
        "slots": {"status": "final"},
        "parent": ["DiagnosticReport", "r"],
    }
    first = await world.send({"says": [result], "needs": [["DiagnosticReport", "r"]]})
    second = await world.send({"says": [report], "needs": [["Encounter", "v"]]})
    assert (first["status"], second["status"]) == ("quarantined", "quarantined")
    assert [held.cause for held in await world.operator.held()] == ["orphan-reference", "orphan-reference"]
    assert (await world.send({"says": [visit]}))["status"] == "accepted"
    assert await world.operator.held() == []
    stored = await world.resource("Observation", "o")
    assert stored is not None
    assert (stored["status"], stored["effectiveDateTime"]) == ("preliminary", "2026-04-02")
    assert stored["encounter"] == {"reference": key("Encounter", "v").reference}
    parent = await world.resource("DiagnosticReport", "r")
    assert parent is not None
    assert parent["result"] == [{"reference": key("Observation", "o").reference}]
    books = await ledger(world.store)
    assert (books.stored, books.quarantined, books.balanced) == (3, 0, True)


async def test_a_parent_that_changes_takes_its_children_along(world: World) -> None:
    report = {"target": ["DiagnosticReport", "r"], "order": "1", "slots": {"status": "preliminary"}}
    result = {
        "target": ["Observation", "o"],
        "order": "1",
        "slots": {"status": "final"},
        "parent": ["DiagnosticReport", "r"],
    }
    await world.send({"says": [report]}, {"says": [result], "needs": [["DiagnosticReport", "r"]]})
    await world.send({"says": [{**report, "order": "2", "slots": {"status": "final"}}]})
    stored = await world.resource("Observation", "o")
    assert stored is not None
    assert stored["status"] == "final"


async def test_a_row_equal_to_the_last_applied_is_a_duplicate(world: World) -> None:
    row = {"target": ["Patient", "1"], "order": "1", "slots": {"gender": "male"}, "digest": "d"}
    await world.send({"says": [row]})
    answer = await world.send({"says": [{**row, "order": "2"}]})
    assert answer["parts"] == ["duplicate"]


@pytest.mark.parametrize(
    ("history", "flagged"),
    [
        ([], True),
        ([["admit", "2026-01-01"]], False),
        ([["admit", "2026-01-01"], ["cancel", "2026-01-02"]], True),
    ],
)
async def test_a_cancellation_without_anything_to_cancel_is_flagged(
    world: World, history: list[list[str]], flagged: bool
) -> None:
    for n, event in enumerate(history):
        await world.send({"says": [{"target": ["Encounter", "v"], "order": str(n), "events": [event]}]})
    answer = await world.send({"says": [{"target": ["Encounter", "v"], "order": "9", "events": [["cancel", None]]}]})
    assert answer["findings"] == (["nothing-to-cancel"] if flagged else [])
    stored = await world.resource("Encounter", "v")
    assert stored is not None
    assert stored["status"] == "cancelled"


async def test_a_failure_inside_keeps_the_bytes_and_says_so(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await world.send_bytes(SECRET)
    assert answer["findings"] == ["internal-error"]
    assert "secret" not in caplog.text
    row = await world.store.get(RAW_ITEM, answer["id"])
    assert row is not None
    assert (row["state"], row["attempts"], row["body"]) == ("retry", 1, SECRET)
    books = await ledger(world.store)
    assert (books.in_flight, books.balanced) == (1, True)


async def test_neighbours_of_a_poison_item_are_served(world: World) -> None:
    await world.send_bytes(SECRET)
    assert (await world.send(patient("1")))["status"] == "accepted"


async def test_a_withdrawn_document_takes_all_it_stated_along_in_any_order(world: World) -> None:
    """Jiashan §5: also what the withdrawing version does not list; patient and visit stay."""
    source = key("DocumentReference", "x").reference
    document = {
        "says": [
            {"target": [kind, "x"], "order": "1", "slots": {"status": "final"}, "source": source}
            for kind in ("DocumentReference", "MedicationRequest", "Encounter")
        ]
    }
    withdrawal = {"says": [{"target": ["DocumentReference", "x"], "order": "2", "source": source, "withdraw": True}]}
    await world.send(document)
    await world.send(withdrawal)
    late = [{**one, "target": [one["target"][0], "x"], "order": "1.5"} for one in document["says"]]
    await world.send({"says": late})
    found = {kind: await world.resource(kind, "x") for kind in ("DocumentReference", "MedicationRequest", "Encounter")}
    assert {kind: resource and resource["status"] for kind, resource in found.items()} == {
        "DocumentReference": "entered-in-error",
        "MedicationRequest": "entered-in-error",
        "Encounter": "final",
    }


async def test_a_visit_lists_a_diagnosis_again_that_another_document_states_after_it_was_taken_back() -> None:
    world = World(MemoryStore(TABLES))
    reference = key("Condition", "c").reference
    listed = {"condition": {"reference": reference}}
    told = {"target": ["Condition", "c"], "encounter": key("Encounter", "v").reference}
    await world.send({"says": [{"target": ["Encounter", "v"], "order": "1", "slots": {"diagnosis[]#c": listed}}]})
    for says, diagnosis in (
        ({"order": "2", "source": "d1"}, [listed]),
        ({"order": "3", "source": "d1", "withdraw": True, "exists": False}, None),
        ({"order": "4", "source": "d2"}, [listed]),
    ):
        await world.send({"says": [{**told, **says}]})
        visit = await world.resource("Encounter", "v")
        assert visit is not None
        assert visit.get("diagnosis") == diagnosis


async def test_what_is_said_in_passing_is_never_too_late() -> None:
    world = World(MemoryStore(TABLES))
    await world.send(patient("1", "5", gender="male"))
    passing = {"target": ["Patient", "1"], "order": "1", "slots": {"birthDate": "1968"}}
    assert (await world.send({"says": [passing]}))["findings"] == ["stale-update"]
    assert (await world.send({"says": [{**passing, "exists": False}]}))["findings"] == []


async def test_two_parts_of_one_item_that_state_the_same_thing_at_the_same_time_both_count() -> None:
    world = World(MemoryStore(TABLES))
    await world.send(patient("1", gender="male"), patient("1", birthDate="1968"))
    found = await world.resource("Patient", "1")
    assert found is not None
    assert (found["gender"], found["birthDate"]) == ("male", "1968")


async def test_of_a_known_item_no_more_than_the_first_line_is_read_while_no_worker_is_there(world: World) -> None:
    """It was given up: read as a whole it might end the server, as it did its workers."""
    body, read = b'"explode"\r', list[bytes]()
    item = (await world.send_bytes(body))["id"]
    for _ in range(MAX_ATTEMPTS):
        world.clock.advance(2000)
        await try_again(world.store, dict(world.ingest.feeds), world.clock)

    async def nobody(*_: object, suspect: bool = False) -> Any:
        raise NoWorker("none")

    def parse(delivery: Delivery) -> Parsed:
        read.append(delivery.body)
        return Parsed(())

    world.ingest._prepare = nobody
    world.ingest.change([replace(runtime, parse=parse) for runtime in world.ingest.feeds.values()])
    answer = await world.send_bytes(body)
    assert (answer["id"], answer["status"], read) == (item, "quarantined", [body[:-1]])


@pytest.mark.parametrize("begun", [False, True])
async def test_what_was_begun_before_is_answered_as_for_the_first_time(world: World, begun: bool) -> None:
    """A file of a drop folder that a crash left between its item and its receipt was called a duplicate of itself."""
    body = json.dumps([patient("1")]).encode()
    assert not await world.ingest.knows("test", body)
    first = await world.ingest.receive("test", body)
    assert await world.ingest.knows("test", body)
    again = await world.ingest.receive("test", body, begun=begun)
    assert (again == first, json.loads(again.body)["status"]) == (begun, "accepted" if begun else "duplicate")
    assert ("duplicate|2026-04-01|test" in await counters(world.store)) is not begun
