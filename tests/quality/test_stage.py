"""The rules of the interface documents that are checked on drafts: more examples that hold and that do not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hie.base.clock import CHINA
from hie.base.data import data_path
from hie.base.draft import Contribution, Draft, Event, Key, Member
from hie.base.finding import Finding, answered, finding
from hie.base.record import Record
from hie.quality.dimension import judged
from hie.quality.rules import load_rules
from hie.quality.stage import Quality

RULES = load_rules(data_path("mappings", "quality"))
QUALITY = Quality(RULES)
RECORD = Record(1, "TB", None, b"")
RECEIVED = datetime(2026, 5, 1, 20, 0, tzinfo=CHINA)
FULL = {"name[]": [{"text": "柯宁"}], "gender": "male", "birthDate": "1951-11-11"}


def key(resource_type: str, region: str = "qingpu", value: str = "1") -> Key:
    return Key(region, "12310118MBHE03010J", resource_type, "kind", value)


def draft(resource_type: str, slots: Mapping[str, Any], region: str = "qingpu", **more: Any) -> Draft:
    return Draft((Contribution(key(resource_type, region), "1", slots, **more),))


def patient(number: str = "310198195111115254", **slots: Any) -> Draft:
    identifier = {"system": "urn:oid:2.16.156.10011.1.3", "value": number}
    return draft("Patient", {**FULL, "identifier[]#ni": identifier, **slots})


def result(value: str | None, low: str | None, high: str | None, flag: str, text: str = "", **quantity: Any) -> Draft:
    limits: dict[str, Any] = {name: {"value": Decimal(v)} for name, v in (("low", low), ("high", high)) if v}
    slots: dict[str, Any] = {
        "referenceRange[]": [{**limits, "text": text or f"{low}-{high}"}],
        "interpretation[]": [{"coding": [{"system": INTERPRETATION, "code": flag}]}],
    }
    if value is not None:
        slots["value[x]"] = {"valueQuantity": {"value": Decimal(value), **quantity}}
    return draft("Observation", slots)


INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
START, END = "2026-04-03T10:20:00+08:00", "2026-04-11T15:30:00+08:00"


def visit(start: str | None, end: str | None, **more: Any) -> Draft:
    slots = {"period.start": start, "period.end": end, "status": "finished"}
    return draft("Encounter", {name: value for name, value in slots.items() if value}, **more)


def report(effective: str | None, issued: str | None, collected: str | None = None) -> Draft:
    slots = {"effectiveDateTime": effective, "issued": issued}
    members = (Member(key("Specimen"), {"collection.collectedDateTime": collected}),) if collected else ()
    return draft("DiagnosticReport", {n: v for n, v in slots.items() if v}, members=members)


HOLDS: dict[str, list[Draft]] = {
    "name-present": [
        draft("Patient", FULL),
        draft("Patient", {**{k: v for k, v in FULL.items() if k != "name[]"}, "name[]#official": {"text": "柯宁"}}),
        draft("Patient", {}, revoke=True),
        draft("Patient", {}, withdraw=True),
        draft("Patient", {}, exists=False),
        draft("Patient", {"active": False}),
        draft("Encounter", {}),
    ],
    "gender-present": [draft("Patient", FULL), draft("Patient", {**FULL, "gender": "unknown"})],
    "birth-date-present": [draft("Patient", FULL), draft("Patient", {**FULL, "birthDate": "1951"})],
    "qingpu-report-time": [report(None, END), draft("Encounter", {})],
    "id-says-birth-date": [
        patient(),
        patient(birthDate="1951-11"),
        patient("310198195111115255", birthDate="1951-11-12"),
        patient("310198511111525", birthDate="1951-11-12"),
    ],
    "id-says-gender": [patient(), patient(gender="unknown"), patient("310198195111115255", gender="female")],
    "visit-forward": [
        visit(START, END),
        visit(START, START),
        visit("2026-04-11T16:00:00+08:00", "2026-04-11"),
        visit(None, END),
        visit(START, None),
    ],
    "report-after-sampling": [report(START, END), report(START, None), report(None, END), report("2026-04-11", END)],
    "range-and-flag": [
        result("6.20", "3.5", "9.5", "N"),
        result("99", "115", "150", "L"),
        result("9.5", "3.5", "9.5", "N"),
        result("5.0", None, "5.0", "H", "<5.0"),
        result("90", "90", None, "N", "≥90"),
        result("0.5", None, "10", "H", "<10", comparator="<"),
        result("6.20", "3.5", "9.5", "A"),
        result(None, "3.5", "9.5", "H"),
        result("6.20", None, None, "H", "阴性"),
    ],
    "critical-noted": [result("6.8", "3.5", "5.3", "H"), result("6.8", "3.5", "5.3", "A")],
    "report-name": [draft("DiagnosticReport", {}, seed=True), draft("DiagnosticReport", {}, exists=False)],
    "report-has-visit": [
        draft("DiagnosticReport", {}, encounter="Encounter/1"),
        draft("DiagnosticReport", {}, parent=key("Encounter")),
        draft("DiagnosticReport", {}, seed=True),
    ],
    "visit-has-patient": [draft("Encounter", {}, parent=key("Patient")), draft("Encounter", {}, exists=False)],
    "specimen-type": [draft("DiagnosticReport", {}, members=(Member(key("Specimen"), {}, aside=True),))],
    "diagnosis-within-three-days": [
        draft("Condition", {"recordedDate": "2026-04-20"}, seed=True),
        draft("Condition", {"recordedDate": "2026-04-20"}, exists=False),
    ],
}
"""Rule id -> drafts that keep it."""

BROKEN: dict[str, list[Draft]] = {
    "name-present": [
        draft("Patient", {n: v for n, v in FULL.items() if n != "name[]"}),
        draft("Patient", {"name[]": []}),
    ],
    "gender-present": [draft("Patient", {n: v for n, v in FULL.items() if n != "gender"})],
    "birth-date-present": [draft("Patient", {n: v for n, v in FULL.items() if n != "birthDate"})],
    "qingpu-report-time": [report(START, None)],
    "id-says-birth-date": [patient(birthDate="1951-11-12")],
    "id-says-gender": [
        patient(gender="female"),
        patient("310198197004045296", birthDate="1970-04-04", gender="female"),
    ],
    "visit-forward": [visit(END, START), visit("2026-04-12", "2026-04-11T15:30:00+08:00")],
    "report-after-sampling": [report(END, START), report(None, START, END)],
    "range-and-flag": [
        result("9.6", "3.5", "9.5", "N"),
        result("6.2", "3.5", "9.5", "H"),
        result("6.2", "3.5", "9.5", "LL"),
        result("5.0", None, "5.0", "N", "<5.0"),
        result("90", "90", None, "L", "≥90"),
    ],
    "critical-noted": [
        result("6.8", "3.5", "5.3", "HH"),
        result("1", "3.5", "5.3", "LL"),
        result("1", None, None, "AA"),
    ],
    "report-name": [draft("DiagnosticReport", {})],
    "report-has-visit": [draft("DiagnosticReport", {})],
    "visit-has-patient": [draft("Encounter", {})],
    "specimen-type": [draft("DiagnosticReport", {}, seed=True, members=(Member(key("Specimen"), {}),))],
    "diagnosis-code": [draft("Condition", {}, exists=False), draft("Condition", {}, seed=True)],
    "diagnosis-within-three-days": [draft("Condition", {"recordedDate": "2026-04-20"})],
}
"""Rule id -> drafts that break it."""

CHECKED = {rule.id: rule for rule in RULES if rule.stage == "quality"}


def given(rule_id: str, region: str = "qingpu") -> Finding:
    rule = CHECKED[rule_id]
    return Finding(rule.finding, rule.shown_path(region), "", rule.severity, rule.id)


def answers(example: Draft, record: Record = RECORD) -> tuple[Finding, ...]:
    """What the sender is told: without the findings that only count in the scores."""
    return answered(QUALITY.run(example, record).findings)


@pytest.mark.parametrize(("rule_id", "example"), [(r, d) for r, drafts in HOLDS.items() for d in drafts])
def test_what_keeps_a_rule_is_not_found(rule_id: str, example: Draft) -> None:
    assert given(rule_id) not in QUALITY.run(example, RECORD, RECEIVED).findings


@pytest.mark.parametrize(("rule_id", "example"), [(r, d) for r, drafts in BROKEN.items() for d in drafts])
def test_what_breaks_a_rule_is_found(rule_id: str, example: Draft) -> None:
    assert given(rule_id) in QUALITY.run(example, RECORD, RECEIVED).findings


def test_an_end_before_the_start_is_left_out_and_the_status_stays() -> None:
    checked = QUALITY.run(visit(END, START), RECORD)
    assert checked.draft.contributions[0].slots == {
        "period.start": END,
        "period.end": None,
        "early-end": START,
        "status": "finished",
    }
    assert answered((*checked.draft.findings, *checked.findings)) == (given("visit-forward"),)


def test_a_discharge_event_before_the_start_loses_its_time() -> None:
    early = draft("Encounter", {"period.start": END}, "wujiang", events=(Event("discharge", START),))
    checked = QUALITY.run(early, RECORD)
    assert checked.draft.contributions[0].events == (Event("discharge", None),)
    assert answered(checked.findings) == (given("visit-forward", "wujiang"),)


def test_members_are_checked_and_those_taken_out_are_not() -> None:
    slots = result("9.6", "3.5", "9.5", "N").contributions[0].slots
    for gone, count in ((False, 1), (True, 0)):
        members = (Member(key("Observation"), slots, gone=gone),)
        assert len(answers(draft("DiagnosticReport", {"issued": END}, members=members))) == count


def test_a_rule_is_silent_about_what_mapping_has_noted() -> None:
    example = result("6.8", "3.5", "5.3", "HH")
    assert answers(Draft(example.contributions, (finding("critical-value", "WJZBZ"),))) == ()
    parsed = Record(1, "TB", None, b"", (finding("value-missing", "XM"),))
    assert answers(draft("Patient", {"gender": "male", "birthDate": "1951-11-11"}), parsed) == ()


def test_an_invalid_date_is_not_missing_as_well() -> None:
    undated = {"name[]": [{"text": "柯宁"}], "gender": "male"}
    for noted, count in (("date-invalid", 0), ("date-sentinel", 1)):
        example = replace(draft("Patient", undated), findings=(finding(noted, "CSRQ"),))
        assert [f.rule for f in answers(example)] == ["birth-date-present"] * count


def test_rules_are_for_their_regions_only() -> None:
    nameless = draft("Patient", {"name[]": [{"text": "柯宁"}], "gender": "male"}, "jiashan")
    assert answers(nameless) == ()


def test_rules_are_for_their_kinds_of_parts_only() -> None:
    example = draft("Patient", FULL)
    kinds = {"TB_YL_PATIENT_INFORMATION": True, "TB_LIS_REPORT": False}
    for kind, asked in kinds.items():
        found = QUALITY.run(example, Record(1, kind, None, b"")).findings
        assert (given("patient-phone") in found) is asked


def test_a_region_without_rules_of_its_own_is_held_to_those_of_every_region() -> None:
    nameless = draft("Patient", {"gender": "male"}, "kunshan")
    assert {f.rule for f in QUALITY.run(nameless, RECORD).findings} == {"name-present"}


def test_rules_of_a_package_come_beside_those_of_every_region(tmp_path: Path) -> None:
    """A region that any rule named was held to that one only; and its package could bring none."""
    path = tmp_path / "rules.toml"
    text = '[[rule]]\nid = "kunshan-card"\nfinding = "value-missing"\ndimension = "规范性"\nseverity = "score"\n'
    text += 'scope = "resource"\nstage = "quality"\nzh = "有卡号"\nen = "There is a card"\nowner = "x"\nsource = "x"\n'
    path.write_text(f'{text}types = ["Patient"]\nexpression = "identifier.exists()"\n', encoding="utf-8")
    quality = Quality((*RULES, *load_rules(path, region="kunshan")))
    nameless = draft("Patient", {"gender": "male"}, "kunshan")
    assert {f.rule for f in quality.run(nameless, RECORD).findings} == {"name-present", "kunshan-card"}
    assert "kunshan-card" not in {f.rule for f in quality.run(draft("Patient", {}, "taicang"), RECORD).findings}
    assert judged(quality.rules, "kunshan") == judged(RULES, "kunshan")
    assert [rule.id for rule in quality.own("kunshan")] == ["kunshan-card"]
    assert quality.own("qingpu") == ()


def test_a_draft_without_contributions_breaks_nothing() -> None:
    assert QUALITY.run(Draft(), RECORD).findings == ()


def test_what_only_counts_in_the_scores_is_in_no_answer() -> None:
    found = QUALITY.run(
        draft("Patient", {**FULL, "telecom[]": [{"system": "phone", "value": "12345678901234"}]}), RECORD
    ).findings
    assert given("phone-form") in found
    assert given("phone-form") not in answered(found)
