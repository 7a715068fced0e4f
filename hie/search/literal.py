"""What is written in a search value: escapes, and ordered values as ranges (FHIR R4 search §3.1.1.4)."""

import re
from decimal import Decimal

from hie.search import values
from hie.search.clause import Op, RangeTest

_RANGED = (Op.EQ, Op.NE)
_APPROXIMATE = 10
"""`ap` reaches a tenth of the distance of a date from now."""


def split(text: str, separator: str) -> list[str]:
    """The parts of `text` between separators that are not escaped by a backslash; escapes stay in the parts."""
    if "\\" not in text:
        return text.split(separator)
    parts, here, escaped = [], "", False
    for char in text:
        if char == separator and not escaped:
            parts.append(here)
            here = ""
            continue
        escaped = char == "\\" and not escaped
        here += char
    return [*parts, here]


def unescape(text: str) -> str:
    r"""`\,`, `\$`, `\|` and `\\` as the characters they stand for."""
    return re.sub(r"\\([,$|\\])", r"\1", text) if "\\" in text else text


def number(text: str) -> tuple[Op, Decimal]:
    """The prefix (`eq` when there is none) and the number behind it; ValueError for what is not a number."""
    prefix, rest = values.split_prefix(text)
    found = values.number(rest)
    if found is None:
        raise ValueError("takes a number, such as 5.4 or gt5.4")
    return Op(prefix), found


def number_bounds(op: Op, value: Decimal) -> tuple[Decimal, Decimal]:
    """What `op` compares with: the written precision (`eq`, `ne`), a tenth to each side (`ap`), else the value."""
    if op in _RANGED:
        return values.precision_range(value)
    return values.about(value) if op is Op.AP else (value, value)


def number_range(text: str) -> RangeTest:
    """A number with its prefix; ValueError for what is not a number."""
    op, value = number(text)
    low, high = number_bounds(op, value)
    return RangeTest(op, float(low), float(high))


def date_range(text: str, now: int) -> RangeTest:
    """A date with its prefix, in microseconds; `ap` measures its distance from `now`. ValueError for no date."""
    prefix, rest = values.split_prefix(text)
    found = values.date_range(rest.replace(" ", "+"))
    if found is None:
        raise ValueError("takes a date, such as 2026-01-18 or ge2026-01")
    low, high = found
    if prefix == Op.AP:
        reach = abs(now - low) // _APPROXIMATE
        return RangeTest(Op.AP, low - reach, high + reach, rest)
    return RangeTest(Op(prefix), low, high)
