"""People for the tests of the browser: resources shaped as the interface documents say. Everybody is invented."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hie.base.ids import stable_id
from hie.base.resource import Resource
from hie.wire.safejson import ExactDecimal

NOW = datetime(2026, 4, 8, 2, 30, tzinfo=UTC)
"""When the tests take place."""

WJYY, JSYY, QPZS = "12320509MBHE01015B", "12330421MBHE020186", "12310118MBHE03010J"
ORGANISATIONS = {
    WJYY: ("吴江区第一人民医院", "wujiang", "wujiang-hl7v2"),
    JSYY: ("嘉善县第一人民医院", "jiashan", "jiashan-cda"),
    QPZS: ("青浦区中山医院", "qingpu", "qingpu-xml"),
}
NATIONAL = "urn:oid:2.16.156.10011.1.3"
FLAG = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
GU_ID = "320598196804175127"


def uid(*parts: str) -> str:
    """A stable id."""
    return stable_id("browse-test", *parts)


def local(uscc: str, oid: str) -> str:
    """Rule L."""
    return f"https://hie.example.org/id/{uscc}/{oid}"


def made(uscc: str, kind: str, key: str, item: str = "", **elements: Any) -> Resource:
    """A resource as a feed of `uscc` would have written it."""
    _, region, feed = ORGANISATIONS[uscc]
    source = f"https://hie.example.org/feeds/{feed}#{uid('raw', item or key)}"
    tag = [{"system": "https://hie.example.org/fhir/CodeSystem/region", "code": region}]
    return {"resourceType": kind, "id": uid(uscc, kind, key), "meta": {"source": source, "tag": tag}, **elements}


def organizations() -> list[Resource]:
    """The three hospitals."""
    return [
        made(
            uscc,
            "Organization",
            "self",
            name=name,
            identifier=[{"system": "urn:oid:2.16.156.10011.1.5", "value": uscc}],
        )
        for uscc, (name, _, _) in ORGANISATIONS.items()
    ]


def patient(uscc: str, key: str, name: str, golden: str = "", **elements: Any) -> Resource:
    """A local Patient; `golden` is the id it refers to."""
    numbers = [{"system": local(uscc, "2.16.156.10011.2.5.1.4"), "value": key}, *elements.pop("identifier", [])]
    link = [{"other": {"reference": f"Patient/{golden}"}, "type": "refer"}] if golden else None
    made_patient = made(uscc, "Patient", key, identifier=numbers, name=[{"text": name}], **elements)
    if link:
        made_patient["link"] = link
    return made_patient


def golden(key: str, patients: Iterable[Resource], **elements: Any) -> Resource:
    """A golden Patient over local ones."""
    link = [{"other": {"reference": f"Patient/{p['id']}"}, "type": "seealso"} for p in patients]
    return {"resourceType": "Patient", "id": key, "active": True, "link": link, **elements}


def ref(resource: Resource) -> dict[str, str]:
    """A reference."""
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def quantity(value: str, unit: str, code: str = "", comparator: str = "") -> Resource:
    """A Quantity with its digits as written."""
    found: Resource = {"value": ExactDecimal(value), "unit": unit}
    if code:
        found |= {"system": "http://unitsofmeasure.org", "code": code}
    if comparator:
        found["comparator"] = comparator
    return found


def observation(who: Resource, uscc: str, report: str, item: str, name: str, at: str, **elements: Any) -> Resource:
    """One result; `loinc`, `flag`, `range`, `low`, `high` are shorthands."""
    coding = [{"system": "https://hie.example.org/fhir/CodeSystem/local-lab-item", "code": item, "userSelected": True}]
    if loinc := elements.pop("loinc", ""):
        coding.append({"system": "http://loinc.org", "code": loinc})
    found = made(
        uscc,
        "Observation",
        f"{report}:{item}:1",
        report,
        identifier=[{"system": local(uscc, "observation"), "value": f"{report}:{item}:1"}],
        status=elements.pop("status", "final"),
        code={"coding": coding, "text": name},
        subject=ref(who),
        effectiveDateTime=at,
    )
    if flag := elements.pop("flag", ""):
        found["interpretation"] = [{"coding": [{"system": FLAG, "code": flag}]}]
    reference = {k: elements.pop(k) for k in ("text", "low", "high") if k in elements}
    if reference:
        for side in ("low", "high"):
            if side in reference:
                reference[side] = {"value": ExactDecimal(reference[side])}
        found["referenceRange"] = [reference]
    return found | elements


def lab(
    who: Resource, uscc: str, number: str, name: str, at: str, results: list[Resource], **elements: Any
) -> Resource:
    """A laboratory report over results."""
    return made(
        uscc,
        "DiagnosticReport",
        number,
        elements.pop("item", number),
        identifier=[{"system": local(uscc, "2.16.156.10011.1.33"), "value": number}],
        status=elements.pop("status", "final"),
        category=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        code={"text": name},
        subject=ref(who),
        effectiveDateTime=at,
        issued=at,
        result=[ref(r) for r in results],
        **elements,
    )


def encounter(who: Resource, uscc: str, key: str, kind: str, start: str, end: str = "", **elements: Any) -> Resource:
    """A visit."""
    period = {"start": start, "end": end} if end else {"start": start}
    return made(
        uscc,
        "Encounter",
        key,
        identifier=[{"system": local(uscc, "2.16.156.10011.2.5.1.9"), "value": key}],
        status=elements.pop("status", "finished" if end or kind != "IMP" else "in-progress"),
        **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind}},
        subject=ref(who),
        period=period,
        **elements,
    )


def condition(
    who: Resource, uscc: str, key: str, text: str, code: str, visit: Resource | None, **more: Any
) -> Resource:
    """A diagnosis."""
    coding = [{"system": "urn:oid:2.16.156.10011.2.3.3.11", "code": code}] if code else []
    found = made(
        uscc,
        "Condition",
        key,
        identifier=[{"system": local(uscc, "condition"), "value": key}],
        code={"coding": coding, "text": text},
        subject=ref(who),
        **more,
    )
    return found | ({"encounter": ref(visit)} if visit else {})


def state(code: str) -> Resource:
    """A clinical or verification status."""
    return {"coding": [{"code": code}]}


def gu() -> list[Resource]:
    """顾晓岚 in three regions, with one record each; as 顾晓嵐 in Jiashan."""
    key = uid("golden", "gu")
    national = {"system": NATIONAL, "value": GU_ID}
    card = {"system": "urn:oid:2.16.156.10011.1.19", "value": "A800000517"}
    wj = patient(
        WJYY,
        "L800001",
        "顾晓岚",
        key,
        gender="female",
        birthDate="1968-04-17",
        identifier=[national],
        telecom=[{"system": "phone", "value": "12000008001"}],
        address=[{"text": "江苏省苏州市吴江区松陵街道流虹路100号"}],
    )
    js = patient(JSYY, GU_ID, "顾晓嵐", key, gender="female", birthDate="1968-04-17", identifier=[national, card])
    js["identifier"] = [national, card]
    qp = patient(QPZS, "KH820001", "顾晓岚", key, gender="female", birthDate="1968-04-17", identifier=[card])
    whole = golden(
        key,
        [wj, js, qp],
        identifier=[national, card],
        name=[{"text": "顾晓岚"}],
        gender="female",
        birthDate="1968-04-17",
    )
    return [whole, wj, js, qp, *_gu_wujiang(wj), *_gu_jiashan(js), *_gu_qingpu(qp)]


def _gu_wujiang(who: Resource) -> list[Resource]:
    stay = encounter(
        who,
        WJYY,
        "V800001",
        "IMP",
        "2026-01-18T08:20:00+08:00",
        "2026-01-27T10:00:00+08:00",
        serviceType={"text": "呼吸内科"},
        participant=[{"individual": {"display": "周闻"}}],
        location=[
            {
                "location": {"display": "呼吸内科病区"},
                "status": "completed",
                "period": {"start": "2026-01-18T08:30:00+08:00", "end": "2026-01-20T09:00:00+08:00"},
            },
            {
                "location": {"display": "心内科病区"},
                "status": "completed",
                "period": {"start": "2026-01-20T09:00:00+08:00", "end": "2026-01-27T10:00:00+08:00"},
            },
        ],
    )
    pneumonia = condition(who, WJYY, "V800001:F:1", "肺炎", "J18.900", stay)
    pressure = condition(who, WJYY, "V800001:F:2", "高血压病3级", "I10.x05", stay)
    stay["diagnosis"] = [
        {"condition": ref(pneumonia), "use": {"coding": [{"code": "DD"}]}, "rank": 1},
        {"condition": ref(pressure), "use": {"coding": [{"code": "DD"}]}, "rank": 2},
    ]
    at = "2026-01-19T08:00:00+08:00"
    blood = [
        observation(
            who,
            WJYY,
            "B800001A",
            "WBC",
            "白细胞计数",
            at,
            loinc="6690-2",
            flag="H",
            text="3.5-9.5",
            low="3.5",
            high="9.5",
            valueQuantity=quantity("12.30", "10^9/L", "10*9/L"),
            note=[{"text": "已复查"}],
        ),
        observation(
            who,
            WJYY,
            "B800001A",
            "HGB",
            "血红蛋白",
            at,
            loinc="718-7",
            flag="N",
            text="115-150",
            valueQuantity=quantity("131", "g/L", "g/L"),
        ),
    ]
    chemistry = [
        observation(
            who,
            WJYY,
            "B800001B",
            "K",
            "钾",
            at,
            loinc="2823-3",
            flag="HH",
            text="3.5-5.3",
            low="3.5",
            high="5.3",
            valueQuantity=quantity("6.9", "mmol/L", "mmol/L"),
        ),
        observation(
            who,
            WJYY,
            "B800001B",
            "CREA",
            "肌酐",
            at,
            loinc="14682-9",
            flag="H",
            text="41-73",
            low="41",
            high="73",
            valueQuantity=quantity("96.0", "umol/L", "umol/L"),
        ),
        observation(
            who,
            WJYY,
            "B800001B",
            "CRP",
            "C反应蛋白",
            at,
            loinc="1988-5",
            flag="N",
            text="≤10",
            high="10",
            valueQuantity=quantity("0.5", "mg/L", "mg/L", "<"),
        ),
        observation(
            who,
            WJYY,
            "B800001B",
            "TNI",
            "肌钙蛋白I",
            at,
            loinc="10839-9",
            flag="N",
            high="0.04",
            valueQuantity=quantity("0.004", "ng/mL", "ng/mL"),
        ),
        observation(
            who,
            WJYY,
            "B800001B",
            "HBSAG",
            "乙肝表面抗原",
            at,
            flag="N",
            text="阴性",
            valueCodeableConcept={"text": "阴性"},
        ),
        observation(who, WJYY, "B800001B", "WJX1", "吴江自定义项目", at, valueQuantity=quantity("7", "AU/管")),
        observation(
            who,
            WJYY,
            "B800001B",
            "NA",
            "钠",
            at,
            loinc="2951-2",
            low="137",
            high="147",
            text="137-147",
            valueQuantity=quantity("133.10", "mmol/L", "mmol/L"),
        ),
    ]
    visit = {"encounter": ref(stay)}
    return [
        stay,
        pneumonia,
        pressure,
        *blood,
        *chemistry,
        lab(who, WJYY, "B800001A", "血常规", at, blood, **visit),
        lab(who, WJYY, "B800001B", "生化", at, chemistry, conclusion="标本轻度溶血", **visit),
    ]


def _gu_jiashan(who: Resource) -> list[Resource]:
    visit = encounter(
        who,
        JSYY,
        "MZ810001",
        "AMB",
        "2026-03-01T09:10:00+08:00",
        reasonCode=[{"text": "咳嗽一周"}],
        serviceType={"text": "呼吸内科"},
    )
    bronchitis = condition(who, JSYY, "MZ810001:C0002:29548-5:1", "支气管炎", "J40.x00", visit)
    allergy = made(
        JSYY,
        "AllergyIntolerance",
        "a1",
        patient=ref(who),
        code={"text": "青霉素过敏"},
        recordedDate="2026-03-01T09:20:00+08:00",
        reaction=[{"manifestation": [{"text": "休克"}], "severity": "severe"}],
    )
    at = "2026-03-02T10:15:00+08:00"
    results = [
        observation(
            who,
            JSYY,
            "JY810002",
            "白细胞计数",
            "白细胞计数",
            at,
            loinc="6690-2",
            flag="H",
            status="corrected",
            valueQuantity=quantity("11.2000", "10^9/L", "10*9/L"),
        ),
        observation(
            who,
            JSYY,
            "JY810002",
            "血红蛋白",
            "血红蛋白",
            at,
            loinc="718-7",
            flag="N",
            valueQuantity=quantity("128.0000", "g/L", "g/L"),
        ),
        observation(
            who,
            JSYY,
            "JY810002",
            "肌酐",
            "肌酐",
            at,
            loinc="14682-9",
            flag="H",
            valueQuantity=quantity("1.02", "mg/dL", "mg/dL"),
        ),
    ]
    rows: list[Resource] = [visit, bronchitis, allergy, *results]
    rows.append(
        lab(
            who,
            JSYY,
            "JY810002",
            "血常规",
            at,
            results,
            status="corrected",
            conclusion="白细胞偏高",
            encounter=ref(visit),
            item="doc2",
        )
    )
    ct = made(
        JSYY,
        "DiagnosticReport",
        "JC810005",
        "doc5",
        identifier=[{"system": local(JSYY, "2.16.156.10011.1.32"), "value": "JC810005"}],
        status="final",
        category=[
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "CT"}], "text": "CT"}
        ],
        code={"text": "胸部CT平扫"},
        subject=ref(who),
        effectiveDateTime="2026-03-02T14:00:00+08:00",
        issued="2026-03-02T16:30:00+08:00",
        conclusion="右肺下叶结节 6mm，较前相仿。建议6个月后复查。",
        resultsInterpreter=[{"display": "俞朗"}],
    )
    seen = observation(
        who,
        JSYY,
        "JC810005",
        "DE04.50.131.00",
        "检查报告结果-客观所见",
        "2026-03-02T14:00:00+08:00",
        valueString="胸廓对称，双肺纹理清晰，右肺下叶见一直径约6mm磨玻璃结节，边界清。气管及主支气管通畅。",
    )
    ct["result"] = [ref(seen)]
    drugs = [
        _drug(who, "CF810006", 1, "阿奇霉素片", "0.5", "g", 1, "2026-03-01T10:00:00+08:00", 5),
        _drug(who, "CF810006", 2, "硝苯地平控释片", "30", "mg", 1, "2026-03-01T10:00:00+08:00", 60),
    ]
    document, binary = cda(who, "doc1", "C0002", "门急诊病历", "2026-03-01T10:00:00+08:00", CDA, visit)
    return [*rows, seen, ct, *drugs, document, binary]


def _drug(
    who: Resource, number: str, n: int, name: str, dose: str, unit: str, often: int, at: str, days: int
) -> Resource:
    system = local(JSYY, "2.16.156.10011.1.20")
    return made(
        JSYY,
        "MedicationRequest",
        f"{number}:{n}",
        number,
        identifier=[{"system": system, "value": f"{number}:{n}"}],
        groupIdentifier={"system": system, "value": number},
        status="active",
        intent="order",
        authoredOn=at,
        subject=ref(who),
        medicationCodeableConcept={"text": name},
        dosageInstruction=[
            {
                "route": {"text": "口服"},
                "doseAndRate": [{"doseQuantity": quantity(dose, unit)}],
                "timing": {
                    "repeat": {
                        "frequency": often,
                        "period": 1,
                        "periodUnit": "d",
                        "boundsDuration": {"value": days, "unit": "天", "code": "d"},
                    }
                },
            }
        ],
    )


def _gu_qingpu(who: Resource) -> list[Resource]:
    visit = encounter(
        who,
        QPZS,
        "JZ820001",
        "AMB",
        "2026-04-02T08:15:00+08:00",
        serviceType={"text": "普通内科"},
        participant=[{"individual": {"display": "程澄"}}],
    )
    diabetes = condition(who, QPZS, "ZD1", "2型糖尿病", "E11.900", visit)
    pressure = condition(who, QPZS, "ZD2", "高血压病3级", "I10.x05", visit)
    at = "2026-04-02T08:40:00+08:00"
    results = [
        observation(
            who,
            QPZS,
            "L0001",
            "1039001001",
            "白细胞计数",
            at,
            loinc="6690-2",
            flag="N",
            text="3.5～9.5",
            low="3.5",
            high="9.5",
            valueQuantity=quantity("6.20", "10^9/L", "10*9/L"),
        ),
        observation(
            who,
            QPZS,
            "L0001",
            "1039001003",
            "血红蛋白",
            at,
            loinc="718-7",
            flag="L",
            text="115-150",
            low="115",
            high="150",
            valueQuantity=quantity("99", "g/L", "g/L"),
        ),
        observation(
            who,
            QPZS,
            "L0001",
            "1039002003",
            "肌酐",
            at,
            loinc="14682-9",
            flag="H",
            text="<73",
            high="73",
            valueQuantity=quantity("88.0", "μmol/L", "umol/L"),
        ),
        observation(
            who,
            QPZS,
            "L0001",
            "1039002002",
            "钾",
            at,
            loinc="2823-3",
            flag="N",
            text="3.5-5.3",
            valueQuantity=quantity("4.2", "mmol/L", "mmol/L"),
        ),
        observation(
            who,
            QPZS,
            "L0001",
            "1039003003",
            "糖化血红蛋白",
            at,
            loinc="4548-4",
            flag="H",
            text="<6.0",
            high="6.0",
            valueQuantity=quantity("7.40", "%", "%"),
        ),
        observation(
            who,
            QPZS,
            "L0001",
            "1039003001",
            "C反应蛋白",
            at,
            loinc="1988-5",
            flag="N",
            text="<10",
            valueQuantity=quantity("0.01", "mg/L", "mg/L", "<"),
        ),
    ]
    echo = made(
        QPZS,
        "DiagnosticReport",
        "US1",
        identifier=[{"system": local(QPZS, "instanceuid"), "value": "1.2.156.820008.1"}],
        status="final",
        category=[
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RUS"}], "text": "超声"}
        ],
        code={"text": "甲状腺超声"},
        subject=ref(who),
        encounter=ref(visit),
        effectiveDateTime="2026-04-02T10:00:00+08:00",
        conclusion="甲状腺结节，TI-RADS 3类。",
    )
    seen = observation(
        who, QPZS, "1.2.156.820008.1", "YXBX", "影像表现", "2026-04-02T10:00:00+08:00", valueString="右叶低回声结节。"
    )
    echo["result"] = [ref(seen)]
    return [
        visit,
        diabetes,
        pressure,
        *results,
        lab(who, QPZS, "L0001", "血常规", at, results, encounter=ref(visit)),
        seen,
        echo,
    ]


def cda(
    who: Resource, item: str, code: str, title: str, at: str, xml: str, visit: Resource | None = None, uscc: str = JSYY
) -> tuple[Resource, Resource]:
    """A DocumentReference and the Binary with the verbatim document."""
    binary = made(
        uscc, "Binary", item, item, contentType="application/xml", data=base64.b64encode(xml.encode()).decode()
    )
    document = made(
        uscc,
        "DocumentReference",
        item,
        item,
        masterIdentifier={"system": "urn:oid:2.16.156.10011.1.1", "value": uid("doc", item)},
        status="current",
        type={"coding": [{"system": "urn:oid:2.16.156.10011.2.4", "code": code}]},
        subject=ref(who),
        date=at,
        content=[{"attachment": {"contentType": "application/xml", "url": f"Binary/{binary['id']}", "title": title}}],
    )
    if visit:
        document["context"] = {"encounter": [ref(visit)]}
    return document, binary


CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="2.16.156.10011.1.1" extension="doc1"/><title>门急诊病历</title><effectiveTime value="20260301100000"/>
<author><assignedAuthor><assignedPerson><name>蒋禾</name></assignedPerson></assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization><name>嘉善县第一人民医院</name>
</representedCustodianOrganization></assignedCustodian></custodian>
<component><structuredBody>
<component><section><code code="48765-2" displayName="Allergies, adverse reactions, alerts"/><text/>
<entry><observation><code code="DE02.10.023.00" displayName="过敏史标志"/><value xsi:type="BL" value="true"/>
<entryRelationship><observation><code displayName="过敏史"/><value xsi:type="ST">青霉素过敏</value></observation>
</entryRelationship></observation></entry></section></component>
<component><section><code code="10154-3" displayName="CHIEF COMPLAINT"/>
<text><paragraph>咳嗽一周</paragraph><table><tr><td>体温</td><td>37.2℃</td></tr></table></text>
</section></component>
</structuredBody></component></ClinicalDocument>"""

HOSTILE_CDA = CDA.replace(
    "<paragraph>咳嗽一周</paragraph>",
    '<paragraph onclick="alert(1)">咳嗽<script>alert("cda")</script>'
    '<img src="x" onerror="alert(2)"/><linkHtml href="javascript:alert(3)">点我</linkHtml>'
    "&lt;script&gt;alert(4)&lt;/script&gt;</paragraph>"
    '<renderMultiMedia referencedObject="data:text/html;base64,PHNjcmlwdD5hbGVydCg1KTwvc2NyaXB0Pg=="/>',
).replace("青霉素过敏", "青霉素过敏&lt;img src=x onerror=alert(6)&gt;")


def hostile() -> list[Resource]:
    """A record whose every text tries to run."""
    bad = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    who = patient(JSYY, "H1", bad, gender="female", birthDate="1990-03")
    visit = encounter(who, JSYY, "HV1", "AMB", "2026-03-05T08:00:00+08:00", reasonCode=[{"text": bad}])
    result = observation(who, JSYY, "HR1", "X", bad, "2026-03-05T09:00:00+08:00", flag="H", valueString=bad)
    document, binary = cda(who, "hostile", "C0002", bad, "2026-03-05T10:00:00+08:00", HOSTILE_CDA, visit)
    return [
        who,
        visit,
        result,
        document,
        binary,
        lab(who, JSYY, "HR1", bad, "2026-03-05T09:00:00+08:00", [result], conclusion=bad),
        made(JSYY, "AllergyIntolerance", "ha", patient=ref(who), code={"text": bad}),
    ]


def no_allergy() -> list[Resource]:
    """A man whose hospital states that he has no allergy."""
    who = patient(WJYY, "N1", "王建国", gender="male", birthDate="1957-05-01")
    return [
        who,
        made(WJYY, "AllergyIntolerance", "n1", patient=ref(who), code={"text": "无"}, recordedDate="2026-02-01"),
    ]


def unknown_allergy() -> list[Resource]:
    """Another man of that name, of whom nothing is known."""
    return [patient(QPZS, "U1", "王建国", gender="male", birthDate="1957-11-20")]


def long_record(events: int) -> list[Resource]:
    """A record with many events over ten years, from all three regions."""
    key = uid("golden", "long")
    people = [patient(uscc, "LONG", "龙久长", key, gender="male", birthDate="1950-01-01") for uscc in ORGANISATIONS]
    found: list[Resource] = [
        golden(key, people, name=[{"text": "龙久长"}], gender="male", birthDate="1950-01-01"),
        *people,
    ]
    hospitals = list(ORGANISATIONS)
    for n in range(events):
        index = n % 3
        who, uscc = people[index], hospitals[index]
        at = f"{2016 + n // 150:04d}-{n % 12 + 1:02d}-{n % 28 + 1:02d}T{n % 24:02d}:{n % 60:02d}:00+08:00"
        results = [
            observation(
                who,
                uscc,
                f"R{n}",
                "K",
                "钾",
                at,
                loinc="2823-3",
                flag="H" if n % 10 == 0 else "N",
                text="3.5-5.3",
                valueQuantity=quantity(f"{4 + n % 20 / 10:.1f}", "mmol/L", "mmol/L"),
            ),
            observation(
                who,
                uscc,
                f"R{n}",
                "CREA",
                "肌酐",
                at,
                loinc="14682-9",
                flag="N",
                text="57-111",
                valueQuantity=quantity(f"{70 + n % 30}", "umol/L", "umol/L"),
            ),
        ]
        found += [*results, lab(who, uscc, f"R{n}", "生化全套", at, results)]
    return found


def before_correction() -> list[Resource]:
    """The first version of the corrected result of 顾晓嵐."""
    old = [r for r in gu() if r.get("status") == "corrected" and r["resourceType"] == "Observation"]
    return [{**r, "status": "final", "valueQuantity": quantity("21.2000", "10^9/L", "10*9/L")} for r in old]


def everybody() -> list[list[Resource]]:
    """All people but the one with the long record, in order of writing."""
    return [organizations(), before_correction(), gu(), hostile(), no_allergy(), unknown_allergy()]
