"""One Observation as it is shown: value as written, unit, range, flag. Nothing is rounded or converted."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hie.browse.elements import Resource, code_in, concept_text, first, items, text_of
from hie.browse.place import Place
from hie.wire.safejson import ExactDecimal

INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
LOINC = "http://loinc.org"
AMENDED = frozenset({"amended", "corrected", "appended"})
WITHDRAWN = "entered-in-error"


@dataclass(frozen=True, slots=True)
class Flag:
    """How one interpretation is shown: `code` is the key of its word, `arrow` stands before it, `rank` sorts."""

    code: str
    arrow: str
    rank: int

    @property
    def abnormal(self) -> bool:
        """Whether it deserves a mark."""
        return self.rank < 4

    @property
    def critical(self) -> bool:
        """Whether it is a critical value."""
        return self.rank == 0


FLAGS: Mapping[str, Flag] = {
    "HH": Flag("HH", "↑↑", 0),
    "LL": Flag("LL", "↓↓", 0),
    "AA": Flag("AA", "‼", 0),
    "HU": Flag("H", "↑", 1),
    "H": Flag("H", "↑", 1),
    "LU": Flag("L", "↓", 1),
    "L": Flag("L", "↓", 1),
    "A": Flag("A", "※", 2),
    "N": Flag("N", "", 5),
}
"""Interpretation codes that have a mark (common rules §7.4)."""
UNKNOWN = Flag("unknown", "", 4)
_COMPARATORS = {"<=": "≤", ">=": "≥"}


@dataclass(frozen=True, slots=True)
class Result:
    """One result. `value` is the text of the source decimal, `range` empty when the laboratory gave none.

    `derived` says that the flag is ours, from the laboratory's own range, because the source gave none.
    `number` is for drawing only and None when the value is no plain number.
    """

    id: str
    name: str
    value: str
    unit: str
    range: str
    flag: Flag
    derived: bool
    status: str
    at: str
    loinc: str
    number: Decimal | None
    unit_code: str
    low: Decimal | None
    high: Decimal | None
    notes: tuple[str, ...]
    method: str
    device: str
    long: bool
    place: Place

    @property
    def amended(self) -> bool:
        """Whether the issuer has changed it since."""
        return self.status in AMENDED

    @property
    def withdrawn(self) -> bool:
        """Whether the issuer has taken it back."""
        return self.status == WITHDRAWN


def value_text(observation: Resource) -> str:
    """The value without unit, exactly as stored; empty when there is none."""
    if "valueQuantity" in observation:
        return quantity_text(first(observation, "valueQuantity"))
    if "valueCodeableConcept" in observation:
        return concept_text(first(observation, "valueCodeableConcept"))
    for name in ("valueString", "valueInteger", "valueDateTime", "valueTime"):
        if name in observation:
            return text_of(observation, name)
    if "valueBoolean" in observation:
        return "是" if observation["valueBoolean"] else "否"
    return ""


def quantity_text(quantity: Resource) -> str:
    """Comparator and decimal as written."""
    sign = text_of(quantity, "comparator")
    return _COMPARATORS.get(sign, sign) + number_text(quantity.get("value"))


def number_text(value: Any) -> str:
    """A JSON number as it was written: every digit stays."""
    if isinstance(value, ExactDecimal):
        return value.text
    return "" if value is None else str(value)


def unit_text(quantity: Resource) -> str:
    """The unit as sent, else its code."""
    return text_of(quantity, "unit") or text_of(quantity, "code")


def range_text(observation: Resource) -> str:
    """The issuing laboratory's own range: its text, else its bounds, one-sided ones too; empty when none was given."""
    reference = first(observation, "referenceRange")
    if text := text_of(reference, "text"):
        return text
    low, high = (number_text(first(reference, side).get("value")) for side in ("low", "high"))
    if low and high:
        return f"{low}-{high}"
    return f"≥{low}" if low else f"≤{high}" if high else ""


def decimal(value: Any) -> Decimal | None:
    """A JSON number for comparing and drawing."""
    return Decimal(str(value)) if isinstance(value, Decimal | int | float) and not isinstance(value, bool) else None


def flag_of(observation: Resource) -> tuple[Flag, bool]:
    """The flag and whether it is derived. The flag of the source wins, whatever value and range say."""
    for concept in items(observation, "interpretation"):
        code = code_in(concept, INTERPRETATION)
        if code in FLAGS:
            return FLAGS[code], False
        if code or concept_text(concept):
            return UNKNOWN, False
    return _derived(observation)


def _derived(observation: Resource) -> tuple[Flag, bool]:
    quantity = first(observation, "valueQuantity")
    value = decimal(quantity.get("value"))
    if value is None or "comparator" in quantity:
        return UNKNOWN, False
    low, high = bounds(observation)
    if low is None and high is None:
        return UNKNOWN, False
    if low is not None and value < low:
        return FLAGS["L"], True
    if high is not None and value > high:
        return FLAGS["H"], True
    return FLAGS["N"], True


def bounds(observation: Resource) -> tuple[Decimal | None, Decimal | None]:
    """Low and high of the reference range."""
    reference = first(observation, "referenceRange")
    return decimal(first(reference, "low").get("value")), decimal(first(reference, "high").get("value"))


def result(observation: Resource, place: Place) -> Result:
    """One Observation as a `Result`."""
    flag, derived = flag_of(observation)
    quantity = first(observation, "valueQuantity")
    low, high = bounds(observation)
    value = value_text(observation)
    return Result(
        id=text_of(observation, "id"),
        name=concept_text(first(observation, "code")),
        value=value,
        unit=unit_text(quantity),
        range=range_text(observation),
        flag=flag,
        derived=derived,
        status=text_of(observation, "status"),
        at=text_of(observation, "effectiveDateTime"),
        loinc=code_in(first(observation, "code"), LOINC),
        number=None if "comparator" in quantity else decimal(quantity.get("value")),
        unit_code=text_of(quantity, "code") or text_of(quantity, "unit"),
        low=low,
        high=high,
        notes=tuple(t for n in items(observation, "note") if (t := text_of(n, "text"))),
        method=concept_text(first(observation, "method")),
        device=text_of(first(observation, "device"), "display"),
        long=len(value) > 60 or "\n" in value,
        place=place,
    )
