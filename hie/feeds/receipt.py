"""The JSON receipt of a raw item, and the HTTP status that goes with a disposition (common rules §2.3, §2.5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from hie.base.finding import Disposition, Finding, Severity, answered
from hie.base.outcome import Answer, ItemOutcome
from hie.base.systems import FINDING

CONTENT_TYPE = "application/json"

HTTP_STATUS: Mapping[Disposition, int] = {
    Disposition.ACCEPTED: 200,
    Disposition.ACCEPTED_WITH_WARNINGS: 200,
    Disposition.DUPLICATE: 200,
    Disposition.QUARANTINED: 202,
    Disposition.REJECTED: 422,
}
"""Disposition -> HTTP status of a JSON or XML receipt (common rules §2.5)."""

_TOO_LARGE = 413
"""HTTP status of what is `too-large`, which wins over that of its disposition (common rules §2.3)."""

_ISSUE_SEVERITY: Mapping[Severity, str] = {
    Severity.SCORE: "information",
    Severity.INFO: "information",
    Severity.WARN: "warning",
    Severity.QUARANTINE: "error",
    Severity.REJECT: "error",
}


def receipt_status(outcome: ItemOutcome) -> Disposition:
    """The status a receipt shows: `duplicate` when every part came before, through whichever door (§2.2)."""
    copies = bool(outcome.parts) and all(part.disposition is Disposition.DUPLICATE for part in outcome.parts)
    return Disposition.DUPLICATE if copies else outcome.disposition


def http_status(outcome: ItemOutcome, usual: int | None = None) -> int:
    """The HTTP status of the answer to `outcome`: `usual`, or else what goes with the status of a JSON receipt (common
    rules §2.5); for `too-large` that of it. That the exchange failed just now says who gives the answer."""
    if any(found.code == "too-large" for found in outcome.all_findings):
        return _TOO_LARGE
    return HTTP_STATUS[receipt_status(outcome)] if usual is None else usual


def operation_outcome(findings: tuple[Finding, ...]) -> dict[str, Any]:
    """An OperationOutcome with one issue for each finding, or one that says there is none."""
    issues = [_issue(found) for found in findings]
    nothing = {"severity": "information", "code": "informational", "details": {"text": "No findings"}}
    return {"resourceType": "OperationOutcome", "issue": issues or [nothing]}


def _issue(found: Finding) -> dict[str, Any]:
    """`location` says where in the source's own terms: it is no FHIRPath, so it is not `expression`."""
    issue: dict[str, Any] = {
        "severity": _ISSUE_SEVERITY[found.severity],
        "code": found.row.issue,
        "details": {"coding": [{"system": FINDING, "code": found.code, "display": found.row.zh}], "text": found.text},
    }
    return {**issue, "location": [found.path]} if found.path else issue


def json_receipt(outcome: ItemOutcome) -> bytes:
    """The receipt: id and hash of the item, its disposition, what it wrote, and its findings."""
    return orjson.dumps(
        {
            "id": outcome.id,
            "sha256": outcome.sha256,
            "status": receipt_status(outcome).value,
            "resources": list(outcome.resources),
            "outcome": operation_outcome(answered(outcome.all_findings)),
        }
    )


def as_duplicate(saved: bytes) -> bytes:
    """A saved receipt for the same bytes again: `status` becomes `duplicate`, all else stays (common rules §2.2)."""
    return orjson.dumps({**orjson.loads(saved), "status": Disposition.DUPLICATE.value})


def answer(outcome: ItemOutcome, now: datetime) -> Answer:
    """The answer of a door that gives JSON receipts; `now` is not used, every answer writer takes it."""
    return Answer(json_receipt(outcome), CONTENT_TYPE, http_status(outcome))
