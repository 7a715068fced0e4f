"""A context of the least a transform needs, which remembers what was noted."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from hie.base.systems import identifier_system

ORGANISATION = "12310118MBHE03010J"


@dataclass
class Notebook:
    received: datetime = datetime(2026, 4, 10, 12, 0, tzinfo=UTC)
    codes: list[str] = field(default_factory=list)

    def note(self, code: str, detail: str = "") -> None:
        self.codes.append(code)

    def local_system(self, kind: str) -> str:
        return identifier_system(ORGANISATION, kind)
