"""One stream out of three regions."""

import pytest

from hie.browse.diagnosis import diagnoses_of
from hie.browse.digest import digest
from hie.browse.elements import visit_of
from hie.browse.event import Event
from hie.browse.plain import plain
from hie.browse.source import Source
from hie.browse.timeline import event_of, timeline
from tests.browse import seed
from tests.browse.conftest import filled, source_of

GU = seed.uid("golden", "gu")


async def events_of(source: Source, patient: str = GU) -> tuple[Event, ...]:
    """The timeline of one person."""
    return timeline(await source.chart(patient))


async def test_newest_first_from_all_regions(source: Source) -> None:
    events = await events_of(source)
    assert [(e.at[:16], e.place.region, e.kind) for e in events] == [
        ("2026-04-02T10:00", "qingpu", "imaging"),
        ("2026-04-02T08:40", "qingpu", "lab"),
        ("2026-04-02T08:15", "qingpu", "visit"),
        ("2026-03-02T14:00", "jiashan", "imaging"),
        ("2026-03-02T10:15", "jiashan", "lab"),
        ("2026-03-01T10:00", "jiashan", "medication"),
        ("2026-03-01T10:00", "jiashan", "document"),
        ("2026-03-01T09:10", "jiashan", "visit"),
        ("2026-01-19T08:00", "wujiang", "lab"),
        ("2026-01-19T08:00", "wujiang", "lab"),
        ("2026-01-18T08:20", "wujiang", "stay"),
    ]
    assert {e.place.name for e in events} == {"吴江区第一人民医院", "嘉善县第一人民医院", "青浦区中山医院"}


async def test_a_report_row_names_the_abnormal_gravest_first_and_counts_the_rest(source: Source) -> None:
    row = next(e for e in await events_of(source) if e.title == "生化")
    assert [(r.name, r.value, r.flag.arrow) for r in row.results] == [
        ("钾", "6.9", "↑↑"),
        ("肌酐", "96.0", "↑"),
        ("钠", "133.10", "↓"),
    ]
    assert (row.normal, row.unmarked, row.critical) == (3, 1, True)


async def test_diagnoses_are_looked_through_once_and_not_for_each_visit(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3,600 visits with 2,300 diagnoses took three quarters of the time of a page, in which nothing else was served."""
    chart, looked = await source.chart(GU), []
    monkeypatch.setattr("hie.browse.diagnosis.visit_of", lambda one: looked.append(one) or visit_of(one))
    assert sum(len(diagnoses_of(chart, visit)) for visit in chart.all("Encounter")) > 1
    assert len(looked) == len(chart.all("Condition")) > 1


async def test_a_corrected_report_is_marked(source: Source) -> None:
    marked = [e for e in await events_of(source) if e.marks]
    assert [(e.title, e.marks) for e in marked] == [("血常规", ("amended",))]


@pytest.mark.parametrize(
    ("said", "at", "marks"),
    [
        ({"issued": "2026-03-02T01:00:00Z"}, "2026-03-02T09:00:00", ()),
        ({"status": "corrected"}, "", ("amended",)),
        ({"status": "preliminary"}, "", ("preliminary",)),
    ],
)
async def test_a_report_stands_at_its_time_with_its_state(said: seed.Resource, at: str, marks: tuple[str, ...]) -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    result = seed.observation(who, seed.WJYY, "R1", "K", "钾", "2026-03-01", valueString="4")
    report = seed.lab(who, seed.WJYY, "R1", "生化", "2026-03-01", [result])
    report = {name: value for name, value in report.items() if name not in ("effectiveDateTime", "issued")} | said
    [event] = await events_of(source_of(await filled([who, result, report])), who["id"])
    assert (event.at, event.marks) == (at, marks)


async def test_an_allergy_stands_where_it_was_noted() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    noted = {"recordedDate": "2026-03-01", "onsetDateTime": "2020-01-01", "patient": seed.ref(who)}
    allergy = seed.made(seed.WJYY, "AllergyIntolerance", "A", code={"text": "青霉素"}, **noted)
    chart = await source_of(await filled([who, allergy])).chart(who["id"])
    event = event_of(chart, timeline(chart), "AllergyIntolerance", allergy["id"])
    assert event is not None
    assert event.at == "2026-03-01"


async def test_a_visit_without_dates_stands_where_its_document_does() -> None:
    who = seed.patient(seed.JSYY, "P", "某人")
    visit = seed.encounter(who, seed.JSYY, "V1", "AMB", "")
    visit.pop("period", None)
    document, binary = seed.cda(who, "one", "C0002", "门诊病历", "2026-03-01", seed.CDA)
    document = document | {"context": {"encounter": [seed.ref(visit)]}}
    events = await events_of(source_of(await filled([who, visit, document, binary])), who["id"])
    assert {e.at[:10] for e in events} == {"2026-03-01"}


async def test_a_document_of_a_report_is_shown_with_the_report() -> None:
    who = seed.patient(seed.JSYY, "P", "某人")
    result = seed.observation(who, seed.JSYY, "R1", "K", "钾", "2026-03-01", valueString="4")
    report = seed.lab(who, seed.JSYY, "R1", "生化", "2026-03-01", [result], item="one")
    document, binary = seed.cda(who, "one", "C0007", "检验报告", "2026-03-01", seed.CDA)
    store = await filled(seed.organizations(), [who, result, report, document, binary])
    events = await events_of(source_of(store), who["id"])
    assert [(e.kind, e.original) for e in events] == [("lab", binary["id"])]


async def test_one_of_several_documents_of_a_submission_keeps_a_row_of_its_own() -> None:
    who = seed.patient(seed.JSYY, "P", "某人")
    report = seed.lab(who, seed.JSYY, "R1", "生化", "2026-03-01", [], item="one")
    letters = [seed.cda(who, "one", "C0053", "小结", "2026-03-01", seed.CDA)[0] | {"id": f"d{n}"} for n in (1, 2)]
    events = await events_of(source_of(await filled(seed.organizations(), [who, report, *letters])), who["id"])
    assert sorted((e.kind, bool(e.original)) for e in events) == [
        ("document", True),
        ("document", True),
        ("lab", False),
    ]


async def test_the_same_report_from_two_feeds_is_one_row_equal_values_are_two() -> None:
    who = seed.patient(seed.JSYY, "P", "某人")
    at = "2026-03-01T08:00:00+08:00"
    reports = [seed.lab(who, seed.JSYY, "R1", "生化", at, []), seed.lab(who, seed.JSYY, "R1", "生化", at, [])]
    reports[1]["id"] = seed.uid("copy")
    other = seed.lab(who, seed.JSYY, "R2", "生化", at, [])
    another_day = seed.lab(who, seed.JSYY, "R1", "生化", "2026-03-02T08:00:00+08:00", []) | {"id": seed.uid("day")}
    store = await filled(seed.organizations(), [who, *reports, other, another_day])
    events = await events_of(source_of(store), who["id"])
    assert sorted(len(e.copies) for e in events) == [0, 0, 1]


async def test_withdrawn_and_cancelled_stay_visible_without_values() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    high = seed.observation(who, seed.WJYY, "R1", "K", "钾", "2026-03-01", flag="HH", valueString="9")
    report = seed.lab(who, seed.WJYY, "R1", "生化", "2026-03-01", [high], status="entered-in-error")
    visit = seed.encounter(who, seed.WJYY, "V1", "IMP", "2026-02-01T08:00:00+08:00", status="cancelled")
    store = await filled(seed.organizations(), [who, high, report, visit])
    events = await events_of(source_of(store), who["id"])
    assert [(e.kind, e.marks, e.results) for e in events] == [("lab", ("withdrawn",), ()), ("stay", ("cancelled",), ())]


async def test_what_was_not_done_or_is_only_planned_says_so() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    states = ("completed", "not-done", "preparation", "in-progress", "stopped", "entered-in-error")
    done = [
        seed.made(
            seed.WJYY, "Procedure", s, status=s, code={"text": s}, subject=seed.ref(who), performedDateTime="2026"
        )
        for s in states
    ]
    visit = seed.encounter(who, seed.WJYY, "V", "AMB", "2026-05-01T08:00:00+08:00", status="planned")
    chart = await source_of(await filled(seed.organizations(), [who, visit, *done])).chart(who["id"])
    events = timeline(chart)
    assert {e.title or e.kind: "".join(e.marks) for e in events} == {
        "completed": "",
        "not-done": "not-done",
        "preparation": "planned",
        "in-progress": "ongoing",
        "stopped": "stopped",
        "entered-in-error": "withdrawn",
        "visit": "planned",
    }
    assert {e.title for e in digest(chart, events, seed.NOW).procedures} == {"completed", "in-progress", "stopped"}


async def test_a_procedure_says_where_on_the_body_it_was_done() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    done = seed.made(
        seed.WJYY,
        "Procedure",
        "K",
        status="completed",
        code={"text": "膝关节置换术"},
        bodySite=[{"text": "右膝"}],
        subject=seed.ref(who),
    )
    chart = await source_of(await filled([who, done])).chart(who["id"])
    (event,) = timeline(chart)
    assert event.text == "右膝"
    assert ("fact.body-site", "右膝") in plain(chart, done, event).facts


async def test_a_visit_names_its_diagnoses_and_marks_those_that_are_only_suspected() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    visit = seed.encounter(who, seed.WJYY, "V", "AMB", "2026-02-01T08:00:00+08:00")
    told = [("肺炎", True), ("高血压", True), ("高血压", False), ("胃炎?", True), ("感冒", False)]
    conditions = [
        seed.made(
            seed.WJYY,
            "Condition",
            str(n),
            code={"text": text},
            subject=seed.ref(who),
            encounter=seed.ref(visit),
            verificationStatus={"coding": [{"code": "provisional" if only_suspected else "confirmed"}]},
        )
        for n, (text, only_suspected) in enumerate(told)
    ]
    store = await filled(seed.organizations(), [who, visit, *conditions])
    (event,) = await events_of(source_of(store), who["id"])
    assert set(event.text.split(" · ")) == {"肺炎?", "高血压", "胃炎?", "感冒"}


async def test_a_resource_with_nothing_in_it_does_not_break_the_record() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    bare = [
        {"resourceType": kind, "id": seed.uid("bare", kind), "subject": seed.ref(who)}
        for kind in (
            "Encounter",
            "DiagnosticReport",
            "Observation",
            "Condition",
            "MedicationRequest",
            "Procedure",
            "DocumentReference",
            "Composition",
        )
    ]
    store = await filled([who, *bare])
    events = await events_of(source_of(store), who["id"])
    assert len(events) == 8


async def test_a_document_that_was_replaced_has_no_row_and_the_younger_one_stays_with_its_report() -> None:
    who = seed.patient(seed.JSYY, "P", "某人")
    old, _ = seed.cda(who, "D1", "C0007", "检验报告", "2026-03-02", "<x/>")
    new, _ = seed.cda(who, "D2", "C0007", "检验报告", "2026-03-02", "<x/>")
    said = seed.made(
        seed.JSYY, "Composition", "D1", identifier=old["masterIdentifier"], status="final", subject=seed.ref(who)
    )
    old |= {"status": "superseded", "meta": new["meta"]}
    report = seed.lab(who, seed.JSYY, "JY1", "血常规", "2026-03-02", [], item="D2")
    (event,) = await events_of(source_of(await filled([who, old, new, said, report])), who["id"])
    assert (event.type, event.original) == ("DiagnosticReport", seed.uid(seed.JSYY, "Binary", "D2"))
