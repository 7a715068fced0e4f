"""PID and what hangs on it: identifiers by type, names, codes, deletion (Wujiang §3.1, §4.1, §4.2, §7)."""

import pytest

from hie.base.slots import assemble
from tests.mapping.wujiang import PID, WJYY, WJZY, codes, draft, drafts, message, pv1, slots, stated

LOCAL = "2.16.156.10011.2.5.1.4"
NATIONAL = "identifier[]#2.16.156.10011.1.3"


def pid(ids: str = "L1^^^^LocalID", name: str = "张三", born: str = "19800102", sex: str = "M", **more: str) -> str:
    values = {1: "1", 3: ids, 5: name, 7: born, 8: sex} | {int(key[1:]): value for key, value in more.items()}
    return "PID|" + "|".join(values.get(n, "") for n in range(1, max(values) + 1))


def person(ids: str = "L1^^^^LocalID", **fields: str) -> bytes:
    return message("ADT^A31", pid(ids, **fields))


@pytest.mark.parametrize(
    ("ids", "slot", "system", "value"),
    [
        ("C9^^^^IDCard", "card", f"https://hie.example.org/id/{WJYY}/card", "C9"),
        ("C9^^^^21", "card", f"https://hie.example.org/id/{WJYY}/card", "C9"),
        ("ZY1^^^^PatientNO", "2.16.156.10011.1.12", f"https://hie.example.org/id/{WJYY}/2.16.156.10011.1.12", "ZY1"),
        ("ZY1^^^^25", "2.16.156.10011.1.12", f"https://hie.example.org/id/{WJYY}/2.16.156.10011.1.12", "ZY1"),
        ("MZ1^^^^Outpatient", "2.16.156.10011.1.11", f"https://hie.example.org/id/{WJYY}/2.16.156.10011.1.11", "MZ1"),
        ("YB1^^^^InsuranceNO", "2.16.156.10011.1.15", "urn:oid:2.16.156.10011.1.15", "YB1"),
        ("JK1^^^^HealthCard", "2.16.156.10011.1.19", "urn:oid:2.16.156.10011.1.19", "JK1"),
        ("32059819910316519x^^^^IdentifyNO", "2.16.156.10011.1.3", "urn:oid:2.16.156.10011.1.3", "32059819910316519X"),
        ("32059819910316519X^^^^identifyno", "2.16.156.10011.1.3", "urn:oid:2.16.156.10011.1.3", "32059819910316519X"),
        ("32059819910316519X", "2.16.156.10011.1.3", "urn:oid:2.16.156.10011.1.3", "32059819910316519X"),
    ],
)
def test_an_identifier_goes_by_its_type(ids: str, slot: str, system: str, value: str) -> None:
    (found,) = slots(draft(person(f"{ids}~L1^^^^LocalID")), "Patient")[f"identifier[]#{slot}"]
    assert (found["system"], found["value"]) == (system, value)


def test_the_order_of_the_repeats_means_nothing_and_empty_ones_are_skipped() -> None:
    found = draft(person("^^^^IdentifyNO~C9^^^^IDCard~L1^^^^LocalID"))
    assert stated(found, "Patient").target.value == "L1"
    assert codes(found) == []
    assert NATIONAL not in slots(found, "Patient")
    masked = draft(person("320598********519X^^^^IdentifyNO~L1^^^^LocalID"))
    assert codes(masked) == ["id-masked"]
    assert NATIONAL not in slots(masked, "Patient")


def test_the_shared_card_is_no_key() -> None:
    one, other = (stated(draft(person(f"C9^^^^IDCard~{n}^^^^LocalID")), "Patient").target.id for n in ("L1", "L2"))
    assert one != other


@pytest.mark.parametrize("ids", ["C9^^^^IDCard", "^^^^LocalID", "-^^^^LocalID", "－^^^^LocalID", ""])
def test_without_local_id_the_message_is_rejected(ids: str) -> None:
    found = draft(person(ids))
    assert [(f.code, f.path) for f in found.findings if f.severity.rank == 3] == [("key-missing", "PID-3")]
    assert found.contributions == ()


@pytest.mark.parametrize("ids", ["X1^^^^Card_No", "12345"])
def test_an_unknown_type_is_left_out(ids: str) -> None:
    found = draft(person(f"{ids}~L1^^^^LocalID"))
    assert codes(found) == ["code-unknown"]
    assert [slot for slot in slots(found, "Patient") if slot.startswith("identifier")] == [f"identifier[]#{LOCAL}"]


def test_two_hospitals_may_use_the_same_number() -> None:
    one = stated(draft(person()), "Patient").target
    other = stated(draft(message("ADT^A31", pid(), organisation=f"WJZY^{WJZY}^USCC")), "Patient").target
    assert (one.value, one.organisation, other.organisation) == ("L1", WJYY, WJZY)
    assert one.id != other.id


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("张三", {"text": "张三", "family": "张", "given": ["三"]}),
        ("张^三", {"text": "张三", "family": "张", "given": ["三"]}),
        ("张三^^^^^1", {"text": "张三", "family": "张", "given": ["三"]}),
        ("张  某", {"text": "张某", "family": "张", "given": ["某"]}),
        ("欧阳询", {"text": "欧阳询", "family": "欧阳", "given": ["询"]}),
    ],
)
def test_names(sent: str, expected: object) -> None:
    assert slots(draft(person(name=sent)), "Patient")["name[]"] == [expected]


@pytest.mark.parametrize(("sent", "expected"), [("19881002000000", "1988-10-02"), ("199003", "1990-03")])
def test_birth_dates(sent: str, expected: str) -> None:
    assert slots(draft(person(born=sent)), "Patient")["birthDate"] == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("M", "male"),
        ("1", "male"),
        ("男", "male"),
        ("F", "female"),
        ("2", "female"),
        ("女", "female"),
        ("U", "unknown"),
        ("0", "unknown"),
        ("9", "unknown"),
    ],
)
def test_genders(sent: str, expected: str) -> None:
    found = draft(person(sex=sent))
    assert slots(found, "Patient")["gender"] == expected
    assert slots(found, "Patient")["_gender"]["extension"][0]["valueCoding"]["code"] == sent
    assert codes(found) == []


def test_an_unknown_gender_is_unknown_and_noted() -> None:
    found = draft(person(sex="X"))
    assert (slots(found, "Patient")["gender"], codes(found)) == ("unknown", ["code-unknown"])


@pytest.mark.parametrize(
    ("field", "slot", "expected"),
    [
        ({"name": "无"}, "name[]", {"null-text", "value-missing"}),
        ({"sex": "-"}, "gender", {"null-text", "value-missing"}),
        ({"born": "-"}, "birthDate", {"null-text"}),
    ],
)
def test_null_text_counts_as_missing(field: dict[str, str], slot: str, expected: set[str]) -> None:
    found = draft(person(**field))
    assert slot not in slots(found, "Patient")
    assert {f.code for f in found.findings} == expected


@pytest.mark.parametrize("sent", ["01^汉族", "1^汉族", "HA^汉族", "01"])
def test_the_ways_to_write_han(sent: str) -> None:
    found = draft(person(f22=sent))
    (extension,) = slots(found, "Patient")["extension[]#ethnicity"]
    last = extension["valueCodeableConcept"]["coding"][-1]
    assert (last["system"], last["code"]) == ("urn:oid:2.16.156.10011.2.3.3.3", "01")
    assert codes(found) == []


def test_code_and_name_that_contradict_each_other() -> None:
    found = draft(person(f16="20^离婚", f22="1^回族"))
    assert [(f.code, f.path) for f in found.findings] == [
        ("code-name-conflict", "PID-16"),
        ("code-name-conflict", "PID-22"),
    ]
    status = slots(found, "Patient")["maritalStatus"]
    assert ([c["code"] for c in status["coding"]], status["text"]) == (["20", "M"], "离婚")


@pytest.mark.parametrize(
    "sent", ["12000008004", "^^^^^^^^12000008004", "^^^^^^^^^^^12000008004", "120 0000 8004", "-^^^^^^^^12000008004"]
)
def test_the_places_of_a_phone_number(sent: str) -> None:
    assert slots(draft(person(f13=sent)), "Patient")["telecom[]#home"] == [
        {"system": "phone", "value": "12000008004", "use": "mobile"}
    ]


def test_a_work_phone_and_addresses_by_type() -> None:
    found = slots(draft(person(f11="甲路1号^^^^^^H~乙路2号^^^^^^O~同上^^^^^^N", f14="051260000000")), "Patient")
    assert found["address[]"] == [{"use": "home", "text": "甲路1号"}, {"use": "work", "text": "乙路2号"}]
    assert found["telecom[]#work"] == [{"system": "phone", "value": "051260000000", "use": "work"}]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            "甲路1号^^苏州市^江苏省^215200^CHN^^^吴江区",
            {"text": "甲路1号", "city": "苏州市", "district": "吴江区", "state": "江苏省", "postalCode": "215200"}
            | {"country": "CHN"},
        ),
        ("^^苏州市^江苏省^-", {"text": "江苏省苏州市", "city": "苏州市", "state": "江苏省"}),
        ("甲路1号^2幢", {"text": "甲路1号", "line": ["甲路1号", "2幢"]}),
    ],
)
def test_the_parts_of_an_address(sent: str, expected: dict[str, object]) -> None:
    (found,) = slots(draft(person(f11=sent)), "Patient")["address[]"]
    assert found == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"f29": "20260101120000", "f30": "Y"}, {"deceasedDateTime": "2026-01-01T12:00:00+08:00"}),
        ({"f30": "Y"}, {"deceasedBoolean": True}),
        ({"f30": "N"}, {}),
        ({"f29": '""', "f30": "Y"}, {"deceasedBoolean": True}),
    ],
)
def test_deceased(fields: dict[str, str], expected: object) -> None:
    found = assemble(slots(draft(person(**fields)), "Patient"))
    assert {name: value for name, value in found.items() if name.startswith("deceased")} == expected


def test_two_quotes_delete_and_empty_states_nothing() -> None:
    found = slots(draft(person(sex='""', f11='""')), "Patient")
    assert (found["gender"], found["_gender"], found["address[]"]) == (None, None, None)
    assert "telecom[]#home" not in found


def test_two_quotes_in_zpi_delete_too() -> None:
    found = draft(message("ADT^A31", PID, 'ZPI|1|""|31|学生'))
    (only,) = [c for c in found.contributions if not c.exists]
    assert only.slots["identifier[]#2.16.156.10011.1.2"] is None
    assert "extension[]#occupation" in only.slots


def test_relatives_allergies_and_insurance() -> None:
    body = message(
        "ADT^A31",
        PID,
        "NK1|1|李四|配偶||12000000002",
        "NK1|2|李五|SON^儿子",
        "NK1|3",
        "AL1|1|DA|^青霉素",
        "AL1|2||无",
        "AL1|3|FA|S01^花生",
        "AL1|4|EA|^尘螨",
        "IN1|1|01",
    )
    members = {(m.key.kind, m.key.value): m.slots for m in stated(draft(body), "Patient").members}
    assert members["related-person", "L1:1"]["relationship[]"] == [{"text": "配偶"}]
    assert members["related-person", "L1:2"]["relationship[]"] == [{"text": "儿子"}]
    assert members["allergy", "L1:1"]["code"] == {"text": "青霉素"}
    assert ("related-person", "L1:3") not in members
    categories = [members["allergy", f"L1:{n}"].get("category[]") for n in (1, 2, 3, 4)]
    assert categories == [["medication"], None, ["food"], ["environment"]]
    assert [members["allergy", f"L1:{n}"].get("type") for n in (1, 2)] == ["allergy", None]
    assert members["allergy", "L1:2"]["code"] == {"text": "无"}
    (coding,) = members["allergy", "L1:3"]["code"]["coding"]
    assert (coding["system"], coding["code"]) == (f"https://hie.example.org/id/{WJYY}/allergen", "S01")
    assert members["coverage", "L1:1"]["type"]["coding"][0]["code"] == "01"


def test_zpi_states_the_record_number_and_the_employment_also_in_a_report() -> None:
    obr = "OBR|1||B1|X^血|||20260401080000|||||||||||||||20260401090000|||F"
    found = draft(message("ORU^R01", PID, "ZPI|1|E32|80|退(离)休人员", obr))
    seed, zpi = (c for c in found.contributions if c.target.type == "Patient")
    assert (seed.seed, zpi.seed, zpi.exists, zpi.target) == (True, False, False, seed.target)
    assert zpi.slots["identifier[]#2.16.156.10011.1.2"] == [{"system": "urn:oid:2.16.156.10011.1.2", "value": "E32"}]
    concept = zpi.slots["extension[]#occupation"][0]["valueCodeableConcept"]
    assert concept["coding"][0]["code"] == "80"


@pytest.mark.parametrize(
    ("fields", "path"),
    [({"ids": "L" * 65 + "^^^^LocalID"}, "PID-3"), ({"name": "x" * 101}, "PID-5"), ({"f11": "x" * 4001}, "PID-11")],
)
def test_nothing_is_cut_off(fields: dict[str, str], path: str) -> None:
    assert ("field-too-long", path) in {(f.code, f.path) for f in draft(person(**fields)).findings}


@pytest.mark.parametrize("null", ["-", "无", "同上"])
def test_null_text_in_names_of_codes_and_in_contacts_and_visits_is_no_value(null: str) -> None:
    """Common rules §5.3: demographic, contact and location fields."""
    person = f"PID|1||L1^^^^LocalID||张三||19800102|M||||||||20^{null}||||||01^{null}"
    visit = pv1(f2=null, f10=f"{null}^{null}", f14=f"1^{null}", f36=null)
    found = draft(message("ADT^A01", person, f"NK1|1|李四|{null}", f"ZPI|||80|{null}", visit))
    assert codes(found) == []
    assert repr(null) not in repr([(c.slots, [m.slots for m in c.members]) for c in found.contributions])
    assert slots(found, "Patient")["maritalStatus"]["text"] == "已婚"
    assert slots(found, "Encounter")["hospitalization.admitSource"]["text"] == "急诊"


def test_a_code_of_an_allergen_is_not_cut_off() -> None:
    assert codes(draft(message("ADT^A31", PID, f"AL1|1|DA|{'S' * 65}^花生"))) == ["field-too-long"]


def test_an_adt_wins_over_a_report_by_tier_and_seed() -> None:
    adt = stated(draft(person()), "Patient")
    oru = stated(draft(message("ORU^R01", PID, pv1(), "OBR|1||B1|X^血|||||||||||||||||||||F")), "Patient")
    assert (adt.tier, adt.seed, oru.tier, oru.seed) == (1, False, 0, True)


def test_a_merge_names_both_patients() -> None:
    found = draft(message("ADT^A40", PID, "MRG|C9^^^^IDCard~L9^^^^LocalID"))
    ((merge,),) = (found.merges,)
    assert (merge.prior.value, merge.target.value, merge.prior.kind) == ("L9", "L1", LOCAL)
    assert [c.target.value for c in found.contributions] == ["L1"]


def test_a_single_untyped_prior_number_is_a_local_id() -> None:
    (merge,) = draft(message("ADT^A40", PID, "MRG|L9")).merges
    assert merge.prior.value == "L9"


def test_a_merge_without_prior_number_is_rejected() -> None:
    found = draft(message("ADT^A40", PID, "MRG|C9^^^^IDCard"))
    assert [(f.code, f.path) for f in found.findings] == [("key-missing", "MRG-1")]
    assert found.merges == ()


def test_person_messages_make_no_visit() -> None:
    for event in ("ADT^A28", "ADT^A31", "ADT^ZP1"):
        (found,) = drafts(message(event, PID, pv1()))
        assert [c.target.type for c in found.contributions] == ["Patient"]


def test_a_key_that_is_too_long_is_held_and_not_called_missing() -> None:
    found = draft(message("ADT^A31", PID.replace("L1", "L" * 65)))
    assert [(f.code, f.path) for f in found.findings if f.severity.rank] == [("field-too-long", "PID-3")]
    assert found.contributions == ()
