"""One report, its corrections and its source."""

from hie.browse.digest import digest
from hie.browse.plain import plain
from hie.browse.provenance import provenance
from hie.browse.report import Report, report
from hie.browse.source import Source
from hie.browse.timeline import timeline
from hie.browse.visit import visit
from tests.browse import seed
from tests.browse.conftest import filled, source_of

GU = seed.uid("golden", "gu")


async def report_of(source: Source, number: str) -> Report:
    """The report with this number."""
    chart = await source.chart(GU)
    resource = next(r for r in chart.all("DiagnosticReport") if r["identifier"][0]["value"] == number)
    event = next(e for e in timeline(chart) if e.id == resource["id"])
    return await report(source, chart, resource, event)


async def test_rows_in_source_order_with_values_as_written(source: Source) -> None:
    found = await report_of(source, "B800001B")
    assert [(r.name, r.value, r.unit, r.range) for r in found.rows] == [
        ("钾", "6.9", "mmol/L", "3.5-5.3"),
        ("肌酐", "96.0", "umol/L", "41-73"),
        ("C反应蛋白", "<0.5", "mg/L", "≤10"),
        ("肌钙蛋白I", "0.004", "ng/mL", "≤0.04"),
        ("乙肝表面抗原", "阴性", "", "阴性"),
        ("吴江自定义项目", "7", "AU/管", ""),
        ("钠", "133.10", "mmol/L", "137-147"),
    ]
    assert found.conclusion == "标本轻度溶血"


async def test_a_corrected_result_shows_what_it_said_before(source: Source) -> None:
    found = await report_of(source, "JY810002")
    (before,) = found.before.values()
    assert [(b.result.value, b.result.flag.arrow) for b in before] == [("21.2000", "↑")]
    assert found.rows[0].value == "11.2000"


async def test_imaging_shows_findings_and_conclusion(source: Source) -> None:
    found = await report_of(source, "1.2.156.820008.1")
    assert found.kind == "imaging"
    assert [r.value for r in (*found.texts, *found.rows)] == ["右叶低回声结节。"]
    assert found.conclusion == "甲状腺结节，TI-RADS 3类。"


async def test_a_result_taken_out_of_its_report_is_still_listed() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    gone = seed.observation(who, seed.WJYY, "R1", "K", "钾", "2026-03-01", status="entered-in-error", valueString="9")
    kept = seed.observation(who, seed.WJYY, "R1", "NA", "钠", "2026-03-01", valueString="140")
    one = seed.lab(who, seed.WJYY, "R1", "生化", "2026-03-01", [kept])
    other = seed.lab(who, seed.WJYY, "R2", "凝血", "2026-03-01", [])
    store = await filled([who, gone, kept, one, other])
    source = source_of(store)
    chart = await source.chart(who["id"])
    events = timeline(chart)
    (event,) = (event for event in events if event.id == one["id"])
    found = await report(source, chart, one, event)
    assert [r.name for r in found.rows] == ["钠"]
    assert [r.name for r in found.withdrawn] == ["钾"]
    assert len(events) == 2


async def test_an_antibiotic_names_the_organism_it_was_tested_on() -> None:
    """Two results of one antibiotic looked alike, and resistance stood there in English only."""
    who, at = seed.patient(seed.WJYY, "P", "某人"), "2026-03-01"
    grown = [
        seed.observation(who, seed.WJYY, "R1", f"634-6-{n}", "细菌鉴定", at, valueString=name)
        for n, name in enumerate(("大肠埃希菌", "肺炎克雷伯菌"))
    ]
    tested = [
        seed.observation(who, seed.WJYY, "R1", f"AMP-{n}", "氨苄西林", at, derivedFrom=[seed.ref(one)], flag=flag)
        for n, (one, flag) in enumerate(zip(grown, "RS", strict=True))
    ]
    panel = seed.observation(who, seed.WJYY, "R1", "MIC", "药敏", at, hasMember=[seed.ref(one) for one in tested])
    one = seed.lab(who, seed.WJYY, "R1", "培养", at, [*grown, panel])
    source = source_of(await filled([who, *grown, *tested, panel, one]))
    chart = await source.chart(who["id"])
    (event,) = timeline(chart)
    found = await report(source, chart, one, event)
    assert [(r.name, r.said, r.about) for r in found.rows[2:]] == [
        ("氨苄西林", (f"said.{flag}",), (("report.from", f"细菌鉴定 {name}"), ("report.in", "药敏")))
        for flag, name in (("R", "大肠埃希菌"), ("S", "肺炎克雷伯菌"))
    ]


async def test_the_source_names_feed_item_codes_and_versions(source: Source) -> None:
    chart = await source.chart(GU)
    corrected = next(r for r in chart.all("Observation") if r["status"] == "corrected")
    origin = await provenance(source, chart, corrected)
    assert [(v.version, v.feed, v.status, v.received) for v in origin.versions] == [
        (2, "jiashan-cda", "corrected", "2026-04-08 10:30:00"),
        (1, "jiashan-cda", "final", "2026-04-08 10:30:00"),
    ]
    assert origin.place.name == "嘉善县第一人民医院"
    assert ("白细胞计数", "6690-2") in [(c.text, c.code) for c in origin.codings]


async def test_a_stay_lists_wards_diagnoses_and_its_reports(source: Source) -> None:
    chart = await source.chart(GU)
    events = timeline(chart)
    event = next(e for e in events if e.kind == "stay")
    resource = chart.get("Encounter", event.id)
    assert resource is not None
    found = visit(chart, resource, event, events)
    assert [(d.text, d.code, d.uses) for d in found.diagnoses] == [
        ("肺炎", "J18.900", ("DD",)),
        ("高血压病3级", "I10.x05", ("DD",)),
    ]
    assert [s.name for s in found.stops] == ["呼吸内科病区", "心内科病区"]
    assert sorted(e.title for e in found.events) == ["生化", "血常规"]
    assert ("fact.discharged", "2026-01-27 10:00") in found.facts


async def test_a_removed_result_with_a_key_of_its_own_is_found_by_visit_and_time() -> None:
    who = seed.patient(seed.QPZS, "P", "某人")
    visit_of = {"encounter": seed.ref(seed.encounter(who, seed.QPZS, "V", "AMB", "2026-03-01"))}
    at = "2026-03-01T08:00:00+08:00"
    gone = seed.observation(who, seed.QPZS, "L1", "K", "钾", at, status="entered-in-error", valueString="9", **visit_of)
    gone["identifier"] = [{"system": seed.local(seed.QPZS, "jyzblsh"), "value": "I1"}]
    kept = seed.observation(who, seed.QPZS, "L1", "NA", "钠", at, valueString="140", **visit_of)
    one = seed.lab(who, seed.QPZS, "L1", "生化", at, [kept], **visit_of)
    store = await filled([who, gone, kept, one])
    source = source_of(store)
    chart = await source.chart(who["id"])
    (event,) = timeline(chart)
    assert event.marks == ("amended",)
    found = await report(source, chart, chart.all("DiagnosticReport")[0], event)
    assert [r.name for r in found.withdrawn] == ["钾"]


async def test_a_removed_result_that_fits_two_reports_stays_on_its_own() -> None:
    who = seed.patient(seed.QPZS, "P", "某人")
    at = "2026-03-01T08:00:00+08:00"
    gone = seed.observation(who, seed.QPZS, "L1", "K", "钾", at, status="entered-in-error", valueString="9")
    gone["identifier"] = [{"system": seed.local(seed.QPZS, "jyzblsh"), "value": "I1"}]
    reports = [seed.lab(who, seed.QPZS, number, "生化", at, []) for number in ("L1", "L2")]
    store = await filled([who, gone, *reports])
    events = timeline(await source_of(store).chart(who["id"]))
    assert sorted((e.type, e.marks) for e in events) == [
        ("DiagnosticReport", ()),
        ("DiagnosticReport", ()),
        ("Observation", ("withdrawn",)),
    ]


async def test_a_diagnosis_for_admission_and_discharge_is_one() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    stay = seed.encounter(who, seed.WJYY, "V", "IMP", "2026-03-01T08:00:00+08:00", "2026-03-05T08:00:00+08:00")
    stated = [seed.condition(who, seed.WJYY, f"V:{use}:1", "肺炎", "J18.900", stay) for use in ("A", "F")]
    stay["diagnosis"] = [
        {"condition": seed.ref(c), "use": {"coding": [{"code": use}]}}
        for c, use in zip(stated, ("AD", "DD"), strict=True)
    ]
    chart = await source_of(await filled([who, stay, *stated])).chart(who["id"])
    (event,) = timeline(chart)
    (one,) = visit(chart, stay, event, [event]).diagnoses
    assert (one.text, one.uses) == ("肺炎", ("AD", "DD"))


async def test_a_diagnosis_that_was_ruled_out_is_never_stated_as_one() -> None:
    who = seed.patient(seed.QPZS, "P", "某人")
    stay = seed.encounter(who, seed.QPZS, "V1", "AMB", "2026-03-01T09:00:00+08:00")
    conditions = [
        seed.condition(who, seed.QPZS, "1", "肺癌", "C34", stay, verificationStatus=seed.state("refuted")),
        seed.condition(who, seed.QPZS, "2", "肺结核", "A15", stay, verificationStatus=seed.state("differential")),
        seed.condition(who, seed.QPZS, "3", "高血压", "I10", stay, verificationStatus=seed.state("confirmed")),
        seed.condition(who, seed.QPZS, "4", "乳腺癌", "C50", None, verificationStatus=seed.state("refuted")),
    ]
    chart = await source_of(await filled(seed.organizations(), [who, stay, *conditions])).chart(who["id"])
    events = timeline(chart)
    event = next(e for e in events if e.type == "Encounter")
    assert event.text == "肺结核? · 高血压"
    shown = visit(chart, chart.get("Encounter", event.id) or {}, event, events).diagnoses
    assert [(d.text, d.provisional, d.refuted) for d in shown] == [
        ("肺癌", False, True),
        ("肺结核", True, False),
        ("高血压", False, False),
    ]
    assert [(e.title, e.marks) for e in events if e.type == "Condition"] == [("乳腺癌", ("refuted",))]
    assert [p.text for p in digest(chart, events, seed.NOW).problems] == ["高血压", "肺结核"]


async def test_sections_within_sections_and_reasons_for_empty_ones_are_shown() -> None:
    def words(text: str) -> dict[str, str]:
        return {"div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}

    who = seed.patient(seed.JSYY, "P", "某人")
    composition = seed.made(
        seed.JSYY,
        "Composition",
        "c",
        subject=seed.ref(who),
        section=[
            {"title": "病史", "section": [{"title": "现病史", "text": words("咳嗽")}, {"title": "既往史"}]},
            {"title": "过敏", "emptyReason": {"text": "未询问"}},
        ],
    )
    chart = await source_of(await filled(seed.organizations(), [who, composition])).chart(who["id"])
    (event,) = timeline(chart)
    shown = plain(chart, composition, event).parts
    assert [(p.title, p.text) for p in shown] == [("现病史", "咳嗽"), ("既往史", ""), ("过敏", "未询问")]
