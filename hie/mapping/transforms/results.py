"""Results: value, unit, reference range and interpretation of one observation (common rules §7).

`observation_result` puts all four together, because the range and the flag are judged against the value. Numbers are
`ExactDecimal`, so that `5.60` stays `5.60`; values are never converted. More than 30 digits are no number.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from hie.base.systems import CRITICAL_FLAGS, DATA_ABSENT_REASON, INTERPRETATION
from hie.base.text import half_width, trimmed
from hie.mapping.codes import CodeRow
from hie.mapping.context import Context
from hie.mapping.transforms.notes import Notes
from hie.mapping.transforms.texts import fits
from hie.wire.safejson import ExactDecimal

COMPARATORS: Mapping[str, str] = {"<": "<", "<=": "<=", "≤": "<=", ">": ">", ">=": ">=", "≥": ">="}
"""Sign before a number -> Quantity.comparator (common rules §7.1.2)."""

_NUMBER = r"-?(?:\d{1,30}(?:\.\d{1,30})?|\.\d{1,30})"
_PLAIN = re.compile(_NUMBER, re.ASCII)
_COMPARED = re.compile(rf"(<=|<|≤|>=|>|≥)\s*({_NUMBER})", re.ASCII)
_BETWEEN = re.compile(rf"({_NUMBER})\s*(?:--|-|~|—)\s*({_NUMBER})", re.ASCII)
_TIMES = re.compile(r"[×xX](?=10)")
_EXPONENT = re.compile(r"(?<=^10)[eE](?=\d)")


@dataclass(frozen=True, slots=True)
class Reading:
    """One number as sent; without a comparator it is the value itself."""

    number: Decimal
    comparator: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """A reference range read from text. `open_low` and `open_high`: the limit itself lies outside (`<5`)."""

    low: Decimal | None = None
    high: Decimal | None = None
    open_low: bool = False
    open_high: bool = False

    def holds(self, number: Decimal) -> bool:
        """Whether `number` lies inside."""
        if self.low is not None and (number < self.low or (self.open_low and number == self.low)):
            return False
        return self.high is None or not (number > self.high or (self.open_high and number == self.high))


@lru_cache(maxsize=8192)
def read_number(text: str) -> Reading | None:
    """The number, with its comparator if it has one, that `text` states; None when it states none (§7.1.1-2)."""
    folded = half_width(text).strip()
    if _PLAIN.fullmatch(folded):
        return Reading(_decimal(folded))
    match = _COMPARED.fullmatch(folded)
    return Reading(_decimal(match[2]), COMPARATORS[match[1]]) if match else None


@lru_cache(maxsize=8192)
def _decimal(text: str) -> Decimal:
    """The number with the digits it was sent with; a zero is put before a leading point, as JSON wants it."""
    return ExactDecimal(f"{Decimal(text):f}")


@lru_cache(maxsize=8192)
def read_range(text: str) -> Range | None:
    """The limits that a reference range text states; None when it is words only (§7.3)."""
    folded = half_width(text).strip()
    match = _BETWEEN.fullmatch(folded)
    if match:
        return Range(low=_decimal(match[1]), high=_decimal(match[2]))
    found = read_number(folded)
    if found is None or not found.comparator:
        return None
    is_open = len(found.comparator) == 1
    if found.comparator[0] == "<":
        return Range(high=found.number, open_high=is_open)
    return Range(low=found.number, open_low=is_open)


@lru_cache(maxsize=2048)
def fold_unit(text: str) -> str:
    """A unit as it is looked up: half width, μ and µ as u, without a multiplication sign, `10e9` as `10^9` (§7.2)."""
    folded = half_width(text).strip().replace("μ", "u").replace("µ", "u")
    return _EXPONENT.sub("^", _TIMES.sub("", folded, count=1))


def unit_parts(unit: str, context: Context) -> dict[str, str]:
    """`unit` as sent, with `system` and `code` when it has a UCUM code; else `unit-unmapped` is noted (§7.2)."""
    sent = trimmed(unit)
    if sent is None:
        return {}
    fits(sent, "short", context)
    row = _unit_row(sent, context)
    if row is None or not row.target_code:
        context.note("unit-unmapped")
        return {"unit": sent}
    return {"unit": sent, "system": row.target_system, "code": row.target_code}


def _unit_row(sent: str, context: Context) -> CodeRow | None:
    """The line of the code map `<region>-unit` of the package, else that of `unit`."""
    folded = fold_unit(sent)
    own = context.codes.get(f"{context.region}-unit")
    row = (own.rows.get(sent) or own.rows.get(folded)) if own is not None else None
    return row or context.codes["unit"].rows.get(folded)


def absent() -> dict[str, Any]:
    """The `dataAbsentReason` of a result without value (§7.1.6)."""
    return {"coding": [{"system": DATA_ABSENT_REASON, "code": "unknown", "display": "Unknown"}]}


def result_value(value: Any, context: Context, *, unit: Any = None, numeric: bool = False) -> dict[str, Any] | None:
    """A choice `value[x]` by the rules of §7.1; None when there is no value.

    `numeric`: the source declared a number (HL7 NM, CDA REAL); anything else is then noted.
    """
    sent = trimmed(value)
    if sent is None:
        return None
    reading = read_number(sent)
    if reading is not None:
        return {"valueQuantity": _quantity(reading, unit_parts(unit or "", context))}
    fits(sent, "long", context)
    folded = half_width(sent)
    if folded == "-":
        context.note("value-ambiguous")
        return {"valueString": sent}
    if numeric:
        context.note("value-not-numeric")
    row = context.codes["qualitative"].rows.get(folded)
    if row is None or row.target is None:
        return {"valueString": sent}
    return {"valueCodeableConcept": {"coding": [row.target], "text": sent}}


def _quantity(reading: Reading, unit: Mapping[str, str]) -> dict[str, Any]:
    compared = {"comparator": reading.comparator} if reading.comparator else {}
    return {"value": reading.number, **compared, **unit}


def reference_range(value: Any, context: Context, *, unit: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    """An item of `referenceRange`: the text as sent, low and high with the unit of the value (§7.3), or the
    one sent beside a word.

    `unit` are the parts that `unit_of` gave.
    """
    sent = trimmed(value)
    if sent is None:
        return None
    fits(sent, "short", context)
    limits = read_range(sent)
    found: dict[str, Any] = {}
    for name in ("low", "high"):
        limit = getattr(limits, name, None)
        if limit is not None:
            found[name] = {"value": limit, **(unit or {})}
    return {**found, "text": sent}


def interpretation(
    value: Any, context: Context, *, table: str = "interpretation", name: Any = None
) -> dict[str, Any] | None:
    """A CodeableConcept of v3-ObservationInterpretation by a code map: `interpretation`, or a local one (§7.4).

    A local flag stays first and `userSelected`; `name` is the name sent with it. HH, LL and AA are `critical-value`.
    """
    sent = trimmed(value)
    if sent is None:
        return None
    fits(sent, "code", context)
    found = context.codes[table].translate(half_width(sent), trimmed(name) or "", context)
    if found.code in CRITICAL_FLAGS:
        context.note("critical-value")
    if found.target is not None and found.source.get("system") == found.target.get("system"):
        return {"coding": [dict(found.target)]}
    return found.concept


def judge(reading: Reading | None, limits: Range | None, flags: Sequence[str], context: Notes) -> None:
    """Note `range-flag-conflict` when number, range and flag do not go together (§7.4).

    A number with a comparator, a missing range or flag, and the flags A and AA are not judged.
    """
    if reading is None or reading.comparator or limits is None:
        return
    inside = limits.holds(reading.number)
    normal = "N" in flags
    directed = any(flag in ("H", "HH", "L", "LL") for flag in flags)
    if (normal and not inside) or (directed and inside):
        context.note("range-flag-conflict")


def observation_result(
    value: Any,
    context: Context,
    *,
    numeric: bool = False,
    unit: Any = None,
    reference: Any = None,
    flags: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The slots that one result states: `value[x]` or `dataAbsentReason`, `referenceRange[]`, `interpretation[]`.

    `flags` are CodeableConcepts that `interpretation` made. Without a value `dataAbsentReason` is `unknown` (§7.1.6).
    """
    chosen = result_value(value, context, unit=unit, numeric=numeric)
    slots: dict[str, Any] = {}
    if chosen is None:
        slots["dataAbsentReason"] = absent()
    else:
        slots["value[x]"] = chosen
    sent = trimmed(reference)
    if sent is not None:
        slots["referenceRange[]"] = [reference_range(sent, context, unit=unit_of(chosen, unit, context))]
    if flags:
        slots["interpretation[]"] = [dict(flag) for flag in flags]
    reading = read_number(str(trimmed(value) or ""))
    judge(reading, read_range(sent) if sent else None, [code for flag in flags for code in _codes(flag)], context)
    return slots


def unit_of(chosen: Mapping[str, Any] | None, unit: Any, context: Context) -> dict[str, str]:
    """The parts of the unit of a result: of its quantity, or as sent beside a word or no value, for the range."""
    quantity = (chosen or {}).get("valueQuantity")
    if quantity is None:
        return unit_parts(unit or "", context)
    return {name: quantity[name] for name in ("unit", "system", "code") if name in quantity}


def _codes(flag: Mapping[str, Any]) -> list[str]:
    """The codes of v3-ObservationInterpretation in a CodeableConcept."""
    return [c["code"] for c in flag.get("coding", ()) if c.get("system") == INTERPRETATION]


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "interpretation": interpretation,
    "reference-range": reference_range,
    "result-value": result_value,
}
"""Transforms of this module by the name maps use."""
