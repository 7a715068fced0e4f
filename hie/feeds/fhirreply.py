"""The answer to a FHIR submission: a response Bundle, or an OperationOutcome (FHIR R4 http §3.1.0.11, IHE MHD ITI-65).

What was stored gets `transaction-response` or `batch-response` with one entry for each that was sent, in the same
order: status, location and version, and an OperationOutcome where something is to be said about it. A submission that
was not stored gets an OperationOutcome. HTTP status by disposition (common rules §2.5). A read is not answered here,
but each time that the answer leaves (`reads`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from hie.base.finding import STORED, Disposition, Finding, answered
from hie.base.outcome import Answer, ItemOutcome, PartOutcome
from hie.base.systems import FINDING, RAW_ITEM
from hie.feeds.receipt import http_status, operation_outcome

CONTENT_TYPE = "application/fhir+json"

_STATUS = {Disposition.QUARANTINED: "202 Accepted", Disposition.REJECTED: "422 Unprocessable Entity"}
_READ = b'{"read":{"request":'
_ENTRY = re.compile(r"Bundle\.entry\[(\d+)\]")


def answer(outcome: ItemOutcome, now: datetime) -> Answer:
    """The answer for an item; `now` is not used, so that a resend gets the same bytes."""
    context: dict[str, Any] = outcome.context or {}
    status = http_status(outcome)
    kind, asked_for = context.get("kind", "transaction"), context.get("reads", {})
    settled = outcome.disposition in STORED or (kind == "batch" and outcome.parts)
    if settled and (outcome.parts or asked_for):
        methods = context.get("methods", ())
        entries = _batch(outcome.parts, methods) if kind == "batch" else _together(outcome.parts[0], methods)
        for place, asked in sorted(asked_for.items()):
            if kind == "batch":
                entries.insert(place, {"response": {}})
            entries[place] = _read(asked, entries[place]["response"])
        body: dict[str, Any] = {
            "resourceType": "Bundle",
            "identifier": {"system": RAW_ITEM, "value": outcome.id},
            "type": "batch-response" if kind == "batch" else "transaction-response",
            "entry": entries,
        }
        return Answer(orjson.dumps(body), CONTENT_TYPE, 200 if kind == "batch" else status)
    told = _outcome(answered(outcome.all_findings))
    if outcome.id:
        told = {"resourceType": "OperationOutcome", "id": outcome.id, "issue": told["issue"]}
    return Answer(orjson.dumps(told), CONTENT_TYPE, status)


def _outcome(findings: Sequence[Finding]) -> dict[str, Any]:
    """An OperationOutcome; the paths of findings about FHIR are FHIRPath."""
    told = operation_outcome(tuple(findings))
    for issue in told["issue"]:
        if "location" in issue:
            issue["expression"] = issue.pop("location")
    return told


def again(saved: bytes) -> bytes:
    """The saved answer for the same bytes once more: nothing is created any more (common rules §2.2)."""
    body = orjson.loads(saved)
    for entry in body.get("entry", ()):
        if entry["response"]["status"].startswith("201"):
            entry["response"]["status"] = "200 OK"
    known = {
        "severity": "information",
        "code": "duplicate",
        "details": {"coding": [{"system": FINDING, "code": "duplicate"}], "text": "The same bytes came before"},
    }
    if body["resourceType"] == "OperationOutcome":
        body["issue"] = [known, *body["issue"]]
    return orjson.dumps(body)


def outcome_of(response: Mapping[str, Any]) -> dict[str, Any]:
    """What is said about an entry that was stored: its OperationOutcome, or that there is nothing to say."""
    told: dict[str, Any] = response.get("outcome") or _outcome(())
    return told


def only_response(body: bytes) -> dict[str, Any]:
    """The response in the answer to a single resource; empty when it was not stored."""
    entries = orjson.loads(body).get("entry", ())
    return dict(entries[0]["response"]) if len(entries) == 1 else {}


def reads(body: bytes) -> bool:
    """Whether an answer has reads, which are to be answered before it leaves: entries `{"read": {"request": …,
    "named": …}, "response": …}` (`hie.parse.submission`)."""
    return _READ in body


def shown(answer: Answer) -> Answer:
    """An answer without what its reads ask for, which may name a patient."""
    if not reads(answer.body):
        return answer
    body = orjson.loads(answer.body)
    for entry in body["entry"]:
        entry.pop("read", None)
    return replace(answer, body=orjson.dumps(body))


def _read(asked: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    """The entry of a read while nobody has answered it; what is said about it stays."""
    said = {name: told for name, told in response.items() if name == "outcome"}
    return {"read": asked, "response": {"status": "", **said}}


def _batch(parts: Sequence[PartOutcome], methods: Sequence[str]) -> list[dict[str, Any]]:
    """One entry for each part: they were stored or refused one by one."""
    found = []
    for part in sorted(parts, key=lambda one: one.part):
        method = methods[part.part - 1] if 0 < part.part <= len(methods) else ""
        found.append(_entry(part, part.key, method, list(answered(part.findings))))
    return found


def _together(part: PartOutcome, methods: Sequence[str]) -> list[dict[str, Any]]:
    """One entry for each that was sent; what concerns the whole is said with the first."""
    names = part.key.split("|")
    told: dict[int, list[Finding]] = {}
    for one in answered(part.findings):
        match = _ENTRY.match(one.path)
        told.setdefault(int(match[1]) if match else 0, []).append(one)
    return [_entry(part, name, methods[n] if n < len(methods) else "", told.get(n, [])) for n, name in enumerate(names)]


def _entry(part: PartOutcome, name: str, method: str, findings: Sequence[Finding]) -> dict[str, Any]:
    how = part.original or part.disposition
    response: dict[str, Any] = {"status": _STATUS.get(how) or _status(part, name, method)}
    version = part.versions.get(name)
    if name and how in STORED and method != "DELETE":
        response["location"] = f"{name}/_history/{version}" if version else name
        if version:
            response["etag"] = f'W/"{version}"'
    if findings:
        response["outcome"] = _outcome(findings)
    return {"response": response}


def _status(part: PartOutcome, name: str, method: str) -> str:
    if method == "DELETE":
        return "204 No Content"
    return "201 Created" if part.versions.get(name) == 1 else "200 OK"
