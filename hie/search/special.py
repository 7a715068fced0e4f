"""Search parameters with a meaning of their own: `_id`, `_lastUpdated`, `_text`, `_content`, `near` (FHIR R4 search
§3.1.1.4, Location)."""

from collections.abc import Callable, Sequence

from hie.search import literal
from hie.search.clause import Clause, IdIs, Kind, Near, Not, Or, UpdatedIs, Words
from hie.search.fold import fold
from hie.search.setting import Setting, invalid, no_modifier
from hie.search.text import pieces
from hie.search.value_tests import range_test

_KM = {"km": 1.0, "m": 0.001, "[mi_us]": 1.609347219, "[mi_i]": 1.609344, "mi": 1.609344, "": 1.0}
_HALF_ROUND_KM = 20_100.0
"""No two places are further apart."""
_NEAR_KM = 10.0
"""The distance of `near` when none is given."""


def _id(setting: Setting, label: str, modifier: str | None, texts: Sequence[str]) -> Clause:
    if modifier not in (None, "not"):
        no_modifier(label, modifier)
    named = IdIs(tuple(literal.unescape(value) for value in texts))
    return Not(named) if modifier else named


def _updated(setting: Setting, label: str, modifier: str | None, texts: Sequence[str]) -> Clause:
    no_modifier(label, modifier)
    try:
        return UpdatedIs(tuple(range_test(setting, Kind.DATE, value) for value in texts))
    except ValueError as error:
        raise invalid(label, str(error)) from error


def _words(narrative: bool) -> Callable[..., Clause]:
    def parse(setting: Setting, label: str, modifier: str | None, texts: Sequence[str]) -> Clause:
        no_modifier(label, modifier)
        found = tuple(Words(pieces(fold(literal.unescape(value))), narrative) for value in texts)
        if not all(words.words for words in found):
            raise invalid(label, "has no word in it")
        return found[0] if len(found) == 1 else Or(found)

    return parse


def _near(setting: Setting, label: str, modifier: str | None, texts: Sequence[str]) -> Clause:
    no_modifier(label, modifier)
    try:
        points = tuple(_near_one(value) for value in texts)
    except ValueError as error:
        raise invalid(label, "takes [latitude]|[longitude]|[distance]|[units]") from error
    return points[0] if len(points) == 1 else Or(points)


def _near_one(text: str) -> Near:
    parts = [literal.unescape(part) for part in literal.split(text, "|")]
    latitude, longitude = float(parts[0]), float(parts[1] if len(parts) > 1 else "")
    unit = _KM.get(parts[3] if len(parts) > 3 else "")
    if unit is None or len(parts) > 4 or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise ValueError
    km = float(parts[2]) * unit if len(parts) > 2 and parts[2] else _NEAR_KM
    if not 0 <= km <= _HALF_ROUND_KM:
        raise ValueError
    return Near(latitude, longitude, km)


SPECIAL: dict[str, Callable[..., Clause]] = {
    "_id": _id,
    "_lastUpdated": _updated,
    "_text": _words(True),
    "_content": _words(False),
    "near": _near,
}
"""Parameter -> what makes its clause of (setting, label, modifier, values)."""
