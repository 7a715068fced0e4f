"""Predicates about the form and size of values: patterns, decimals, numbers, dates that can be."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from hie.quality.about import About, Stated
from hie.quality.element import reader
from hie.quality.predicate import Predicate, ResourceTest
from hie.quality.times import moment


def matches(*, element: str, pattern: str, unless: str = "") -> ResourceTest:
    """Every value of the element has the form of `pattern`; values like `unless` are not judged."""
    read, form = reader(element), re.compile(pattern)
    spared = re.compile(unless) if unless else None

    def test(stated: Stated, about: About) -> bool:
        return all(
            form.fullmatch(value) is not None or (spared is not None and spared.fullmatch(value) is not None)
            for value in read(stated.resource)
            if isinstance(value, str)
        )

    return test


def code_matches(*, element: str, system: str, pattern: str) -> ResourceTest:
    """The codes that a concept has from the system have the form of `pattern`."""
    read, form = reader(f"{element}.coding"), re.compile(pattern)

    def test(stated: Stated, about: About) -> bool:
        return all(
            form.fullmatch(str(coding.get("code", ""))) is not None
            for coding in read(stated.resource)
            if coding.get("system") == system
        )

    return test


def item_matches(*, element: str, system: str, pattern: str) -> ResourceTest:
    """The values of the identifiers or contacts of `element` with this system have the form of `pattern`."""
    read, form = reader(element), re.compile(pattern)

    def test(stated: Stated, about: About) -> bool:
        return all(
            form.fullmatch(str(item.get("value", ""))) is not None
            for item in read(stated.resource)
            if item.get("system") == system
        )

    return test


def within(*, element: str, low: float | None = None, high: float | None = None) -> ResourceTest:
    """Every number of the element lies between `low` and `high`, both included."""
    read = reader(element)
    least, most = (None if limit is None else Decimal(str(limit)) for limit in (low, high))

    def test(stated: Stated, about: About) -> bool:
        return all(
            (least is None or number >= least) and (most is None or number <= most)
            for value in read(stated.resource)
            if (number := as_number(value)) is not None
        )

    return test


def decimals(*, element: str, digits: int) -> ResourceTest:
    """Every number of the element is written with this many decimals; quantities with a comparator are not judged."""
    read = reader(element)

    def test(stated: Stated, about: About) -> bool:
        return all(
            quantity["value"].as_tuple().exponent == -digits
            for quantity in read(stated.resource)
            if not quantity.get("comparator") and isinstance(quantity.get("value"), Decimal)
        )

    return test


def not_before(*, element: str, first: str) -> ResourceTest:
    """No date of the element lies before `first`."""
    read, start = reader(element), moment(first)
    if start is None:
        raise ValueError(f"{first!r} is no date")

    def test(stated: Stated, about: About) -> bool:
        moments = (moment(value) for value in read(stated.resource))
        return not any(found is not None and found.is_before(start) for found in moments)

    return test


def range_forward(stated: Stated, about: About) -> bool:
    """No reference range has a low above its high."""
    for limits in stated.resource.get("referenceRange", ()):
        low, high = quantity_number(limits.get("low")), quantity_number(limits.get("high"))
        if low is not None and high is not None and low > high:
            return False
    return True


def as_number(value: Any) -> Decimal | None:
    """A number as Decimal, None for what is none (`NaN` and `Infinity` are words)."""
    if isinstance(value, bool):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def quantity_number(quantity: Mapping[str, Any] | None) -> Decimal | None:
    """The number of a Quantity; one with a comparator is not judged."""
    if not quantity or quantity.get("value") is None or quantity.get("comparator"):
        return None
    return as_number(quantity["value"])


PREDICATES = {
    "matches": Predicate("resource", matches, ("element",)),
    "code-matches": Predicate("resource", code_matches, ("element",)),
    "item-matches": Predicate("resource", item_matches, ("element",)),
    "within": Predicate("resource", within, ("element",)),
    "decimals": Predicate("resource", decimals, ("element",)),
    "not-before": Predicate("resource", not_before, ("element",)),
    "range-forward": Predicate("resource", lambda: range_forward),
}
