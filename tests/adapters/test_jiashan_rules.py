"""Header, entries and quirks of Jiashan documents (Jiashan interface §2-4, §6, §7, §9)."""

import re
from collections import Counter
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from adapters.jiashan import adapter
from hie.base.draft import Draft
from hie.base.record import Delivery
from hie.base.slots import assemble
from hie.mapping.documents import with_document
from hie.parse.cda import parse
from tests.adapters.jiashan_exchange import (
    AGREED,
    FEED,
    JSWT,
    JSYY,
    JSZY,
    MAPS,
    RECEIVED,
    Exchange,
    changed,
    codes,
    draft,
    prepared,
    sample,
)

DISCHARGED = ("46241-6:1", "11535-2:1", "11535-2:2", "47519-4:1")
"""What sample 07 states, by section and number."""
NATIONAL_ID = '<id root="2.16.156.10011.1.3" extension="320598196804175127"/>'
CARD = '<id root="2.16.156.10011.1.19" extension="A800000517"/>'
GENDER = 'administrativeGenderCode code="2" displayName="女性"'


def slots(found: Draft, type: str) -> dict[str, Any]:
    """What the draft says about its first resource of a type."""
    merged: dict[str, Any] = {}
    for contribution in found.contributions:
        if contribution.target.type == type:
            merged.update(contribution.slots)
    return merged


def patient_key(found: Draft) -> tuple[str, str]:
    target = next(c.target for c in found.contributions if c.target.type == "Patient")
    return target.kind.rpartition(".")[2], target.value


def finding_codes(body: bytes) -> list[str]:
    return [found.code for found in prepared(body)]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ((), ("3", "320598196804175127")),
        ((("2.16.156.10011.1.3", " 2.16.156.10011.1.3\n"),), ("3", "320598196804175127")),
        (((NATIONAL_ID, f'<id root="2.16.156.10011.1.99" extension="9"/>{NATIONAL_ID}'),), ("3", "320598196804175127")),
        (
            ((NATIONAL_ID, '<id root="2.16.156.10011.1.3" extension="320598196804175128"/>'),),
            ("3", "320598196804175128"),
        ),
        (((NATIONAL_ID, '<id root="2.16.156.10011.1.3" extension="-"/>'),), ("19", "A800000517")),
        (((NATIONAL_ID, '<id root="2.16.156.10011.1.3" extension="3205**********5127"/>'),), ("19", "A800000517")),
        (((NATIONAL_ID, ""), (CARD, "")), ("11", "MZ810001")),
        (((NATIONAL_ID, ""), (CARD, '<id root="2.16.156.10011.1.12" extension="ZY1"/>')), ("12", "ZY1")),
    ],
)
def test_patient_key(changes: tuple[tuple[str, str], ...], key: tuple[str, str]) -> None:
    assert patient_key(draft(changed("01", *changes))) == key


@pytest.mark.parametrize("start", ["01", "02", "06", "07"])
@pytest.mark.parametrize("known", ["", NATIONAL_ID])
def test_numbers_may_stand_in_any_order(start: str, known: str) -> None:
    """What a number is says its root, not its place (§3.1, §3.2)."""
    text = re.sub(r'<id root="2.16.156.10011.1.3" [^>]*>', known, sample(start).decode(), count=1)
    if not known:
        text = re.sub(r'<id root="2.16.156.10011.1.19" [^>]*>', "", text)
    head, opening, rest = text.partition('<patientRole classCode="PAT">')
    ids = re.findall(r'<id root="2.16.156.10011.1.\d+" [^>]*/>', rest.partition("<patient ")[0])
    ids += ['<id root="2.16.156.10011.1.2" extension="N2"/>', '<id root="2.16.156.10011.1.13" extension="B1"/>']
    for number in ids:
        rest = rest.replace(number, "", 1)
    one, other = (draft((head + opening + "".join(order) + rest).encode()) for order in (ids, ids[::-1]))
    assert (one.aliases, one.findings) == (other.aliases, other.findings)
    stated = ([c for c in d.contributions if c.target.type != "DocumentReference"] for d in (one, other))
    assert next(stated) == next(stated)


@pytest.mark.parametrize(
    ("start", "number", "stated"),
    [
        ("07", "1.12", [f"C0053:{one}" for one in DISCHARGED]),
        ("01", "1.11", ["C0002:29548-5:1"]),
    ],
)
def test_diagnoses_and_operations_without_a_visit_are_the_document_s(
    start: str, number: str, stated: list[str]
) -> None:
    body = re.sub(rf'<id root="2.16.156.10011.{number}" [^>]*>'.encode(), b"", sample(start))
    found = draft(body)
    document = next(c.target.value for c in found.contributions if c.target.type == "DocumentReference")
    kinds = ("Condition", "Procedure")
    assert [c.target.value for c in found.contributions if c.target.type in kinds] == [
        f"{document}:{one}" for one in stated
    ]


def test_an_examination_without_order_number_has_the_department_that_asked() -> None:
    number = '<id root="2.16.156.10011.1.24" extension="SQ810005"/>'
    report = slots(draft(imaging((number, ""))), "DiagnosticReport")
    assert report["basedOn[]"] == [{"type": "ServiceRequest", "display": "放射科"}]


def test_a_number_of_another_kind_is_not_the_national_id() -> None:
    body = changed("06", (NATIONAL_ID, f'<id root="2.16.156.10011.1.99" extension="9"/>{NATIONAL_ID}'))
    (own,) = slots(draft(body), "Patient")["identifier[]#2.16.156.10011.1.3"]
    assert own["value"] == "320598196804175127"


def test_phone_and_address_may_stand_with_the_person() -> None:
    found = draft(
        changed("06", (NATIONAL_ID, f'<addr><city>嘉兴市</city></addr><telecom value="12000000001"/>{NATIONAL_ID}'))
    )
    patient = slots(found, "Patient")
    assert ([a["city"] for a in patient["address[]"]], [t["value"] for t in patient["telecom[]"]]) == (
        ["嘉兴市"],
        ["12000000001"],
    )


def test_no_number_of_the_patient_at_all() -> None:
    body = changed("01", (NATIONAL_ID, ""), (CARD, ""), ('<id root="2.16.156.10011.1.11" extension="MZ810001"/>', ""))
    assert "key-missing" in finding_codes(body)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("320598196804175128", "id-checksum"),
        ("3205**********5127", "id-masked"),
        ("无", "null-text"),
        ("-", "null-text"),
        ("320598680417512", "id-legacy"),
    ],
)
def test_national_ids(number: str, code: str) -> None:
    assert code in finding_codes(changed("01", ('extension="320598196804175127"', f'extension="{number}"')))


async def test_a_visit_number_leads_to_the_patient_in_any_order() -> None:
    weak = changed("02", (NATIONAL_ID, ""))
    for order in permutations([sample("01"), weak]):
        exchange = Exchange()
        for body in order:
            await exchange.send(body)
        (patient,) = await exchange.all("Patient")
        assert patient["identifier"][0]["value"] == "320598196804175127"
        (report,) = await exchange.all("DiagnosticReport")
        assert report["subject"] == {"reference": f"Patient/{patient['id']}"}


async def test_the_same_visit_number_in_two_hospitals_is_two_patients() -> None:
    weak = changed("01", (NATIONAL_ID, ""), (CARD, ""))
    other = weak.replace(JSYY.encode(), JSZY.encode()).replace(b"624630be", b"724630be")
    exchange = Exchange()
    await exchange.send(weak)
    await exchange.send(other)
    patients = await exchange.all("Patient")
    assert len(patients) == 2
    assert len({p["managingOrganization"]["reference"] for p in patients}) == 2


@pytest.mark.parametrize(
    ("old", "new", "code", "gender"),
    [
        (GENDER, 'administrativeGenderCode code="1" displayName="女性"', "code-name-conflict", "male"),
        (GENDER, 'administrativeGenderCode code="7" displayName="女性"', "code-unknown", "unknown"),
    ],
)
def test_gender(old: str, new: str, code: str, gender: str) -> None:
    body = changed("01", (old, new))
    assert code in finding_codes(body)
    assert slots(draft(body), "Patient")["gender"] == gender


def test_partial_birth_date() -> None:
    body = changed("01", ('birthTime value="19680417"', 'birthTime value="199003"'))
    assert slots(draft(body), "Patient")["birthDate"] == "1990-03"
    assert "date-partial" in finding_codes(body)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ((("<title>门急诊病历</title>", "<title>检验报告</title>"),), "code-name-conflict"),
        ((("2.1.1.22", "2.1.1.27"),), "code-name-conflict"),
        ((("<name>顾晓嵐</name>", "<name> </name>"),), "value-missing"),
        (((GENDER, 'administrativeGenderCode displayName=""'),), "value-missing"),
        ((("20260302101000", "20270302101000"),), "date-future"),
        ((("<name>顾晓嵐</name>", f"<name>{'长' * 101}</name>"),), "field-too-long"),
        ((("MZ810001", "M" * 65),), "field-too-long"),
    ],
)
def test_quality_rules(changes: tuple[tuple[str, str], ...], code: str) -> None:
    assert code in finding_codes(changed("01", *changes))


def test_an_unknown_title_contradicts_nothing() -> None:
    assert finding_codes(changed("01", ("<title>门急诊病历</title>", "<title>门诊病历(复诊)</title>"))) == [
        "code-unmapped"
    ]


@pytest.mark.parametrize(
    ("start", "old"),
    [("02", "2.16.156.10011.1.33"), ("05", "2.16.156.10011.1.32"), ("06", "2.16.156.10011.1.20")],
)
def test_reports_and_prescriptions_need_their_number(start: str, old: str) -> None:
    number = (f'root="{old}"', 'root="2.16.156.10011.1.99"')
    assert "key-missing" in finding_codes(imaging(number) if start == "05" else changed(start, number))


def test_other_documents_are_kept_as_a_whole() -> None:
    body = changed(
        "01", ('code="C0002"', 'code="C0034"'), ("<title>门急诊病历", "<title>入院记录"), ("2.1.1.22", "2.1.1.54")
    )
    found = draft(body)
    assert codes(found) == ["document-level-only"]
    types = [c.target.type for c in found.contributions]
    assert types == ["Patient", "Encounter", "Encounter", "DocumentReference", "Composition"]
    assert "status" not in slots(found, "Encounter")


def test_an_entry_that_no_map_names() -> None:
    found = draft(changed("01", ("DE04.01.119.00", "DE04.01.999.00")))
    assert found.unmapped == ("section(10154-3)/DE04.01.999.00",)
    assert codes(found) == ["code-unmapped", "field-unmapped"]


def test_an_element_without_namespace_and_pretty_printed() -> None:
    body = changed("01", (' xmlns="urn:hl7-org:v3"', ""), ("咳嗽一周</value>", "\n   咳嗽一周\n  </value>"))
    assert slots(draft(body), "Encounter")["reasonCode[]"] == [{"text": "咳嗽一周"}]


@pytest.mark.parametrize(
    ("start", "section", "entry"),
    [
        ("01", "11348-0", "DE02.10.099.00"),
        ("01", "29545-1", "DE04.10.258.00"),
        ("01", "46209-3", "DE06.00.289.00"),
        ("01", "46209-3", "DE06.00.288.00"),
        ("07", "11450-4", "DE05.10.148.00"),
        ("07", "8648-8", "DE06.00.296.00"),
        ("07", "8648-8", "DE05.10.113.00"),
        ("07", "18776-5", "DE06.00.287.00"),
        ("07", "46209-3", "DE06.00.287.00"),
        ("07", "30954-2", "DE04.50.128.00"),
    ],
)
def test_entries_that_are_text_of_their_section_are_named(start: str, section: str, entry: str) -> None:
    """Section 6 names them, so nothing is reported (§4)."""
    stated = f'<entry><observation><code code="{entry}"/><value>自述</value></observation></entry>'
    added = f'<component><section><code code="{section}"/><text/>{stated}</section></component>'
    assert "field-unmapped" not in codes(draft(changed(start, ("</structuredBody>", f"{added}</structuredBody>"))))


def test_an_operation_may_have_a_beginning() -> None:
    started = '<effectiveTime><low value="20260311140000"/></effectiveTime>'
    found = draft(changed("07", ('<effectiveTime value="20260311140000"/>', started)))
    assert slots(found, "Procedure")["performedDateTime"] == "2026-03-11T14:00:00+08:00"


def test_an_allergy_without_words_is_none() -> None:
    found = draft(changed("01", ("青霉素过敏", " ")))
    assert "AllergyIntolerance" not in [c.target.type for c in found.contributions]


def test_no_allergy() -> None:
    found = draft(changed("01", ('xsi:type="BL" value="true"', 'xsi:type="BL" value="false"')))
    assert "AllergyIntolerance" not in [c.target.type for c in found.contributions]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (
            'code="J40.x00" displayName=""',
            {
                "coding": [{"system": "urn:oid:2.16.156.10011.2.3.3.11", "code": "J40.x00", "userSelected": True}],
                "text": "J40.x00",
            },
        ),
        (
            'code=" J40 　x00" displayName=""',
            {
                "coding": [{"system": "urn:oid:2.16.156.10011.2.3.3.11", "code": "J40 x00", "userSelected": True}],
                "text": "J40 x00",
            },
        ),
        ('displayName="支气管炎"', {"text": "支气管炎"}),
        (">支气管炎</value><value", {"text": "支气管炎"}),
    ],
)
def test_diagnoses_with_half_of_their_data(value: str, code: dict[str, Any]) -> None:
    old = (
        'code="J40.x00" codeSystem="2.16.156.10011.2.3.3.11" codeSystemName="诊断代码表(ICD-10)" displayName="支气管炎"'
    )
    assert slots(draft(changed("01", (old, value))), "Condition")["code"] == code


def test_a_diagnosis_or_a_procedure_that_is_empty_is_none() -> None:
    """An empty entry states nothing; those after it keep their number in the section."""
    body = changed(
        "07",
        ('code="I25.103"', 'code=""'),
        ('displayName="冠状动脉粥样硬化性心脏病"', 'displayName=" "'),
        ('code="36.0601" displayName="冠状动脉支架置入术"', 'code="" displayName=""'),
    )
    found = [c.target.value for c in draft(body).contributions if c.target.type in ("Condition", "Procedure")]
    assert found == ["ZY810007:C0053:46241-6:1", "ZY810007:C0053:11535-2:2"]


def test_an_item_is_coded_and_shown_in_half_width() -> None:
    """The code of a laboratory item is its name, half width, and so is the display (§4)."""
    found = members(draft(changed("02", ("乙肝表面抗原", "ＨＢｓＡｇ"))), "Observation")
    codings = [m.slots["code"]["coding"][0] for m in found]
    assert [(c["code"], c["display"]) for c in codings][-1] == ("HBsAg", "HBsAg")
    assert [m.key.value.split(":")[1:] for m in found][-1] == ["HBsAg", "1"]


def test_discharge_before_admission() -> None:
    body = changed("07", ('<high value="20260320103000"/>', '<high value="20260301103000"/>'))
    assert "time-order" in finding_codes(body)


async def test_discharge_before_admission_leaves_out_the_end() -> None:
    exchange = Exchange()
    await exchange.send(changed("07", ('<high value="20260320103000"/>', '<high value="20260301103000"/>')))
    (visit,) = await exchange.all("Encounter")
    assert (visit["status"], visit["period"]) == ("finished", {"start": "2026-03-08T09:30:00+08:00"})


@pytest.mark.parametrize("high", ["19000101", "19000101000000", " 1900-01-01 "])
async def test_not_discharged(high: str) -> None:
    exchange = Exchange()
    await exchange.send(changed("07", ('<high value="20260320103000"/>', f'<high value="{high}"/>')))
    (visit,) = await exchange.all("Encounter")
    assert (visit["status"], visit["period"]) == ("in-progress", {"start": "2026-03-08T09:30:00+08:00"})


async def test_a_discharge_of_another_day_of_1900_is_a_date() -> None:
    exchange = Exchange()
    await exchange.send(changed("07", ('<high value="20260320103000"/>', '<high value="19000102"/>')))
    (visit,) = await exchange.all("Encounter")
    assert (visit["status"], visit["period"]) == ("finished", {"start": "2026-03-08T09:30:00+08:00"})


async def test_discharge_summary_wins_over_later_documents() -> None:
    stay = '<id root="2.16.156.10011.1.12" extension="ZY810007"/>'
    late = changed(
        "03",
        ('<id root="2.16.156.10011.1.11" extension="MZ810003"/>', stay),
        ('effectiveTime value="20260303111500"', 'effectiveTime value="20260325111500"'),
    ).replace(JSWT.encode(), JSYY.encode())
    for order in permutations([sample("07"), late]):
        exchange = Exchange()
        for body in order:
            await exchange.send(body)
        (visit,) = await exchange.all("Encounter")
        assert visit["status"] == "finished"
        assert visit["period"]["end"] == "2026-03-20T10:30:00+08:00"
        assert visit["class"]["code"] == "AMB"


@pytest.mark.parametrize(
    ("sampled", "written", "late"),
    [
        ("20260302121500", "20260302111500", True),
        ("20260302101500", "20260302111500", False),
        ("20260302101500", "20260302", False),
        ("20260302101500", "20260301", True),
    ],
)
def test_specimen_after_the_report(sampled: str, written: str, late: bool) -> None:
    """A day without a time is not over before a time of that day (common §5.2)."""
    body = changed(
        "02",
        ('<low value="20260302101500"/>', f'<low value="{sampled}"/>'),
        ('effectiveTime value="20260302111500"', f'effectiveTime value="{written}"'),
    )
    assert ("time-order" in finding_codes(body)) == late


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        ('<value xsi:type="REAL" value="阴性"/>', "value-not-numeric"),
        ('<value xsi:type="REAL" value="-"/>', "value-ambiguous"),
        ('<value xsi:type="ST">-</value>', "value-ambiguous"),
    ],
)
def test_results_that_are_no_number(value: str, finding: str) -> None:
    assert finding in finding_codes(changed("02", ('<value xsi:type="REAL" value="11.2000"/>', value)))


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ('<value xsi:type="ST">&lt;0.5</value>', "valueQuantity"),
        ('<value value="5.6000"/>', "valueQuantity"),
        ("<value>弱阳性</value>", "valueCodeableConcept"),
        ('<value xsi:type="ST">无</value>', "valueString"),
    ],
)
def test_forms_of_a_result(value: str, key: str) -> None:
    found = draft(changed("02", ('<value xsi:type="REAL" value="11.2000"/>', value)))
    report = found.contributions[-1]
    first = next(m for m in report.members if m.key.type == "Observation")
    assert list(first.slots["value[x]"]) == [key]


def test_a_result_that_is_missing() -> None:
    found = draft(changed("02", ('<value xsi:type="REAL" value="11.2000"/>', "<value/>")))
    first = next(m for m in found.contributions[-1].members if m.key.type == "Observation")
    assert first.slots["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_two_results_of_one_item_are_numbered() -> None:
    found = draft(changed("02", ("血红蛋白", "白细胞计数")))
    values = [m.key.value for m in found.contributions[-1].members if m.key.type == "Observation"]
    assert values == ["JY810002:白细胞计数:1", "JY810002:白细胞计数:2", "JY810002:乙肝表面抗原:1"]


CATEGORIES = [
    ("CT", "CT"),
    ("MR", "NMR"),
    ("X线", "RAD"),
    ("超声", "RUS"),
    ("病理", "SP"),
    ("心电", "EC"),
    ("内镜", "OTH"),
    ("骨密度", "OTH"),
]


def imaging(*pairs: tuple[str, str]) -> bytes:
    text = sample("05").decode("gb18030").replace('encoding="GB18030"', 'encoding="UTF-8"')
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.mark.parametrize(("sent", "code"), CATEGORIES)
def test_examination_categories(sent: str, code: str) -> None:
    found = draft(imaging(('<value xsi:type="ST">CT</value>', f'<value xsi:type="ST">{sent}</value>')))
    (category,) = slots(found, "DiagnosticReport")["category[]"]
    assert (category["coding"][0]["code"], category["text"]) == (code, sent)
    assert category["coding"][0]["system"] == "http://terminology.hl7.org/CodeSystem/v2-0074"
    assert codes(found) == ["null-text"]


def test_examination_texts_without_their_words_are_taken_in_order() -> None:
    body = imaging(("检查报告结果-主观提示", "检查报告结果"), ("检查报告结果-客观所见", "检查报告结果"))
    found = draft(body)
    assert "pairing-assumed" in codes(found)
    report = found.contributions[-1]
    assert report.slots["conclusion"] == "右肺上叶磨玻璃结节，约8mm。"
    assert report.members[0].slots["value[x]"] == {"valueString": "右肺上叶磨玻璃结节，建议随访。"}


@pytest.mark.parametrize(
    ("rate", "timing"),
    [
        ('value="3" unit="次/日"', {"frequency": 3, "period": 1, "periodUnit": "d"}),
        ('value="1" unit="次/周"', None),
        ('value="q8h" unit=""', None),
        ('value="0" unit="次/日"', None),
    ],
)
def test_how_often_a_drug_is_taken(rate: str, timing: dict[str, Any] | None) -> None:
    found = draft(changed("06", ('value="3" unit="次/日"', rate)))
    drug = next(c for c in found.contributions if c.target.type == "MedicationRequest")
    given = drug.slots["dosageInstruction[]"][0]["timing"]
    repeat = {k: v for k, v in given["repeat"].items() if k != "boundsDuration"}
    assert repeat == (timing or {})
    assert ("code" in given) is (timing is None)


def test_a_drug_without_code_or_days() -> None:
    found = draft(changed("06", ("<code>YP1001</code>", ""), ('xsi:type="PQ" value="7" unit="天"', 'xsi:type="PQ"')))
    drug = next(c for c in found.contributions if c.target.type == "MedicationRequest")
    assert drug.slots["medicationCodeableConcept"] == {"text": "阿莫西林胶囊"}
    assert drug.slots["dosageInstruction[]"][0]["timing"] == {
        "repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}
    }


@pytest.mark.parametrize(
    ("code", "name", "target", "finding"),
    [
        ("1", "门诊", "AMB", None),
        ("2", "急诊", "EMER", None),
        ("3", "住院", "IMP", None),
        ("9", "其他", "AMB", None),
        ("3", "门诊", "IMP", "code-name-conflict"),
        ("7", "其它", "AMB", "code-unknown"),
    ],
)
def test_patient_types(code: str, name: str, target: str, finding: str | None) -> None:
    body = changed(
        "02", ('patienttypeCode code="1" displayName="门诊"', f'patienttypeCode code="{code}" displayName="{name}"')
    )
    found = draft(body)
    assert slots(found, "Encounter")["class"]["code"] == target
    assert (finding in codes(found)) is (finding is not None)


METHOD = (
    '<entry><observation><code code="DE02.10.027.00"/><value xsi:type="ST">流式细胞法</value></observation></entry>'
)


def members(found: Draft, type: str) -> list[Any]:
    return [m for m in found.contributions[-1].members if m.key.type == type]


def test_a_method_of_the_report_is_that_of_every_item() -> None:
    found = draft(changed("02", ("<text></text>", f"<text></text>{METHOD}")))
    assert [m.slots["method"] for m in members(found, "Observation")] == [{"text": "流式细胞法"}] * 3
    assert found.unmapped == ()


def test_a_method_of_one_item_in_a_flat_report() -> None:
    body = changed(
        "03",
        (
            '<value xsi:type="ST">葡萄糖</value></observation></entry>',
            f"<value>葡萄糖</value></observation></entry>{METHOD}",
        ),
    )
    found = draft(body)
    assert [m.slots.get("method") for m in members(found, "Observation")] == [{"text": "流式细胞法"}, None, None]


def test_without_sampling_time_the_test_date_counts() -> None:
    found = draft(sample("03"))
    assert found.contributions[-1].slots["effectiveDateTime"] == "2026-03-03"
    assert {m.slots["effectiveDateTime"] for m in members(found, "Observation")} == {"2026-03-03"}


def test_numbers_and_codes_of_a_patient_and_a_stay_that_no_sample_has() -> None:
    """Health record, medical record and hospital number, ethnic group (§3.1, §3.2)."""
    numbers = "".join(f'<id root="2.16.156.10011.1.{kind}" extension="N{kind}"/>' for kind in (2, 13, 12))
    report, age = '<id root="2.16.156.10011.1.33"', "<age unit"
    group = '<ethnicGroupCode code="01" displayName="汉族"/>'
    found = draft(changed("02", (report, numbers + report), (age, group + age)))
    patient = slots(found, "Patient")
    national, local = "urn:oid:2.16.156.10011.1", f"https://hie.example.org/id/{JSYY}/2.16.156.10011.1"
    assert patient["identifier[]#2.16.156.10011.1.2"] == [{"system": f"{national}.2", "value": "N2"}]
    (record,) = patient["identifier[]#2.16.156.10011.1.13"]
    assert (record["system"], record["value"]) == (f"{local}.13", "N13")
    assert patient["extension[]#ethnicity"][0]["valueCodeableConcept"]["coding"][0]["code"] == "01"
    (stay,) = slots(found, "Encounter")["identifier[]#2.16.156.10011.1.12"]
    assert (stay["system"], stay["value"]) == (f"{local}.12", "N12")


def test_the_patient_type_of_an_outpatient_record_gives_the_class() -> None:
    who = '<id root="2.16.156.10011.1.11" extension="MZ810001"/>'
    kind = '<patientType><patienttypeCode code="2" displayName="急诊"/></patientType>'
    assert slots(draft(changed("01", (who, who + kind))), "Encounter")["class"]["code"] == "EMER"


def test_a_note_of_an_examination_is_one_of_its_findings_and_a_specimen_has_a_state() -> None:
    def entry(code: str, text: str) -> str:
        return f'<observation><code code="{code}"/><value>{text}</value></observation>'

    exam = sample("05").decode("gb18030")
    noted = exam.replace("</section>", f"<entry>{entry('DE06.00.179.00', '建议复查')}</entry></section>")
    (findings,) = members(draft(noted.encode("gb18030")), "Observation")
    assert findings.slots["note[]"] == [{"text": "建议复查"}]
    item = '<value xsi:type="ST">白细胞计数</value>'
    state = f"<entryRelationship>{entry('DE04.50.135.00', '溶血')}</entryRelationship>"
    (specimen,) = members(draft(changed("02", (item, item + state))), "Specimen")
    assert specimen.slots["condition[]"] == [{"text": "溶血"}]


def test_a_specimen_without_number() -> None:
    found = draft(changed("02", ('<id root="2.16.156.10011.1.14" extension="BB810002"/>', "")))
    (specimen,) = members(found, "Specimen")
    assert "identifier[]" not in specimen.slots
    assert specimen.slots["type"] == {"text": "全血"}
    assert {m.slots["specimen"]["reference"] for m in members(found, "Observation")} == {specimen.key.reference}


def test_results_without_sampling_have_no_specimen() -> None:
    assert members(draft(sample("03")), "Specimen") == []


def test_a_block_without_name_is_nobodys_parent() -> None:
    """Without a patient type the class of the visit is stated by a block that has no name."""
    given = draft(re.sub(rb"<patienttypeCode[^>]*>", b"", sample("07")))
    assert {one.target.type for one in given.contributions} >= {"Condition", "Encounter"}
    assert all(one.parent is None for one in given.contributions)


@pytest.mark.parametrize(
    ("start", "path", "old", "new"),
    [
        ("02", "id/@extension", "e7463759fb4e51f1f418225cc6ebd521", "e" * 65),
        ("02", "setId", "<setId/>", f"<setId>{'s' * 65}</setId>"),
        ("02", "versionNumber", "<versionNumber></", f"<versionNumber>{'1' * 65}</"),
        ("02", "relatedDocument/parentDocument/id", "<id></id>", f"<id>{'p' * 65}</id>"),
        ("02", "title", "<title>检验报告", f"<title>{'检' * 4001}"),
        ("02", "structuredBody//section/title", "<text></text>", f"<title>{'检' * 4001}</title><text></text>"),
        ("02", "structuredBody//section", "<text></text>", f"<text>{'检' * 1_000_001}</text>"),
        ("01", "structuredBody//section", "患者既往体健。", "健" * 1_000_001),
    ],
)
def test_what_no_map_reads_may_be_too_long(start: str, path: str, old: str, new: str) -> None:
    found = draft(changed(start, (old, new)))
    assert path in [f.path for f in found.findings if f.code == "field-too-long"]


@pytest.mark.parametrize(
    ("start", "old", "new"),
    [
        ("02", 'displayName="审核医师"', f'displayName="{"长" * 4001}"'),
        ("02", "<name>内科", f"<name>{'长' * 101}"),
        ("02", 'displayName="偏高"', f'displayName="{"长" * 4001}"'),
        ("02", 'code="3" codeSystem="2.16.156.10011.2.3.2.38"', f'code="{"3" * 65}"'),
        ("02", "10^9/L", "g" * 4001),
        ("06", "阿莫西林胶囊", "长" * 4001),
        ("06", "0.25g*24粒", "长" * 4001),
        ("06", 'unit="次/日"', f'unit="{"长" * 4001}"'),
        ("06", 'unit="g"', f'unit="{"g" * 4001}"'),
        ("06", '<routeCode code="1"', f'<routeCode code="{"1" * 65}"'),
        ("07", "好转", "长" * 4001),
    ],
)
def test_what_a_transform_reads_as_a_whole_may_be_too_long(start: str, old: str, new: str) -> None:
    """Codes, departments and short texts inside an element (common rules §5.5)."""
    assert "field-too-long" in codes(draft(changed(start, (old, new))))


def test_parts_of_an_address_that_are_null_text() -> None:
    found = draft(changed("07", ("<houseNumber>8号", "<houseNumber>-"), ("<county>嘉善县", "<county>无")))
    (address,) = slots(found, "Patient")["address[]"]
    assert address["text"] == "浙江省嘉兴市魏塘街道人民大道"
    assert address["line"] == ["魏塘街道人民大道"]
    assert "district" not in address


@pytest.mark.parametrize(
    ("start", "element", "slot"),
    [
        ("07", 'maritalStatusCode code="20" displayName="已婚"', "maritalStatus"),
        ("01", GENDER, "gender"),
    ],
)
def test_codes_that_are_null_text(start: str, element: str, slot: str) -> None:
    name = element.partition(" ")[0]
    found = draft(changed(start, (element, f'{name} code="-" displayName="无"')))
    assert slot not in slots(found, "Patient")
    assert "code-unknown" not in codes(found)
    assert f"recordTarget//{name}/@code" in [f.path for f in found.findings if f.code == "null-text"]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("<setId/>", '<setId extension="-"/>', "setId/@extension"),
        ("<versionNumber></versionNumber>", "<versionNumber> 无 </versionNumber>", "versionNumber"),
        ("<id></id>", "<id>—</id>", "relatedDocument/parentDocument/id"),
    ],
)
def test_a_header_field_of_null_text_is_none_and_noted(old: str, new: str, place: str) -> None:
    found = draft(changed("01", (old, new)))
    (reference,) = (c for c in found.contributions if c.target.type == "DocumentReference")
    assert reference.slots["status"] == "current"
    assert not reference.slots.keys() & {"identifier[]", "relatesTo[]"}
    (record,) = parse(Delivery("raw", FEED, FEED, RECEIVED, changed("01", (old, new))), AGREED).records
    assert [f.path for f in record.findings if f.code == "null-text"] == [place]


def test_a_patient_type_that_is_null_text_is_absent() -> None:
    body = changed(
        "02",
        ('patienttypeCode code="1" displayName="门诊"', 'patienttypeCode code="-" displayName="-"'),
        ('<id root="2.16.156.10011.1.11" extension="MZ810001"/>', '<id root="2.16.156.10011.1.12" extension="ZY1"/>'),
    )
    assert slots(draft(body), "Encounter")["class"]["code"] == "IMP"


@pytest.mark.parametrize("start", ["01", "02"])
@pytest.mark.parametrize("number", ["-", "无", ""])
def test_a_stay_number_that_is_null_text_leaves_an_outpatient(start: str, number: str) -> None:
    """A visit has a class in any case: AMB without a stay number (§3.2)."""
    body = changed(
        start,
        (
            '<id root="2.16.156.10011.1.11"',
            f'<id root="2.16.156.10011.1.12" extension="{number}"/><id root="2.16.156.10011.1.11"',
        ),
    ).replace('<patienttypeCode code="1" displayName="门诊"'.encode(), b"<patienttypeCode")
    visits = [c for c in draft(body).contributions if c.target.type == "Encounter"]
    assert [c.slots["class"]["code"] for c in visits if "class" in c.slots] == ["AMB"]
    assert {c.target.value for c in visits} == {"MZ810001"}


@pytest.mark.parametrize("start", ["01", "02", "07"])
def test_a_stay_with_an_outpatient_number_too_is_one_visit(start: str) -> None:
    """The inpatient number is the key (§3.2), also of a visit whose class nobody states."""
    number = re.compile(r'<id root="2.16.156.10011.1.1[12]" [^>]*>')
    both = '<id root="2.16.156.10011.1.11" extension="M1"/><id root="2.16.156.10011.1.12" extension="Z1"/>'
    text = re.sub("<patienttypeCode[^>]*>", "", number.sub(both, sample(start).decode(), count=1))
    found = draft(text.encode())
    visits = [c for c in found.contributions if c.target.type == "Encounter"]
    assert {c.target.value for c in visits} == {"Z1"}
    act = {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "code": "IMP",
        "display": "inpatient encounter",
    }
    assert [c.slots["class"] for c in visits if "class" in c.slots] == [act]
    stay, visit = (slots(found, "Encounter")[f"identifier[]#2.16.156.10011.1.1{n}"][0] for n in (2, 1))
    assert [(one["value"], one["type"]["coding"][0]["code"]) for one in (stay, visit)] == [("Z1", "VN"), ("M1", "VN")]


async def test_a_document_that_says_no_class_leaves_that_of_another() -> None:
    stay = '<id root="2.16.156.10011.1.12" extension="Z1"/>'
    told = changed("02", ('<id root="2.16.156.10011.1.11" extension="MZ810001"/>', stay))
    silent = changed("06", ('<id root="2.16.156.10011.1.11" extension="MZ810001"/>', stay))
    silent = silent.replace(b'effectiveTime value="20260302103000"', b'effectiveTime value="20260302123000"')
    for order in permutations([told, silent]):
        exchange = Exchange()
        for body in order:
            await exchange.send(body)
        assert [visit["class"]["code"] for visit in await exchange.all("Encounter")] == ["AMB"]


@pytest.mark.parametrize("value", ['<value displayName="咳嗽一周"/>', '<value value="咳嗽一周"/>'])
def test_a_value_is_read_from_whichever_form_is_filled(value: str) -> None:
    found = draft(changed("01", ('<value xsi:type="ST">咳嗽一周</value>', value)))
    assert slots(found, "Encounter")["reasonCode[]"] == [{"text": "咳嗽一周"}]


@pytest.mark.parametrize(
    "flag", ['xsi:type="BL">false</value>', ">0</value>", 'value="0"/>', 'value="False"/>', ">FALSE</value>"]
)
def test_no_allergy_in_other_forms(flag: str) -> None:
    found = draft(changed("01", ('xsi:type="BL" value="true"/>', flag)))
    assert "AllergyIntolerance" not in [c.target.type for c in found.contributions]


def test_a_section_that_stands_twice_numbers_its_diagnoses_through() -> None:
    found = draft(changed("07", ('code="46241-6"', 'code="11535-2"')))
    values = [c.target.value for c in found.contributions if c.target.type == "Condition"]
    assert values == [f"ZY810007:C0053:11535-2:{n}" for n in (1, 2, 3)]


def test_a_section_code_of_blanks_is_none() -> None:
    found = draft(changed("07", ('code="11450-4"', 'code=" "')))
    assert "code" not in slots(found, "Composition")["section[]"][0]


def test_a_section_code_of_no_named_system_is_of_loinc() -> None:
    body = re.sub(rb'(code="11450-4"[^>]*codeSystem=)"[^"]*"', rb'\1""', sample("07"))
    assert slots(draft(body), "Composition")["section[]"][0]["code"]["coding"][0]["code"] == "11450-4"


def test_a_contact_of_a_summary_without_visit_number() -> None:
    found = draft(changed("07", ('<id root="2.16.156.10011.1.12" extension="ZY810007"/>', "")))
    assert "RelatedPerson" in [c.target.type for c in found.contributions]


def test_an_empty_sampling_time_does_not_hide_that_of_another_item() -> None:
    found = draft(changed("02", ('<low value="20260302101500"/>', '<low value=""/>')))
    report = found.contributions[-1]
    assert report.slots["effectiveDateTime"] == "2026-03-02T10:15:00+08:00"
    assert members(found, "Specimen")[0].slots["collection.collectedDateTime"] == "2026-03-02T10:15:00+08:00"


def test_an_empty_unit_does_not_hide_that_of_the_value() -> None:
    body = changed(
        "02",
        ('<value xsi:type="REAL" value="11.2000"/>', '<value xsi:type="PQ" value="11.2000" unit="10^9/L"/>'),
        ('<value xsi:type="ST">10^9/L</value>', '<value xsi:type="ST"></value>'),
    )
    assert members(draft(body), "Observation")[0].slots["value[x]"]["valueQuantity"]["code"] == "10*9/L"


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('doseQuantity value="0.5"', 'doseQuantity value="适量"', "substanceAdministration[1]/doseQuantity"),
        ('xsi:type="INT" value="42"', 'xsi:type="INT" value="若干"', "substanceAdministration[1]/DE06.00.135.00"),
        ('xsi:type="PQ" value="7"', 'xsi:type="PQ" value="一周"', "substanceAdministration[1]/DE06.00.294.00"),
    ],
)
def test_amounts_of_a_drug_in_words(old: str, new: str, path: str) -> None:
    found = draft(changed("06", (old, new)))
    assert [f.path for f in found.findings if f.code == "value-not-numeric"] == [path]
    dosage = slots(found, "MedicationRequest") if "dose" not in old else found.contributions[-2].slots
    assert (dosage["dosageInstruction[]"][0].get("text") == "适量") is ("dose" in old)


def test_a_third_text_of_an_examination_is_reported() -> None:
    found = draft(imaging(("检查报告结果-主观提示", "检查报告结果-客观所见")))
    assert ("field-unmapped", "section//DE04.50.131.00") in [(f.code, f.path) for f in found.findings]


def test_texts_outside_the_report_section_take_no_role() -> None:
    other = (
        '<component><section><code displayName="其他"/><entry><observation>'
        '<code code="DE04.50.131.00" displayName="检查报告结果-客观所见"/><value>其他</value>'
        "</observation></entry></section></component>"
    )
    report = draft(imaging(("<structuredBody>", f"<structuredBody>{other}"))).contributions[-1]
    assert report.members[0].slots["value[x]"] == {"valueString": "右肺上叶磨玻璃结节，约8mm。"}


async def test_a_second_record_target_is_not_mixed_into_the_patient() -> None:
    text = sample("02").decode()
    target = text[text.index("<recordTarget") : text.index("</recordTarget>") + len("</recordTarget>")]
    other = target.replace("320598196804175127", "330498194605055226").replace("顾晓嵐", "丁香")
    body = text.replace(target, target + other, 1).encode()
    assert "field-unmapped" in codes(draft(body))
    exchange = Exchange()
    await exchange.send(body)
    (patient,) = await exchange.all("Patient")
    assert [name["text"] for name in patient["name"]] == ["顾晓嵐"]
    assert [identifier["value"] for identifier in patient["identifier"]] == ["320598196804175127"]


def test_a_diagnosis_of_another_section_is_none_of_admission_or_discharge() -> None:
    """The map of another region may state Conditions of any section."""
    delivery = Delivery("raw", FEED, FEED, RECEIVED, sample("07"))
    (record,) = parse(delivery, AGREED).records
    made = MAPS.draft(record, delivery, adapter)
    moved = [
        replace(c, target=replace(c.target, value=c.target.value.replace("46241-6", "29548-5")))
        for c in made.contributions
    ]
    found = with_document(replace(made, contributions=tuple(moved)), record, delivery, adapter, MAPS)
    uses = [one["use"]["coding"][0]["code"] for one in slots(found, "Encounter")["diagnosis[]"]]
    assert uses == ["DD", "DD"]


@pytest.mark.parametrize(
    ("before", "after", "value", "findings"),
    [
        ("", None, "11.2000", []),
        ('<value xsi:type="REAL" value=""/>', None, "11.2000", []),
        ('<value xsi:type="ST">复查</value>', None, "复查", ["field-unmapped"]),
        (None, '<value><low value="1"/><high value="2"/></value>', "1-2", []),
        (None, '<value><numerator value="1"/><denominator value="20"/></value>', "1:20", []),
        (None, '<value><low value="5" inclusive="false"/></value>', ">5", []),
    ],
)
def test_a_result_is_what_the_first_entry_says_that_says_something(
    before: str | None, after: str | None, value: str, findings: list[str]
) -> None:
    entry = '<entryRelationship><observation><code code="DE04.30.015.00"/>{}</observation></entryRelationship>'
    sent = '<value xsi:type="REAL" value="11.2000"/>'
    opening = '<effectiveTime value="20260302"/>\n<value xsi:type="ST">白细胞计数</value>'
    body = changed("02", (opening, opening + (entry.format(before) if before else "")), (sent, after or sent))
    found = draft(body)
    stated = members(found, "Observation")[0].slots["value[x]"]
    number = stated.get("valueQuantity", {})
    assert stated.get("valueString", f"{number.get('comparator', '')}{number.get('value')}") == value
    assert [code for code in codes(found) if code != "code-unmapped"] == findings


@pytest.mark.parametrize("low", ["19000101", "无", "2026-13-01"])
def test_a_sampling_time_that_is_no_date_does_not_hide_that_of_another_item(low: str) -> None:
    found = draft(changed("02", ('<low value="20260302101500"/>', f'<low value="{low}"/>')))
    taken = "2026-03-02T10:15:00+08:00"
    assert {m.slots["effectiveDateTime"] for m in members(found, "Observation")} == {taken}
    assert members(found, "Specimen")[0].slots["collection.collectedDateTime"] == taken
    assert found.contributions[-1].slots["effectiveDateTime"] == taken
    assert not [f.path for f in found.findings if "@collected" in f.path]


def test_items_of_one_examination_are_all_named() -> None:
    item = '<observation><code code="DE04.30.019.00"/><value>头部CT平扫</value></observation>'
    report = draft(imaging(("</organizer>", f"<component>{item}</component></organizer>"))).contributions[-1]
    assert report.slots["code"] == {"text": "胸部CT平扫、头部CT平扫"}


def test_categories_of_one_report_are_all_named() -> None:
    """And so are the states of its specimen, and a conclusion in several entries has as many lines."""
    entry = '<observation><code code="{}"/><value>{}</value></observation>'
    stated = (("DE04.30.018.00", "尿常规"), ("DE04.50.130.00", "请复查"))
    added = "".join(f"<entry>{entry.format(*one)}</entry>" for one in stated)
    of_item = (entry.format("DE04.50.135.00", state) for state in ("溶血", "脂血"))
    states = "".join(f"<entryRelationship>{one}</entryRelationship>" for one in of_item)
    opening = '<value xsi:type="ST">白细胞计数</value>'
    found = draft(changed("02", ("</section>", f"{added}</section>"), (opening, opening + states)))
    report = found.contributions[-1].slots
    assert report["code"] == {"text": "血常规、尿常规"}
    assert report["conclusion"] == "白细胞偏高\n请复查"
    assert members(found, "Specimen")[0].slots["condition[]"] == [{"text": "溶血、脂血"}]


@pytest.mark.parametrize(
    ("body", "type", "text", "finding"),
    [
        (changed("02", (">血常规<", "><")), "DiagnosticReport", "检验报告", []),
        (changed("02", (">白细胞计数<", "><")), "Observation", "检验项目", ["value-missing"]),
        (imaging((">胸部CT平扫<", "><")), "DiagnosticReport", "检查报告", []),
        (
            imaging(('displayName="检查报告结果-主观提示"', ""), ('displayName="检查报告结果-客观所见"', "")),
            "Observation",
            "客观所见",
            ["pairing-assumed"],
        ),
        (
            changed("06", ("<code>YP1001</code>", ""), ("<name>阿莫西林胶囊</name>", "")),
            "MedicationRequest",
            "药品名称缺失",
            ["value-missing"],
        ),
    ],
)
def test_what_comes_without_a_name_has_one_all_the_same(body: bytes, type: str, text: str, finding: list[str]) -> None:
    found = draft(body)
    roots = [c for c in found.contributions if c.target.type == type] or members(found, type)
    named = assemble(roots[0].slots)
    assert (named.get("code") or named["medicationCodeableConcept"]) == {"text": text}
    assert [code for code in codes(found) if code not in ("code-unmapped", "null-text")] == finding


@pytest.mark.parametrize(
    "body",
    [
        imaging(("右肺上叶磨玻璃结节，建议随访。", "长" * 4001)),
        imaging(("右肺上叶磨玻璃结节，约8mm。", "长" * 4001)),
        changed("02", ("白细胞偏高", "长" * 4001)),
    ],
)
def test_findings_and_conclusions_may_be_long(body: bytes) -> None:
    """4,000 characters are the limit of short text (common rules §5.5)."""
    assert "field-too-long" not in codes(draft(body))


def test_a_laboratory_report_has_diagnoses_too() -> None:
    entry = '<observation><code code="DE05.01.024.00"/><value code="J40.x00" displayName="支气管炎"/></observation>'
    section = f'<component><section><code code="29548-5"/><text/><entry>{entry}</entry></section></component>'
    found = draft(changed("02", ("<structuredBody>", f"<structuredBody>{section}")))
    (condition,) = [c for c in found.contributions if c.target.type == "Condition"]
    assert (condition.target.value, condition.slots["code"]["text"]) == ("MZ810001:C0007:29548-5:1", "支气管炎")


async def test_a_stay_and_a_visit_with_equal_numbers_share_no_diagnosis() -> None:
    """Whoever is admitted under the number of another one's visit must not take the diagnosis away from that one."""
    number, stay = (f'<id root="2.16.156.10011.1.1{kind}" extension="MZ810001"/>' for kind in (1, 2))
    other = '<id root="2.16.156.10011.1.3" extension="330421198503074226"/>'
    prescribed = ("CF810006", "CF810099"), ("3bb230a8", "3bb230a9")
    inpatient = changed("06", (number, stay), (NATIONAL_ID, other), *prescribed)
    for order in permutations([sample("06"), inpatient]):
        exchange = Exchange()
        for body in order:
            await exchange.send(body)
        found = await exchange.all("Condition")
        assert len({one["subject"]["reference"] for one in found}) == 2
        assert {one["identifier"][0]["value"] for one in found} == {"MZ810001:C0004:29548-5:1"}


async def test_a_summary_of_a_visit_shares_nothing_with_that_of_a_stay_of_equal_number() -> None:
    """One that has only an outpatient number took diagnoses, operations and contacts of the stay away."""
    stay, visit = (f'<id root="2.16.156.10011.1.1{kind}" extension="ZY810007"/>' for kind in (2, 1))
    other = ("330498194605055226", "330421198503074226"), ("A800000707", "A800000708")
    outpatient = changed("07", (stay, visit), ("56bfa447", "56bfa448"), *other)
    kinds = ("Condition", "Procedure", "RelatedPerson")
    for order in permutations([sample("07"), outpatient]):
        exchange = Exchange()
        for body in order:
            await exchange.send(body)
        found = [one for kind in kinds for one in await exchange.all(kind)]
        whose = Counter((one.get("patient") or one["subject"])["reference"] for one in found)
        assert sorted(whose.values()) == [5, 5]
        numbers = Counter(n["value"] for one in found for n in one.get("identifier", ()))
        assert numbers == {f"ZY810007:C0053:{one}": 2 for one in DISCHARGED}


def test_a_number_that_many_entries_are_keyed_by_is_found_fault_with_once() -> None:
    found = draft(changed("07", ("ZY810007", "Z" * 65))).findings
    place = "recordTarget/patientRole/id[@root='2.16.156.10011.1.12']/@extension"
    assert [f.path for f in found if f.code == "field-too-long"] == [place]


def test_specimens_of_one_report_are_all_named() -> None:
    found = draft(changed("02", ('<value xsi:type="ST">全血</value>', '<value xsi:type="ST">尿</value>')))
    assert members(found, "Specimen")[0].slots["type"] == {"text": "尿、全血"}


def test_what_is_said_about_findings_that_are_not_there_is_reported() -> None:
    found = draft(imaging(("检查报告结果-客观所见", "检查报告结果-主观提示")))
    assert "section//DE04.30.017.00" in [f.path for f in found.findings if f.code == "field-unmapped"]


@pytest.mark.parametrize(
    ("old", "new", "signer"),
    [
        ("<name>周闻</name>", "<name/>", {"number": "D1001"}),
        (
            "<name>周闻</name>",
            "<name><family>周</family> <given>闻</given></name>",
            {"display": "周闻", "number": "D1001"},
        ),
        ('<id root="2.16.156.10011.1.7"', '<id root="1.2" extension="x"/><id root="2.16.156.10011.1.7"', None),
        ('extension="D1001"', 'extension="-"', {"display": "周闻"}),
    ],
)
def test_an_author_is_known_by_name_or_number(old: str, new: str, signer: dict[str, str] | None) -> None:
    (author,) = slots(draft(changed("02", (old, new))), "DocumentReference")["author[]"]
    number = {"number": author["identifier"]["value"]} if "identifier" in author else {}
    named = {"display": author["display"]} if "display" in author else {}
    assert {**named, **number} == (signer or {"display": "周闻", "number": "D1001"})


def test_a_role_of_null_text_is_none() -> None:
    found = draft(changed("02", ('displayName="审核医师"', 'displayName="无"')))
    assert slots(found, "DiagnosticReport")["resultsInterpreter[]"][0]["display"] == "孙谨"


def test_who_signed_without_a_name_is_shown_by_role() -> None:
    report = draft(changed("02", ("<name>陆明</name>", "<name/>"))).contributions[-1]
    assert report.slots["resultsInterpreter[]"][1]["display"] == "检验技师"


def test_a_custodian_is_known_by_the_id_that_is_filled() -> None:
    name = '<representedCustodianOrganization classCode="ORG" determinerCode="INSTANCE">\n'
    found = draft(changed("02", (name, f'{name}<id nullFlavor="NI"/>')))
    assert "org-unknown" not in codes(found)


def test_a_patient_whose_name_has_parts() -> None:
    body = changed("02", ("<name>顾晓嵐</name>", "<name>\n <family>顾</family>\n <given>晓嵐</given></name>"))
    assert slots(draft(body), "Patient")["name[]"] == [{"text": "顾晓嵐", "family": "顾", "given": ["晓嵐"]}]


def test_an_address_of_a_postal_code_only() -> None:
    body = re.sub(rb"<addr.*?</addr>", b"<addr><city/><postalCode>314100</postalCode></addr>", sample("07"), flags=re.S)
    assert slots(draft(body), "Patient")["address[]"] == [{"text": "314100", "postalCode": "314100"}]


@pytest.mark.parametrize("number", ['<id root="2.16.156.10011.1.24" extension=""/>', ""])
def test_who_asked_for_a_report_is_named_without_the_number_of_the_order(number: str) -> None:
    found = draft(changed("02", ('<id root="2.16.156.10011.1.24" extension="SQ810002"/>', number)))
    assert found.contributions[-1].slots["basedOn[]"] == [{"type": "ServiceRequest", "display": "内科"}]
