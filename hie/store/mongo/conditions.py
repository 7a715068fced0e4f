"""Tests -> match conditions on the index fields (`hie.store.mongo.keys`).

A value of a search only ever stands behind an operator that this module wrote (`$eq`, `$gte`, `$in` ...), never in the
place of a field, an operator or a pattern.
"""

from collections.abc import Callable
from typing import Any

from hie.fhir.definitions import official
from hie.search.clause import (
    Compare,
    IdentifierTest,
    Kind,
    OfTypeTest,
    Op,
    QuantityTest,
    RangeTest,
    ReferenceTest,
    StringTest,
    Test,
    TokenPrefixTest,
    TokenTest,
    TokenTextTest,
    UriCompare,
    UriTest,
)
from hie.search.fold import fold
from hie.search.match import above
from hie.store.mongo.keys import CODE, DAY, IDENTIFIER, LAST, OF_TYPE, REFERENCE, TEXT, TOKEN, URI, key, name

Condition = dict[str, Any]
KeyRange = tuple[str, str]
"""Keys from the first (included) to the second (excluded)."""

NEVER: Condition = {"$nor": [{}]}
"""A condition that nothing meets."""


def keys(test: Test, code: str) -> tuple[list[str], list[KeyRange]]:
    """The keys of `k`, and ranges of keys, that pass `test` on parameter `code`."""
    return _KEYS[type(test)](test, code)


def _prefix(start: str) -> tuple[list[str], list[KeyRange]]:
    return [], [(start, start + LAST)]


def _token(test: TokenTest, code: str) -> tuple[list[str], list[KeyRange]]:
    if test.system is None:
        return [key(code, CODE, test.code or "")], []
    if test.code is None:
        return _prefix(key(code, TOKEN, test.system, ""))
    return [key(code, TOKEN, test.system, test.code)], []


def _of_type(test: OfTypeTest, code: str) -> tuple[list[str], list[KeyRange]]:
    return _token(TokenTest(f"{test.system}|{test.code}", test.value), code + OF_TYPE)


def _identifier(test: IdentifierTest, code: str) -> tuple[list[str], list[KeyRange]]:
    return _token(TokenTest(test.system, test.value), code + IDENTIFIER)


def _uri(test: UriTest, code: str) -> tuple[list[str], list[KeyRange]]:
    match test.compare:
        case UriCompare.ABOVE:
            return [key(code, URI, uri) for uri in above(test.uri)], []
        case UriCompare.BELOW:
            return [key(code, URI, test.uri)], _prefix(key(code, URI, test.uri.rstrip("/") + "/"))[1]
        case UriCompare.EXACT:
            return [key(code, URI, test.uri)], []


def _reference(test: ReferenceTest, code: str) -> tuple[list[str], list[KeyRange]]:
    version = [] if test.version is None else [test.version]
    return [key(code, REFERENCE, at, *version) for at in _targets(test)], []


def _targets(test: ReferenceTest) -> list[str]:
    """What a reference test names; a bare id may be of any type."""
    if test.url is not None:
        return [test.url]
    kinds = official().resource_types if test.type is None else (test.type,)
    return [name(kind, test.id or "") for kind in kinds]


_KEYS: dict[type, Callable[..., tuple[list[str], list[KeyRange]]]] = {
    TokenTest: _token,
    TokenTextTest: lambda test, code: _prefix(key(code, TEXT, test.text)),
    TokenPrefixTest: lambda test, code: _prefix(key(code, CODE, test.prefix)),
    OfTypeTest: _of_type,
    IdentifierTest: _identifier,
    UriTest: _uri,
    ReferenceTest: _reference,
}
"""Tests that are answered from `k`."""

# -- conditions on one element ---------------------------------------------------------------------------------------


def element(test: Test, kind: Kind, at: str = "") -> list[Condition]:
    """`test` on one element of `s`, `d`, `q`, or on component `at` (`e0.`) of a composite; one of them must hold."""
    return _ELEMENTS[type(test)](test, kind, at)


def _in_token(test: TokenTest, kind: Kind, at: str) -> list[Condition]:
    found: Condition = {f"{at}c": {"$eq": test.code} if test.code is not None else {"$gt": ""}}
    if test.system is not None:
        found[f"{at}y"] = {"$eq": test.system}
    return [found]


def _in_string(test: StringTest, kind: Kind, at: str) -> list[Condition]:
    text = test.text
    match test.compare:
        case Compare.STARTS:
            return [{f"{at}f": {"$gte": text, "$lt": text + LAST}}]
        case Compare.EQUALS:
            return [{f"{at}f": {"$eq": text}}]
        case Compare.EXACT:
            return [{f"{at}f": {"$eq": fold(text)}, f"{at}x": {"$eq": text}}]
    raise TypeError(f"{test.compare} is no range")


def _in_range(test: RangeTest, kind: Kind, at: str) -> list[Condition]:
    table = DATES if kind is Kind.DATE else _NUMBERS
    return ranges(table, test, f"{at}l", f"{at}h")


def _in_quantity(test: QuantityTest, kind: Kind, at: str) -> list[Condition]:
    written = [
        {**one, **units} for one in ranges(_NUMBERS, test.range, f"{at}l", f"{at}h") for units in _units(test, at)
    ]
    if test.canonical is None:
        return written
    unit = {f"{at}b": {"$eq": test.unit}}
    canonical = ranges(_NUMBERS, test.canonical, f"{at}a", f"{at}z")
    return [*({**unit, **one} for one in canonical), *({f"{at}b": {"$eq": None}, **one} for one in written)]


def _units(test: QuantityTest, at: str) -> list[Condition]:
    system: Condition = {} if test.system is None else {f"{at}y": {"$eq": test.system}}
    if test.code is None:
        return [system]
    found = [{**system, f"{at}c": {"$eq": test.code}}]
    return found if test.system is not None else [*found, {f"{at}u": {"$eq": test.code}}]


def _in_reference(test: ReferenceTest, kind: Kind, at: str) -> list[Condition]:
    return [{f"{at}o": {"$in": _targets(test)}}]


_ELEMENTS: dict[type, Callable[..., list[Condition]]] = {
    TokenTest: _in_token,
    TokenPrefixTest: lambda test, kind, at: [{f"{at}c": {"$gte": test.prefix, "$lt": test.prefix + LAST}}],
    TokenTextTest: lambda test, kind, at: [{f"{at}x": {"$gte": test.text, "$lt": test.text + LAST, "$ne": ""}}],
    StringTest: _in_string,
    RangeTest: _in_range,
    QuantityTest: _in_quantity,
    ReferenceTest: _in_reference,
    UriTest: lambda test, kind, at: [{f"{at}o": {"$eq": test.uri}}],
}


def ranges(table: dict[Op, tuple[str, ...]], test: RangeTest, low: str, high: str) -> list[Condition]:
    """The comparison of `test.op` on [`low`, `high`], two fields; one of the conditions must hold."""
    found: list[Condition] = []
    for alternative in table[test.op]:
        one: Condition = {}
        for term in alternative.split():
            if term == "wide":
                one[low[: low.rfind(".") + 1] + "v"] = {"$eq": True}
                continue
            field, operator, end = term.split(":")
            value = test.low if end[0] == "l" else test.high
            value = int(value) - DAY if end.endswith("-day") else value
            one.setdefault(low if field == "low" else high, {})[operator] = value
        found.append(one)
    return found


DATES: dict[Op, tuple[str, ...]] = {
    Op.EQ: ("low:$gte:l low:$lt:h high:$lte:h",),
    Op.NE: ("low:$lt:l", "low:$gte:h", "high:$gt:h"),
    Op.GT: ("low:$gt:h-day high:$gt:h", "low:$lte:h-day high:$gt:h wide"),
    Op.LT: ("low:$lt:l",),
    Op.GE: ("low:$gt:l-day high:$gt:l", "low:$lte:l-day high:$gt:l wide"),
    Op.LE: ("low:$lt:h",),
    Op.SA: ("low:$gte:h",),
    Op.EB: ("high:$lte:l",),
    Op.AP: ("low:$lt:h high:$gt:l",),
}
"""Terms `end:operator:end of the searched range` on [low, high) of a date; alternatives are apart (FHIR R4 search
§3.1.1.4.7). `wide`: only ranges that `hie.store.mongo.keys.wide` marks, which have a key of their own; so all others
get a bound on `low`, by which the index is ordered."""

_NUMBERS: dict[Op, tuple[str, ...]] = {
    Op.EQ: ("low:$gte:l low:$lt:h high:$lt:h",),
    Op.NE: ("low:$lt:l", "low:$gte:h", "high:$gte:h"),
    Op.GT: ("low:$gt:h high:$gt:h", "low:$lte:h high:$gt:h wide"),
    Op.LT: ("low:$lt:l",),
    Op.GE: ("low:$gte:l high:$gte:l", "low:$lt:l high:$gte:l wide"),
    Op.LE: ("low:$lte:h",),
    Op.SA: ("low:$gt:h",),
    Op.EB: ("high:$lt:l",),
    Op.AP: ("low:$lte:h high:$gte:l",),
}
"""The same for numbers, whose ends are exact."""

_INSTANTS: dict[Op, tuple[str, ...]] = {
    Op.EQ: ("low:$gte:l low:$lt:h",),
    Op.NE: ("low:$lt:l", "low:$gte:h"),
    Op.GT: ("low:$gte:h",),
    Op.LT: ("low:$lt:l",),
    Op.GE: ("low:$gte:l",),
    Op.LE: ("low:$lt:h",),
    Op.SA: ("low:$gte:h",),
    Op.EB: ("low:$lt:l",),
    Op.AP: ("low:$gte:l low:$lt:h",),
}
"""The same for one instant against a date."""


def updated(test: RangeTest) -> list[Condition]:
    """`_lastUpdated`: conditions on `u`, one of which must hold."""
    return ranges(_INSTANTS, test, "u", "u")
