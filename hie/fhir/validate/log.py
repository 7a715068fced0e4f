"""The issues of one validation, each once."""

from dataclasses import dataclass, field

from hie.fhir.outcome import Issue
from hie.fhir.place import Place


@dataclass
class Log:
    """Collects issues in the order in which they are found; a profile repeats what its base says, the log does not."""

    issues: list[Issue] = field(default_factory=list)
    _seen: set[tuple[str, str, str, str]] = field(default_factory=set)

    def report(self, severity: str, code: str, rule: str, text: str, place: Place) -> None:
        """Add an issue, unless the same is known of the place already."""
        key = (severity, rule, text, place.expression)
        if key not in self._seen:
            self._seen.add(key)
            self.issues.append(Issue(severity, code, text, (place.expression,), rule, place.pointer))

    def error(self, code: str, rule: str, text: str, place: Place) -> None:
        """Add an error."""
        self.report("error", code, rule, text, place)
