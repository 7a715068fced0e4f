"""Numbers and quantities to entries, as ranges; a quantity in UCUM in its base unit as well (FHIR R4 search §3.1.1.4).

Each function takes the list to fill, the parameter's code and the value, as those of `hie.search.emit` do.
"""

from typing import Any

from hie.fhir.ucum import UCUM, convert
from hie.search.values import HIGHEST, LOWEST, canonical, number

Out = list[Any]
"""Entries are added to it."""

CURRENCY_SYSTEM = "urn:iso:std:iso:4217"


def number_plain(out: Out, code: str, value: Any) -> None:
    """A number, as a range of no width."""
    found = number(value)
    if found is not None:
        out.append((code, float(found), float(found)))


def _ends(value: Any) -> tuple[Any, Any]:
    low, high = value.get("low") or {}, value.get("high") or {}
    return low.get("value"), high.get("value")


def number_range(out: Out, code: str, value: Any) -> None:
    """A Range without its unit; a missing end is open."""
    low, high = (number(end) for end in _ends(value))
    if low is not None or high is not None:
        out.append((code, LOWEST if low is None else float(low), HIGHEST if high is None else float(high)))


def _canonical(value: Any, unit: str, open_end: float) -> tuple[float, str] | None:
    if value is None:
        known = canonical("0", unit)
        return known and (open_end, known[1])
    return canonical(value if isinstance(value, str) else str(value), unit)


def _quantity(out: Out, code: str, low: Any, high: Any, value: Any) -> None:
    system, unit = value.get("system") or "", value.get("code") or ""
    first, last = number(low), number(high)
    ends = (LOWEST if first is None else float(first), HIGHEST if last is None else float(last))
    named = value.get("unit") or ""
    if system == UCUM and unit:
        bottom, top = _canonical(low, unit, LOWEST), _canonical(high, unit, HIGHEST)
        if bottom and top:
            out.append((code, *ends, system, unit, named, bottom[0], top[0], bottom[1]))
            return
    out.append((code, *ends, system, unit, named, None, None, None))


def quantity(out: Out, code: str, value: Any) -> None:
    """A Quantity; one with a comparator is open on that side."""
    amount = value.get("value")
    if amount is None:
        return
    if "comparator" in value:
        below = value["comparator"].startswith("<")
        _quantity(out, code, None if below else amount, amount if below else None, value)
        return
    get = value.get
    system, unit = get("system") or "", get("code") or ""
    exact = float(amount)
    if system == UCUM and unit:
        found = canonical(str(amount), unit)
        if found:
            out.append((code, exact, exact, system, unit, get("unit") or "", found[0], found[0], found[1]))
            return
    out.append((code, exact, exact, system, unit, get("unit") or "", None, None, None))


def quantity_money(out: Out, code: str, value: Any) -> None:
    """Money, with its currency (ISO 4217) as the unit."""
    amount = number(value.get("value"))
    if amount is not None:
        currency = value.get("currency") or ""
        exact = float(amount)
        out.append((code, exact, exact, CURRENCY_SYSTEM, currency, currency, None, None, None))


def quantity_range(out: Out, code: str, value: Any) -> None:
    """Both ends in the unit of the first: 10 months to 2 years is 10 to 24 months."""
    low, high = _ends(value)
    if low is not None and high is not None:
        high = _in_unit_of(value["low"], value["high"])
    if low is not None or high is not None:
        _quantity(out, code, low, high, value["high"] if low is None else value["low"])


def _in_unit_of(first: Any, last: Any) -> Any:
    """The value of `last` in the unit of `first`; as it is unless both are UCUM and measure the same."""
    codes = first.get("code"), last.get("code")
    amount = number(last["value"])
    if codes[0] == codes[1] or amount is None or not first.get("system") == last.get("system") == UCUM:
        return last["value"]
    moved = convert(amount, codes[1] or "", codes[0] or "")
    return last["value"] if moved is None else moved


def quantity_sampled(out: Out, code: str, value: Any) -> None:
    """The range that the samples span: origin + factor * sample."""
    origin = value.get("origin") or {}
    start = number(origin.get("value"))
    samples = [found for found in map(number, (value.get("data") or "").split()) if found is not None]
    if start is None or not samples:
        return
    factor = number(value.get("factor", 1)) or 1
    ends = sorted((start + factor * min(samples), start + factor * max(samples)))
    _quantity(out, code, ends[0], ends[1], origin)
