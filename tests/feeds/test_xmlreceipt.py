"""The XML receipt (Qingpu §3)."""

from datetime import UTC, datetime

import pytest

from hie.base.finding import Disposition, Finding, finding
from hie.base.outcome import ItemOutcome, PartOutcome
from hie.feeds.xmlreceipt import answer, as_duplicate

NOW = datetime(2026, 4, 10, 14, 30, tzinfo=UTC)
CONTEXT = {"batch": "B1", "seq": ["7", "8"]}


def outcome(
    disposition: Disposition, *parts: PartOutcome, findings: tuple[Finding, ...] = (), context: object = CONTEXT
) -> ItemOutcome:
    return ItemOutcome("item", "ab", "qingpu-xml", "qingpu-xml", disposition, findings, parts, context=context)


def test_rows_in_envelope_order_with_resources_and_findings() -> None:
    report = PartOutcome(1, "TB_LIS_REPORT", "O|20260310|L1", "", Disposition.ACCEPTED, (), ("DiagnosticReport/a",))
    warned = (finding("range-flag-conflict", "YCTS"),)
    result = PartOutcome(2, "TB_LIS_INDICATORS", "O|<1>", "", Disposition.ACCEPTED_WITH_WARNINGS, warned)
    found = answer(outcome(Disposition.ACCEPTED_WITH_WARNINGS, result, report), NOW)
    assert (found.content_type, found.status) == ("application/xml", 200)
    assert found.body.decode() == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<Receipt id="item" sha256="ab" batch="B1" status="accepted-with-warnings">\n'
        '  <Row table="TB_LIS_REPORT" seq="7" key="O|20260310|L1" status="accepted">\n'
        "    <Resource>DiagnosticReport/a</Resource>\n"
        "  </Row>\n"
        '  <Row table="TB_LIS_INDICATORS" seq="8" key="O|&lt;1&gt;" status="accepted-with-warnings">\n'
        '    <Finding code="range-flag-conflict" severity="warn" field="YCTS">结果、参考区间与标志矛盾</Finding>\n'
        "  </Row>\n"
        "</Receipt>"
    )


def test_findings_of_the_envelope_stand_directly_under_the_receipt() -> None:
    findings = (finding("count-mismatch", "Header/HS", "1 rows found"),)
    body = answer(outcome(Disposition.REJECTED, findings=findings), NOW).body.decode()
    assert '<Finding code="count-mismatch" severity="reject" field="Header/HS">声明数量与实际数量不符: 1 rows' in body
    assert "<Row" not in body


def test_an_unreadable_envelope_has_no_batch() -> None:
    body = answer(outcome(Disposition.REJECTED, findings=(finding("message-malformed"),), context=None), NOW).body
    assert b'batch=""' in body


@pytest.mark.parametrize(
    ("disposition", "status"),
    [
        (Disposition.ACCEPTED, 200),
        (Disposition.ACCEPTED_WITH_WARNINGS, 200),
        (Disposition.DUPLICATE, 200),
        (Disposition.QUARANTINED, 202),
        (Disposition.REJECTED, 422),
    ],
)
def test_a_receipt_has_the_status_of_its_disposition(disposition: Disposition, status: int) -> None:
    assert answer(outcome(disposition), NOW).status == status


def test_a_duplicate_repeats_the_saved_rows() -> None:
    part = PartOutcome(1, "TB_LIS_REPORT", "O|1", "", Disposition.QUARANTINED, (finding("orphan-reference"),))
    saved = answer(outcome(Disposition.QUARANTINED, part), NOW).body
    repeated = as_duplicate(saved)
    assert repeated == saved.replace(b'status="quarantined"', b'status="duplicate"', 1)
    assert repeated.count(b'status="quarantined"') == 1
