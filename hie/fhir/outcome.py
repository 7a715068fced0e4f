"""OperationOutcome: what went wrong, or is worth knowing, as FHIR says it (FHIR R4 operationoutcome)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from hie.base.errors import HieError
from hie.base.systems import CORE

RULES = "urn:hie:validation-rules"
"""Code system of the rule keys in `details`."""

_PLACE = re.compile(r"\bline ([0-9]{1,9}), column ([0-9]{1,9})\b")


class Problem(Protocol):
    """What can be told in an OperationOutcome: `Issue`, and what the validator reports."""

    @property
    def severity(self) -> str:
        """fatal, error, warning or information."""
        ...

    @property
    def code(self) -> str:
        """An IssueType."""
        ...

    @property
    def diagnostics(self) -> str:
        """A plain sentence."""
        ...

    @property
    def expression(self) -> tuple[str, ...]:
        """The FHIRPath of the element at fault."""
        ...

    @property
    def rule(self) -> str:
        """The key of the rule at fault, empty where there is none."""
        ...

    @property
    def line(self) -> int:
        """The line in the text, 0 when not known."""
        ...

    @property
    def column(self) -> int:
        """The column in the line."""
        ...

    @property
    def fails(self) -> bool:
        """Whether the request cannot succeed with it."""
        ...


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue.

    `severity` is fatal, error, warning or information; `code` an IssueType; `diagnostics` a plain sentence without
    patient data; `expression` the FHIRPath of the element, or the parameter (`http.<name>`), at fault.

    From the validator: `rule` the key of the constraint (`per-1`) or the name of our rule (`cardinality-min`),
    `pointer` the place in JSON as keys and indexes, `line` and `column` in the text (from 1; 0 when not known).
    """

    severity: str
    code: str
    diagnostics: str
    expression: tuple[str, ...] = ()
    rule: str = ""
    pointer: tuple[str | int, ...] = ()
    line: int = 0
    column: int = 0

    @property
    def fails(self) -> bool:
        """Whether the request cannot succeed with it."""
        return self.severity in ("error", "fatal")


def issue_of(error: HieError) -> Issue:
    """The issue that tells a caller about a situation; a message about a text names line and column."""
    place = _PLACE.search(error.message)
    line, column = (int(place[1]), int(place[2])) if place is not None else (0, 0)
    where = (error.expression,) if error.expression else ()
    return Issue("error", error.issue, error.message, where, line=line, column=column)


def outcome(issues: Iterable[Problem]) -> dict[str, Any]:
    """An OperationOutcome resource; one informational issue when there are none."""
    rows = [_row(issue) for issue in issues]
    return {"resourceType": "OperationOutcome", "issue": rows or [_row(ALL_OK)]}


def outcome_bytes(issues: Iterable[Problem]) -> bytes:
    """The JSON of `outcome`."""
    return orjson.dumps(outcome(issues))


def _row(issue: Problem) -> dict[str, Any]:
    row: dict[str, Any] = {"severity": issue.severity, "code": issue.code, "diagnostics": issue.diagnostics}
    if issue.expression:
        row["expression"] = list(issue.expression)
    if issue.rule:
        row["details"] = {"coding": [{"system": RULES, "code": issue.rule}]}
    if issue.line:
        text = f"第 {issue.line} 行第 {issue.column} 列 · line {issue.line}, column {issue.column}"
        row["details"] = {**row.get("details", {}), "text": text}
        row["extension"] = [
            {"url": f"{CORE}operationoutcome-issue-line", "valueInteger": issue.line},
            {"url": f"{CORE}operationoutcome-issue-col", "valueInteger": issue.column},
        ]
    return row


ALL_OK = Issue("information", "informational", "No problems found")
"""What an OperationOutcome says when there is nothing to say (`issue` is 1..*)."""
