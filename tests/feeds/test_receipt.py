"""The JSON receipt and the HTTP status (common rules §2.3, §2.5)."""

import json
from datetime import UTC, datetime

import pytest

from hie.base.finding import Disposition, finding
from hie.base.outcome import ItemOutcome, PartOutcome
from hie.feeds import fhirreply
from hie.feeds.receipt import answer, as_duplicate, json_receipt

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
SYSTEM = "https://hie.example.org/fhir/CodeSystem/finding"


def outcome(disposition: Disposition, *codes: str, resources: tuple[str, ...] = ()) -> ItemOutcome:
    findings = tuple(finding(code, "id/@extension") for code in codes)
    part = PartOutcome(1, "C0002", "", "", disposition, findings, resources)
    return ItemOutcome("raw-1", "ab" * 32, "jiashan-cda", "jiashan-cda", disposition, (), (part,))


def test_a_receipt_without_findings() -> None:
    receipt = json.loads(json_receipt(outcome(Disposition.ACCEPTED, resources=("Patient/1", "Encounter/2"))))
    assert list(receipt) == ["id", "sha256", "status", "resources", "outcome"]
    assert receipt["id"] == "raw-1"
    assert receipt["sha256"] == "ab" * 32
    assert receipt["status"] == "accepted"
    assert receipt["resources"] == ["Patient/1", "Encounter/2"]
    issues = receipt["outcome"]["issue"]
    assert [(i["severity"], i["code"]) for i in issues] == [("information", "informational")]


@pytest.mark.parametrize(
    ("code", "severity", "issue"),
    [
        ("key-missing", "error", "required"),
        ("envelope-mismatch", "error", "conflict"),
        ("id-checksum", "warning", "value"),
        ("unit-unmapped", "information", "informational"),
    ],
)
def test_one_issue_for_each_finding(code: str, severity: str, issue: str) -> None:
    found = json.loads(json_receipt(outcome(Disposition.REJECTED, code)))["outcome"]["issue"]
    assert len(found) == 1
    assert (found[0]["severity"], found[0]["code"]) == (severity, issue)
    assert found[0]["details"]["coding"][0]["system"] == SYSTEM
    assert found[0]["details"]["coding"][0]["code"] == code
    assert found[0]["location"] == ["id/@extension"]


@pytest.mark.parametrize(
    ("disposition", "codes", "status"),
    [
        (Disposition.ACCEPTED, [], 200),
        (Disposition.ACCEPTED_WITH_WARNINGS, ["id-checksum"], 200),
        (Disposition.DUPLICATE, [], 200),
        (Disposition.QUARANTINED, ["envelope-mismatch"], 202),
        (Disposition.REJECTED, ["message-malformed"], 422),
        (Disposition.REJECTED, ["too-large"], 413),
        (Disposition.QUARANTINED, ["internal-error"], 202),
    ],
)
def test_status_of_the_answer(disposition: Disposition, codes: list[str], status: int) -> None:
    found = answer(outcome(disposition, *codes), NOW)
    assert (found.status, found.content_type) == (status, "application/json")


def test_the_saved_receipt_of_a_duplicate_changes_in_one_place() -> None:
    saved = json_receipt(outcome(Disposition.REJECTED, "key-missing"))
    again = json.loads(as_duplicate(saved))
    assert again.pop("status") == "duplicate"
    first = json.loads(saved)
    assert first.pop("status") == "rejected"
    assert again == first


def test_a_batch_with_reads_that_was_given_up_is_no_batch_of_its_reads() -> None:
    """It was answered 200 with the reads alone, as if nothing else had been sent."""
    asked = {"kind": "batch", "methods": ("GET", "POST"), "reads": {0: {"request": "GET", "url": "Patient"}}}
    found = (finding("internal-error"),)
    given_up = ItemOutcome("raw-1", "", "fhir", "fhir", Disposition.QUARANTINED, found, context=asked)
    told = fhirreply.answer(given_up, NOW)
    assert (told.status, json.loads(told.body)["resourceType"]) == (202, "OperationOutcome")
