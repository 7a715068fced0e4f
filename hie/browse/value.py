"""One value[x] as text: as written, neither rounded nor converted (R4 Observation.value[x])."""

from collections.abc import Callable, Mapping
from typing import Any

from hie.base.resource import Resource
from hie.browse.dates import shown
from hie.browse.elements import concept_text, first, items, text_of
from hie.fhir.quantity import same_unit
from hie.wire.safejson import ExactDecimal

_COMPARATORS = {"<=": "≤", ">=": "≥"}


def value_text(holder: Resource) -> str:
    """The value of an Observation or component without its unit, if it has only one; empty when there is no value.

    A range reads `1-3`, a ratio `1:320`; times are those of China.
    """
    return next((read(holder) for name, read in _VALUES.items() if name in holder), "")


def value_unit(holder: Resource) -> str:
    """The unit of a quantity or range; empty for any other value."""
    bounds = first(holder, "valueRange")
    return unit_text(first(holder, "valueQuantity") or first(bounds, "low") or first(bounds, "high"))


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


def between(bounds: Resource) -> str:
    """The numbers of a Range or reference range; one-sided ones too."""
    low, high = (number_text(first(bounds, side).get("value")) for side in ("low", "high"))
    if low and high:
        return f"{low}-{high}"
    return f"≥{low}" if low else f"≤{high}" if high else ""


def _ratio(holder: Resource) -> str:
    """A titre reads `1:320`, a ratio of measures `5 mg/2 mL`."""
    sides = [first(first(holder, "valueRatio"), side) for side in ("numerator", "denominator")]
    sign = "/" if any(unit_text(side) for side in sides) else ":"
    return sign.join(f"{quantity_text(side)} {unit_text(side)}".strip() for side in sides)


def _period(holder: Resource) -> str:
    period = first(holder, "valuePeriod")
    return " → ".join(shown(at) for side in ("start", "end") if (at := text_of(period, side)))


def _as_written(name: str) -> Callable[[Resource], str]:
    return lambda holder: text_of(holder, name)


_VALUES: Mapping[str, Callable[[Resource], str]] = {
    "valueQuantity": lambda holder: quantity_text(first(holder, "valueQuantity")),
    "valueCodeableConcept": lambda holder: concept_text(first(holder, "valueCodeableConcept")),
    "valueString": _as_written("valueString"),
    "valueInteger": _as_written("valueInteger"),
    "valueBoolean": lambda holder: text_of(holder, "valueBoolean").lower(),
    "valueDateTime": lambda holder: shown(text_of(holder, "valueDateTime")),
    "valueTime": _as_written("valueTime"),
    "valueRange": lambda holder: between(first(holder, "valueRange")),
    "valueRatio": _ratio,
    "valuePeriod": _period,
    "valueSampledData": lambda holder: text_of(first(holder, "valueSampledData"), "data"),
}


def range_text(holder: Resource) -> str:
    """The issuing laboratory's own ranges: text, else bounds; for whom, when it says so; empty when none was given."""
    value = first(holder, "valueQuantity")
    return "; ".join(t for r in items(holder, "referenceRange") if (t := _one_range(r, value)))


def _one_range(reference: Resource, value: Resource) -> str:
    text = text_of(reference, "text")
    if not text and (text := between(reference)):
        bound = first(reference, "low") or first(reference, "high")
        text = text if same_unit(bound, value) else f"{text} {unit_text(bound)}"
    age = first(reference, "age")
    if not age and "appliesTo" not in reference:
        return text
    unit = unit_text(first(age, "low") or first(age, "high"))
    whom = [concept_text(c) for c in items(reference, "appliesTo")] + [f"{between(age)} {unit}".strip()]
    named = "、".join(w for w in whom if w)
    return f"{named}: {text}" if named and text else text
