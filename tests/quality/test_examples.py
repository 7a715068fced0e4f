"""Every rule can fire and can stay silent, on examples kept as data."""

import json
from collections import Counter

import pytest

from hie.base.draft import Key
from hie.base.finding import finding
from hie.quality.resolve import resolver
from hie.quality.stage import Quality
from tests.quality.examples import RECEIVED, RULES, given, known, limits, resources

QUALITY = Quality(RULES.values())
EXAMPLES = resources()
RUN = {rule.id for rule in RULES.values() if rule.stage == "quality" and rule.scope != "feed"}


def found(rule: str, text: str) -> set[str]:
    draft, record = given(RULES[rule], text)
    checked = QUALITY.run(draft, record, RECEIVED)
    rule_of = resolver(RULES.values(), next(iter(RULES[rule].regions)))
    broken = [finding(one.finding, one.path) for one in checked.draft.claims if not one.holds(known(text))]
    return {found.rule for found in checked.findings} | {made.id for one in broken if (made := rule_of(one))}


def test_there_are_at_least_120_rules_in_all_dimensions() -> None:
    assert len(RULES) >= 200
    assert min(Counter(rule.dimension for rule in RULES.values()).values()) >= 8


def test_every_rule_that_runs_on_drafts_has_its_examples() -> None:
    assert set(EXAMPLES) == RUN


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_a_rule_stays_silent(rule: str) -> None:
    assert rule not in found(rule, EXAMPLES[rule][0])


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_a_rule_fires(rule: str) -> None:
    assert rule in found(rule, EXAMPLES[rule][1])


def reports(*results: list[tuple[str, float, str]]) -> str:
    """Reports with results: LOINC code, value and unit."""
    return json.dumps(
        [{"resourceType": "DiagnosticReport", "@members": [_result(*one) for one in report]} for report in results]
    )


def _result(loinc: str, value: float, unit: str) -> dict[str, object]:
    code = {"coding": [{"system": "http://loinc.org", "code": loinc}]}
    quantity = {"value": value, "code": unit}
    return {
        "resourceType": "Observation",
        "code": code,
        "effectiveDateTime": "2026-03-02",
        "valueQuantity": quantity,
    }


def diagnosed(*uses: str) -> str:
    """A visit with the same diagnosis for each use."""
    keys = [Key("wujiang", "12310118MBHE03010J", "Condition", "kind", str(n + 1)) for n in range(len(uses))]
    entries = [
        {"condition": {"reference": key.reference}, "use": {"coding": [{"code": use}]}}
        for key, use in zip(keys, uses, strict=True)
    ]
    condition = {"resourceType": "Condition", "code": {"coding": [{"code": "J18.900"}], "text": "肺炎"}}
    return json.dumps([{"resourceType": "Encounter", "diagnosis": entries}, *([condition] * len(uses))])


def person(sex: str, born: str, code: str, text: str) -> str:
    condition = {"resourceType": "Condition", "code": {"coding": [{"code": code}], "text": text}}
    visit = {"resourceType": "Encounter", "period": {"start": "2026-03-02T08:00:00+08:00"}}
    return json.dumps([{"resourceType": "Patient", "gender": sex, "birthDate": born}, visit, condition])


def coded(code: str) -> str:
    coding = {"system": "urn:oid:2.16.156.10011.2.3.3.11", "code": code}
    return json.dumps({"resourceType": "Condition", "code": {"coding": [coding]}})


TOTAL, HDL, LDL = "14647-2", "14646-4", "22748-8"
ODD_BUT_RIGHT = [
    ("qingpu-age", '{"@row": {"BRNL": "NaN"}}'),
    ("qingpu-sampled-before-test", '{"@row": {"CJSJ": "2026-04-02 08:40:00", "JYSJ": "1900-01-01 00:00:00"}}'),
    ("qingpu-report-day", '{"@row": {"BGRQ": "20260402", "BGSJ": "1900-01-01"}}'),
    ("diagnosis-once", diagnosed("AD", "DD")),
    ("diagnosis-fits-person", person("male", "2026-03-01", "P70.000", "妊娠糖尿病母亲的婴儿综合征")),
    ("diagnosis-code-form", coded("A18.000x001+M49.0*")),
    ("result-once", reports([("718-7", 131, "g/L")], [("718-7", 131, "g/L")])),
    ("cholesterol-adds-up", reports([(TOTAL, 3, "mmol/L")], [(LDL, 4, "mmol/L")])),
    ("cholesterol-adds-up", reports([(TOTAL, 5, "mmol/L"), (LDL, 120, "mg/dL")])),
    ("cholesterol-adds-up", reports([(TOTAL, 5, "mmol/L"), (HDL, 5.05, "mmol/L")])),
]
"""Rule -> what is rare and breaks nothing."""

NEAR_AND_WRONG = [
    ("diagnosis-once", diagnosed("AD", "DD", "DD")),
    ("diagnosis-fits-person", person("male", "1980-03-01", "R10.400", "妊娠腹痛")),
    ("diagnosis-code-form", coded("A18.000x001M49.0*")),
    ("cholesterol-adds-up", reports([(TOTAL, 5, "mmol/L"), (HDL, 5.06, "mmol/L")])),
]
"""Rule -> what is nearly the same and breaks it."""


@pytest.mark.parametrize(("rule", "example"), [*ODD_BUT_RIGHT, *limits("holds")])
def test_a_rule_stays_silent_about_what_is_odd_but_right(rule: str, example: str) -> None:
    assert rule not in found(rule, example)


@pytest.mark.parametrize(("rule", "example"), [*NEAR_AND_WRONG, *limits("breaks")])
def test_a_rule_fires_on_what_is_nearly_that(rule: str, example: str) -> None:
    assert rule in found(rule, example)
