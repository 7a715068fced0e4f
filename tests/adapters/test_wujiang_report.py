"""ORU, OUL and ORM: reports, results, comments, orders (Wujiang §5; common rules §7)."""

from decimal import Decimal
from typing import Any

import pytest

from hie.base.draft import Member
from tests.mapping.wujiang import PID, WJYY, codes, draft, maps, message, pv1, slots, stated

OBR = "OBR|1|SQ1|B1|XCG^血常规|||20260401080000|||||||20260401081000|0101^全血|||||||20260401090000|||F"
NEUTRAL = "|||F"


def report(*segments: str, event: str = "ORU^R01") -> bytes:
    return message(event, PID, *segments)


def results(*obx: str) -> list[Member]:
    found = stated(draft(report(OBR, *obx)), "DiagnosticReport")
    return [m for m in found.members if m.key.type == "Observation"]


def value(obx: str) -> Any:
    return results(obx)[0].slots.get("value[x]")


def test_the_report() -> None:
    found = stated(draft(report(pv1(), OBR, "NTE|1||轻度溶血", "NTE|2||已复查")), "DiagnosticReport")
    assert (found.target.kind, found.target.value) == ("2.16.156.10011.1.33", "B1")
    assert found.slots["code"]["text"] == "血常规"
    assert found.slots["basedOn[]"][0]["identifier"] == {
        "system": f"https://hie.example.org/id/{WJYY}/2.16.156.10011.1.24",
        "value": "SQ1",
    }
    assert (found.slots["effectiveDateTime"], found.slots["issued"]) == (
        "2026-04-01T08:00:00+08:00",
        "2026-04-01T09:00:00+08:00",
    )
    assert found.slots["conclusion"] == "轻度溶血\n已复查"
    assert (found.subject or "").startswith("Patient/")
    assert (found.encounter or "").startswith("Encounter/")
    (specimen,) = found.members
    assert (specimen.listed, specimen.slots["receivedTime"]) == ("specimen[]", "2026-04-01T08:10:00+08:00")


@pytest.mark.parametrize("sent", ["0101^李检", "0101&李&检^20260401090000", "&李检", "李检"])
def test_the_interpreter_is_named_in_the_form_of_hl7_too(sent: str) -> None:
    found = slots(draft(report(f"{OBR}|||||||{sent}~0102^王^验")), "DiagnosticReport")
    assert found["resultsInterpreter[]"] == [{"display": "李检"}, {"display": "王验"}]


def test_a_code_in_the_other_place_of_a_coded_element_is_found() -> None:
    bodies = (report(OBR.replace("XCG^血常规", "^^^XCG^血常规")), order("ORC|NW|SQ1", "OBR|1|||^^^XCG^血常规"))
    for body, kind in zip(bodies, ("DiagnosticReport", "ServiceRequest"), strict=True):
        found = draft(body)
        assert (slots(found, kind)["code"]["coding"][0]["code"], codes(found)) == ("XCG", [])


def test_two_quotes_in_a_report_state_nothing() -> None:
    quoted = 'OBR|1|""|B1|""|||""|||||||""|""|||||||""|||""'
    found = draft(report(quoted, 'NTE|1||""', "NTE|2||已复查", 'OBX|1|NM|""||""|""|""|""|||""|||""||""'))
    plain = draft(report("OBR|1||B1", "NTE|2||已复查", "OBX|1|NM"))
    assert stated(found, "DiagnosticReport").slots == stated(plain, "DiagnosticReport").slots
    assert stated(found, "DiagnosticReport").members == stated(plain, "DiagnosticReport").members
    assert (codes(found), stated(found, "DiagnosticReport").order) == (
        codes(plain),
        stated(plain, "DiagnosticReport").order,
    )


def test_a_time_of_two_quotes_gives_way_to_the_next() -> None:
    (found,) = results('OBX|1|NM|K^钾||4.1||||||F|||""')
    assert found.slots["effectiveDateTime"] == "2026-04-01T08:00:00+08:00"


def test_a_report_without_visit_number_has_no_encounter() -> None:
    found = draft(report("PV1||I", OBR))
    assert [c.target.type for c in found.contributions] == ["Patient", "DiagnosticReport"]
    assert stated(found, "DiagnosticReport").encounter is None


def test_the_order_key_is_report_time_then_sending_time() -> None:
    assert stated(draft(report(OBR)), "DiagnosticReport").order.split("\x1f") == [
        "20260401010000000000",
        "20260401040000000000",
        "C1",
    ]


def test_the_first_order_dates_what_a_message_says_about_person_and_visit() -> None:
    found = draft(report(pv1(), OBR, OBR.replace("|B1|", "|B2|").replace("|20260401090000|", "|20260401093000|")))
    assert [(c.target.type, c.order[:12]) for c in found.contributions] == [
        ("Patient", "202604010100"),
        ("Encounter", "202604010100"),
        ("DiagnosticReport", "202604010100"),
        ("DiagnosticReport", "202604010130"),
    ]
    assert stated(draft(order("ORC|NW|SQ1|||||||20260401070000")), "Patient").order.startswith("20260331230000")


def test_a_report_number_is_a_key() -> None:
    found = draft(report(OBR.replace("|B1|", "||")))
    assert [(f.code, f.path) for f in found.findings if f.severity.rank] == [("key-missing", "OBR[1]-3")]


REPORT_STATUS = {
    "registered": "OIS",
    "partial": "A",
    "preliminary": "PR",
    "final": "F",
    "corrected": "C",
    "cancelled": "X",
    "unknown": "Q",
}
RESULT_STATUS = {
    "registered": "NO",
    "preliminary": "PRIS",
    "final": "FUV",
    "corrected": "C",
    "amended": "AB",
    "cancelled": "X",
    "entered-in-error": "DW",
    "unknown": "Q",
}


def pairs(table: dict[str, str]) -> list[tuple[str, str]]:
    return [("", "unknown"), *((code, status) for status, sent in table.items() for code in sent)]


@pytest.mark.parametrize(("sent", "expected"), pairs(REPORT_STATUS))
def test_report_status(sent: str, expected: str) -> None:
    found = draft(report(OBR[:-1] + sent))
    assert slots(found, "DiagnosticReport")["status"] == expected
    assert codes(found) == (["code-unknown"] if expected == "unknown" else [])


@pytest.mark.parametrize(("sent", "expected"), pairs(RESULT_STATUS))
def test_result_status(sent: str, expected: str) -> None:
    (found,) = results(f"OBX|1|NM|WBC^白细胞计数||5|10^9/L||||{''}|{sent}")
    assert (found.slots["status"], found.gone) == (expected, sent in {"D", "W"})


@pytest.mark.parametrize(
    ("obx", "expected"),
    [
        (
            "OBX|1|NM|HGB||5.60|g/L||" + NEUTRAL,
            {"valueQuantity": {"value": Decimal("5.60"), "unit": "g/L", "system": "http://unitsofmeasure.org"}},
        ),
        ("OBX|1|SN|CRP||>^100|mg/L||" + NEUTRAL, {"valueQuantity": {"value": Decimal(100), "comparator": ">"}}),
        ("OBX|1|SN|CRP||<0.5|mg/L||" + NEUTRAL, {"valueQuantity": {"value": Decimal("0.5"), "comparator": "<"}}),
        ("OBX|1|SN|CRP||=^5|mg/L||" + NEUTRAL, {"valueQuantity": {"value": Decimal(5), "unit": "mg/L"}}),
        ("OBX|1|NM|UPRO||3|^个/HP||" + NEUTRAL, {"valueQuantity": {"unit": "个/HP", "code": "/[HPF]"}}),
        ("OBX|1|NM|WBC||5|10^9/L||" + NEUTRAL, {"valueQuantity": {"unit": "10^9/L", "code": "10*9/L"}}),
        ("OBX|1|NM|WBC||5|g/L^克每升||" + NEUTRAL, {"valueQuantity": {"unit": "g/L", "code": "g/L"}}),
    ],
)
def test_quantities(obx: str, expected: dict[str, dict[str, object]]) -> None:
    found = value(obx)["valueQuantity"]
    assert {name: found[name] for name in expected["valueQuantity"]} == expected["valueQuantity"]


@pytest.mark.parametrize("obx", ["OBX|1", "OBX|1|ST| ", "OBX|1|ST|^^^　|| ", "OBX|1|CE|\\X20\\||^ "])
def test_a_result_without_anything_is_absent_too(obx: str) -> None:
    (found,) = results(obx)
    assert "dataAbsentReason" in found.slots
    assert found.slots["code#default"] == {"text": "未注明项目"}


def test_the_digits_of_a_number_are_kept() -> None:
    assert str(value("OBX|1|NM|HGB||5.60|g/L||" + NEUTRAL)["valueQuantity"]["value"]) == "5.60"


def test_words_coded_values_and_text() -> None:
    assert value("OBX|1|ST|HBSAG||阴性||" + NEUTRAL)["valueCodeableConcept"]["coding"][0]["code"] == "neg"
    assert value("OBX|1|CE|X||P^阳性||" + NEUTRAL)["valueCodeableConcept"]["text"] == "阳性"
    assert value("OBX|1|CE|X||A^大肠埃希菌||" + NEUTRAL) == {"valueCodeableConcept": {"text": "大肠埃希菌"}}
    assert value("OBX|1|TX|X||第一行~第二行||" + NEUTRAL) == {"valueString": "第一行\n第二行"}
    assert value("OBX|1|ST|X||a\\X00410A\\b||" + NEUTRAL) == {"valueString": "aA\nb"}
    assert value("OBX|1||X||见\\T\\A\\.br\\未见\\F\\||" + NEUTRAL) == {"valueString": "见&A\n未见|"}


def test_no_value_is_said_to_be_absent() -> None:
    (found,) = results("OBX|1|NM|WBC^白细胞计数||||||" + NEUTRAL)
    assert "value[x]" not in found.slots
    assert found.slots["dataAbsentReason"]["coding"][0]["code"] == "unknown"


@pytest.mark.parametrize(
    ("obx", "expected"),
    [
        ("OBX|1|NM|WBC^白细胞计数||阴性|||N" + NEUTRAL, [("value-not-numeric", "OBX[1]-5")]),
        ("OBX|1|ST|WBC^白细胞计数||-|||N" + NEUTRAL, [("value-ambiguous", "OBX[1]-5")]),
        ("OBX|1|NM|WBC^白细胞计数||5|g/L||Q" + NEUTRAL, [("code-unknown", "OBX[1]-8")]),
        ("OBX|1|NM|K^钾||9|mmol/L|3.5-5.3|N" + NEUTRAL, [("range-flag-conflict", "OBX[1]-5")]),
        ("OBX|1|NM|K^钠||4|mmol/L|3.5-5.3|N" + NEUTRAL, [("code-name-conflict", "OBX[1]-3")]),
    ],
)
def test_what_is_wrong_with_a_result(obx: str, expected: list[tuple[str, str]]) -> None:
    found = draft(report(OBR, obx))
    assert [(f.code, f.path) for f in found.findings if f.severity.rank] == expected


@pytest.mark.parametrize(("sent", "code"), [("M", "N"), ("↑", "H"), ("↓", "L"), ("HH", "HH"), ("AA", "AA")])
def test_flags(sent: str, code: str) -> None:
    (found,) = results(f"OBX|1|ST|X^x||文|||{sent}{NEUTRAL}")
    assert found.slots["interpretation[]"][0]["coding"][-1]["code"] == code


def test_the_item_in_obx_3_4_and_the_culture_text_in_obx_3_5() -> None:
    number, culture, old, both, empty = results(
        "OBX|1|NM|^^^05051101^白细胞||5|10^9/L||" + NEUTRAL,
        "OBX|2|TX|^^^MICTXT^未见致病菌||||" + NEUTRAL,
        "OBX|3|TX|MICTXT^培养结果^99^^未检出||||" + NEUTRAL,
        "OBX|4|NM|K^钾^99^05051101^白细胞||5|mmol/L||" + NEUTRAL,
        "OBX|5|NM|K^钾^99^^阴性||||" + NEUTRAL,
    )
    assert both.slots["code"]["coding"][0]["code"] == "K"
    assert "value[x]" not in empty.slots
    assert [c["code"] for c in number.slots["code"]["coding"]] == ["05051101", "6690-2"]
    assert (culture.slots["value[x]"], culture.slots["code"]["text"]) == ({"valueString": "未见致病菌"}, "培养结果")
    assert old.slots["value[x]"] == {"valueString": "未检出"}


def test_an_item_in_obx_3_4_is_one_of_the_items_all_the_same() -> None:
    one, other = (found.slots["code"] for found in results("OBX|1|NM|K^钾||4.1", "OBX|2|NM|^^^K^钾||4.1"))
    assert other == one
    items, numbers = (maps().codes[name].rows for name in ("wujiang-lab-item", "wujiang-lab-number"))
    assert all(numbers[code].target == row.target for code, row in items.items())


def test_repeats_of_coded_values_are_lines_too() -> None:
    assert value("OBX|1|CE|A^a||1^甲~2^乙") == {"valueCodeableConcept": {"text": "甲\n乙"}}
    assert value("OBX|1|CE|A^a||1~2") == {"valueCodeableConcept": {"text": "1\n2"}}
    assert value("OBX|1|CE|A^a||1^甲~乙") == {"valueCodeableConcept": {"text": "甲\n乙"}}


@pytest.mark.parametrize("sent", ["^^^POS^阳性", "^^^^^^^^阳性", "阳性", "^^^阳性"])
def test_a_coded_value_is_found_wherever_it_is_named(sent: str) -> None:
    assert value(f"OBX|1|CWE|A^a||{sent}")["valueCodeableConcept"]["text"] == "阳性"


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        ("DT", "20260301", {"valueDateTime": "2026-03-01"}),
        ("TS", "202603010830", {"valueDateTime": "2026-03-01T08:30:00+08:00"}),
        ("TS", "2026", {"valueDateTime": "2026"}),
        ("DT", "不详", {"valueString": "不详"}),
        ("DT", "19000101", None),
        ("TM", "0830", {"valueString": "0830"}),
    ],
)
def test_a_date_or_time_is_no_number(kind: str, sent: str, expected: object) -> None:
    assert value(f"OBX|1|{kind}|LMP^末次月经||{sent}") == expected


def test_the_name_of_a_specimen_is_that_of_its_code() -> None:
    found = stated(draft(report(OBR, "SPM|1|BB1||BLD")), "DiagnosticReport")
    (specimen,) = found.members
    assert specimen.slots["type"]["coding"][0]["code"] == "BLD"
    assert specimen.slots["type"]["text"] == "BLD"


def test_the_keys_of_results() -> None:
    found = results(
        "OBX|1|NM|K^钾||4" + "|||" + NEUTRAL,
        "OBX|2|NM|K^钾||5" + "|||" + NEUTRAL,
        "OBX|3|NM|K^钾|A|6" + "|||" + NEUTRAL,
        "OBX|4|NM|NA^钠||7" + "|||" + NEUTRAL,
    )
    assert [m.key.value for m in found] == ["B1:K:1", "B1:K:2", "B1:K:A", "B1:NA:1"]
    assert {m.listed for m in found} == {"result[]"}


def test_no_two_results_of_a_report_get_one_key() -> None:
    found = results(
        "OBX|1|NM|K^钾|2|4" + "|||" + NEUTRAL,
        "OBX|2|NM|K^钾||5" + "|||" + NEUTRAL,
        "OBX|3|NM|K^钾|2|6" + "|||" + NEUTRAL,
        "OBX|4|NM|K^钾||7" + "|||" + NEUTRAL,
    )
    assert [m.key.value for m in found] == ["B1:K:2", "B1:K:3", "B1:K:2.2", "B1:K:4"]


def test_an_item_without_code_is_the_local_number_after_it() -> None:
    (found,) = results("OBX|1|NM|^名字^^05051102^红细胞||4" + "|||" + NEUTRAL)
    assert found.key.value == "B1:05051102:1"
    assert [coding["code"] for coding in found.slots["code"]["coding"]] == ["05051102", "789-8"]
    assert found.slots["code"]["text"] == "红细胞"


def test_comments_belong_to_what_precedes_them_whatever_stands_between() -> None:
    found = draft(
        report(
            "NTE|1||关于病人",
            OBR,
            "NTE|1||关于报告",
            "ZLB|1|x",
            "OBX|1|NM|K^钾||4" + "|||" + NEUTRAL,
            "ZLX|1",
            "NTE|1||关于结果一",
            OBR.replace("|B1|", "|B2|"),
            "OBX|1|NM|NA^钠||7" + "|||" + NEUTRAL,
            "NTE|1||关于结果二",
            "QQQ|1",
            "OBX|2|NM|CL^氯||7" + "|||" + NEUTRAL,
        )
    )
    first, second = (c for c in found.contributions if c.target.type == "DiagnosticReport")
    assert (first.slots["conclusion"], "conclusion" in second.slots) == ("关于报告", False)
    notes = {m.key.value: m.slots.get("note[]") for c in (first, second) for m in c.members if "B" in m.key.value}
    assert notes["B1:K:1"] == [{"text": "关于结果一"}]
    assert notes["B2:NA:1"] == [{"text": "关于结果二"}]
    assert notes["B2:CL:1"] is None
    assert set(found.unmapped) == {"PID/NTE", "ZLB", "ZLX", "QQQ"}


@pytest.mark.parametrize("limits", ["3.5-5.3", "3.5~5.3", "3.5^5.3"])
def test_a_copied_range_is_no_performer(limits: str) -> None:
    copied, named = results(
        f"OBX|1|NM|K^钾||4|mmol/L|{limits}|N|||F|||||{limits}",
        f"OBX|2|NM|K^钾||4|mmol/L|{limits}|N|||F|||||0101^李^检~0102^王验",
    )
    assert "performer[]" not in copied.slots
    assert named.slots["performer[]"] == [{"display": "李检"}, {"display": "王验"}]


def test_a_tilde_in_a_range_separates_its_limits() -> None:
    found = draft(report(OBR, "OBX|1|NM|K^钾||6|mmol/L|3.5~5.3|N" + NEUTRAL))
    (result,) = (m for m in stated(found, "DiagnosticReport").members if m.key.type == "Observation")
    (limits,) = result.slots["referenceRange[]"]
    assert (limits["text"], str(limits["low"]["value"]), str(limits["high"]["value"])) == ("3.5~5.3", "3.5", "5.3")
    assert codes(found) == ["range-flag-conflict"]


@pytest.mark.parametrize("unit_range_flag", ["g" * 4001, "g/L|" + "阴" * 4001, "g/L||" + "H" * 65])
def test_nothing_of_a_result_is_cut_off(unit_range_flag: str) -> None:
    shift = 2 - unit_range_flag.count("|")
    obx = f"OBX|1|NM|K^钾||4|{unit_range_flag}{'|' * shift}|||F"
    assert "field-too-long" in codes(draft(report(OBR, obx)))


def test_the_time_of_a_result() -> None:
    own, inherited = results("OBX|1|NM|K||4||||||F|||20260401083000", "OBX|2|NM|NA||4||||||F")
    assert own.slots["effectiveDateTime"] == "2026-04-01T08:30:00+08:00"
    assert inherited.slots["effectiveDateTime"] == "2026-04-01T08:00:00+08:00"


def test_an_oul_with_spm_is_a_report_too() -> None:
    for event in ("OUL^R21", "OUL^R24"):
        found = stated(draft(report(OBR, "SPM|1|BB1||0102^血清", event=event)), "DiagnosticReport")
        (specimen,) = found.members
        assert (specimen.key.kind, specimen.key.value) == ("specimen", "B1:BB1")
        assert specimen.slots["type"]["text"] == "血清"
        assert specimen.slots["receivedTime"] == "2026-04-01T08:10:00+08:00"


def test_a_specimen_segment_without_type_has_that_of_the_order() -> None:
    (specimen,) = stated(draft(report(OBR, "SPM|1|BB1")), "DiagnosticReport").members
    assert specimen.slots["type"]["coding"][0]["code"] == "0101"


def order(orc: str, obr: str = "OBR|1|||CT^CT检查") -> bytes:
    return message("ORM^O01", PID, pv1(), orc, obr)


@pytest.mark.parametrize(
    ("orc", "expected"),
    [("NW", "active"), ("XO", "active"), ("CA", "revoked"), ("OC", "revoked"), ("DC", "revoked"), ("CM", "completed")],
)
def test_orders(orc: str, expected: str) -> None:
    found = stated(draft(order(f"ORC|{orc}|SQ1|||||||20260401070000|||D1^赵医生")), "ServiceRequest")
    assert (found.target.kind, found.target.value) == ("2.16.156.10011.1.24", "SQ1")
    assert (found.slots["status"], found.slots["intent"]) == (expected, "order")
    assert found.slots["priority#default"] == "routine"
    assert found.slots["authoredOn"] == "2026-04-01T07:00:00+08:00"
    assert found.slots["requester"] == {"display": "赵医生"}
    assert found.creates == ("nothing-to-cancel" if expected == "revoked" else "")
    assert found.order.startswith("20260331230000")


def test_order_status_and_priority_in_other_places() -> None:
    done = stated(draft(order("ORC|SC|SQ1|||CM||^^^^^S")), "ServiceRequest").slots
    assert (done["status"], done["priority"]) == ("completed", "stat")
    asap = stated(draft(order("ORC|NW|SQ1", "OBR|1|||CT^CT|" + "|" * 22 + "^^^^^A")), "ServiceRequest").slots
    assert asap["priority"] == "asap"
    null = draft(order("ORC|NW|SQ1|||||^^^^^S", "OBR|1|||CT^CT|" + "|" * 22 + "^^^^^-"))
    assert (slots(null, "ServiceRequest")["priority"], codes(null)) == ("stat", [])
    odd = draft(order("ORC|ZZ|SQ1"))
    assert (slots(odd, "ServiceRequest")["status"], codes(odd)) == ("unknown", ["code-unknown"])


def test_an_order_number_is_a_key() -> None:
    assert codes(draft(order("ORC|NW|"))) == ["key-missing"]
