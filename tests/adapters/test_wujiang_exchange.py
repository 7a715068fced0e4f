"""The Wujiang feed on the real pipeline: visits, reports and merges in any order of arrival (Wujiang §3 to §6)."""

import json
from datetime import UTC, datetime
from functools import cache
from itertools import permutations

import pytest

from adapters.wujiang import adapter
from hie.base.data import data_path
from hie.base.resource import Resource
from hie.feeds.ack import answer
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.identity.tables import TABLES as IDENTITY
from hie.parse.hl7v2 import parse
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.ingest import Ingest
from hie.quality.rules import load_rules
from hie.quality.stage import Quality
from hie.staging.tables import PART
from hie.staging.tables import TABLES as STAGING
from hie.store.memory import MemoryStore
from hie.wire.safejson import loads
from tests.clock import FixedClock
from tests.mapping.wujiang import FEED, PID, WJYY, maps, message, pv1

START = datetime(2026, 4, 2, 1, 0, tzinfo=UTC)


@cache
def quality() -> Quality:
    return Quality(load_rules(data_path("mappings", "quality")))


class Exchange:
    """An exchange with the feed `wujiang-hl7v2` only."""

    def __init__(self) -> None:
        self.store = MemoryStore((*STAGING, *IDENTITY))
        self.clock = FixedClock(START)
        runtime = FeedRuntime(
            adapter.feeds[0],
            adapter,
            lambda found: parse(found, adapter, maps().needs(FEED)),
            lambda record, found: maps().draft(record, found, adapter),
            quality().run,
            {FEED: answer},
            lambda saved, _: saved,
            "1",
        )
        self.ingest = Ingest(self.store, [runtime], self.clock)

    async def send(self, body: bytes) -> tuple[str, list[str]]:
        """MSA-1 and the finding codes of the answer."""
        self.clock.advance(1)
        lines = (await self.ingest.receive(FEED, body)).body.decode().split("\r")
        code = next(text.split("|")[1] for text in lines if text.startswith("MSA"))
        return code, [text.split("|")[5] for text in lines if text.startswith("ERR")]

    async def all(self) -> dict[str, Resource]:
        """Every current resource by reference, without meta; no Provenance and no golden Patients."""
        found = {}
        async for version in self.store.versions():
            body = json.loads(version.body)
            if version.type != "Provenance" and "tag" in body.get("meta", {}):
                found[f"{version.type}/{version.id}"] = {k: v for k, v in body.items() if k != "meta"}
        return found

    async def of(self, type: str, **identifier: str) -> list[Resource]:
        """The resources of a type; with `value` those with an identifier of that value."""
        every = [r for r in (await self.all()).values() if r["resourceType"] == type]
        wanted = identifier.get("value")
        return [r for r in every if wanted is None or wanted in {i["value"] for i in r.get("identifier", ())}]

    async def one(self, type: str, **identifier: str) -> Resource:
        (found,) = await self.of(type, **identifier)
        return found


def adt(event: str, at: str, *segments: str, control: str = "", pid: str = PID) -> bytes:
    """An ADT whose event and sending time are `at` (hour and minute of 1 April 2026)."""
    time = f"20260401{at}00"
    return message(f"ADT^{event}", pid, *segments, f7=time, f10=control or f"{event}{at}").replace(
        b"20260401115900", time.encode()
    )


def oru(at: str, *obx: str, status: str = "F", control: str = "", pid: str = PID, visit: str = "V1") -> bytes:
    """A report B1 issued at `at`."""
    obr = f"OBR|1|SQ1|B1|X^生化|||20260401080000|||||||||||||||20260401{at}00|||{status}"
    return message("ORU^R01", pid, pv1(f19=visit), obr, *obx, f7=f"20260401{at}30", f10=control or f"ORU{at}")


def obx(item: str, value: str, status: str = "F") -> str:
    return f"OBX|1|NM|{item}||{value}|mmol/L||||{''}|{status}"


WARD_1, WARD_2 = pv1(f3="W1^^1^^^^^^一病区"), pv1(f3="W2^^2^^^^^^二病区")
STAY = [
    adt("A01", "0900", WARD_1),
    adt("A02", "1000", WARD_2),
    adt("A03", "1100", pv1(f36="1")),
]


def visit(encounter: Resource) -> tuple[str, dict[str, str], list[tuple[str, str]]]:
    places = [(place["location"]["display"], place["status"]) for place in encounter.get("location", ())]
    return encounter["status"], encounter.get("period", {}), places


async def after(*bodies: bytes) -> Exchange:
    exchange = Exchange()
    for body in bodies:
        await exchange.send(body)
    return exchange


async def test_a_stay() -> None:
    exchange = await after(*STAY)
    assert visit(await exchange.one("Encounter")) == (
        "finished",
        {"start": "2026-04-01T09:00:00+08:00", "end": "2026-04-01T11:00:00+08:00"},
        [("一病区", "completed"), ("二病区", "completed")],
    )


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_order_of_arrival_does_not_show(order: tuple[int, ...]) -> None:
    expected = await (await after(*STAY)).all()
    assert await (await after(*(STAY[n] for n in order))).all() == expected


async def test_sending_twice_changes_nothing() -> None:
    once, twice = await after(*STAY), await after(*STAY, *STAY)
    assert await once.all() == await twice.all()


async def test_mllp_bytes_around_a_message_make_no_other_message() -> None:
    exchange = await after(*STAY)
    before = [(version.type, version.id) async for version in exchange.store.versions()]
    assert await exchange.send(b"\x0b" + STAY[2] + b"\x1c\r") == ("AA", [])
    assert [(version.type, version.id) async for version in exchange.store.versions()] == before


async def test_cancelled_discharge_and_transfer() -> None:
    exchange = await after(*STAY, adt("A13", "1130", pv1()))
    found = await exchange.one("Encounter")
    assert visit(found)[0] == "in-progress"
    assert ("end" in found["period"], "dischargeDisposition" in found.get("hospitalization", {})) == (False, False)
    assert visit(found)[2] == [("一病区", "completed"), ("二病区", "active")]
    await exchange.send(adt("A12", "1140", pv1()))
    assert visit(await exchange.one("Encounter"))[2] == [("一病区", "active")]


async def test_two_transfers_are_cancelled_one_after_the_other() -> None:
    exchange = await after(*STAY[:2], adt("A02", "1030", pv1(f3="W3")))
    for at, expected in (("1100", []), ("1110", []), ("1120", ["nothing-to-cancel"])):
        assert await exchange.send(adt("A12", at, pv1())) == ("AA", expected)
    assert visit(await exchange.one("Encounter"))[2] == [("一病区", "active")]


async def test_a_transfer_cancelled_after_discharge_leaves_no_ward_open() -> None:
    found = await (await after(*STAY, adt("A12", "1130", pv1()))).one("Encounter")
    assert visit(found)[2] == [("一病区", "completed")]
    assert found["location"][0]["period"]["end"] == "2026-04-01T11:00:00+08:00"


LATE = adt("A02", "1200", WARD_2)
LATE_2 = adt("A02", "1215", WARD_1)
"""Transfers after the discharge of `STAY`."""


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([STAY[0], STAY[2], LATE], [("completed", "12"), ("completed", "12")]),
        ([STAY[0], STAY[2], LATE, adt("A12", "1230", pv1())], [("completed", "11")]),
        ([STAY[0], STAY[2], LATE, adt("A13", "1230", pv1()), adt("A12", "1300", pv1())], [("active", "")]),
        ([*STAY, adt("A13", "1130", pv1()), LATE], [("completed", "10"), ("completed", "12"), ("active", "")]),
        ([STAY[0], STAY[2], LATE, adt("A13", "1230", pv1())], [("completed", "12"), ("active", "")]),
        ([STAY[0], STAY[2], LATE, LATE_2, adt("A12", "1230", pv1())], [("completed", "12"), ("completed", "12")]),
    ],
)
async def test_a_transfer_after_the_discharge_and_its_cancellation(
    bodies: list[bytes], expected: list[tuple[str, str]]
) -> None:
    """Each entry ends where the next begins (§4.3), whatever the order of arrival; a transfer that is cancelled leaves
    the discharge as it was. In a finished visit every ward has ended: the last one was open, or had no end."""
    for turned in (1, -1):
        found = await (await after(*bodies[::turned])).one("Encounter")
        assert [(one["status"], one["period"].get("end", "")[11:13]) for one in found["location"]] == expected


async def test_cancellations_before_what_they_cancel() -> None:
    exchange = Exchange()
    assert await exchange.send(adt("A11", "1200", pv1())) == ("AA", ["nothing-to-cancel"])
    assert (await exchange.one("Encounter"))["status"] == "cancelled"
    assert await exchange.send(adt("A01", "0900", WARD_1)) == ("AA", ["stale-update"])
    assert (await exchange.one("Encounter"))["status"] == "cancelled"


async def test_a_late_update_fills_in_but_does_not_overwrite() -> None:
    exchange = Exchange()
    await exchange.send(adt("A08", "1000", pv1(), pid=PID.replace("张三", "张叁")))
    late = adt("A08", "0900", pv1(f10="^心内科"), pid=PID + "|||某路1号^^^^^^H")
    assert await exchange.send(late) == ("AA", ["stale-update"])
    patient = await exchange.one("Patient")
    assert (patient["name"][0]["text"], patient["address"][0]["text"]) == ("张叁", "某路1号")
    assert (await exchange.one("Encounter"))["serviceType"] == {"text": "心内科"}


async def test_the_encounter_of_a_report_is_made_and_then_stated() -> None:
    exchange = Exchange()
    await exchange.send(oru("1000", obx("K", "4.1")))
    assert visit(await exchange.one("Encounter"))[0] == "unknown"
    await exchange.send(adt("A01", "0900", WARD_1))
    assert visit(await exchange.one("Encounter"))[0] == "in-progress"
    report = await exchange.one("DiagnosticReport")
    assert report["encounter"]["reference"] == f"Encounter/{(await exchange.one('Encounter'))['id']}"


async def test_person_data_of_a_report_gives_way_to_an_adt_whatever_the_times() -> None:
    exchange = await after(
        adt("A28", "0800"), oru("1000", obx("K", "4.1"), pid=PID.replace("张三", "张叁").replace("|M", "|F"))
    )
    patient = await exchange.one("Patient")
    assert (patient["name"][0]["text"], patient["gender"]) == ("张三", "male")
    assert await exchange.send(adt("A08", "0900", pv1())) == ("AA", [])


@pytest.mark.parametrize("turned", [False, True])
async def test_a_report_adds_nothing_to_a_person_who_was_known(turned: bool) -> None:
    bodies = [adt("A28", "0800"), oru("1000", obx("K", "4.1"), pid=f"{PID}{'|' * 22}Y")]
    assert "deceasedBoolean" not in await (await after(*bodies[:: -1 if turned else 1])).one("Patient")
    made = await after(*bodies[1:], adt("A28", "1100"))
    assert (await made.one("Patient"))["deceasedBoolean"] is True


async def test_a_correction_replaces_its_results_and_leaves_the_others() -> None:
    bodies = [oru("1000", obx("K", "6.9"), obx("NA", "140")), oru("1100", obx("K", "4.2", "C"), status="C")]
    one, other = await after(*bodies), await after(*reversed(bodies))
    found = {r["code"]["coding"][0]["code"]: r for r in await one.of("Observation")}
    assert [(found[i]["status"], found[i]["valueQuantity"]["value"]) for i in ("K", "NA")] == [
        ("corrected", 4.2),
        ("final", 140),
    ]
    report = await one.one("DiagnosticReport")
    assert (report["status"], len(report["result"])) == ("corrected", 2)
    assert {r["id"]: r for r in await one.of("Observation")} == {r["id"]: r for r in await other.of("Observation")}


async def test_a_deleted_result_leaves_the_report() -> None:
    exchange = await after(oru("1000", obx("K", "6.9"), obx("NA", "140")), oru("1100", obx("K", "", "D")))
    found = {r["code"]["coding"][0]["code"]: r["status"] for r in await exchange.of("Observation")}
    assert found == {"K": "entered-in-error", "NA": "final"}
    assert len((await exchange.one("DiagnosticReport"))["result"]) == 1


MERGE = adt("A40", "1200", "MRG|L9^^^^LocalID")
PRIOR = PID.replace("L1", "L9")


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_merge_moves_everything_to_the_survivor(order: tuple[int, ...]) -> None:
    bodies = [adt("A01", "0900", pv1(f19="V9"), pid=PRIOR), MERGE, oru("1300", obx("K", "4"), pid=PRIOR, visit="V9")]
    exchange = await after(*(bodies[n] for n in order))
    survivor, prior = await exchange.one("Patient", value="L1"), await exchange.one("Patient", value="L9")
    assert (survivor["active"], prior["active"]) == (True, False)
    assert [link["type"] for link in (*survivor["link"], *prior["link"]) if link["type"] != "refer"] == [
        "replaces",
        "replaced-by",
    ]
    assert {i.get("use") for i in prior["identifier"] if i["value"] == "L9"} == {"old"}
    belongings = [await exchange.one(type) for type in ("Encounter", "DiagnosticReport", "Observation")]
    subjects = {resource["subject"]["reference"] for resource in belongings}
    assert subjects == {f"Patient/{survivor['id']}"}


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_what_hangs_on_a_person_goes_to_the_end_of_the_chain(order: tuple[int, ...]) -> None:
    hanging = "NK1|1|李四|配偶", "AL1|1|DA|^青霉素", "IN1|1|01"
    bodies = [adt("A31", "0900", *hanging, pid=PRIOR), MERGE, adt("A40", "1210", "MRG|L1^^^^LocalID", pid=person("L0"))]
    exchange = await after(*(bodies[n] for n in order))
    end = f"Patient/{(await exchange.one('Patient', value='L0'))['id']}"
    assert (await exchange.one("RelatedPerson"))["patient"]["reference"] == end
    assert (await exchange.one("AllergyIntolerance"))["patient"]["reference"] == end
    assert (await exchange.one("Coverage"))["beneficiary"]["reference"] == end


async def test_an_empty_field_clears_nothing_of_a_contact_or_an_allergy() -> None:
    first = adt("A31", "0900", "NK1|1|李四|配偶||12000000002", "AL1|1|DA|^青霉素")
    exchange = await after(first, adt("A31", "1000", "NK1|1|李思", "AL1|1||^头孢"))
    contact, allergy = await exchange.one("RelatedPerson"), await exchange.one("AllergyIntolerance")
    assert contact["name"][0]["text"] == "李思"
    assert contact["relationship"] == [{"text": "配偶"}]
    assert contact["telecom"][0]["value"] == "12000000002"
    assert (allergy["code"]["text"], allergy["category"]) == ("头孢", ["medication"])


@pytest.mark.parametrize(("type", "segment"), [("RelatedPerson", "NK1|1|{}|{}||{}"), ("Coverage", "IN1|1|{}")])
async def test_null_text_makes_no_contact_or_cover_and_clears_nothing_of_one(type: str, segment: str) -> None:
    said, null = (
        adt("A31", "0900", segment.format("01", "配偶", "120")),
        adt("A31", "1000", segment.format("-", "无", "/")),
    )
    assert await (await after(null)).of(type) == []
    assert await (await after(said, null)).one(type) == await (await after(said)).one(type)


async def test_answers_to_merges() -> None:
    exchange = Exchange()
    assert await exchange.send(MERGE) == ("AA", ["merge-stub"])
    before = await exchange.all()
    assert await exchange.send(adt("A40", "1201", "MRG|L9^^^^LocalID")) == ("AA", [])
    inverse = adt("A40", "1300", "MRG|L1^^^^LocalID", pid=PRIOR)
    assert await exchange.send(inverse) == ("AE", ["merge-inverse"])
    assert await exchange.all() == before


async def test_a_merged_patient_has_its_number_once() -> None:
    exchange = await after(adt("A28", "0800", pid=PRIOR), MERGE)
    (number,) = (await exchange.one("Patient", value="L9"))["identifier"]
    assert (number["value"], number["use"]) == ("L9", "old")


async def test_merges_of_one_patient_into_two_give_one_store_in_any_order() -> None:
    second = PID.replace("L1", "L2")
    merges = [
        adt("A40", "1000", "MRG|L9^^^^LocalID", pid=second),
        adt("A40", "1100", "MRG|L9^^^^LocalID"),
        adt("A40", "0900", "MRG|L1^^^^LocalID", pid=second),
        adt("A40", "0930", "MRG|L9^^^^LocalID", pid=second, control="again"),
    ]
    first, *others = [await (await after(*order)).all() for order in permutations(merges)]
    assert all(other == first for other in others)


async def test_two_reports_of_one_tube_have_their_own_specimens() -> None:
    tube = "SPM|1|BB1||0101^全血"
    one, two = (oru(at, tube, pid=PID.replace("L1", pid)) for at, pid in (("0900", "L1"), ("0930", "L2")))
    stores = [await (await after(*order)).all() for order in ((one, two), (two.replace(b"|B1|", b"|B2|"), one))]
    assert [sum(key.startswith("Specimen/") for key in store) for store in stores] == [1, 2]


async def test_equal_order_keys_are_put_in_one_order() -> None:
    one, two = (adt("A31", "0900", control="same", pid=PID.replace("张三", name)) for name in ("张三", "李四"))
    assert await (await after(one, two)).all() == await (await after(two, one)).all()


async def test_person_data_under_a_retired_number_is_not_applied() -> None:
    exchange = await after(adt("A28", "0800"), adt("A28", "0801", pid=PRIOR), MERGE)
    before = await exchange.all()
    assert await exchange.send(adt("A31", "1300", pid=PRIOR.replace("张三", "李四"))) == ("AA", [])
    assert await exchange.all() == before


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_what_hangs_on_person_data_after_a_merge_is_not_there_whenever_the_merge_comes(
    order: tuple[int, ...],
) -> None:
    hanging = "NK1|1|李四|配偶", "AL1|1|DA|^青霉素", "IN1|1|01"
    merged = [adt("A28", "0800", "NK1|2|王五|子", pid=PRIOR), MERGE]
    bodies = [*merged, adt("A31", "1300", *hanging, pid=PRIOR)]
    assert await (await after(*(bodies[n] for n in order))).all() == await (await after(*merged)).all()


async def test_chains_of_merges() -> None:
    third = PID.replace("L1", "L0")
    exchange = await after(
        adt("A01", "0900", pv1(f19="V9"), pid=PRIOR), MERGE, adt("A40", "1210", "MRG|L1^^^^LocalID", pid=third)
    )
    end = await exchange.one("Patient", value="L0")
    assert (await exchange.one("Encounter"))["subject"]["reference"] == f"Patient/{end['id']}"


def person(number: str) -> str:
    return PID.replace("L1", number)


def merge(at: str, survivor: str, prior: str) -> bytes:
    return adt("A40", at, f"MRG|{prior}^^^^LocalID", pid=person(survivor))


@pytest.mark.parametrize(
    ("merges", "inverse"),
    [
        ([("1000", "L2", "L1"), ("1100", "L3", "L2")], ("1200", "L1", "L2")),
        ([("1000", "L3", "L1"), ("1100", "L1", "L2")], ("0900", "L2", "L1")),
    ],
)
async def test_a_merge_against_a_link_of_a_chain_is_inverse(
    merges: list[tuple[str, str, str]], inverse: tuple[str, str, str]
) -> None:
    exchange = await after(*(adt("A28", "0800", pid=person(n), control=n) for n in ("L1", "L2", "L3")))
    assert [await exchange.send(merge(*one)) for one in merges] == [("AA", [])] * 2
    before = await exchange.all()
    assert await exchange.send(merge(*inverse)) == ("AE", ["merge-inverse"])
    assert await exchange.all() == before


DEATH = "20260401083000"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ([(DEATH, "Y"), ("", "Y")], {"deceasedDateTime": "2026-04-01T08:30:00+08:00"}),
        ([(DEATH, "Y"), ("", "N")], {}),
        ([(DEATH, ""), ("", "N")], {}),
        ([(DEATH, "Y"), ("", "N"), ("", "Y")], {"deceasedBoolean": True}),
        ([("", "N"), (DEATH, "N")], {"deceasedDateTime": "2026-04-01T08:30:00+08:00"}),
        ([(DEATH, "Y"), ('""', "N")], {}),
        ([("", "Y"), ("", "n"), ("", "")], {}),
        ([("", "N")], {}),
        ([("", "N"), ("", "Y")], {"deceasedBoolean": True}),
        ([("", "Y"), ("", "")], {"deceasedBoolean": True}),
        ([("", "Y"), ("", '""')], {}),
        ([("", '""'), ("", "Y")], {"deceasedBoolean": True}),
        ([(DEATH, "Y"), ('""', '""')], {}),
        ([('""', '""'), (DEATH, "Y")], {"deceasedDateTime": "2026-04-01T08:30:00+08:00"}),
        ([(DEATH, "Y"), ('""', "")], {"deceasedBoolean": True}),
        ([(DEATH, "Y"), ("", '""')], {"deceasedDateTime": "2026-04-01T08:30:00+08:00"}),
        ([("", "Y"), ("", '""'), ("", "N"), ("", "")], {}),
    ],
)
async def test_a_death_is_taken_back_by_quotes_field_by_field_and_by_n_as_a_whole(
    stated: list[tuple[str, str]], expected: object
) -> None:
    """Only a Y of PID-30 gives an element (§4.2), empty states nothing (§1.2); older and younger, in any order."""
    bodies = [adt("A31", f"{9 + n:02}00", pid=PID + "|" * 21 + f"{at}|{dead}") for n, (at, dead) in enumerate(stated)]
    for order in permutations(bodies):
        patient = await (await after(*order)).one("Patient")
        assert {name: value for name, value in patient.items() if name.startswith("deceased")} == expected


TYPED = f"{'|' * 8}0101^全血{'|' * 7}".encode()
RECEIVED = f"{'|' * 7}20260401083000{'|' * 8}".encode()
"""OBR-8 to OBR-22: the kind of specimen, and when it was received."""


async def test_what_a_younger_message_does_not_state_stays() -> None:
    first = message("ORM^O01", PID, "ORC|NW|SQ1|||||^^^^^S||20260401070000", "OBR|1|||X^生化", f10="O1")
    then = message("ORM^O01", PID, "ORC|CM|SQ1", "OBR|1", f10="O2")
    order = await (await after(then, first)).one("ServiceRequest")
    assert (order["status"], order["priority"], order["code"]["text"]) == ("completed", "stat", "生化")
    corrected = oru("1100", status="C").replace("|X^生化|".encode(), b"||")
    report = await (await after(oru("1000"), corrected)).one("DiagnosticReport")
    assert (report["status"], report["code"]["text"]) == ("corrected", "生化")
    unknown = await (await after(oru("1000"), oru("1100", status=""))).one("DiagnosticReport")
    assert (unknown["status"], "_status" in unknown) == ("unknown", False)
    typed, received = (oru(at).replace(b"|" * 15, fields) for at, fields in (("1000", TYPED), ("1100", RECEIVED)))
    tube = await (await after(received, typed)).one("Specimen")
    assert (tube["type"]["text"], tube["receivedTime"]) == ("全血", "2026-04-01T08:30:00+08:00")


async def test_orders() -> None:
    exchange = Exchange()
    order = message("ORM^O01", PID, pv1(), "ORC|NW|SQ1|||||||20260401070000", "OBR|1|||X^生化", "NTE|1||空腹", f10="O1")
    stop = message("ORM^O01", PID, pv1(), "ORC|CA|SQ1|||||||20260401073000", "OBR|1|||X^生化", f10="O2")
    lost = message("ORM^O01", PID, pv1(), "ORC|CA|SQ9|||||||20260401073000", "OBR|1|||X^生化", f10="O3")
    assert await exchange.send(order) == ("AA", [])
    assert await exchange.send(stop) == ("AA", [])
    assert await exchange.send(lost) == ("AA", ["nothing-to-cancel"])
    assert {r["status"] for r in await exchange.of("ServiceRequest")} == {"revoked"}
    first = await exchange.one("ServiceRequest", value="SQ1")
    assert first["identifier"] == [{"system": f"https://hie.example.org/id/{WJYY}/2.16.156.10011.1.24", "value": "SQ1"}]
    assert first["note"] == [{"text": "空腹"}]


async def test_a_control_id_used_again_for_other_bytes() -> None:
    exchange = Exchange()
    await exchange.send(adt("A28", "0800", control="X1"))
    assert await exchange.send(adt("A28", "0900", control="X1")) == ("AA", ["control-id-reused"])


def batch(*messages: bytes) -> bytes:
    head = b"BHS|^~\\&|HIS|WJYY|HIE|YRD|20260401||||BC1\r"
    return head + b"".join(messages) + f"BTS|{len(messages)}\r".encode()


async def test_a_message_that_stands_twice_in_a_batch_counts_once() -> None:
    exchange = await after(batch(STAY[0], STAY[1], STAY[1]))
    assert visit(await exchange.one("Encounter"))[2] == [("一病区", "completed"), ("二病区", "active")]
    rows = await exchange.store.select(PART, {"feed": FEED})
    assert [row["disposition"] for row in sorted(rows, key=lambda row: int(str(row["part"])))] == [
        "accepted",
        "accepted",
        "duplicate",
    ]


@pytest.mark.parametrize(("part", "instead"), [(b"ADT^A28", b"ADT^A99"), (b"|P|2.4", b"|T|2.4"), (b"|2.4", b"|2.9")])
async def test_a_control_id_used_again_after_a_refused_message(part: bytes, instead: bytes) -> None:
    """A refused message has an id as well, unless it could not be read (common rules §2.2)."""
    refused, good = adt("A28", "0800", control="X1").replace(part, instead, 1), adt("A28", "0800", control="X1")
    exchange = Exchange()
    assert (await exchange.send(refused))[0] == "AR"
    assert await exchange.send(good) == ("AA", ["control-id-reused"])
    exchange = Exchange()
    assert "control-id-reused" in (await exchange.send(batch(refused, good)))[1]


async def test_an_unreadable_message_has_no_control_id() -> None:
    exchange = Exchange()
    await exchange.send(adt("A28", "0800", control="X1").replace(b"MSH", b"MSX", 1))
    assert await exchange.send(adt("A28", "0800", control="X1")) == ("AA", [])


async def test_a_control_id_used_again_in_one_batch() -> None:
    exchange = Exchange()
    one, other = (adt("A28", at, control="X1") for at in ("0800", "0900"))
    assert (await exchange.send(batch(one, other)))[1] == ["control-id-reused"]


async def test_discharge_before_admission_and_report_before_sampling() -> None:
    exchange = Exchange()
    early = adt("A03", "1100", pv1(f44="20260401100000", f45="20260401090000"))
    assert await exchange.send(early) == ("AA", ["time-order"])
    found = await exchange.one("Encounter")
    assert (found["status"], found["period"]) == ("finished", {"start": "2026-04-01T10:00:00+08:00"})
    assert await exchange.send(oru("0700", obx("K", "4"))) == ("AA", ["time-order"])
    day = oru("0900", obx("K", "4"), control="D1").replace(b"||20260401090000|", b"||20260331|")
    assert await exchange.send(day) == ("AA", ["time-order", "stale-update"]), "a date alone is early all the same"


async def test_a_visit_moves_to_the_patient_of_the_younger_message() -> None:
    exchange = await after(adt("A08", "1000", pv1(), pid=PRIOR), adt("A01", "0900", pv1()))
    owner = await exchange.one("Patient", value="L9")
    assert (await exchange.one("Encounter"))["subject"]["reference"] == f"Patient/{owner['id']}"


async def test_everything_that_is_stored_is_valid_fhir() -> None:
    exchange = await after(*(sample.read_bytes() for sample in sorted(adapter.samples.glob("*.hl7"))))
    odd = "NK1|1|李四|配偶||12000000002", "AL1|1|DA|^青霉素", "IN1|1|01", pv1(f2="", f3="W1", f7="D1^周"), "DG1|1||^x"
    empty = "OBR|1||B7", "OBX|1|NM|||", "OBX|2|SN|K^钾||>^5|mmol/L|<5|Q|||D", "NTE|1||a"
    await exchange.send(adt("A08", "1000", *odd))
    await exchange.send(message("ORU^R01", PID, pv1(), *empty, f10="E1"))
    await exchange.send(message("ORM^O01", PID, pv1(), "ORC|CA|S1", "OBR|1|||A^b", f10="E2"))
    validator = Validator(official())
    faults = [
        (version.type, issue.rule, issue.expression)
        async for version in exchange.store.versions()
        for issue in validator.write_issues(loads(version.body))
    ]
    assert faults == []


ORDER = "ORC|NW|SQ1|||||||20260401080000\rOBR|1|SQ1||XCG^血常规"
REPORTED = "OBR|1|SQ1|B1|XCG^血常规|||20260402080000|||||||||||||||20260402100000|||F"


@pytest.mark.parametrize("turned", [False, True])
async def test_a_report_names_its_order_literally_when_that_is_known(turned: bool) -> None:
    exchange = Exchange()
    items = [message("ORU^R01", PID, REPORTED), message("ORM^O01", PID, ORDER)]
    for body in reversed(items) if turned else items:
        await exchange.send(body)
    (report,) = await exchange.of("DiagnosticReport")
    (order,) = await exchange.of("ServiceRequest")
    assert report["basedOn"][0]["reference"] == f"ServiceRequest/{order['id']}"
    assert report["basedOn"][0]["identifier"]["value"] == "SQ1"


async def test_a_report_whose_order_is_not_known_has_its_number_only() -> None:
    exchange = Exchange()
    await exchange.send(message("ORU^R01", PID, REPORTED))
    (report,) = await exchange.of("DiagnosticReport")
    assert "reference" not in report["basedOn"][0]
    assert report["basedOn"][0]["identifier"]["value"] == "SQ1"


async def test_each_specimen_segment_is_a_specimen() -> None:
    exchange = Exchange()
    specimens = "SPM|1|BB1||0101^全血\rSPM|2|BB2||0102^血清\rSPM|3|||0103^尿"
    await exchange.send(message("OUL^R24", PID, f"{REPORTED}\r{specimens}"))
    (report,) = await exchange.of("DiagnosticReport")
    found = {f"Specimen/{one['id']}": one for one in await exchange.of("Specimen")}
    listed = [found[one["reference"]] for one in report["specimen"]]
    assert [one["type"]["text"] for one in listed] == ["全血", "血清", "尿"]
    assert [one.get("identifier", [{}])[0].get("value") for one in listed] == ["BB1", "BB2", None]


async def test_a_merge_stub_says_where_the_unknown_number_stands() -> None:
    exchange = Exchange()
    exchange.clock.advance(1)
    body = message("ADT^A40", PID, "MRG|L404^^^^LocalID")
    lines = (await exchange.ingest.receive(FEED, body)).body.decode().split("\r")
    (found,) = [line.split("|") for line in lines if "merge-stub" in line]
    assert found[2] == "MRG^1^1"
