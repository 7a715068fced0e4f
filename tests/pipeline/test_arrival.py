"""What holds as it was found when a part first came, however often it is processed again."""

from typing import Any

import pytest

from hie.base.draft import Contribution, Draft, Member
from hie.pipeline.arrival import Arrival
from hie.pipeline.codec import decode_findings
from hie.pipeline.partial import _own
from hie.staging.ledger import counters
from hie.staging.tables import PART
from tests.pipeline.world import World, key, patient


async def found(world: World, answer: dict[str, Any], part: int = 0) -> tuple[str, list[str]]:
    """Disposition and finding codes of a part as they are stored."""
    row = await world.store.get(PART, answer["id"], part)
    assert row is not None
    return str(row["disposition"]), [finding.code for finding in decode_findings(row["findings"])]


async def test_what_came_in_time_is_not_late_because_something_younger_came_since(world: World) -> None:
    first = await world.send(patient("1", "1", gender="male"))
    await world.send(patient("1", "2", gender="female"))
    late = await world.send(patient("1", "0", active=True))
    for answer, expected in ((first, ("accepted", [])), (late, ("accepted-with-warnings", ["stale-update"]))):
        await world.operator.replay(answer["id"])
        assert await found(world, answer) == expected


async def test_what_came_with_a_later_part_stays_with_it(world: World) -> None:
    """A discharge before the admission shows when the second of the two comes (common rules §5.2)."""
    visit = ["Encounter", "v"]
    start = {"says": [{"target": visit, "order": "1", "events": [["admit", "2026-04-02T08:00:00+08:00"]]}]}
    end = {"says": [{"target": visit, "order": "2", "events": [["discharge", "2026-04-01T08:00:00+08:00"]]}]}
    first, second = await world.send(start), await world.send(end)
    assert await found(world, second) == ("accepted-with-warnings", ["time-order"])
    await world.operator.replay(first["id"])
    await world.operator.replay(second["id"])
    assert await found(world, first) == ("accepted", [])
    assert await found(world, second) == ("accepted-with-warnings", ["time-order"])


@pytest.mark.parametrize("code", ["envelope-mismatch", "code-name-conflict"])
async def test_a_report_stays_when_its_patient_is_called_otherwise_since(world: World, code: str) -> None:
    """A name corrected after the report (Qingpu §5): replaying took the report for one of somebody else."""
    report = {"claims": [[["Patient", "1"], "male", "gender", code, "HZXM"]], **patient("2", "1", active=True)}
    await world.send(patient("1", "1", gender="male"))
    first = await world.send(report)
    await world.send(patient("1", "2", gender="female"))
    late = await world.send({**report, "paths": ["x"]})
    how = "quarantined" if code == "envelope-mismatch" else "accepted-with-warnings"
    for answer, expected in ((first, ("accepted", [])), (late, (how, [code, "field-unmapped"]))):
        await world.operator.replay(answer["id"])
        disposition, codes = await found(world, answer)
        assert (disposition, sorted(codes)) == expected
    assert await world.resource("Patient", "2") is not None


async def test_a_row_is_not_a_duplicate_of_itself(world: World) -> None:
    row = patient("1", "1", gender="male")
    row["says"][0]["digest"] = "d"
    first, other = await world.send(row), await world.send({**row, "paths": ["x"]})
    assert (await found(world, first))[0] == "accepted"
    assert (await found(world, other))[0] == "duplicate"
    for answer, how in ((first, "accepted"), (other, "duplicate")):
        await world.operator.replay(answer["id"])
        assert (await found(world, answer))[0] == how


async def test_a_merge_is_not_a_repetition_of_itself(world: World) -> None:
    merge = {"merges": [[["Patient", "old"], ["Patient", "new"], "2"]]}
    await world.send(patient("new"))
    answer = await world.send(merge)
    await world.operator.replay(answer["id"])
    assert await found(world, answer) == ("accepted-with-warnings", ["merge-stub"])


async def test_what_an_operator_released_stays_released(world: World) -> None:
    answer = await world.send({**patient("1"), "findings": ["envelope-mismatch"]})
    await world.operator.release(answer["id"])
    assert await world.operator.replay(answer["id"]) == "stored"
    assert await found(world, answer) == ("accepted-with-warnings", ["envelope-mismatch"])
    assert await world.resource("Patient", "1") is not None


async def test_what_an_operator_discarded_stays_discarded_while_its_ground_is_there(world: World) -> None:
    answer = await world.send({**patient("1"), "findings": ["envelope-mismatch"]})
    await world.operator.discard(answer["id"], "sent by mistake")
    assert await world.operator.replay(answer["id"]) == "rejected"
    assert await found(world, answer) == ("rejected", ["envelope-mismatch"])
    orphan = await world.send({**patient("2"), "needs": [["Patient", "3"]]})
    await world.operator.discard(orphan["id"], "sent by mistake")
    assert await world.operator.replay(orphan["id"]) == "rejected"
    await world.send(patient("3"))
    assert await found(world, orphan) == ("rejected", ["orphan-reference"])
    mended = world.mended(lambda part: {**part, "findings": []})
    assert await mended.replay(answer["id"]) == "stored"
    assert await world.resource("Patient", "1") is not None


async def test_what_was_rejected_by_itself_is_no_decision(world: World) -> None:
    answer = await world.send({**patient("1"), "findings": ["envelope-mismatch", "key-missing"]})
    assert answer["status"] == "rejected"
    half = world.mended(lambda part: {**part, "findings": ["envelope-mismatch"]})
    assert await half.replay(answer["id"]) == "quarantined"


async def test_an_item_counts_once_however_often_it_is_replayed(world: World) -> None:
    answer = await world.send(patient("1"))
    for _ in range(2):
        await world.operator.replay(answer["id"])
    counted = {name.partition("|")[0]: n for name, n in (await counters(world.store)).items()}
    assert counted == {"received": 1, "accepted": 1, "replayed": 2}


def test_the_resources_of_a_part_stay_in_the_order_of_then() -> None:
    """Another version of a report may list its specimen behind its results."""
    then = Arrival((), ("r", "s", "o", "gone"), worked=True, duplicate=False, released=False, discarded=False)
    assert then.about(["r", "o", "s", "others", "new"], {"new", "o"}) == ("r", "s", "o", "new")


def test_what_a_part_states_itself_is_its_own() -> None:
    a, b = (Member(key("Observation", name), {}, aside=aside) for name, aside in (("a", False), ("b", True)))
    report = Contribution(key("DiagnosticReport", "r"), "1", members=(a, b))
    stated = ({"revoke": True}, {"withdraw": True}, {"exists": False})
    others = [Contribution(key("Patient", "p"), "1", **how) for how in stated]
    assert _own(Draft((report, *others))) == {report.target.reference, a.key.reference}


async def test_a_resource_that_mentions_a_member_of_its_own_keeps_it(world: World) -> None:
    """A result derived from another one of its report: the report lost that one, and listed `{}` in its place."""
    organism, tested = key("Observation", "o"), key("Observation", "t")
    members = [
        (["Observation", "o"], {}, "result[]"),
        (["Observation", "t"], {"derivedFrom[]": [{"reference": organism.reference}]}, "result[]"),
    ]
    report = {"target": ["DiagnosticReport", "r"], "order": "1", "slots": {}, "members": members}
    await world.send({"says": [{**report, "mentions": [organism.reference]}]})
    stored = await world.resource("DiagnosticReport", "r")
    assert stored is not None
    assert [one["reference"] for one in stored["result"]] == [organism.reference, tested.reference]
    derived = await world.resource("Observation", "t")
    assert derived is not None
    assert derived["derivedFrom"] == [{"reference": organism.reference}]
