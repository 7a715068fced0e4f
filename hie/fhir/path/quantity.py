"""FHIRPath quantities: an exact decimal and a unit, calendar units included (FHIRPath N1 §"Quantity")."""

from dataclasses import dataclass
from decimal import Decimal

_CALENDAR = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
CALENDAR_UNITS: dict[str, str] = {word: unit for unit in _CALENDAR for word in (unit, unit + "s")}
"""Calendar words, singular and plural, to the singular."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """`value` and `unit`: a UCUM code, or a calendar word in the singular."""

    value: Decimal
    unit: str

    def __str__(self) -> str:
        unit = self.unit if self.unit in CALENDAR_UNITS else f"'{self.unit}'"
        return f"{self.value} {unit}"
