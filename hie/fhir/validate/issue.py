"""What the validator reports, and where."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Issue severities (FHIR R4 value set issue-severity)."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong, or worth knowing.

    `code` is an IssueType; `diagnostics` a plain sentence without patient data; `expression` the FHIRPath of the
    element; `rule` the key of the constraint (`per-1`) or the name of our rule (`cardinality-min`); `pointer` the place
    in JSON as keys and indexes; `line` and `column` count from 1, 0 when the source text was not given.
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
        """Whether the resource is not valid because of it."""
        return self.severity in (Severity.ERROR, Severity.FATAL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: its FHIRPath and its JSON pointer."""

    expression: str
    pointer: tuple[str | int, ...] = ()

    def member(self, key: str, name: str | None = None) -> "Place":
        """The member `key` of the object here; `name` is the element name of a choice (`value` of `valueString`)."""
        return Place(f"{self.expression}.{name or key}", (*self.pointer, key))

    def item(self, index: int) -> "Place":
        """The item of the array here."""
        return Place(f"{self.expression}[{index}]", (*self.pointer, index))
