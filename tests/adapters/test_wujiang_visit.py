"""ADT about visits: keys, class, events, locations, diagnoses, order keys (Wujiang §2, §3, §4.3)."""

import pytest

from hie.fold.finish import finish
from hie.fold.fold import fold
from tests.mapping.wujiang import PID, WJZY, codes, draft, message, pv1, slots, stated

WARDS = "https://hie.example.org/id/12320509MBHE01015B/2.16.156.10011.1.27"
EVENTS = {
    "A01": ("admit", ""),
    "A02": ("transfer", "visit-created"),
    "A03": ("discharge", "visit-created"),
    "A04": ("register", ""),
    "A05": ("preadmit", ""),
    "A06": ("to-inpatient", "visit-created"),
    "A07": ("to-outpatient", "visit-created"),
    "A11": ("cancel", "visit-created"),
    "A12": ("cancel-transfer", "visit-created"),
    "A13": ("cancel-discharge", "visit-created"),
}


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_is_stated_once_with_its_time(event: str) -> None:
    found = stated(draft(message(f"ADT^{event}", PID, pv1())), "Encounter")
    assert ([e.code for e in found.events], found.creates) == ([EVENTS[event][0]], EVENTS[event][1])
    assert found.events[0].at == "2026-04-01T11:59:00+08:00"


def test_an_update_states_fields_only() -> None:
    found = stated(draft(message("ADT^A08", PID, pv1(f3="W1^^3"))), "Encounter")
    assert (found.events, found.creates) == ((), "visit-created")
    assert not any(slot.startswith(("location", "status")) for slot in found.slots)


def test_the_event_time_is_evn_6_then_evn_2_then_msh_7() -> None:
    def order(evn: str) -> str:
        body = message("ADT^A01", PID, pv1()).decode().replace("EVN|A01|20260401115900", evn)
        return draft(body.encode()).order.split("\x1f")[0]

    assert order("EVN|A01|20260401115900||||20260401110000") == "20260401030000000000"
    assert order("EVN|A01|20260401115900") == "20260401035900000000"
    assert order("EVN|A01|") == "20260401040000000000"


@pytest.mark.parametrize("sent", ["19000101000000", '""', "garbage", "-"])
def test_an_event_time_that_states_none_is_no_order_key(sent: str) -> None:
    evn = f"EVN|A03|20260401110000||||{sent}"
    found = draft(message("ADT^A03", PID, pv1(f45=sent)).replace(b"EVN|A03|20260401115900", evn.encode()))
    assert found.order.split("\x1f")[0] == "20260401030000000000"
    assert stated(found, "Encounter").events[0].at == "2026-04-01T11:00:00+08:00"


@pytest.mark.parametrize(
    ("header", "evn", "expected"),
    [
        ({}, "EVN|A08|2099010112", ("date-invalid", "EVN-2")),
        ({}, "EVN|A08|20990101120000", ("date-future", "EVN-2")),
        ({}, "EVN|A08|20260401115900||||20990101120000", ("date-future", "EVN-6")),
        ({"f7": "20990101120000"}, "EVN|A08|20260401115900", ("date-future", "MSH-7")),
        ({"f7": "noon"}, "EVN|A08|20260401115900", ("date-invalid", "MSH-7")),
    ],
)
def test_a_time_that_would_be_a_wrong_order_key_is_noted(
    header: dict[str, str], evn: str, expected: tuple[str, str]
) -> None:
    """A wrong clock makes all that comes after it old: the sender is told (common rules §5.2)."""
    body = message("ADT^A08", PID, pv1(), **header).replace(b"EVN|A08|20260401115900", evn.encode())
    assert [(f.code, f.path) for f in draft(body).findings if f.severity.rank] == [expected]


@pytest.mark.parametrize("sent", ["00010101000000", "0001", "99991231235959-1200"])
def test_times_at_the_ends_of_the_calendar_are_order_keys_too(sent: str) -> None:
    orders = [
        draft(message("ADT^A31", PID, f7=at).replace(b"|20260401115900", b"|")).order for at in (sent, "20260401")
    ]
    assert len(orders[0]) == len(orders[1])
    assert (orders[0] < orders[1]) == sent.startswith("0")


def test_the_order_key_ends_with_sending_time_and_control_id() -> None:
    found = draft(message("ADT^A08", PID, pv1(), f10="Z9"))
    assert found.order.split("\x1f")[1:] == ["20260401040000000000", "Z9"]


def test_order_keys_compare_across_precisions() -> None:
    orders = [draft(message("ADT^A31", PID, f7=at).replace(b"|20260401115900", b"|")).order for at in (
        "20260401", "202604010800", "20260401080001", "20260401080001.5", "20260402"
    )]  # fmt: skip
    assert orders == sorted(orders)


@pytest.mark.parametrize(
    ("sent", "expected"), [("I", "IMP"), ("O", "AMB"), ("T", "AMB"), ("E", "EMER"), ("P", "IMP"), ("X", "AMB")]
)
def test_classes(sent: str, expected: str) -> None:
    found = draft(message("ADT^A08", PID, pv1(f2=sent)))
    assert slots(found, "Encounter")["class"]["code"] == expected
    assert codes(found) == (["code-unknown"] if sent == "X" else [])


def test_a_class_that_is_not_sent_changes_nothing_but_a_visit_has_one() -> None:
    found = slots(draft(message("ADT^A08", PID, pv1(f2=""))), "Encounter")
    assert ("class" not in found, found["class#default"]["code"]) == (True, "AMB")


@pytest.mark.parametrize("sent", ["", "-"])
def test_a_report_whose_visit_has_no_class_is_not_told_of_an_unknown_one(sent: str) -> None:
    found = draft(message("ORU^R01", PID, pv1(f2=sent), "OBR|1||R1|CBC^血常规" + "|" * 18 + "20260401130000|||F"))
    assert (codes(found), slots(found, "Encounter")["class#default"]["code"]) == ([], "AMB")


def test_a_report_that_names_class_and_start_wins_over_the_default() -> None:
    update = stated(draft(message("ADT^A08", PID, pv1(f2=""))), "Encounter")
    obr = "OBR|1||R1|CBC^血常规" + "|" * 18 + "20260401130000|||F"
    named = stated(draft(message("ORU^R01", PID, pv1(f2="E", f44="20260401070000"), obr, f7="20260402")), "Encounter")
    (visit,) = finish(fold(update.target.reference, [update, named]), resolve=str)
    assert (visit["class"]["code"], visit["period"]["start"]) == ("EMER", "2026-04-01T07:00:00+08:00")


@pytest.mark.parametrize(("event", "expected"), [("A06", "IMP"), ("A07", "AMB")])
def test_a_change_of_class_keeps_the_visit(event: str, expected: str) -> None:
    found = stated(draft(message(f"ADT^{event}", PID, pv1(f2="E"))), "Encounter")
    assert (found.slots["class"]["code"], found.target.value) == (expected, "V1")


def test_a_visit_number_of_two_quotes_is_no_number() -> None:
    found = stated(draft(message("ADT^A01", PID, pv1(f19='""', f50="V7"))), "Encounter")
    assert (found.target.value, found.slots["identifier[]"][0]["value"]) == ("V7", "V7")


def test_two_quotes_beside_other_components_are_empty() -> None:
    found = stated(draft(message("ADT^A01", PID, pv1(f3='W1^""^3', f7='D1^""'))), "Encounter")
    assert found.events[0].location == {
        "extension": [{"url": "https://hie.example.org/fhir/StructureDefinition/bed", "valueString": "3"}],
        "location": {"identifier": {"system": WARDS, "value": "W1"}, "display": "W1"},
    }
    assert "display" not in found.slots["participant[]#ATND"][0]["individual"]


def test_a_position_shifted_visit_number() -> None:
    assert stated(draft(message("ADT^A01", PID, pv1(f19="", f50="V50"))), "Encounter").target.value == "V50"
    found = draft(message("ADT^A01", PID, pv1(f19="")))
    assert codes(found) == ["key-missing"]
    assert found.contributions == ()


def test_the_usual_location_and_that_of_wjzy() -> None:
    usual = stated(draft(message("ADT^A01", PID, pv1(f3="W12^1201^03^^^^^^呼吸内科病区"))), "Encounter")
    other = message("ADT^A01", PID, pv1(f3="12^^^4506^妇三科"), organisation=f"WJZY^{WJZY}^USCC")
    for event, ward, name, bed in (
        (usual.events[0], "W12", "呼吸内科病区", "03"),
        (stated(draft(other), "Encounter").events[0], "4506", "妇三科", "12"),
    ):
        assert event.location is not None
        assert event.location["location"]["display"] == name
        assert event.location["location"]["identifier"]["value"] == ward
        assert event.location["extension"][-1]["valueString"] == bed


def test_a_ward_code_is_an_identifier() -> None:
    assert stated(draft(message("ADT^A01", PID, pv1(f3="－^／"))), "Encounter").events[0].location is None
    body = message("ADT^A01", PID, pv1(f3="Ｗ１^^^^^^^^一病区"))
    place = stated(draft(body), "Encounter").events[0].location
    assert place == {"location": {"identifier": {"system": WARDS, "value": "W1"}, "display": "一病区"}}
    for long in ("W" * 65, f"W1^^{'B' * 65}", f"W1^{'R' * 4001}", f"W1^^^^^^^^{'区' * 101}"):
        assert codes(draft(message("ADT^A01", PID, pv1(f3=long)))) == ["field-too-long"]
    room = stated(draft(message("ADT^A01", PID, pv1(f3="^101"))), "Encounter").events[0].location
    assert (room or {})["location"] == {"display": "101"}


def test_a_location_with_a_code_only_and_none() -> None:
    only = stated(draft(message("ADT^A02", PID, pv1(f3="W1"))), "Encounter").events[0].location
    assert only is not None
    assert only["location"]["display"] == "W1"
    assert stated(draft(message("ADT^A02", PID, pv1(f3="-"))), "Encounter").events[0].location is None


def test_discharge_time_is_pv1_45_of_a03_only() -> None:
    at = [
        stated(draft(message(f"ADT^{event}", PID, pv1(f45="20260401100000"))), "Encounter")
        for event in ("A03", "A08", "A01")
    ]
    assert at[0].events[0].at == "2026-04-01T10:00:00+08:00"
    assert at[1].events == ()
    assert at[2].events[0].at == "2026-04-01T11:59:00+08:00"
    assert all("period.end" not in one.slots for one in at)


def test_start_ways_and_the_doctor() -> None:
    found = slots(
        draft(message("ADT^A03", PID, pv1(f7="D1^周闻", f10="CARD^心内科", f14="1", f36="5", f44="20260301080000"))),
        "Encounter",
    )
    assert found["period.start"] == "2026-03-01T08:00:00+08:00"
    assert found["hospitalization.admitSource"]["coding"][1]["code"] == "emd"
    assert found["hospitalization.dischargeDisposition"]["coding"][1]["code"] == "exp"
    assert found["serviceType"] == {"text": "心内科"}
    assert found["participant[]#ATND"][0]["individual"]["display"] == "周闻"


def test_diagnoses_are_members_and_listed_with_their_use() -> None:
    found = stated(
        draft(
            message(
                "ADT^A03",
                PID,
                pv1(),
                "DG1|1||J18.900^肺炎^I10|||F",
                "DG1|2||^胸腔积液|||",
                "DG1|3||R05|||A",
                "DG1|4||^^^E11^糖尿病|||Ａ",
            )
        ),
        "Encounter",
    )
    assert [m.key.value for m in found.members] == ["V1:F:1", "V1:W:2", "V1:A:3", "V1:A:4"]
    assert found.members[3].slots["code"]["coding"][0]["code"] == "E11"
    assert found.members[1].slots["code"] == {"text": "胸腔积液"}
    assert found.members[0].slots["code"]["coding"][0]["system"] == "urn:oid:2.16.156.10011.2.3.3.11"
    uses = {
        slot: items[0]["use"]["coding"][0]["code"]
        for slot, items in found.slots.items()
        if slot.startswith("diagnosis[]#")
    }
    ids = [f"diagnosis[]#{m.key.id}" for m in found.members]
    assert uses == dict(zip(ids, ["DD", "CM", "AD", "AD"], strict=True))


def test_a_field_is_deleted_by_two_quotes() -> None:
    assert slots(draft(message("ADT^A08", PID, pv1(f10='""'))), "Encounter")["serviceType"] is None


def test_the_class_cannot_be_deleted() -> None:
    assert "class" not in slots(draft(message("ADT^A08", PID, pv1(f2='""'))), "Encounter")


def test_the_visit_belongs_to_the_patient_of_the_message() -> None:
    found = draft(message("ADT^A08", PID, pv1()))
    assert stated(found, "Encounter").subject == stated(found, "Patient").target.reference


def test_blanks_are_no_diagnosis() -> None:
    assert stated(draft(message("ADT^A08", PID, pv1(), "DG1|1|| ^ ")), "Encounter").members == ()


def test_two_diagnoses_under_one_set_id_stay_two() -> None:
    found = stated(draft(message("ADT^A01", PID, pv1(), "DG1|1||I10^高血压|||A", "DG1|1||I11^心脏病|||A")), "Encounter")
    assert [member.key.value for member in found.members] == ["V1:A:1", "V1:A:1.2"]
