"""Each column of the seven tables: what it states, and what is found (Qingpu §4, §5)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.qingpu import adapter
from hie.base.draft import Claim, Contribution
from hie.base.finding import Severity
from hie.base.slots import assemble
from tests.adapters.qingpu.exchange import codes, delivery, draft, maps, parsed, quality
from tests.adapters.qingpu.rows import EVERYTHING, FULL, KEYS, TABLES, one, revocation

ID = "https://hie.example.org/id/12310118MBHE03010J"
CS = "https://hie.example.org/fhir/CodeSystem"
EXT = "https://hie.example.org/fhir/StructureDefinition"
V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def root(kind: str, **columns: str) -> Contribution:
    return draft(one(kind, **columns)).contributions[0]


def slots(kind: str, **columns: str) -> Any:
    return root(kind, **columns).slots


def warnings(kind: str, **columns: str) -> list[tuple[str, str]]:
    return [(f.code, f.path) for f in draft(one(kind, **columns)).findings if f.severity.rank > 0]


def test_every_table_has_a_map() -> None:
    assert {type for _, type in maps().programs} == set(TABLES.values())


@pytest.mark.parametrize("kind", sorted(FULL))
def test_a_full_row_has_nothing_to_warn_about(kind: str) -> None:
    assert warnings(kind) == []
    found = root(kind)
    assert found.order == "2026-04-10T14:00:00Z\x1fB1\x1f0000000001"
    assert len(found.digest) == 64
    assert found.exists
    assert not found.revoke


@pytest.mark.parametrize("kind", sorted(FULL))
def test_a_revoking_row_needs_its_key_only_and_states_nothing_else(kind: str) -> None:
    found = draft(revocation(kind))
    assert codes(found) == []
    assert found.needs == found.claims == ()
    first = found.contributions[0]
    assert first.revoke
    assert first.target == root(kind).target
    assert first.digest != root(kind).digest
    assert len(first.digest) == 64
    full = draft(one(kind, **EVERYTHING.get(kind, {}), XGBZ="2"))
    assert (full.needs, full.claims) == ((), ())
    assert [replace(c, digest=first.digest) for c in full.contributions] == [
        replace(c, order=full.contributions[0].order, digest=first.digest) for c in found.contributions
    ]
    assert all((c.slots, c.members) == ({}, ()) for c in full.contributions)
    assert [found.code for found in full.findings if found.severity is not Severity.INFO] == []


@pytest.mark.parametrize("kind", sorted(FULL))
def test_a_change_flag_of_another_dialect_is_read_as_valid(kind: str) -> None:
    found = draft(one(kind, XGBZ="3"))
    assert ("code-unknown", "XGBZ") in codes(found)
    assert found.contributions[0].slots == root(kind).slots


@pytest.mark.parametrize(
    ("kind", "needs"),
    [
        ("patient", []),
        ("outpatient", [("Patient", "card-1", "K1")]),
        ("inpatient", [("Patient", "card-1", "K1")]),
        ("report", [("Encounter", "2.16.156.10011.2.5.1.9", "V1")]),
        ("result", [("DiagnosticReport", "lis-report", "20260402:L1")]),
        ("imaging", [("Encounter", "2.16.156.10011.2.5.1.9", "V1")]),
        ("summary", [("Encounter", "2.16.156.10011.2.5.1.9", "V1")]),
        ("diagnosis", [("Encounter", "2.16.156.10011.2.5.1.9", "V1")]),
    ],
)
def test_parents(kind: str, needs: list[tuple[str, str, str]]) -> None:
    assert [(key.type, key.kind, key.value) for key in draft(one(kind)).needs] == needs


PATIENT: list[tuple[dict[str, str], str, Any]] = [
    ({}, "identifier[]#card", [{"system": f"{ID}/card-1", "value": "K1"}]),
    ({"KLX": "2"}, "identifier[]#card", [{"system": f"{ID}/card-2", "value": "K1"}]),
    ({"YYDAH": "Y1"}, "identifier[]#index", [{"system": f"{ID}/2.16.156.10011.2.5.1.4", "value": "Y1"}]),
    ({"GJJKKID": "A8"}, "identifier[]#health-card", [{"system": "urn:oid:2.16.156.10011.1.19", "value": "A8"}]),
    ({}, "name[]", [{"text": "柯宁", "family": "柯", "given": ["宁"]}]),
    ({"XB": "2"}, "gender", "female"),
    ({"XB": "0"}, "gender", "unknown"),
    ({"XB": "9"}, "gender", "unknown"),
    ({"CSRQ": "199003"}, "birthDate", "1990-03"),
    ({"CSRQ": "1990"}, "birthDate", "1990"),
    ({"CSRQ": "1951-11-11 08:00:00"}, "birthDate", "1951-11-11"),
    ({"SJHM": "12000008006"}, "telecom[]#mobile", [{"system": "phone", "value": "12000008006", "use": "mobile"}]),
    ({"SJHM": "021-12008006"}, "telecom[]#mobile", [{"system": "phone", "value": "021-12008006", "use": "mobile"}]),
    ({"DHHM": "12000008006"}, "telecom[]#home", [{"system": "phone", "value": "12000008006", "use": "home"}]),
    ({"JZDZ": "甲路1号"}, "address[]#physical", [{"use": "home", "type": "physical", "text": "甲路1号"}]),
    ({"HKDZ": "乙路2号"}, "address[]#postal", [{"use": "home", "type": "postal", "text": "乙路2号"}]),
]


@pytest.mark.parametrize(("columns", "slot", "expected"), PATIENT)
def test_patient_columns(columns: dict[str, str], slot: str, expected: Any) -> None:
    assert slots("patient", **columns)[slot] == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"ZJLX": "03", "ZJHM": "E1"}, {"system": f"{ID}/passport", "value": "E1"}),
        ({"ZJLX": "55", "ZJHM": "H1"}, {"system": f"{ID}/idcard-55", "value": "H1"}),
        ({"ZJLX": "06", "ZJHM": "H1"}, {"system": f"{ID}/idcard-06", "value": "H1"}),
        ({"ZJLX": "99", "ZJHM": "H1"}, {"system": f"{ID}/idcard-99", "value": "H1"}),
        ({"ZJHM": "h1x"}, {"system": f"{ID}/idcard-99", "value": "h1x"}),
        ({"ZJHM": "1234567x"}, {"system": f"{ID}/idcard-99", "value": "1234567x"}),
        ({"ZJHM": "3205981968041751hx"}, {"system": f"{ID}/idcard-99", "value": "3205981968041751hx"}),
        ({"ZJHM": "32059819680417512x"}, {"system": f"{ID}/idcard-99", "value": "32059819680417512X"}),
    ],
)
def test_documents_of_a_patient(columns: dict[str, str], expected: dict[str, str]) -> None:
    found = assemble(slots("patient", GJJKKID="A8", **columns))["identifier"]
    assert found[1:] == [expected, {"system": "urn:oid:2.16.156.10011.1.19", "value": "A8"}]


def test_coded_patient_columns() -> None:
    found = slots("patient", XB="1", HYZK="20", MZ="01", GJ="CHN")
    gender = found["_gender"]["extension"][0]["valueCoding"]
    assert (gender["system"], gender["code"]) == ("urn:oid:2.16.156.10011.2.3.3.4", "1")
    assert [coding["code"] for coding in found["maritalStatus"]["coding"]] == ["20", "M"]
    (ethnicity,) = found["extension[]#ethnicity"]
    assert ethnicity["url"] == f"{EXT}/ethnicity"
    (nationality,) = found["extension[]#nationality"]
    assert nationality["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "CHN"


def test_a_contact_person_lives_with_the_patient() -> None:
    (contact,) = root("patient", LXRXM="柯安", LXRGX="子", LXRDH="12000000001").members
    assert contact.key.type == "RelatedPerson"
    assert contact.slots["name[]"][0]["text"] == "柯安"
    assert contact.slots["relationship[]"] == [{"text": "子"}]
    assert contact.slots["telecom[]"][0]["use"] == "mobile"
    assert root("patient").members == ()
    assert len(root("patient", LXRDH="12000000001").members) == 1


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"XM": "-"}, [("value-missing", "XM")]),
        ({"XM": "无"}, [("value-missing", "XM")]),
        ({"XB": "-"}, [("value-missing", "XB")]),
        ({"CSRQ": "-"}, [("value-missing", "CSRQ")]),
        ({"CSRQ": "19000101"}, [("value-missing", "CSRQ")]),
        ({"CSRQ": "20260230"}, [("date-invalid", "CSRQ")]),
        ({"CSRQ": "20270101"}, [("date-future", "CSRQ")]),
        ({"XB": "8"}, [("code-unknown", "XB")]),
        ({"HYZK": "77"}, [("code-unknown", "HYZK")]),
        ({"KLX": "8"}, [("code-unknown", "KLX")]),
        ({"XGBZ": "0"}, [("code-unknown", "XGBZ")]),
        ({"XGBZ": "3"}, [("code-unknown", "XGBZ")]),
        ({"XGBZ": "1"}, []),
        ({"ZJLX": "55", "ZJHM": "1"}, [("code-unknown", "ZJLX")]),
        ({"ZJLX": "01", "ZJHM": "310198195111115254"}, []),
        ({"ZJLX": "01", "ZJHM": "310198195111115255"}, [("id-checksum", "ZJHM")]),
        ({"ZJLX": "01", "ZJHM": "3101981951****5254"}, [("id-masked", "ZJHM")]),
        ({"ZJLX": "01", "ZJHM": "310198511111525"}, []),
        ({"ZJLX": "01", "ZJHM": "310198195111115254", "CSRQ": "19511112"}, [("id-birthdate-conflict", "CSRQ")]),
        ({"ZJLX": "01", "ZJHM": "310198195111115254", "XB": "2"}, [("id-gender-conflict", "XB")]),
    ],
)
def test_patient_warnings(columns: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert warnings("patient", **columns) == expected


@pytest.mark.parametrize("column", [f"YLYL{n}" for n in range(1, 7)])
def test_reserved_and_unknown_columns_are_reported_and_kept_in_the_raw_item(column: str) -> None:
    found = draft(one("patient", **{column: "x"}))
    assert codes(found) == [("field-unmapped", column)]
    assert found.unmapped == (column,)


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("outpatient", "RYSJ", "2026-04-02 08:00:00"),
        ("outpatient", "CYSJ", "2026-04-02 09:00:00"),
        ("outpatient", "LYFS", "1"),
        ("inpatient", "JZSJ", "2026-04-03 08:00:00"),
        ("inpatient", "JZLX", "2"),
    ],
)
def test_a_column_of_the_other_table_of_visits_states_nothing(kind: str, column: str, value: str) -> None:
    found = draft(one(kind, **{column: value}))
    assert found.unmapped == (column,)
    assert found.contributions[0].slots == slots(kind)


def test_the_same_card_number_with_another_type_is_another_patient() -> None:
    assert root("patient", KLX="1").target != root("patient", KLX="2").target


@pytest.mark.parametrize(
    ("columns", "code", "expected"),
    [
        ({"JZLX": "1"}, "AMB", []),
        ({"JZLX": "2"}, "EMER", []),
        ({"JZLX": "3"}, "AMB", []),
        ({"JZLX": "7"}, "AMB", [("code-unknown", "JZLX")]),
        ({"JZLX": "-"}, "AMB", []),
        ({"KLX": "99"}, "AMB", [("code-unknown", "KLX")]),
    ],
)
def test_outpatient_class(columns: dict[str, str], code: str, expected: list[tuple[str, str]]) -> None:
    found = assemble(slots("outpatient", **columns))["class"]
    assert (found["code"], found["display"]) == (code, {"AMB": "ambulatory", "EMER": "emergency"}[code])
    assert warnings("outpatient", **columns) == expected


def test_outpatient_visit() -> None:
    found = slots("outpatient", JZKSBM="0301", JZKSMC="普通内科", JZYSXM="程澄", BAH="B1", CISID="Z1")
    assert found["status"] == "finished"
    assert found["period.start"] == "2026-04-02T08:15:00+08:00"
    coding = {"system": f"{ID}/2.16.156.10011.1.26", "code": "0301", "display": "普通内科", "userSelected": True}
    assert assemble(found)["serviceType"] == {"coding": [coding], "text": "普通内科"}
    assert found["participant[]"] == [{"individual": {"display": "程澄"}}]
    assert found["identifier[]#inpatient"] == [{"system": f"{ID}/2.16.156.10011.1.12", "value": "Z1"}]
    assert found["identifier[]#record"] == [{"system": f"{ID}/2.16.156.10011.1.13", "value": "B1"}]
    assert root("outpatient").subject == root("patient").target.reference


@pytest.mark.parametrize(
    ("end", "status", "stated", "expected"),
    [
        ("-", "in-progress", None, []),
        ("", "in-progress", None, []),
        ("1900-01-01 00:00:00", "in-progress", None, []),
        ("1900-01-01", "in-progress", None, []),
        ("19000101", "in-progress", None, []),
        ("2026-04-09 15:30:00", "finished", "2026-04-09T15:30:00+08:00", []),
        ("2026-04-03 10:00:00", "finished", None, [("time-order", "CYSJ")]),
    ],
)
def test_discharge(end: str, status: str, stated: str | None, expected: list[tuple[str, str]]) -> None:
    found = slots("inpatient", CYSJ=end)
    assert (found["status"], found.get("period.end"), found["class"]["code"]) == (status, stated, "IMP")
    assert warnings("inpatient", CYSJ=end) == expected


def test_one_number_space_for_both_kinds_of_visits() -> None:
    assert root("inpatient").target == root("outpatient").target
    assert slots("inpatient", LYFS="5")["hospitalization.dischargeDisposition"]["coding"][1]["code"] == "exp"


def test_a_report_and_its_keys() -> None:
    found = root("report", SQYHRYID="D1", BGYHRYID="D2", SHYHRYID="D3", BBDM="01", BBMC="全血")
    assert found.target.value == "20260402:L1"
    assert found.parent == draft(one("outpatient")).contributions[0].target
    assert found.correcting
    stated = found.slots
    assert stated["identifier[]#report"] == [{"system": f"{ID}/2.16.156.10011.1.33", "value": "L1"}]
    assert stated["identifier[]#key"] == [{"system": f"{ID}/lis-report", "value": "20260402:L1"}]
    code = assemble(stated)["code"]
    assert code["text"] == "血常规"
    assert code["coding"][0] | {"display": ""} == {
        "system": f"{CS}/qingpu-report-class",
        "code": "2",
        "display": "",
        "userSelected": True,
    }
    staff = f"{ID}/2.16.156.10011.1.4"
    assert stated["performer[]"] == [{"identifier": {"system": staff, "value": "D2"}}]
    assert stated["resultsInterpreter[]"] == [{"identifier": {"system": staff, "value": "D3"}}]
    assert stated["extension[]#requester"][0]["valueReference"] == {"identifier": {"system": staff, "value": "D1"}}
    (specimen,) = found.members
    assert (specimen.listed, assemble(specimen.slots)["type"]["text"]) == ("specimen[]", "全血")


def test_report_numbers_start_again_every_day() -> None:
    assert root("report", BGRQ="20260403").target != root("report").target
    dashed, plain = ({"BGRQ": day} for day in ("2026-04-02", "20260402"))
    assert root("report", **dashed).target == root("report", **plain).target
    assert root("report", BGRQ="20260402-1").target.value == "20260402-1:L1"
    assert draft(revocation("report", **dashed)).contributions[0].target == root("report").target
    assert root("report", BBDM="01", **dashed).members[0].key == root("report", BBDM="01", **plain).members[0].key
    assert draft(one("result", **dashed)).needs == draft(one("result", **plain)).needs


@pytest.mark.parametrize("columns", [{"BBDM": "01"}, {"BBMC": "全血"}, {}])
def test_a_code_or_a_name_makes_a_specimen(columns: dict[str, str]) -> None:
    assert [member.aside for member in root("report", **columns).members] == [not columns]


@pytest.mark.parametrize(
    ("columns", "slot", "expected"),
    [
        ({}, "effectiveDateTime", "2026-04-02T08:40:00+08:00"),
        ({"CJSJ": "-", "JYSJ": "2026-04-02 09:00:00"}, "effectiveDateTime#default", "2026-04-02T09:00:00+08:00"),
        ({"CJSJ": "-"}, "effectiveDateTime", None),
        ({}, "issued", "2026-04-02T09:30:00+08:00"),
        ({"BGSJ": "20260402"}, "issued", None),
        ({}, "status", "final"),
        ({"SHSJ": "-"}, "status", "preliminary"),
        ({"BGDLB": "-", "BGDLBBM": "-"}, "code#default", {"text": "检验报告"}),
    ],
)
def test_report_columns(columns: dict[str, str], slot: str, expected: Any) -> None:
    assert slots("report", **columns).get(slot) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"BGSJ": "-"}, [("value-missing", "BGSJ")]),
        ({"BGSJ": "20260402"}, []),
        ({"BGSJ": "20260401"}, [("time-order", "BGSJ")]),
        ({"BGSJ": "２０２６-０４-０１"}, [("time-order", "BGSJ")]),
        ({"BGSJ": "20260401", "CJSJ": "-"}, []),
        ({"BGSJ": "x"}, [("date-invalid", "BGSJ")]),
        ({"SHSJ": "x"}, [("date-invalid", "SHSJ")]),
        ({"CJSJ": "2026-04-02 09:31:00"}, [("time-order", "BGSJ")]),
        ({"BGDLBBM": "8"}, [("code-unknown", "BGDLBBM")]),
        ({"MZZYBZ": "4"}, [("code-unknown", "MZZYBZ")]),
        ({"BGRQ": "2026"}, [("date-invalid", "BGRQ")]),
        ({"BGRQ": "20260230"}, [("date-invalid", "BGRQ")]),
        ({"BGRQ": "20251030"}, []),
        ({"BGRQ": "202604021"}, [("date-invalid", "BGRQ")]),
        ({"BGRQ": "2026+4+2"}, [("date-invalid", "BGRQ")]),
        ({"BGRQ": "٢٠٢٦٠٤٠٢"}, [("date-invalid", "BGRQ")]),
        ({"BRXB": "1", "BRNL": "30"}, []),
    ],
)
def test_report_warnings(columns: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert warnings("report", **columns) == expected


@pytest.mark.parametrize("flag", ["1", "2"])
def test_no_rule_looks_at_the_columns_of_a_revoking_row(flag: str) -> None:
    body = one("report", XGBZ=flag, BGSJ="2026-04-01", JYSJ="2026-04-02 08:00:00", SHSJ="2026-04-02 07:00:00")
    (record,) = parsed(body).records
    found = {f.rule for f in quality().run(maps().draft(record, delivery(body), adapter), record).findings}
    judged = {"qingpu-report-day", "qingpu-sampled-before-test", "qingpu-tested-before-review", "report-after-sampling"}
    assert found & judged == (judged if flag == "1" else set())


def test_what_a_report_claims_about_its_visit_and_patient() -> None:
    visit = draft(one("outpatient")).contributions[0].target
    name = Claim(visit, "name.text", "envelope-mismatch", "HZXM", equals=("柯宁",), subject=True)
    inpatient = Claim(visit, "class.code", "code-name-conflict", "MZZYBZ", equals=("IMP",))
    outpatient = Claim(visit, "class.code", "code-name-conflict", "MZZYBZ", differs=("IMP",))
    assert draft(one("report", HZXM="柯 宁", MZZYBZ="2")).claims == (name, inpatient)
    assert draft(one("report", MZZYBZ="1")).claims == (outpatient,)
    assert draft(one("report", MZZYBZ="6")).claims == (outpatient,)
    assert draft(one("report")).claims == ()


def quantity(value: str, **more: str) -> dict[str, Any]:
    unit = {"unit": "10^9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"}
    return {"valueQuantity": {"value": Decimal(value), **more, **unit}}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"JYZBJG": "6.20"}, quantity("6.20")),
        ({"JYZBJG": "<0.5", "CKZ": "-"}, quantity("0.5", comparator="<")),
        ({"JYZBJG": "≥90", "CKZ": "-"}, quantity("90", comparator=">=")),
        ({"JYZBJG": "无", "JLDW": "-", "CKZ": "-"}, {"valueString": "无"}),
        ({"JYZBJG": "未检出", "JLDW": "-", "CKZ": "-"}, {"valueString": "未检出"}),
        ({"JYZBJG": "-"}, None),
        (dict.fromkeys(("JYZBJG", "JLDW", "CKZ", "YCTS"), "-"), None),
    ],
)
def test_result_values(columns: dict[str, str], expected: Any) -> None:
    found = slots("result", **columns)
    assert found.get("value[x]") == expected
    assert ("dataAbsentReason" in assemble(found)) == (expected is None)


def test_result_decimals_stay_as_written() -> None:
    assert str(slots("result", JYZBJG="6.20")["value[x]"]["valueQuantity"]["value"]) == "6.20"


@pytest.mark.parametrize(
    ("sent", "low", "high"),
    [
        ("<5.0", None, "5.0"),
        ("≥90", "90", None),
        ("阴性", None, None),
        ("3.5～9.5", "3.5", "9.5"),
        ("3.5-9.5", "3.5", "9.5"),
    ],
)
def test_reference_ranges(sent: str, low: str | None, high: str | None) -> None:
    (found,) = slots("result", CKZ=sent, YCTS="-")["referenceRange[]"]
    assert found["text"] == sent
    assert [str(found[n]["value"]) if n in found else None for n in ("low", "high")] == [low, high]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"YCTS": "1"}, ["1", "N"]),
        ({"YCTS": "2"}, ["2", "A"]),
        ({"YCTS": "3", "JYZBJG": "10"}, ["3", "H"]),
        ({"YCTS": "4", "JYZBJG": "1"}, ["4", "L"]),
        ({"YCTS": "3", "JYZBJG": "10", "WJZBZ": "1"}, ["3", "HH"]),
        ({"YCTS": "4", "JYZBJG": "1", "WJZBZ": "1"}, ["4", "LL"]),
        ({"YCTS": "2", "WJZBZ": "1"}, ["2", "AA"]),
        ({"YCTS": "2", "WJZBZ": "0"}, ["2", "A"]),
        ({"YCTS": "-", "WJZBZ": "1"}, ["AA"]),
        ({"YCTS": "-"}, []),
    ],
)
def test_interpretation(columns: dict[str, str], expected: list[str]) -> None:
    concepts = assemble(slots("result", **columns)).get("interpretation", [])
    assert [coding["code"] for concept in concepts for coding in concept["coding"]] == expected


def test_of_several_columns_the_one_that_is_too_long_is_named() -> None:
    found = codes(draft(one("result", YQBH="E1", YQMC="x" * 4001)))
    assert set(found) == {("field-too-long", "YQMC")}


def test_a_critical_result_is_pointed_out_once() -> None:
    found = codes(draft(one("result", YCTS="3", JYZBJG="10", WJZBZ="1")))
    assert found == [("critical-value", "WJZBZ")]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"JYZBJG": "9.6"}, [("range-flag-conflict", "YCTS")]),
        ({"YCTS": "3"}, [("range-flag-conflict", "YCTS")]),
        ({"YCTS": "4", "WJZBZ": "1"}, [("range-flag-conflict", "YCTS")]),
        ({"YCTS": "9"}, [("code-unknown", "YCTS")]),
        ({"JYZBMC": "-"}, [("value-missing", "JYZBMC")]),
        ({"JYZBMC": "血红蛋白"}, [("code-name-conflict", "JYZBDM")]),
        ({"JYZBMC": "尿蛋白"}, [("code-name-conflict", "JYZBDM")]),
        ({"JYZBMC": "白细胞"}, []),
        ({"JYZBDM": "1039001002", "JYZBMC": "红细胞"}, []),
        ({"JYZBDM": "1039001004", "JYZBMC": "血小板"}, []),
        ({"JYZBDM": "1039002001", "JYZBMC": "血糖"}, []),
        ({"JYZBDM": "1039002002", "JYZBMC": "血钾"}, []),
        ({"JYZBDM": "1039002003", "JYZBMC": "血肌酐"}, []),
        ({"JYZBDM": "1039002005", "JYZBMC": "谷丙转氨酶"}, []),
        ({"JLDW": "斤"}, []),
    ],
)
def test_result_warnings(columns: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert warnings("result", **columns) == expected


def test_codes_without_translation_are_only_information() -> None:
    assert codes(draft(one("result", JYZBDM="9", JYZBMC="新项目"))) == [("code-unmapped", "JYZBDM")]
    assert codes(draft(one("result", JLDW="斤"))) == [("unit-unmapped", "JLDW")]


def test_a_code_has_single_blanks_only() -> None:
    found = assemble(slots("result", JYZBDM="-", MXXMBM="H  1", MXXMBMYB="Y \t1"))
    assert [coding["code"] for coding in found["code"]["coding"]] == ["H 1", "Y 1"]
    found = assemble(slots("outpatient", JZKSBM="03  01"))
    assert found["serviceType"]["coding"][0]["code"] == "03 01"
    (nationality,) = slots("patient", GJ="C  N")["extension[]#nationality"]
    assert nationality["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "C N"


def test_lab_item_codings() -> None:
    found = slots("result", MXXMBM="H1", MXXMBMYB="Y1", JYFF="镜检", YQBH="E1", YQMC="分析仪")
    stated = assemble(found)
    assert stated["category"][0]["coding"][0]["code"] == "laboratory"
    codings = stated["code"]["coding"]
    assert [(coding["system"], coding["code"]) for coding in codings] == [
        (f"{CS}/qingpu-lab-item", "1039001001"),
        ("http://loinc.org", "6690-2"),
        (f"{ID}/mxxmbm", "H1"),
        (f"{CS}/qingpu-yb-item", "Y1"),
    ]
    assert codings[0]["userSelected"] is True
    assert stated["code"]["text"] == "白细胞计数"
    assert found["method"] == {"text": "镜检"}
    assert stated["device"] == {"display": "分析仪", "identifier": {"system": f"{ID}/yqbh", "value": "E1"}}
    assert "effectiveDateTime" not in found
    assert found["status"] == "final"
    assert assemble(slots("result", JYZBDM="-"))["code"] == {"text": "白细胞计数"}
    assert slots("result", JYZBMC="-")["code.text#default"] == "白细胞计数"
    assert slots("result", JYZBDM="-", JYZBMC="-")["code#default"] == {"text": "检验指标"}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("01", "CT"),
        ("02", "NMR"),
        ("03", "RAD"),
        ("04", "RAD"),
        ("05", "RAD"),
        ("06", "RUS"),
        ("07", "SP"),
        ("08", "OTH"),
        ("09", "NMS"),
        ("10", "OTH"),
        ("11", "OTH"),
    ],
)
def test_examination_types(sent: str, code: str) -> None:
    (category,) = slots("imaging", EXAMTYPE=sent)["category[]"]
    assert [coding["code"] for coding in category["coding"]] == [sent, code]
    assert category["coding"][-1]["display"]


def test_a_day_is_no_instant_at_which_images_were_reported() -> None:
    assert "issued" not in slots("imaging", BGSJ="20260402")


def test_a_time_of_review_that_is_none_is_noted_and_reviews_all_the_same() -> None:
    assert warnings("imaging", SHSJ="x") == [("date-invalid", "SHSJ")]
    assert slots("imaging", SHSJ="x")["status"] == "final"


def test_imaging_without_study_or_findings_has_no_members() -> None:
    assert all(member.aside for member in root("imaging", YXBX="-").members)
    found = root("imaging", JCBW="甲状腺", YXZD="结节", YYS="2", SHSJ="-", STUDYUID="1.2")
    assert found.slots["status"] == "preliminary"
    assert [member.slots["status"] for member in found.members] == ["preliminary", "available"]
    assert found.slots["conclusionCode[]"][0]["coding"][0]["code"] == "2"
    assert found.slots["extension[]#body-site"] == [{"url": f"{EXT}/body-site", "valueString": "甲状腺"}]
    assert found.slots["code"] == {"text": "甲状腺超声"}


def test_null_text_says_what_an_image_shows() -> None:
    """It may mean something there (common rules §5.3); a study stands without findings, too."""
    found = root("imaging", YXBX="无", YXZD="无")
    assert found.slots["conclusion"] == "无"
    assert found.members[0].slots["value[x]"] == {"valueString": "无"}
    assert [member.aside for member in root("imaging", YXBX="-", STUDYUID="1.2").members] == [True, False]


def test_summary_sections_escape_markup_and_keep_null_text() -> None:
    (first, second) = assemble(slots("summary", RYZD="胸痛<2天\n气促", JCHZ="无"))["section"]
    assert first["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml">胸痛&lt;2天<br/>气促</div>'
    assert second == {
        "title": "检查汇总",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">无</div>'},
    }


def test_a_summary_states_the_condition_at_discharge_without_making_the_visit() -> None:
    found = draft(one("summary", CYQK="4")).contributions
    assert [(c.target.type, c.exists) for c in found] == [("Composition", True), ("Encounter", False)]
    assert found[0].slots["date"] == "2026-04-10T22:00:00+08:00"
    withdrawn = draft(revocation("summary")).contributions
    assert [(c.target, c.source, c.exists, c.withdraw) for c in withdrawn[1:]] == [
        (found[1].target, found[1].source, False, True)
    ]


@pytest.mark.parametrize(
    ("columns", "use", "rank", "status"),
    [
        ({"ZDLB": "1"}, "AD", None, "confirmed"),
        ({"ZDLB": "2", "CYZDBZ": "1"}, "DD", 1, "confirmed"),
        ({"ZDLB": "3", "YZDBZ": "1"}, "CM", None, "provisional"),
        ({"ZDLB": "-", "CYZDBZ": "0", "YZDBZ": "0"}, "CM", None, "confirmed"),
    ],
)
def test_diagnoses(columns: dict[str, str], use: str, rank: int | None, status: str) -> None:
    condition, visit = draft(one("diagnosis", ZDSJ="2026-04-03 10:30:00", **columns)).contributions
    assert condition.slots["recordedDate"] == "2026-04-03T10:30:00+08:00"
    (category,) = assemble(condition.slots)["category"]
    assert category["coding"][0]["code"] == "encounter-diagnosis"
    (item,) = assemble(visit.slots)["diagnosis"]
    assert item["condition"] == {"reference": condition.target.reference}
    assert (item["use"]["coding"][0]["code"], item.get("rank")) == (use, rank)
    assert assemble(condition.slots)["verificationStatus"]["coding"][0]["code"] == status
    assert assemble(condition.slots)["code"]["text"] == "冠心病"
    assert assemble(condition.slots)["code"]["coding"][0]["system"] == "urn:oid:2.16.156.10011.2.3.3.11"
    assert not visit.exists


def test_key_columns_are_known_to_the_tests() -> None:
    assert set(KEYS) == set(FULL) == set(TABLES)
