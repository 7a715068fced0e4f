"""Scores from tallies, and as FHIR."""

from datetime import datetime

import pytest

from hie.base.clock import CHINA
from hie.base.data import data_path
from hie.base.finding import CODES, Finding, Severity
from hie.base.tally import Cause, Tally
from hie.quality.dimension import dimensions, judged
from hie.quality.measure import MOST_STRATA, measure, measure_report
from hie.quality.rule import DIMENSIONS
from hie.quality.rules import load_rules
from hie.quality.score import Score, faults, scores

ID = Cause("warn", "id-checksum", "", "PID-3")
NULL = Cause("info", "null-text", "", "PID-8")
LATE = Cause("warn", "upload-late", "r9", "MSH-7")
JUDGED = {"f": frozenset({"规范性", "及时性"}), "g": frozenset({"规范性"})}


def tally(day: str, feed: str, organisation: str, checked: int, failed: dict, found: dict, samples: dict) -> Tally:
    return Tally(day, feed, organisation, "open", checked, checked, 3 * checked, failed, found, samples)


TALLIES = [
    tally("2026-04-01", "f", "A", 100, {"规范性": 1}, {ID: 1, NULL: 7}, {ID: ("i1", 0)}),
    tally("2026-04-01", "f", "B", 300, {"规范性": 30, "及时性": 3}, {ID: 40, LATE: 3}, {ID: ("i2", 1)}),
    tally("2026-04-02", "f", "A", 200, {}, {}, {}),
    tally("2026-04-02", "g", "C", 0, {}, {}, {}),
]


def by(found: list[Score]) -> dict[tuple[str | None, str | None, str | None], tuple[object, ...]]:
    return {
        (s.day, s.feed, s.organisation): (s.checked, s.dimensions["规范性"], s.dimensions["及时性"], s.total)
        for s in found
    }


def test_the_share_without_a_fault_per_institution() -> None:
    assert by(scores(TALLIES, JUDGED)) == {
        (None, "f", "A"): (300, 99.66, 100.0, 99.83),
        (None, "f", "B"): (300, 90.0, 99.0, 94.5),
        (None, "g", "C"): (0, None, None, None),
    }


def test_one_fault_among_many_is_never_rounded_to_a_hundred() -> None:
    [one] = scores([tally("d", "f", "A", 1_000_000, {"规范性": 1}, {}, {})], JUDGED)
    assert one.dimensions["规范性"] == 99.99


@pytest.mark.parametrize("failed", [12, 33])
def test_the_total_of_one_dimension_is_its_share(failed: int) -> None:
    [one] = scores([tally("d", "f", "A", 53, {"规范性": failed}, {}, {})], {"f": frozenset({"规范性"})})
    assert one.total == one.dimensions["规范性"] == (10_000 * (53 - failed) // 53) / 100


def test_days_and_all_together() -> None:
    assert by(scores(TALLIES, JUDGED, ["day"])) == {
        ("2026-04-01", None, None): (400, 92.25, 99.25, 95.75),
        ("2026-04-02", None, None): (200, 100.0, 100.0, 100.0),
    }
    [everything] = scores(TALLIES, JUDGED, [])
    assert (everything.items, everything.resources) == (600, 1800)
    assert everything.findings == {**dict.fromkeys(Severity, 0), "info": 7, "warn": 44}


def test_a_dimension_without_rules_has_no_score() -> None:
    [one] = scores(TALLIES[:1], {"f": frozenset({"规范性"})})
    assert one.dimensions["及时性"] is None
    assert one.dimensions["规范性"] == 99.0


def test_the_worst_faults_first_with_a_sample_and_never_mere_information() -> None:
    first, second = faults(TALLIES, lambda feed, cause: "规范性")
    assert (first.code, first.found, first.share, first.sample) == ("id-checksum", 41, 6.83, ("i1", 0))
    assert first.organisations == (("B", 40), ("A", 1))
    assert (second.code, second.rule, second.path, second.sample) == ("upload-late", "r9", "MSH-7", None)
    assert [f.code for f in faults(TALLIES, lambda feed, cause: "及时性" if cause == LATE else "")] == ["upload-late"]
    assert len(faults(TALLIES, lambda feed, cause: "规范性", limit=1)) == 1


def test_a_cause_that_was_counted_in_two_dimensions_is_a_fault_in_each() -> None:
    moved = ID._replace(dimension="及时性")
    days = [tally("2026-04-01", "f", "A", 10, {"规范性": 1, "及时性": 2}, {ID: 1, moved: 2}, {})]
    found = faults(days, lambda feed, cause: cause.dimension or "规范性")
    assert [(f.dimension, f.found) for f in found] == [("及时性", 2), ("规范性", 1)]
    assert len(faults(days, lambda feed, cause: "规范性")) == 1


def test_a_report_names_a_cause_once_however_grave_it_was_taken() -> None:
    causes = {ID: 3, ID._replace(severity="quarantine", dimension="规范性"): 4}
    day = tally("2026-04-01", "f", "A", 300, {"规范性": 7}, causes, {})
    report = measure_report(day, "wujiang", frozenset({"规范性"}), dict.fromkeys(causes, "规范性"), "", AT)
    [stratum] = report["group"][0]["stratifier"][0]["stratum"]
    assert stratum["population"] == [population("measure-observation", 7)]


def test_faults_as_frequent_stand_in_order_of_their_place_and_show_the_newest_part() -> None:
    later = Cause("warn", "id-checksum", "", "PID-3.1")
    days = [
        tally("2026-04-01", "f", "A", 10, {}, {later: 1, ID: 1, LATE: 1}, {ID: ("old", 0)}),
        tally("2026-04-02", "f", "A", 10, {}, {ID: 1, later: 1, LATE: 5}, {ID: ("new", 2)}),
    ]
    found = faults(days, lambda feed, cause: "规范性")
    assert [(f.found, f.path) for f in found] == [(6, "MSH-7"), (2, "PID-3"), (2, "PID-3.1")]
    assert found[1].sample == ("new", 2)


def test_scores_stand_in_order_of_day_feed_and_organisation() -> None:
    found = scores([TALLIES[n] for n in (3, 1, 2, 0)], JUDGED, ["organisation", "feed", "day"])
    assert [(s.day, s.feed, s.organisation) for s in found] == [(t.day, t.feed, t.organisation) for t in TALLIES]


RULES = load_rules(data_path("mappings", "quality"))


@pytest.mark.parametrize(
    ("code", "path", "rule", "dimension"),
    [
        ("value-missing", "PID-5", "", "完整性"),
        ("value-missing", "", "prescription-has-diagnosis", "关联性"),
        ("id-checksum", "PID-3[2]", "", "规范性"),
        ("internal-error", "", "", ""),
    ],
)
def test_a_finding_counts_in_the_dimension_of_its_rule(code: str, path: str, rule: str, dimension: str) -> None:
    assert dimensions(RULES, "wujiang")(Finding(code, path, "", Severity.WARN, rule)) == dimension


def test_a_region_has_scores_in_the_dimensions_of_its_rules_only() -> None:
    wujiang = [rule for rule in RULES if rule.dimension != "及时性" or "wujiang" not in rule.regions]
    assert judged(wujiang, "wujiang") == set(DIMENSIONS) - {"及时性"}
    assert judged(RULES, "wujiang") == set(DIMENSIONS)
    single = [rule for rule in RULES if rule.id in ("diagnosis-within-three-days", "phone-form")]
    assert judged(single, "kunshan") == {"规范性"}


DAY = tally("2026-04-01", "f", "A", 300, {"规范性": 31, "及时性": 400}, {ID: 40, LATE: 3, NULL: 7}, {})
AT = datetime(2026, 4, 2, 1, 30, tzinfo=CHINA)
PLACE = "https://hie.example.org/fhir/CodeSystem"
POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"


def population(code: str, count: int) -> dict[str, object]:
    return {"code": {"coding": [{"system": POPULATION, "code": code}]}, "count": count}


def group(code: str, display: str, english: str, met: int, share: float, *causes: tuple[str, str, int]) -> object:
    strata = [
        {
            "value": {"coding": [{"system": f"{PLACE}/finding", "code": of, "display": CODES[of].zh}], "text": text},
            "population": [population("measure-observation", count)],
        }
        for of, text, count in causes
    ]
    return {
        "code": {
            "coding": [{"system": f"{PLACE}/quality-dimension", "code": code, "display": display}],
            "text": f"{display} {english}",
        },
        "population": [population("denominator", 300), population("numerator", met)],
        "measureScore": {"value": share, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
        "stratifier": [{"code": [{"text": "原因 · cause"}], "stratum": strata}],
    }


def test_a_report_says_what_was_checked_what_held_and_why_the_rest_did_not() -> None:
    of = {ID: "规范性", LATE: "及时性", NULL: "规范性"}
    report = measure_report(DAY, "wujiang", frozenset({"规范性", "及时性"}), of, "Organization/1", AT)
    assert report.pop("id")
    assert report == {
        "resourceType": "MeasureReport",
        "meta": {"tag": [{"system": f"{PLACE}/region", "code": "wujiang"}]},
        "identifier": [{"system": "https://hie.example.org/id/quality-report", "value": "f|A|2026-04-01"}],
        "status": "complete",
        "type": "summary",
        "measure": measure()["url"],
        "date": "2026-04-01T17:30:00.000Z",
        "period": {"start": "2026-04-01T00:00:00+08:00", "end": "2026-04-01T23:59:59+08:00"},
        "improvementNotation": measure()["improvementNotation"],
        "reporter": {"reference": "Organization/1"},
        "group": [
            group("conformity", "规范性", "Conformity", 269, 89.66, ("id-checksum", "id-checksum PID-3", 40)),
            group("timeliness", "及时性", "Timeliness", 0, 0.0, ("upload-late", "r9 MSH-7", 3)),
        ],
    }


def test_a_report_names_the_causes_that_cost_most() -> None:
    causes = {Cause("warn", "id-checksum", "", f"PID-{n:02}"): 1 + (n == MOST_STRATA) for n in range(MOST_STRATA + 1)}
    day = tally("2026-04-01", "f", "", 300, {"规范性": 60}, dict(reversed(causes.items())), {})
    report = measure_report(day, "wujiang", frozenset({"规范性"}), dict.fromkeys(causes, "规范性"), "", AT)
    strata = report["group"][0]["stratifier"][0]["stratum"]
    assert [one["value"]["text"][-2:] for one in strata] == ["50", *(f"{n:02}" for n in range(MOST_STRATA - 1))]
    assert "reporter" not in report
    assert report["identifier"][0]["value"] == "f|-|2026-04-01"


def test_a_report_of_nothing_checked_has_no_groups() -> None:
    assert "group" not in measure_report(TALLIES[3], "wujiang", frozenset({"规范性"}), {}, "", AT)
