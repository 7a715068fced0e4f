"""Failings that other converters are known for and that no other test of ours shows (docs/feeds/README.md)."""

from base64 import b64encode
from dataclasses import replace

import pytest

from adapters.qingpu import adapter as qingpu
from hie.app import Exchange
from hie.base.clock import SystemClock
from hie.base.draft import Draft
from hie.pipeline.retry import try_again
from hie.staging.states import MAX_ATTEMPTS
from tests.acceptance.conftest import exchange
from tests.acceptance.test_story import current
from tests.adapters.jiashan_exchange import sample
from tests.adapters.test_jiashan_doors import register
from tests.clock import FixedClock
from tests.mapping.wujiang import PID, drafts, message

__all__ = ["exchange"]

RESULT = "OBX|1|NM|WBC^白细胞计数||6.2|10^9/L|3.5-9.5|N|||F"
VISIT = "PV1|1|I|W12||||||||||||||||V1"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("20260118083000.1234", "2026-01-18T08:30:00.1234+08:00"),
        ("20260118083000+08", "2026-01-18T08:30:00+08:00"),
        ("20260118083000+0800", "2026-01-18T08:30:00+08:00"),
        ("20260118083000Z", "2026-01-18T08:30:00Z"),
        ("202601180830", "2026-01-18T08:30:00+08:00"),
        ("20260118", "2026-01-18"),
        ("202601", "2026-01"),
    ],
)
def test_a_date_in_any_precision_keeps_its_precision_and_its_offset(sent: str, kept: str) -> None:
    body = message("ORU^R01", PID, f"OBR|1||B1|XCG^血常规|||{sent}||||||||||||||||||F", RESULT)
    [draft] = drafts(body)
    report = next(c for c in draft.contributions if c.target.type == "DiagnosticReport")
    assert report.slots["effectiveDateTime"] == kept


def test_a_date_that_is_none_costs_its_field_and_not_the_message() -> None:
    body = message("ORU^R01", PID, "OBR|1||B1|XCG^血常规|||20260231||||||||||||||||||F", RESULT)
    [draft] = drafts(body)
    report = next(c for c in draft.contributions if c.target.type == "DiagnosticReport")
    assert "effectiveDateTime" not in report.slots
    assert len(report.members) >= 1
    assert "date-invalid" in {found.code for found in draft.findings}


async def test_an_embedded_pdf_of_two_megabytes_is_kept_held_and_spoils_no_neighbour(exchange: Exchange) -> None:
    pdf = b64encode(bytes(range(256)) * 6_000).decode()
    order = "OBR|1||B1|XCG^血常规|||20260118083000|||||||||||||||20260118093000|||F"
    big = message("ORU^R01", PID, order, f"OBX|1|ED|RPT^报告||^application^pdf^Base64^{pdf}||||||F", f10="BIG")
    small = message("ORU^R01", PID, order.replace("B1", "B2"), RESULT, f10="S")
    answers = [(await exchange.ingest.receive("wujiang-hl7v2", body)).body.decode() for body in (big, small)]
    assert "MSA|AE|BIG|" in answers[0]
    assert "field-too-long" in answers[0]
    assert "MSA|AA|S|" in answers[1]
    reports = [r for r in (await current(exchange)).values() if r["resourceType"] == "DiagnosticReport"]
    assert [report["identifier"][0]["value"] for report in reports] == ["B2"]


async def test_a_discharge_is_the_same_visit_and_not_a_second_one(exchange: Exchange) -> None:
    for number, event in enumerate(("A01", "A08", "A03")):
        body = message(f"ADT^{event}", PID, VISIT + "|" * 25 + "20260401100000", f10=f"C{number}")
        assert b"MSA|AA|" in (await exchange.ingest.receive("wujiang-hl7v2", body)).body
    visits = [r for r in (await current(exchange)).values() if r["resourceType"] == "Encounter"]
    assert [visit["status"] for visit in visits] == ["finished"]


async def test_one_patient_number_at_two_hospitals_is_two_patients(exchange: Exchange) -> None:
    for organisation in ("WJYY^12320509MBHE01015B^USCC", "WJSL^12320509MBHE010311^USCC"):
        await exchange.ingest.receive("wujiang-hl7v2", message("ADT^A31", PID, organisation=organisation))
    people = [r for r in (await current(exchange)).values() if r["resourceType"] == "Patient"]
    assert len(people) == 2


async def test_two_results_of_one_item_at_one_time_stay_two(exchange: Exchange) -> None:
    order = "OBR|1||B1|XCG^血常规|||20260118083000|||||||||||||||20260118093000|||F"
    twice = [f"OBX|{n}|NM|GLU^葡萄糖||{value}|mmol/L|3.9-6.1|N|||F" for n, value in ((1, "5.10"), (2, "5.30"))]
    await exchange.ingest.receive("wujiang-hl7v2", message("ORU^R01", PID, order, *twice))
    found = [r for r in (await current(exchange)).values() if r["resourceType"] == "Observation"]
    assert sorted(str(r["valueQuantity"]["value"]) for r in found) == ["5.1", "5.3"]


CDA, ROWS = (sample("02"), next(qingpu.samples.glob("*.xml")).read_bytes())


@pytest.mark.parametrize(
    ("door", "body", "says", "again", "then", "released"),
    [
        ("wujiang-hl7v2", message("ADT^A31", PID, f10="UP"), b"MSA|AE|UP|", 200, b"MSA|AE|UP|", b"MSA|AA|UP|"),
        ("wujiang-hl7v2", message("ADT^A31", PID, f15="AL"), b"MSA|CE|", 200, b"MSA|CA|", b"MSA|CA|"),
        ("jiashan-cda", CDA, b'"quarantined"', 202, b'"quarantined"', b'"duplicate"'),
        ("jiashan-soap", register(CDA, "a"), b'typeCode="AE"', 200, b'typeCode="AE"', b'typeCode="AA"'),
        ("qingpu-xml", ROWS, b'status="quarantined"', 202, b'status="quarantined"', b'status="duplicate"'),
    ],
)
async def test_what_was_given_up_is_kept_for_a_decision_and_not_refused(
    exchange: Exchange, door: str, body: bytes, says: bytes, again: int, then: bytes, released: bytes
) -> None:
    """JSON receipts and SOAP said 503, "nothing was stored", for ever, and an accept acknowledgement CE."""

    def fail(*_: object) -> Draft:
        raise RuntimeError

    sound = exchange.ingest.doors[door]
    exchange.ingest.change([replace(sound, draft=fail)])
    failed = await exchange.ingest.receive(door, body)
    assert (failed.status, says in failed.body) == (503, True)
    clock = FixedClock(SystemClock().now())
    for _ in range(MAX_ATTEMPTS):
        clock.advance(2000)
        await try_again(exchange.store, dict(exchange.ingest.feeds), clock)
    [held] = await exchange.operator().held()
    kept = await exchange.ingest.receive(door, body)
    assert (held.cause, kept.status, then in kept.body) == ("internal-error", again, True)
    exchange.ingest.change([sound])
    await exchange.operator().release(held.item)
    stored = await exchange.ingest.receive(door, body)
    assert (stored.status, released in stored.body) == (200, True)
