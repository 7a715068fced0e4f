"""Every Jiashan sample, sent through the real stages, gives what its README says."""

import pytest

from hie.base.finding import Severity, disposition
from hie.fhir.definitions import official
from hie.fhir.validate.validator import Validator
from hie.wire.safejson import loads
from tests.adapters.jiashan_exchange import JSWT, JSYY, JSZY, Exchange, changed, codes, draft, prepared, sample

ACCEPTED, WARNED, REJECTED = "accepted", "accepted-with-warnings", "rejected"

SAMPLES = [
    ("01", ACCEPTED, []),
    ("02", ACCEPTED, []),
    ("03", WARNED, ["pairing-assumed"]),
    ("04", ACCEPTED, []),
    ("05", ACCEPTED, []),
    ("06", ACCEPTED, []),
    ("07", ACCEPTED, []),
    ("09", WARNED, ["charset-mismatch"]),
    ("10", REJECTED, ["message-malformed"]),
    ("11", REJECTED, ["doctype-forbidden"]),
    ("12", WARNED, ["pairing-assumed"]),
]

DRAFTS = [
    (
        "01",
        ["Patient", "Encounter", "Encounter", "DocumentReference", "Composition", "Condition", "AllergyIntolerance"],
    ),
    ("02", ["Patient", "Encounter", "DocumentReference", "Composition", "DiagnosticReport"]),
    ("05", ["Patient", "Encounter", "DocumentReference", "Composition", "DiagnosticReport"]),
    (
        "06",
        ["Patient", "Encounter", "Encounter", "DocumentReference", "Composition", "Condition"]
        + ["MedicationRequest"] * 2,
    ),
    (
        "07",
        ["Patient", "Encounter", "Encounter", "RelatedPerson", "DocumentReference", "Composition"]
        + ["Condition"] * 3
        + ["Procedure"],
    ),
]


@pytest.mark.parametrize(("start", "status", "findings"), SAMPLES)
def test_samples(start: str, status: str, findings: list[str]) -> None:
    found = prepared(sample(start))
    assert disposition(found) == status
    assert [f.code for f in found if f.severity is not Severity.INFO] == findings


async def test_samples_in_order_are_answered_and_stored_as_valid_fhir() -> None:
    exchange = Exchange()
    for start, status, findings in SAMPLES:
        assert (start, *await exchange.status(sample(start))) == (start, status, findings)
    answer = await exchange.ingest.receive("jiashan-soap", sample("08"))
    assert (answer.status, b'typeCode="AA"' in answer.body) == (200, True)
    validator = Validator(official())
    stored = [loads(version.body) async for version in exchange.store.versions() if not version.deleted]
    assert {r["resourceType"] for r in stored} >= {"Patient", "Encounter", "Composition", "DocumentReference", "Binary"}
    assert [issue for resource in stored for issue in validator.write_issues(resource)] == []


@pytest.mark.parametrize(("start", "types"), DRAFTS)
def test_what_a_document_gives(start: str, types: list[str]) -> None:
    found = draft(sample(start))
    assert [c.target.type for c in found.contributions] == types
    assert [(content, body) for _, content, body in found.binaries] == [("application/xml", sample(start))]
    assert found.unmapped == ()


async def sent(*starts: str) -> Exchange:
    exchange = Exchange()
    for start in starts:
        await exchange.send(sample(start))
    return exchange


async def test_outpatient_record() -> None:
    exchange = await sent("01")
    visit = await exchange.read("Encounter", "2.16.156.10011.1.11", "MZ810001")
    assert visit is not None
    assert visit["status"] == "finished"
    assert visit["class"]["code"] == "AMB"
    assert visit["period"] == {"start": "2026-03-02T09:45:00+08:00"}
    assert visit["reasonCode"] == [{"text": "咳嗽一周"}]
    (patient,) = await exchange.all("Patient")
    assert patient["name"][0]["text"] == "顾晓嵐"
    assert patient["birthDate"] == "1968-04-17"
    assert [i["system"] for i in patient["identifier"]] == ["urn:oid:2.16.156.10011.1.3", "urn:oid:2.16.156.10011.1.19"]
    (allergy,) = await exchange.all("AllergyIntolerance")
    assert allergy["code"] == {"text": "青霉素过敏"}
    assert allergy["patient"] == {"reference": f"Patient/{patient['id']}"}
    (condition,) = await exchange.all("Condition")
    assert condition["identifier"][0]["value"] == "MZ810001:C0002:29548-5:1"
    assert condition["code"]["coding"][0] == {
        "system": "urn:oid:2.16.156.10011.2.3.3.11",
        "code": "J40.x00",
        "display": "支气管炎",
        "userSelected": True,
    }
    assert condition["encounter"] == {"reference": f"Encounter/{visit['id']}"}


async def test_document_reference_leads_to_the_bytes() -> None:
    exchange = await sent("01")
    (document,) = await exchange.all("DocumentReference")
    assert document["masterIdentifier"]["value"] == "624630befc9ede0c9acc410b321cd06f"
    assert (document["status"], document["date"]) == ("current", "2026-03-02T10:10:00+08:00")
    attachment = document["content"][0]["attachment"]
    assert (attachment["contentType"], attachment["size"]) == ("application/xml", 4814)
    (binary,) = await exchange.all("Binary")
    assert attachment["url"] == f"Binary/{binary['id']}"
    (composition,) = await exchange.all("Composition")
    assert composition["section"][0]["title"] == "Allergies, adverse reactions, alerts"
    assert composition["section"][2]["text"]["div"] == (
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>现病史: 患者既往体健。</p></div>'
    )


async def results(exchange: Exchange) -> dict[str, dict]:
    return {o["code"]["text"]: o for o in await exchange.all("Observation")}


async def test_nested_report() -> None:
    exchange = await sent("02")
    report = await exchange.read("DiagnosticReport", "2.16.156.10011.1.33", "JY810002")
    assert report is not None
    assert (report["status"], report["conclusion"]) == ("final", "白细胞偏高")
    assert report["category"][0]["coding"][0]["code"] == "LAB"
    assert report["effectiveDateTime"] == "2026-03-02T10:15:00+08:00"
    assert report["issued"] == "2026-03-02T11:15:00+08:00"
    assert report["basedOn"][0]["identifier"]["value"] == "SQ810002"
    assert report["basedOn"][0]["display"] == "内科"
    found = await results(exchange)
    in_order = [found[name]["id"] for name in ("白细胞计数", "血红蛋白", "乙肝表面抗原")]
    assert [r["reference"] for r in report["result"]] == [f"Observation/{one}" for one in in_order]
    white = found["白细胞计数"]
    assert white["identifier"] == [
        {"system": f"https://hie.example.org/id/{JSYY}/observation", "value": "JY810002:白细胞计数:1"}
    ]
    assert [c["code"] for c in white["code"]["coding"]] == ["白细胞计数", "6690-2"]
    assert white["valueQuantity"]["code"] == "10*9/L"
    assert white["interpretation"][0]["coding"][1]["code"] == "H"
    assert found["乙肝表面抗原"]["valueCodeableConcept"]["coding"][0]["code"] == "neg"
    assert len(found["乙肝表面抗原"]["code"]["coding"]) == 1
    (specimen,) = await exchange.all("Specimen")
    assert specimen["type"] == {"text": "全血"}
    assert specimen["collection"] == {"collectedDateTime": "2026-03-02T10:15:00+08:00"}
    assert specimen["receivedTime"] == "2026-03-02T10:30:00+08:00"


async def test_decimals_stay_as_written() -> None:
    exchange = await sent("02")
    key = next(o["id"] for o in await exchange.all("Observation") if o["code"]["text"] == "血红蛋白")
    version = await exchange.store.read("Observation", key)
    assert version is not None
    assert b'"value":128.0000,' in version.body


async def test_flat_report() -> None:
    exchange = await sent("03")
    found = await results(exchange)
    assert {name: o["valueQuantity"].get("comparator") for name, o in found.items()} == {
        "葡萄糖": None,
        "尿素": None,
        "肌酐": "<",
    }
    flags = {name: o["interpretation"][0]["coding"][1]["code"] for name, o in found.items()}
    assert flags == {"葡萄糖": "H", "尿素": "N", "肌酐": "L"}


@pytest.mark.parametrize("order", [("02", "04"), ("04", "02")])
async def test_correction_in_any_order(order: tuple[str, str]) -> None:
    exchange = await sent(*order)
    (report,) = await exchange.all("DiagnosticReport")
    assert (report["status"], report["conclusion"]) == ("corrected", "复查正常")
    found = await results(exchange)
    assert {o["status"] for o in found.values()} == {"corrected"}
    assert found["白细胞计数"]["valueQuantity"]["value"] == 7.2
    assert len(await exchange.all("DocumentReference")) == 1
    (composition,) = await exchange.all("Composition")
    assert composition["status"] == "amended"
    assert len(await exchange.all("Binary")) == 2


async def test_imaging_report() -> None:
    exchange = await sent("05")
    report = await exchange.read("DiagnosticReport", "2.16.156.10011.1.32", "JC810005", JSZY)
    assert report is not None
    assert report["category"] == [
        {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "CT", "display": "CAT Scan"}
            ],
            "text": "CT",
        }
    ]
    assert report["code"] == {"text": "胸部CT平扫"}
    assert report["conclusion"] == "右肺上叶磨玻璃结节，建议随访。"
    assert report["effectiveDateTime"] == "2026-03-04T14:10:00+08:00"
    (findings,) = await exchange.all("Observation")
    assert findings["code"] == {"text": "检查报告结果-客观所见"}
    assert findings["effectiveDateTime"] == report["effectiveDateTime"]
    assert findings["valueString"] == "右肺上叶磨玻璃结节，约8mm。"
    assert findings["identifier"][0]["value"] == "JC810005:DE04.50.131.00:1"
    assert findings["interpretation"][0]["coding"][1]["code"] == "A"


async def test_prescription() -> None:
    exchange = await sent("06")
    first = await exchange.read("MedicationRequest", "2.16.156.10011.1.20", "CF810006:1")
    assert first is not None
    assert (first["status"], first["intent"], first["authoredOn"]) == ("active", "order", "2026-03-02")
    assert first["groupIdentifier"]["value"] == "CF810006"
    assert first["medicationCodeableConcept"]["text"] == "阿莫西林胶囊"
    (dosage,) = first["dosageInstruction"]
    assert dosage["timing"]["repeat"] == {
        "boundsDuration": {"value": 7, "unit": "天", "system": "http://unitsofmeasure.org", "code": "d"},
        "frequency": 3,
        "period": 1,
        "periodUnit": "d",
    }
    assert dosage["doseAndRate"] == [{"doseQuantity": {"value": 0.5, "unit": "g"}}]
    assert dosage["route"]["coding"][0]["code"] == "1"
    assert first["dispenseRequest"] == {"quantity": {"value": 42}}
    assert [e["valueString"] for e in first["extension"]] == ["0.25g*24粒", "1"]
    (condition,) = await exchange.all("Condition")
    assert first["reasonReference"] == [{"reference": f"Condition/{condition['id']}"}]


async def test_discharge_summary() -> None:
    exchange = await sent("07")
    (visit,) = await exchange.all("Encounter")
    assert (visit["status"], visit["class"]["code"]) == ("finished", "IMP")
    assert visit["period"] == {"start": "2026-03-08T09:30:00+08:00", "end": "2026-03-20T10:30:00+08:00"}
    assert [(d["use"]["coding"][0]["code"], d.get("rank")) for d in visit["diagnosis"]] == [
        ("AD", None),
        ("DD", 1),
        ("DD", 2),
    ]
    assert visit["hospitalization"]["extension"][0]["valueString"] == "好转"
    assert visit["location"][0]["location"]["display"] == "呼吸内科病区"
    assert visit["location"][0]["extension"][0]["valueIdentifier"]["value"] == "01"
    (procedure,) = await exchange.all("Procedure")
    assert (procedure["status"], procedure["performedDateTime"]) == ("completed", "2026-03-11T14:00:00+08:00")
    assert procedure["code"]["coding"][0]["code"] == "36.0601"
    (patient,) = await exchange.all("Patient")
    assert "telecom" not in patient
    assert patient["address"][0]["text"] == "浙江省嘉兴市嘉善县魏塘街道人民大道8号"
    assert patient["address"][0]["district"] == "嘉善县"
    assert patient["maritalStatus"]["coding"][1]["code"] == "M"
    (contact,) = await exchange.all("RelatedPerson")
    assert contact["telecom"][0]["value"] == "12000009999"
    (composition,) = await exchange.all("Composition")
    assert [c["code"] for c in composition["type"]["coding"]] == ["C0053", "18842-5"]


def test_a_bed_without_ward_or_department_is_the_place() -> None:
    ward, department = (f'<id root="2.16.156.10011.1.{unit}"' for unit in ("27", "26"))
    body = changed("07", (ward, "<id"), (department, "<id"))
    visit = next(c for c in draft(body).contributions if c.target.type == "Encounter")
    (stop,) = visit.slots["location[]"]
    assert (stop["location"], stop["extension"][0]["valueIdentifier"]["value"]) == ({"display": "01"}, "01")


async def test_withdrawal() -> None:
    exchange = await sent("03", "12")
    for type in ("DocumentReference", "Composition", "DiagnosticReport"):
        assert [r["status"] for r in await exchange.all(type)] == ["entered-in-error"]
    assert {o["status"] for o in await exchange.all("Observation")} == {"entered-in-error"}
    (visit,) = await exchange.all("Encounter")
    assert visit["status"] == "unknown"
    assert len(await exchange.all("Patient")) == 1
    assert visit["serviceProvider"]["reference"].startswith("Organization/")


async def test_withdrawal_before_the_document() -> None:
    exchange = Exchange()
    assert await exchange.status(sample("12")) == (WARNED, ["pairing-assumed", "nothing-to-cancel"])
    assert [r["status"] for r in await exchange.all("DocumentReference")] == ["entered-in-error"]
    assert await exchange.all("DiagnosticReport", "Observation", "Composition") == []
    await exchange.send(sample("03"))
    for type in ("DocumentReference", "DiagnosticReport", "Observation", "Composition"):
        assert {r["status"] for r in await exchange.all(type)} == {"entered-in-error"}


async def test_the_same_document_through_both_doors() -> None:
    exchange = Exchange()
    answer = await exchange.ingest.receive("jiashan-soap", sample("08"))
    assert b'typeCode="AA"' in answer.body
    found = draft(sample("08"), "jiashan-soap")
    assert codes(found) == ["critical-value"]
    before = await exchange.all("Patient", "DiagnosticReport", "Observation", "DocumentReference")
    receipt = await exchange.send(found.binaries[0][2])
    assert receipt["status"] == "duplicate"
    assert await exchange.all("Patient", "DiagnosticReport", "Observation", "DocumentReference") == before


async def test_two_visits_of_one_hospital_number_in_two_hospitals() -> None:
    exchange = await sent("03")
    assert await exchange.read("Encounter", "2.16.156.10011.1.11", "MZ810003", JSWT) is not None
    assert await exchange.read("Encounter", "2.16.156.10011.1.11", "MZ810003", JSYY) is None
