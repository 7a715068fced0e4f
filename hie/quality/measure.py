"""Scores as FHIR: one Measure with a group for every dimension, one MeasureReport per feed, organisation and day."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from hie.base.clock import instant
from hie.base.finding import CODES, Severity
from hie.base.ids import stable_id
from hie.base.resource import Json
from hie.base.systems import BASE, CODE_SYSTEM, FINDING, REGION
from hie.base.tally import Cause, Tally
from hie.fhir.ucum import UCUM
from hie.quality.rule import DIMENSIONS
from hie.quality.score import scores

MEASURE_ID = "feed-quality"
MEASURE = f"{BASE}/fhir/Measure/{MEASURE_ID}"
DIMENSION_SYSTEM = f"{CODE_SYSTEM}/quality-dimension"
REPORT_SYSTEM = f"{BASE}/id/quality-report"
_POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
_TERMS = "http://terminology.hl7.org/CodeSystem"
MOST_STRATA = 50
"""How many causes a report lists for one dimension, most frequent first."""


def measure() -> Json:
    """The Measure that all reports are of (FHIR R4 Measure). A report belongs to one Measure (`MeasureReport.measure`
    is 1..1), so the dimensions are its groups."""
    return {
        "resourceType": "Measure",
        "id": MEASURE_ID,
        "url": MEASURE,
        "name": "FeedQuality",
        "title": "数据质量 · Quality of what a feed brings",
        "status": "active",
        "experimental": False,
        "description": "当日接收并经规则检查的数据中, 每个质量维度无缺陷的比例。"
        " Of what was received and checked in a day, the share without a fault in each dimension.",
        "scoring": _concept(f"{_TERMS}/measure-scoring", "proportion"),
        "type": [_concept(f"{_TERMS}/measure-type", "process")],
        "improvementNotation": _concept(f"{_TERMS}/measure-improvement-notation", "increase"),
        "group": [
            {
                "code": _dimension(name),
                "population": [
                    {"code": _concept(_POPULATION, code), "criteria": {"language": "text/plain", "expression": text}}
                    for code, text in (
                        ("denominator", "parts and envelopes that the rules were run on"),
                        ("numerator", f"those without a finding of the dimension {DIMENSIONS[name][1].lower()}"),
                    )
                ],
            }
            for name in DIMENSIONS
        ],
    }


def report_id(tally: Tally) -> str:
    """The id of the report about a tally: always the same, so that a later count is its next version."""
    return stable_id("quality-report", tally.feed, tally.organisation, tally.day)


def measure_report(
    tally: Tally, region: str, judged: frozenset[str], dimension_of: Mapping[Cause, str], reporter: str, at: datetime
) -> Json:
    """The MeasureReport of one tally, made at `at`. `judged` are the dimensions that there are rules for,
    `dimension_of` says where each cause counts, `reporter` is the reference of the organisation, empty for none."""
    [score] = scores([tally], {tally.feed: judged})
    report: Json = {
        "resourceType": "MeasureReport",
        "id": report_id(tally),
        "meta": {"tag": [{"system": REGION, "code": region}]},
        "identifier": [{"system": REPORT_SYSTEM, "value": f"{tally.feed}|{tally.organisation or '-'}|{tally.day}"}],
        "status": "complete",
        "type": "summary",
        "measure": MEASURE,
        "date": instant(at),
        "period": {"start": f"{tally.day}T00:00:00+08:00", "end": f"{tally.day}T23:59:59+08:00"},
        "improvementNotation": _concept(f"{_TERMS}/measure-improvement-notation", "increase"),
        "group": [
            _group(name, tally, share, dimension_of)
            for name, share in score.dimensions.items()
            if name in judged and share is not None
        ],
    }
    if reporter:
        report["reporter"] = {"reference": reporter}
    if not report["group"]:
        del report["group"]
    return report


def _group(name: str, tally: Tally, share: float, dimension_of: Mapping[Cause, str]) -> Json:
    failed = min(tally.failed.get(name, 0), tally.checked)
    group: Json = {
        "code": _dimension(name),
        "population": [
            {"code": _concept(_POPULATION, "denominator"), "count": tally.checked},
            {"code": _concept(_POPULATION, "numerator"), "count": tally.checked - failed},
        ],
        "measureScore": {"value": share, "unit": "%", "system": UCUM, "code": "%"},
    }
    causes: Counter[_Named] = Counter()
    for cause, n in tally.found.items():
        if dimension_of.get(cause) == name and cause.severity != Severity.INFO:
            causes[cause.code, cause.rule, cause.path] += n
    if causes:
        ordered = sorted(causes.items(), key=lambda pair: (-pair[1], pair[0]))
        strata = [_stratum(named, n) for named, n in ordered[:MOST_STRATA]]
        group["stratifier"] = [{"code": [{"text": "原因 · cause"}], "stratum": strata}]
    return group


_Named = tuple[str, str, str]
"""What a stratum names of causes: code, rule and path. How grave it was taken, a release changes."""


def _stratum(named: _Named, n: int) -> Json:
    """How many findings causes gave that are named alike; the place in the source's own terms stands in the text."""
    code, rule, path = named
    value = _concept(FINDING, code, CODES[code].zh)
    value["text"] = " ".join(word for word in (rule or code, path) if word)
    return {"value": value, "population": [{"code": _concept(_POPULATION, "measure-observation"), "count": n}]}


def _dimension(name: str) -> Json:
    code, english = DIMENSIONS[name]
    return {**_concept(DIMENSION_SYSTEM, code, name), "text": f"{name} {english}"}


def _concept(system: str, code: str, display: str = "") -> Json:
    coding = {"system": system, "code": code, **({"display": display} if display else {})}
    return {"coding": [coding]}
