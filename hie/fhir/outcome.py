"""OperationOutcome: what went wrong, or is worth knowing, as FHIR says it (FHIR R4 operationoutcome)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from hie.base.errors import HieError


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
    def fails(self) -> bool:
        """Whether the request cannot succeed with it."""
        ...


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue.

    `severity` is fatal, error, warning or information; `code` an IssueType; `diagnostics` a plain sentence without
    patient data; `expression` the FHIRPath of the element, or the parameter (`http.<name>`), at fault.
    """

    severity: str
    code: str
    diagnostics: str
    expression: tuple[str, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether the request cannot succeed with it."""
        return self.severity in ("error", "fatal")


def issue_of(error: HieError) -> Issue:
    """The issue that tells a caller about a situation."""
    return Issue("error", error.issue, error.message, (error.expression,) if error.expression else ())


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
    return row


ALL_OK = Issue("information", "informational", "No problems found")
"""What an OperationOutcome says when there is nothing to say (`issue` is 1..*)."""
