"""`hie validate`: resources in files against the base definitions and profiles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hie.app.adapters import load_adapters
from hie.app.terminology import shipped_terminology
from hie.fhir.definitions import load_definitions
from hie.fhir.outcome import Issue
from hie.fhir.validate import load_validator


@dataclass(frozen=True)
class ValidatedFile:
    """One file and what is wrong with its resource, the gravest first."""

    path: Path
    issues: tuple[Issue, ...]

    @property
    def valid(self) -> bool:
        """Whether no issue is an error."""
        return not any(issue.fails for issue in self.issues)


_RANK = {"fatal": 0, "error": 1, "warning": 2, "information": 3}


def validate_files(
    files: Sequence[Path], profiles: Sequence[str] = (), codes: Path | None = None
) -> Iterator[ValidatedFile]:
    """Validate JSON and XML files one by one; raises `OSError` for one that cannot be read.

    `codes` is the file of large code systems to hold codes against.
    """
    definitions = load_definitions()
    validator = load_validator(definitions, shipped_terminology(definitions, load_adapters(), codes))
    for path in files:
        issues = validator.validate_text(path.read_bytes(), profiles=profiles)
        yield ValidatedFile(path, tuple(sorted(issues, key=lambda issue: _RANK[issue.severity])))


def issue_line(issue: Issue) -> str:
    """An issue as one line: place, severity, rule, element, sentence."""
    place = f"{issue.line}:{issue.column}" if issue.line else "-"
    return f"{place:>8}  {issue.severity:<11}  {issue.rule:<20}  {' '.join(issue.expression)}  {issue.diagnostics}"
