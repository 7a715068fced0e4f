"""What does occur on this feed, through the whole pipeline (Qingpu §3.1, §3.2, §5, §6)."""

import json
from collections.abc import Collection
from itertools import permutations
from typing import Any

import pytest

from hie.staging.ledger import ledger
from hie.staging.tables import PART, RAW_ITEM
from tests.adapters.qingpu.exchange import FEED, Exchange
from tests.adapters.qingpu.rows import EVERYTHING, FULL, KEYS, one, revocation, upload
from tests.parse.envelope import envelope, row, table

ACCEPTED, WARNED, QUARANTINED, REJECTED = "accepted", "accepted-with-warnings", "quarantined", "rejected"
PERSON, VISIT, STAY = ("patient", {}), ("outpatient", {}), ("inpatient", {})
REPORT, RESULT = ("report", {}), ("result", {})
B1 = "12310118MBHE03010J|B1"
VISIT_NUMBER = "2.16.156.10011.2.5.1.9"


@pytest.fixture
async def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
async def filled(exchange: Exchange) -> Exchange:
    """With one patient, visit, report and result, uploaded on 10 April."""
    assert (await exchange.send(upload(PERSON, VISIT, REPORT, RESULT))).status == ACCEPTED
    return exchange


async def result(exchange: Exchange) -> dict[str, Any]:
    return await exchange.one("Observation", kind="jyzblsh", value="I1")


async def report(exchange: Exchange) -> dict[str, Any]:
    return await exchange.one("DiagnosticReport", kind="lis-report", value="20260402:L1")


def later(*rows: tuple[str, dict[str, str]], day: int = 11, batch: str = "B2") -> bytes:
    return upload(*rows, batch=batch, at=f"2026-04-{day:02d} 22:00:00")


async def test_the_same_rows_every_evening_are_duplicates(filled: Exchange) -> None:
    before = await filled.all()
    receipt = await filled.send(later(PERSON, VISIT, REPORT, RESULT))
    assert [status for _, status in receipt.rows] == ["duplicate"] * 4
    assert (receipt.http, receipt.status) == (200, ACCEPTED)
    assert await filled.all() == before


async def test_the_same_bytes_repeat_the_saved_rows(filled: Exchange) -> None:
    receipt = await filled.send(upload(PERSON, VISIT, REPORT, RESULT))
    assert receipt.status == "duplicate"
    assert [status for _, status in receipt.rows] == [ACCEPTED] * 4


async def test_a_value_that_comes_back_is_no_duplicate(filled: Exchange) -> None:
    await filled.send(later(("result", {"JYZBJG": "7.0"})))
    receipt = await filled.send(later(RESULT, day=12, batch="B3"))
    assert [status for _, status in receipt.rows] == [ACCEPTED]
    assert (await result(filled))["valueQuantity"]["value"] == 6.2


async def test_everything_before_its_parent_is_released_step_by_step(exchange: Exchange) -> None:
    for n, kind in enumerate(("result", "report", "outpatient"), 1):
        receipt = await exchange.send(later((kind, {}), day=n, batch=f"B{n}"))
        assert (receipt.http, receipt.status) == (202, QUARANTINED)
        assert receipt.codes == ["orphan-reference"]
    receipt = await exchange.send(later(PERSON, day=4, batch="B4"))
    assert len(receipt.root.findall("Row")) == 1
    assert (await report(exchange))["result"] == [{"reference": f"Observation/{(await result(exchange))['id']}"}]


async def test_a_row_whose_parent_its_own_envelope_releases_is_stored_at_once(exchange: Exchange) -> None:
    await exchange.send(later(("report", {}), ("outpatient", {}), day=1, batch="B1"))
    receipt = await exchange.send(later(("result", {}), PERSON, day=2, batch="B2"))
    assert (receipt.http, receipt.status) == (200, ACCEPTED)
    assert receipt.rows == [("1", ACCEPTED), ("2", ACCEPTED)]
    assert len((await report(exchange))["result"]) == 1
    assert (await ledger(exchange.store)).balanced


async def test_the_order_of_tables_in_an_envelope_means_nothing(exchange: Exchange) -> None:
    receipt = await exchange.send(upload(RESULT, REPORT, VISIT, PERSON))
    assert receipt.rows == [("1", ACCEPTED), ("2", ACCEPTED), ("3", ACCEPTED), ("4", ACCEPTED)]
    assert next(r.get("table") for r in receipt.root.iterfind("Row")) == "TB_LIS_INDICATORS"


async def test_a_correction_makes_the_result_corrected_and_not_the_report(filled: Exchange) -> None:
    receipt = await filled.send(later(("result", {"JYZBJG": "7.0"})))
    assert receipt.status == ACCEPTED
    changed = await result(filled)
    assert (changed["status"], changed["valueQuantity"]["value"]) == ("corrected", 7.0)
    assert (await report(filled))["status"] == "final"


async def test_a_corrected_report(filled: Exchange) -> None:
    await filled.send(later(("report", {"BGDLB": "血细胞分析"})))
    assert (await report(filled))["status"] == "corrected"
    assert (await result(filled))["status"] == "final"


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("imaging", {"YXBX": "右叶低回声结节"}),
        ("imaging", {"STUDYUID": "1.2.9"}),
        ("imaging", {"JZLSH": "V2"}),
        ("report", {"JZLSH": "V2"}),
        ("report", {"BBMC": "血清"}),
        ("result", {"BGDH": "L2"}),
    ],
)
async def test_other_content_of_a_row_makes_what_was_final_corrected(kind: str, columns: dict[str, str]) -> None:
    """Content are the findings, the specimen, and where it belongs, too (§3.2)."""
    exchange = await in_every_order(
        upload(
            PERSON, VISIT, ("outpatient", {"JZLSH": "V2"}), REPORT, ("report", {"BGDH": "L2"}), RESULT, ("imaging", {})
        ),
        later((kind, columns)),
    )
    found = {
        "imaging": exchange.one("DiagnosticReport", kind="instanceuid", value="1.2.3"),
        "report": report(exchange),
        "result": result(exchange),
    }
    assert {name: (await one)["status"] for name, one in found.items()} == {
        name: "corrected" if name == kind else "final" for name in found
    }


async def test_a_withdrawn_result_leaves_the_report_and_can_come_back(filled: Exchange) -> None:
    assert (await filled.send(revocation("result"))).status == ACCEPTED
    assert (await result(filled))["status"] == "entered-in-error"
    assert "result" not in await report(filled)
    await filled.send(later(RESULT, day=12, batch="B3"))
    assert (await result(filled))["status"] == "final"
    assert len((await report(filled))["result"]) == 1


async def test_a_revoked_report_stays_a_parent_and_comes_back_corrected(filled: Exchange) -> None:
    await filled.send(revocation("report"))
    assert (await report(filled))["status"] == "entered-in-error"
    assert (await result(filled))["status"] == "final"
    receipt = await filled.send(later(("result", {"JYZBLSH": "I2"}), day=11, batch="B3"))
    assert receipt.status == ACCEPTED
    await filled.send(later(REPORT, day=12, batch="B4"))
    assert (await report(filled))["status"] == "corrected"


@pytest.mark.parametrize(
    ("kind", "resource", "element", "value"),
    [
        ("patient", "Patient", "active", False),
        ("outpatient", "Encounter", "status", "entered-in-error"),
        ("imaging", "DiagnosticReport", "status", "entered-in-error"),
        ("summary", "Composition", "status", "entered-in-error"),
    ],
)
async def test_what_a_revocation_does(exchange: Exchange, kind: str, resource: str, element: str, value: Any) -> None:
    full = upload(PERSON, VISIT, ("imaging", {}), ("summary", {}))
    await exchange.send(full)
    before = (await exchange.one(resource))[element]
    assert (await exchange.send(revocation(kind))).status == ACCEPTED
    assert (await exchange.one(resource))[element] == value
    again = later(PERSON, VISIT, ("imaging", {}), ("summary", {}), day=12, batch="B3")
    await exchange.send(again)
    assert (await exchange.one(resource))[element] == ("corrected" if kind == "imaging" else before)


async def test_a_revoked_diagnosis(exchange: Exchange) -> None:
    await exchange.send(upload(PERSON, STAY, ("diagnosis", {}), ("diagnosis", {"ZYZDLSH": "D2"})))
    await exchange.send(revocation("diagnosis"))
    revoked = await exchange.one("Condition", kind="zyzdlsh", value="D1")
    other = await exchange.one("Condition", kind="zyzdlsh", value="D2")
    assert revoked["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    listed = (await exchange.one("Encounter"))["diagnosis"]
    assert [item["condition"]["reference"] for item in listed] == [f"Condition/{other['id']}"]
    await exchange.send(later(("diagnosis", {}), day=12, batch="B3"))
    assert len((await exchange.one("Encounter"))["diagnosis"]) == 2


async def in_every_order(*uploads: bytes, before: bytes | None = None) -> Exchange:
    """An exchange that got the uploads, after the one `before`; whatever their order, the state is the same."""
    exchanges = []
    for sequence in permutations(uploads):
        exchanges.append(Exchange())
        for body in sequence if before is None else (before, *sequence):
            await exchanges[-1].send(body)
    states = [await exchange.all() for exchange in exchanges]
    assert all(state == states[0] for state in states)
    return exchanges[0]


async def test_a_visit_that_comes_back_keeps_what_other_rows_say_about_it() -> None:
    exchange = await in_every_order(
        upload(PERSON, STAY, ("diagnosis", {})),
        revocation("inpatient", at="2026-04-11 22:00:00"),
        later(("summary", {"CYQK": "2"}), day=12, batch="B3"),
        later(STAY, day=13, batch="B4"),
    )
    visit = await exchange.one("Encounter")
    assert visit["status"] == "in-progress"
    assert len(visit["diagnosis"]) == 1
    assert "extension" in visit["hospitalization"]


async def test_a_diagnosis_that_moves_to_another_visit_is_listed_there_only() -> None:
    exchange = await in_every_order(
        upload(PERSON, STAY, ("inpatient", {"JZLSH": "V2"}), ("diagnosis", {})),
        later(("diagnosis", {"JZLSH": "V2"})),
        later(("diagnosis", {"JZLSH": "V2", "CYZDBZ": "1"}), day=12, batch="B3"),
    )
    condition = await exchange.one("Condition")
    former, now = [await exchange.one("Encounter", kind=VISIT_NUMBER, value=value) for value in ("V1", "V2")]
    assert "diagnosis" not in former
    assert [one["rank"] for one in now["diagnosis"]] == [1]
    assert condition["encounter"] == {"reference": f"Encounter/{now['id']}"}


async def test_a_diagnosis_that_moves_keeps_its_use_and_rank() -> None:
    """A column without value takes nothing back (common §8), at another visit neither; a revocation does (§2)."""
    visits = upload(PERSON, STAY, ("inpatient", {"JZLSH": "V2"}), batch="B0")
    moves = {"JZLSH": "V2", "ZDLB": "-"}
    uploads = [
        upload(("diagnosis", {"CYZDBZ": "1"})),
        later(("diagnosis", {"ZYZDLSH": "D2", "JZLSH": "V2", "CYZDBZ": "-"}), day=11, batch="B2"),
        later(("diagnosis", moves), day=12, batch="B3"),
    ]
    exchange = await in_every_order(*uploads, before=visits)
    (_, moved) = (await exchange.one("Encounter", kind=VISIT_NUMBER, value="V2"))["diagnosis"]
    assert (moved["use"]["coding"][0]["code"], moved["rank"]) == ("DD", 1)
    revoked = revocation("diagnosis", batch="B4", at="2026-04-13 22:00:00")
    again = later(("diagnosis", moves), day=14, batch="B5")
    exchange = await in_every_order(uploads[0], uploads[2], revoked, again, before=visits)
    (moved,) = (await exchange.one("Encounter", kind=VISIT_NUMBER, value="V2"))["diagnosis"]
    assert (moved["use"]["coding"][0]["code"], moved.get("rank")) == ("CM", None)


async def test_other_columns_of_a_revoking_row_state_nothing(exchange: Exchange) -> None:
    await exchange.send(upload(PERSON, STAY, ("diagnosis", {})))
    receipt = await exchange.send(later(("diagnosis", {"JZLSH": "unknown", "XGBZ": "2"})))
    assert (receipt.status, receipt.codes) == (ACCEPTED, [])
    assert "diagnosis" not in await exchange.one("Encounter")


async def test_numbers_may_have_64_characters(exchange: Exchange) -> None:
    stay, number = "V" * 64, "D" * 64
    receipt = await exchange.send(
        upload(
            PERSON,
            ("inpatient", {"JZLSH": stay}),
            ("summary", {"JZLSH": stay}),
            ("diagnosis", {"JZLSH": stay, "ZYZDLSH": number}),
        )
    )
    assert (receipt.status, receipt.codes) == (ACCEPTED, [])
    assert len((await exchange.one("Encounter"))["diagnosis"]) == 1


async def test_what_is_stated_again_in_another_order_makes_no_new_version(exchange: Exchange) -> None:
    await exchange.send(upload(PERSON, STAY, ("diagnosis", {"ZDLB": "1", "CYZDBZ": "-"})))
    before = await exchange.store.read("Encounter", (await exchange.one("Encounter"))["id"])
    assert before is not None
    receipt = await exchange.send(
        upload(("diagnosis", {"ZDLB": "-", "CYZDBZ": "0"}), batch="B0", at="2026-04-09 22:00:00")
    )
    assert receipt.codes == ["stale-update"]
    assert await exchange.store.read("Encounter", before.id) == before


async def test_a_visit_is_not_stale_because_of_its_diagnosis(exchange: Exchange) -> None:
    await exchange.send(upload(PERSON, STAY))
    await exchange.send(later(("diagnosis", {}), day=15, batch="B5"))
    receipt = await exchange.send(later(("inpatient", {"JZYSXM": "程澄"}), day=12, batch="B3"))
    assert (receipt.status, receipt.codes) == (ACCEPTED, [])
    receipt = await exchange.send(later(("inpatient", {"JZYSXM": "程安"}), day=11))
    assert (receipt.status, receipt.codes) == (WARNED, ["stale-update"])


async def test_values_are_deleted_by_revoking_the_row_and_sending_it_without_them() -> None:
    exchange = await in_every_order(
        upload(PERSON, VISIT, ("imaging", {"STUDYUID": "1.2"})),
        revocation("imaging"),
        later(("imaging", {"YXBX": "-"}), day=12, batch="B3"),
    )
    report = await exchange.one("DiagnosticReport")
    assert report["status"] == "corrected"
    assert not {"result", "imagingStudy"} & report.keys()
    assert (await exchange.one("Observation"))["status"] == "entered-in-error"


async def test_a_diagnosis_that_is_revoked_and_sent_again_has_lost_its_rank_and_use() -> None:
    exchange = await in_every_order(
        upload(PERSON, STAY, ("diagnosis", {"CYZDBZ": "1"}), ("diagnosis", {"ZYZDLSH": "D2", "CYZDBZ": "-"})),
        revocation("diagnosis"),
        later(("diagnosis", {"ZDLB": "-"}), day=12, batch="B3"),
        later(("summary", {"CYQK": "2"}), day=13, batch="B4"),
    )
    visit = await exchange.one("Encounter")
    listed = {one["use"]["coding"][0]["code"]: one.get("rank") for one in visit["diagnosis"]}
    assert listed == {"CM": None, "DD": None}


async def test_a_column_without_value_takes_nothing_back() -> None:
    exchange = await in_every_order(
        upload(PERSON, ("outpatient", {"JZLX": "2"}), REPORT, RESULT, ("imaging", {})),
        upload(("summary", {"RYZD": "-", "CYYZ": "休息"}), batch="B2"),
        later(
            ("outpatient", {"JZLX": "-"}),
            ("report", {"BGDLBBM": "-", "BGDLB": "-"}),
            ("result", {"JYZBDM": "-", "JYZBMC": "-", "JYZBJG": "7.0"}),
            ("imaging", {"JCMC": "-"}),
            ("summary", {"RYZD": "胸痛"}),
            batch="B3",
        ),
    )
    assert (await exchange.one("Encounter"))["class"]["code"] == "EMER"
    assert (await report(exchange))["code"]["text"] == "血常规"
    assert (await report(exchange))["status"] == "final"
    assert (await result(exchange))["code"]["text"] == "白细胞计数"
    assert (await exchange.one("DiagnosticReport", kind="instanceuid", value="1.2.3"))["code"]["text"] == "甲状腺超声"
    titles = [section["title"] for section in (await exchange.one("Composition"))["section"]]
    assert titles == ["入院诊断", "出院医嘱"]


HALVES = [
    ("patient", {"LXRXM", "LXRDH", "XM"}),
    ("inpatient", {"JZKSBM"}),
    ("report", {"CJSJ", "BBDM", "BGDLB"}),
    ("result", {"JYZBDM", "JLDW", "MXXMBM", "YQMC"}),
    ("result", {"JYZBMC", "JYZBJG", "CKZ", "MXXMBMYB", "YQBH"}),
    ("imaging", {"YXBX", "STUDYUID"}),
    ("imaging", {"JCSJ"}),
    ("diagnosis", {"ZDBM", "ZDLB", "YZDBZ"}),
]
"""A table, and the columns that come in a row of their own."""


def everything(without: Collection[str] = (), only: Collection[str] | None = None) -> list[tuple[str, dict[str, str]]]:
    """A row of each table with all that it may say, or some of it (with its key, parents and the times that say by
    their absence that somebody is still in or a report preliminary)."""
    rows = []
    for kind, more in EVERYTHING.items():
        said = {**FULL[kind], **more}
        kept = {*KEYS[kind], "KH", "KLX", "JZLSH", "BGRQ", "BGDH", "CYSJ", "SHSJ"}
        hidden = {c for c in said if c not in kept and (c in without or (only is not None and c not in only))}
        rows.append((kind, {**said, **dict.fromkeys(hidden, "-")}))
    return rows


async def stated(exchange: Exchange) -> dict[str, Any]:
    """All resources without what a second row changes by being one: status corrected, date of a summary, the order of
    what repeats, and the name in a coding that came without one."""
    found = await exchange.all()
    for resource in found.values():
        resource["status"] = "final" if resource.get("status") == "corrected" else resource.get("status")
        resource.pop("date", None)
    return {reference: _sorted(resource) for reference, resource in found.items()}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(part) for name, part in value.items() if not ("system" in value and name == "display")}
    return sorted(map(_sorted, value), key=str) if isinstance(value, list) else value


async def test_a_row_with_its_key_only_takes_nothing_back(exchange: Exchange) -> None:
    await exchange.send(upload(*everything()))
    before = await exchange.all()
    await exchange.send(later(*everything(only=())))
    after = {reference: {**resource} for reference, resource in (await exchange.all()).items()}
    for resource in (*before.values(), *after.values()):
        if resource["resourceType"] == "Composition":
            resource.pop("date")
    assert after == before


@pytest.mark.parametrize(("kind", "columns"), HALVES)
async def test_a_row_that_comes_in_two_halves_says_what_the_whole_says(kind: str, columns: set[str]) -> None:
    whole, halves = Exchange(), Exchange()
    await whole.send(upload(*everything()))
    others = [row for row in everything() if row[0] != kind]
    (rest,) = [row for row in everything(without=columns) if row[0] == kind]
    (half,) = [row for row in everything(only=columns) if row[0] == kind]
    await halves.send(upload(*others, half))
    await halves.send(later(rest))
    assert await stated(halves) == await stated(whole)


async def test_what_a_younger_row_does_say_takes_the_place_of_what_was_said(exchange: Exchange) -> None:
    await exchange.send(upload(*everything()))
    await exchange.send(
        later(
            ("patient", {"ZJLX": "03", "ZJHM": "E1"}),
            ("result", {"JYZBDM": "1039004001", "JYZBMC": "-", "JYZBJG": "阴性", "JLDW": "-", "CKZ": "-"}),
            ("diagnosis", {"ZDBM": "E11", "ZDSM": "-", "CYZDBZ": "0", "YZDBZ": "0", "ZDLB": "9"}),
        )
    )
    documents = [one for one in (await exchange.one("Patient"))["identifier"] if one["value"] == "E1"]
    assert [one["system"].rpartition("/")[2] for one in documents] == ["passport"]
    assert "type" not in documents[0]
    found = await result(exchange)
    assert [coding["code"] for coding in found["code"]["coding"]] == ["1039004001", "H1", "Y1"]
    assert "valueQuantity" not in found
    condition, (listed,) = await exchange.one("Condition"), (await exchange.one("Encounter"))["diagnosis"]
    assert condition["code"]["coding"][0]["code"] == "E11"
    assert condition["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert (listed["use"]["coding"][0]["code"], listed.get("rank")) == ("CM", None)


async def test_a_revoked_summary_takes_its_condition_at_discharge_along(exchange: Exchange) -> None:
    await exchange.send(upload(PERSON, STAY, ("summary", {"CYQK": "2"})))
    assert "hospitalization" in await exchange.one("Encounter")
    await exchange.send(revocation("summary"))
    visit = await exchange.one("Encounter")
    assert "hospitalization" not in visit
    assert visit["status"] == "in-progress"


async def test_a_summary_is_dated_by_a_discharge_before_the_admission_too() -> None:
    """Only the Period leaves that end out (common §5.2); CYSJ is known all the same (§4.6), and the last one counts."""
    exchange = await in_every_order(
        upload(("inpatient", {"CYSJ": "2026-04-09 15:30:00"})),
        later(("summary", {})),
        later(("inpatient", {"CYSJ": "2026-04-02 09:00:00"}), day=12, batch="B3"),
        before=upload(PERSON, batch="B0"),
    )
    visit = await exchange.one("Encounter")
    assert (visit["status"], visit["period"]) == ("finished", {"start": "2026-04-03T10:20:00+08:00"})
    assert (await exchange.one("Composition"))["date"] == "2026-04-02T09:00:00+08:00"
    await exchange.send(later(("inpatient", {"CYSJ": "2026-04-01 09:00:00"}), day=13, batch="B4"))
    assert (await exchange.one("Composition"))["date"] == "2026-04-01T09:00:00+08:00"
    await exchange.send(later(("inpatient", {"RYSJ": "2026-04-01"}), day=14, batch="B5"))
    assert (await exchange.one("Composition"))["date"] == "2026-04-11T22:00:00+08:00", "it goes on"


async def test_revoking_something_unknown_is_kept_for_when_it_comes(exchange: Exchange) -> None:
    await exchange.send(upload(PERSON, VISIT, REPORT))
    receipt = await exchange.send(revocation("result"))
    assert (receipt.status, receipt.codes) == (WARNED, ["nothing-to-cancel"])
    assert "Observation" not in json.dumps(await exchange.all())
    receipt = await exchange.send(upload(RESULT, batch="B0", at="2026-04-09 22:00:00"))
    assert (receipt.status, receipt.codes) == (WARNED, ["stale-update"]), "it comes in as revoked"
    assert (await result(exchange))["status"] == "entered-in-error"


async def test_an_old_envelope_after_a_restart_changes_nothing_newer(filled: Exchange) -> None:
    await filled.send(later(("result", {"JYZBJG": "7.0"})))
    old = upload(("result", {"JYZBJG": "5.0", "JYFF": "镜检"}), batch="B9", at="2026-04-09 22:00:00")
    receipt = await filled.send(old)
    assert (receipt.status, receipt.codes) == (WARNED, ["stale-update"])
    changed = await result(filled)
    assert (changed["valueQuantity"]["value"], changed["method"]) == (7.0, {"text": "镜检"})


async def test_a_preliminary_report_makes_its_results_preliminary(exchange: Exchange) -> None:
    await exchange.send(upload(PERSON, VISIT, ("report", {"SHSJ": "-"}), RESULT))
    assert (await result(exchange))["status"] == "preliminary"
    await exchange.send(later(REPORT))
    assert (await report(exchange))["status"] == "final"
    assert (await result(exchange))["status"] == "final"


async def test_a_flag_and_the_mark_of_a_critical_result_may_come_in_rows_of_their_own() -> None:
    """A row without the mark does not take it back (common §8); one with another mark does."""
    high = upload(PERSON, VISIT, REPORT, ("result", {"YCTS": "3", "JYZBJG": "15"}))
    marked = later(("result", {"YCTS": "-", "JYZBJG": "-", "WJZBZ": "1"}))
    again = later(("result", {"YCTS": "3", "JYZBJG": "16"}), day=12, batch="B3")
    exchange = await in_every_order(high, marked, again)
    assert (await result(exchange))["interpretation"][0]["coding"][-1]["code"] == "HH"
    await exchange.send(later(("result", {"YCTS": "-", "WJZBZ": "0"}), day=13, batch="B4"))
    assert (await result(exchange))["interpretation"][0]["coding"][-1]["code"] == "H"


async def test_results_stay_preliminary_while_their_report_says_no_time_of_review() -> None:
    """A result that was never final is not corrected, nor final because its report was taken back (§3.2, §4.4)."""
    first = upload(PERSON, VISIT, ("report", {"SHSJ": "-"}), RESULT)
    exchange = await in_every_order(first, later(("result", {"JYZBJG": "7.0"})))
    assert (await result(exchange))["status"] == "preliminary"
    exchange = await in_every_order(first, revocation("report"))
    assert (await report(exchange))["status"] == "entered-in-error"
    assert (await result(exchange))["status"] == "preliminary"
    revoked = revocation("report", batch="B3", at="2026-04-12 22:00:00")
    exchange = await in_every_order(upload(PERSON, VISIT, REPORT, RESULT), later(("report", {"SHSJ": "-"})), revoked)
    assert (await result(exchange))["status"] == "preliminary"


REVIEWED, UNREVIEWED, CHANGED = REPORT, ("report", {"SHSJ": "-"}), ("result", {"JYZBJG": "7.0"})
MOVED = ("result", {"BGDH": "L2"})


@pytest.mark.parametrize(
    ("uploads", "status"),
    [
        ((upload(UNREVIEWED, RESULT), later(CHANGED), later(REVIEWED, day=12)), "final"),
        ((upload(UNREVIEWED, RESULT), later(REVIEWED, CHANGED)), "final"),
        ((upload(RESULT), later(CHANGED), later(REVIEWED, day=12)), "final"),
        ((upload(REVIEWED, RESULT), later(UNREVIEWED), later(REVIEWED, CHANGED, day=12)), "corrected"),
        ((upload(UNREVIEWED, RESULT), later(REVIEWED, day=10, batch="B9"), later(CHANGED)), "corrected"),
        ((upload(UNREVIEWED, RESULT), later(MOVED), later(REVIEWED, day=12)), "final"),
        ((upload(REVIEWED, RESULT), later(MOVED)), "corrected"),
    ],
)
async def test_a_result_is_corrected_only_if_it_was_final_before(uploads: tuple[bytes, ...], status: str) -> None:
    """One that changed while its report was preliminary, or not there, was never final (§3.2, §4.4)."""
    first = upload(PERSON, VISIT, ("report", {"BGDH": "L2"}), batch="B0")
    exchange = await in_every_order(*uploads, before=first)
    assert (await result(exchange))["status"] == status


async def test_report_numbers_restart_daily(exchange: Exchange) -> None:
    tomorrow = {"BGRQ": "20260403"}
    receipt = await exchange.send(upload(PERSON, VISIT, REPORT, ("report", tomorrow)))
    assert receipt.status == ACCEPTED
    second = await exchange.one("DiagnosticReport", kind="lis-report", value="20260403:L1")
    assert (await report(exchange))["id"] != second["id"]


async def test_two_rows_of_one_key_are_processed_in_order_of_seq(exchange: Exchange) -> None:
    receipt = await exchange.send(upload(("patient", {"XM": "柯宁"}), ("patient", {"XM": "柯安"})))
    assert [status for _, status in receipt.rows] == [ACCEPTED, ACCEPTED]
    assert (await exchange.one("Patient"))["name"][0]["text"] == "柯安"


async def test_a_row_is_stored_from_the_envelope_of_its_own_institution(exchange: Exchange) -> None:
    stated = ("patient", {"YLJGYQDM": "12310118MBHE03010J"})
    elsewhere = upload(stated).replace(b"<YLJGYQDM>12310118MBHE03010J", b"<YLJGYQDM>12310118MBHE03029F", 1)
    receipt = await exchange.send(elsewhere)
    assert (receipt.rows, receipt.codes) == ([("1", QUARANTINED)], ["envelope-mismatch"])
    assert (await exchange.send(upload(stated, batch="B3"))).rows == [("1", ACCEPTED)]
    assert (await exchange.one("Patient"))["name"][0]["text"] == "柯宁"
    assert (await exchange.send(upload(stated, batch="B4"))).rows == [("1", "duplicate")]


async def test_a_name_that_is_not_the_patient_s_holds_the_report_back(exchange: Exchange) -> None:
    await exchange.send(upload(PERSON, VISIT))
    receipt = await exchange.send(later(("report", {"HZXM": "柯安"})))
    assert (receipt.status, receipt.codes) == (QUARANTINED, ["envelope-mismatch"])
    assert receipt.root.find("Row/Finding").get("field") == "HZXM"
    receipt = await exchange.send(later(("report", {"HZXM": " 柯 宁 "}), day=12, batch="B3"))
    assert receipt.status == ACCEPTED


@pytest.mark.parametrize(
    ("visit", "kind", "found"),
    [
        ("outpatient", "1", []),
        ("outpatient", "6", []),
        ("outpatient", "2", ["code-name-conflict"]),
        ("inpatient", "2", []),
        ("inpatient", "1", ["code-name-conflict"]),
    ],
)
async def test_report_kind_against_the_class_of_the_visit(
    exchange: Exchange, visit: str, kind: str, found: list[str]
) -> None:
    receipt = await exchange.send(upload(PERSON, (visit, {}), ("report", {"MZZYBZ": kind})))
    assert receipt.codes == found


async def test_a_bad_row_does_not_touch_the_others(exchange: Exchange) -> None:
    person = {"XB": "1", "CSRQ": "19511111"}
    body = envelope(
        table("TB_OTHER", row(1, A="1")),
        table("TB_YL_PATIENT_INFORMATION", row(2, KH="K1", KLX="-"), row(3, KH="K2", KLX="1", XM="张" * 101, **person)),
        table("TB_YL_PATIENT_INFORMATION", row(4, KH="K3", KLX="1", XM="柯宁", **person)),
    )
    receipt = await exchange.send(body)
    assert receipt.rows == [("1", REJECTED), ("2", REJECTED), ("3", QUARANTINED), ("4", ACCEPTED)]
    assert receipt.codes == ["type-unknown", "key-missing", "field-too-long"]
    assert (receipt.http, receipt.status) == (200, WARNED)
    keys = [r.get("key") for r in receipt.root.iterfind("Row")]
    assert keys == ["", "12310118MBHE03010J|K1|", "12310118MBHE03010J|K2|1", "12310118MBHE03010J|K3|1"]


async def test_every_row_rejected_rejects_the_envelope(exchange: Exchange) -> None:
    receipt = await exchange.send(envelope(table("TB_OTHER", row(1, A="1"), row(2, A="2"))))
    assert (receipt.http, receipt.status, receipt.rows) == (422, REJECTED, [("1", REJECTED), ("2", REJECTED)])


async def test_a_batch_number_used_again_for_other_rows_is_noted(filled: Exchange) -> None:
    receipt = await filled.send(upload(("patient", {"KH": "K2"}), ("patient", {"KH": "K3"})))
    assert receipt.codes == ["control-id-reused"]
    assert [found.get("code") for found in receipt.root.findall("Finding")] == ["control-id-reused"]
    assert (receipt.status, receipt.rows) == (WARNED, [("1", ACCEPTED), ("2", ACCEPTED)])


async def test_a_batch_number_is_judged_when_it_comes_and_not_at_a_release(exchange: Exchange) -> None:
    first = await exchange.send(later(REPORT, day=1, batch="B1"))
    second = await exchange.send(later(("report", {"BGDH": "L2"}), day=2, batch="B1"))
    assert (first.codes, second.codes) == (["orphan-reference"], ["control-id-reused", "orphan-reference"])
    await exchange.send(later(PERSON, VISIT, day=3, batch="B3"))
    released = [part["disposition"] for part in await exchange.store.select(PART, {"feed": FEED.id, "message": B1})]
    assert released == [ACCEPTED, ACCEPTED]
    ids = [str(receipt.root.get("id")) for receipt in (first, second)]
    items = [await exchange.store.get(RAW_ITEM, identity) for identity in ids]
    assert [item and item["disposition"] for item in items] == [ACCEPTED, WARNED]


async def test_rows_sent_again_with_an_older_time_are_duplicates_and_nothing_else(filled: Exchange) -> None:
    receipt = await filled.send(later(PERSON, VISIT, REPORT, RESULT, day=1))
    assert [status for _, status in receipt.rows] == ["duplicate"] * 4
    assert (receipt.status, receipt.codes) == (ACCEPTED, [])


async def test_gb18030_under_a_utf8_declaration_is_stored_right(exchange: Exchange) -> None:
    body = b'<?xml version="1.0" encoding="UTF-8"?>' + one("patient", XM="瑋億昞").decode().encode("gb18030")
    receipt = await exchange.send(body)
    assert (receipt.status, receipt.codes) == (WARNED, ["charset-mismatch"])
    assert (await exchange.one("Patient"))["name"][0]["text"] == "瑋億昞"


async def test_one_person_with_two_cards_is_two_patients_that_are_linked(exchange: Exchange) -> None:
    await exchange.send(upload(("patient", {"YYDAH": "Y1"}), ("patient", {"YYDAH": "Y1", "KH": "K2", "KLX": "2"})))
    patients = [r for r in (await exchange.all()).values() if r["resourceType"] == "Patient"]
    assert len(patients) == 2
    assert [link["type"] for patient in patients for link in patient["link"]] == ["refer", "refer"]
    assert patients[0]["link"] == patients[1]["link"]
    await exchange.send(revocation("patient", KH="K2", KLX="2"))
    patients = [r for r in (await exchange.all()).values() if r["resourceType"] == "Patient"]
    assert [patient.get("link") for patient in patients] == [None, None]


async def test_the_same_index_in_two_institutions_or_for_two_people_links_nobody(exchange: Exchange) -> None:
    await exchange.send(upload(("patient", {"YYDAH": "Y1"}), ("patient", {"YYDAH": "Y1", "KH": "K2", "XB": "2"})))
    await exchange.send(upload(("patient", {"YYDAH": "Y1"})).replace(b"12310118MBHE03010J", b"12310118MBHE03029F"))
    patients = [r for r in (await exchange.all()).values() if r["resourceType"] == "Patient"]
    assert [patient.get("link") for patient in patients] == [None, None, None]


async def test_the_state_does_not_depend_on_the_order_of_arrival() -> None:
    uploads = [
        upload(PERSON, VISIT, REPORT, RESULT),
        later(("result", {"JYZBJG": "7.0"})),
        revocation("result", batch="B3", at="2026-04-12 22:00:00"),
        later(("result", {"JYZBJG": "7.5"}), day=13, batch="B4"),
        later(("outpatient", {"JZYSXM": "程澄"}), day=14, batch="B5"),
    ]
    states = []
    for sequence in (uploads, uploads[::-1], [*uploads[3:], *uploads[:3]]):
        exchange = Exchange()
        for body in sequence:
            await exchange.send(body)
        states.append(await exchange.all())
    assert states[0] == states[1] == states[2]
    assert next(r for r in states[0].values() if r["resourceType"] == "Observation")["valueQuantity"]["value"] == 7.5


async def test_results_keep_their_place_when_one_is_corrected(exchange: Exchange) -> None:
    await exchange.send(upload(("patient", {}), ("outpatient", {}), ("report", {}), batch="B0"))
    second = {"JYZBLSH": "I2", "JYZBDM": "1039001003", "JYZBMC": "血红蛋白"}
    await exchange.send(upload(("result", {}), ("result", second), batch="B1"))
    before = [one["result"] for one in (await exchange.all()).values() if one["resourceType"] == "DiagnosticReport"]
    await exchange.send(upload(("result", {"JYZBJG": "7.10"}), batch="B2", at="2026-04-12 22:00:00"))
    after = [one["result"] for one in (await exchange.all()).values() if one["resourceType"] == "DiagnosticReport"]
    assert after == before
    assert len(after[0]) == 2
