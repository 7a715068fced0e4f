"""Which rule finds what in a row, and at which column: the rules that only Qingpu has, on rows that maps read."""

import pytest

from adapters.qingpu import adapter
from hie.base.data import data_path
from hie.quality.resolve import resolver
from hie.quality.rules import load_rules
from tests.adapters.qingpu.exchange import START, delivery, maps, parsed, quality
from tests.adapters.qingpu.rows import one

RULE_OF = resolver(load_rules(data_path("mappings", "quality")), "qingpu")


def judged(kind: str, columns: dict[str, str]) -> set[tuple[str, str]]:
    """Rule and column of all that is found in a row, by whatever stage."""
    body = one(kind, **columns)
    (record,) = parsed(body).records
    made = maps().draft(record, delivery(body), adapter)
    found = [*quality().run(made, record, START).findings, *made.findings, *record.findings]
    return {(rule.id, finding.path) for finding in found if (rule := RULE_OF(finding)) is not None}


@pytest.mark.parametrize(
    ("rule", "kind", "columns", "column"),
    [
        ("qingpu-keys", "report", {"JZLSH": "-"}, "JZLSH"),
        ("qingpu-row-organisation", "report", {"YLJGYQDM": "12310118MBHE03029F"}, "YLJGYQDM"),
        ("qingpu-codes", "patient", {"KLX": "8"}, "KLX"),
        ("qingpu-item-name", "result", {"JYZBMC": "-"}, "JYZBMC"),
        ("qingpu-code-and-name", "result", {"JYZBMC": "血红蛋白"}, "JYZBDM"),
        ("qingpu-report-time", "report", {"BGSJ": "-"}, "BGSJ"),
        ("qingpu-report-time", "imaging", {"BGSJ": "-"}, "BGSJ"),
        ("qingpu-age", "report", {"BRNL": "258"}, "BRNL"),
        ("qingpu-report-day", "report", {"BGRQ": "20260401"}, "BGRQ"),
        ("qingpu-ordered-before-sampling", "report", {"SQSJ": "2026-04-02 09:00:00"}, "SQSJ"),
        ("qingpu-sampled-before-test", "report", {"JYSJ": "2026-04-02 08:00:00"}, "JYSJ"),
        ("qingpu-tested-before-review", "report", {"JYSJ": "2026-04-02 09:40:00"}, "SHSJ"),
        ("qingpu-examined-before-review", "imaging", {"SHSJ": "2026-04-02 09:00:00"}, "SHSJ"),
        ("report-is-final", "report", {"SHSJ": "-"}, "SHSJ"),
        ("report-is-final", "imaging", {"SHSJ": "-"}, "SHSJ"),
        ("report-sampling-time", "report", {"CJSJ": "-"}, "CJSJ"),
        ("report-sampling-time", "imaging", {"JCSJ": "-"}, "JCSJ"),
        ("imaging-has-study", "imaging", {}, "STUDYUID"),
        ("imaging-body-site", "imaging", {}, "JCBW"),
        ("study-uid-form", "imaging", {"STUDYUID": "1.02"}, "STUDYUID"),
        ("visit-department", "outpatient", {}, "JZKSBM"),
        ("visit-department", "inpatient", {}, "JZKSBM"),
        ("visit-doctor", "outpatient", {}, "JZYSXM"),
        ("visit-doctor", "inpatient", {}, "JZYSXM"),
        ("visit-start", "outpatient", {"JZSJ": "-"}, "JZSJ"),
        ("visit-start", "inpatient", {"RYSJ": "-"}, "RYSJ"),
        ("inpatient-number", "inpatient", {}, "CISID"),
        ("discharge-way", "inpatient", {"CYSJ": "2026-04-09 15:30:00"}, "LYFS"),
        ("discharged-has-end", "inpatient", {"LYFS": "1"}, "CYSJ"),
        ("leave-summary-diagnoses", "summary", {}, "CYZD"),
        ("leave-summary-course", "summary", {}, "ZLGC"),
        ("diagnosis-date", "diagnosis", {}, "ZDSJ"),
        ("diagnosis-within-three-days", "diagnosis", {"ZDSJ": "2026-04-03 10:00:00"}, "ZDSJ"),
    ],
)
def test_a_rule_names_the_column_of_its_table(rule: str, kind: str, columns: dict[str, str], column: str) -> None:
    assert {place for noted, place in judged(kind, columns) if noted == rule} == {column}
