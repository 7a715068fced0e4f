"""Plans in plain Python: whether a resource meets a clause. The oracle of every store, and the re-check of policies."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from hie.search.clause import (
    And,
    Chain,
    Clause,
    Compare,
    CompositeMatch,
    Has,
    IdentifierTest,
    IdIs,
    InCompartment,
    Kind,
    Match,
    Near,
    Not,
    OfTypeTest,
    Op,
    Or,
    Present,
    QuantityTest,
    RangeTest,
    ReferenceTest,
    StringTest,
    Test,
    TokenPrefixTest,
    TokenTest,
    TokenTextTest,
    TypeIs,
    UpdatedIs,
    UriCompare,
    UriTest,
    Words,
)
from hie.search.entries import Entries
from hie.search.plan import SortKey
from hie.search.text import content_terms, has_pieces, narrative_terms

_EARTH_KM = 6371.0088


@dataclass(frozen=True)
class Subject:
    """A resource as matching sees it; `last_updated` in microseconds."""

    type: str
    id: str
    last_updated: int
    body: bytes
    entries: Entries


class World(Protocol):
    """The other resources, for chains and `_has`."""

    def find(self, resource_type: str, resource_id: str) -> Subject | None:
        """A live resource."""
        ...

    def all(self, resource_type: str) -> Iterable[Subject]:
        """The live resources of a type."""
        ...


def holds(clause: Clause, subject: Subject, world: World) -> bool:
    """Whether `subject` meets `clause`."""
    match clause:
        case And(clauses):
            return all(holds(part, subject, world) for part in clauses)
        case Or(clauses):
            return any(holds(part, subject, world) for part in clauses)
        case Not(inner):
            return not holds(inner, subject, world)
        case Chain() | Has():
            return _linked(clause, subject, world)
        case _:
            return _direct(clause, subject)


def _linked(clause: Chain | Has, subject: Subject, world: World) -> bool:
    if isinstance(clause, Has):
        return any(
            _refers(other, clause.param, subject) and holds(clause.clause, other, world)
            for other in world.all(clause.type)
        )
    for entry in subject.entries.reference:
        if entry[0] == clause.param and entry[1] in clause.types and entry[2]:
            target = world.find(entry[1], entry[2])
            if target is not None and holds(clause.clause, target, world):
                return True
    return False


def _refers(other: Subject, param: str, subject: Subject) -> bool:
    return any(entry[:3] == (param, subject.type, subject.id) for entry in other.entries.reference)


def _direct(clause: Clause, subject: Subject) -> bool:
    entries = subject.entries
    match clause:
        case Match(param, kind, tests):
            return any(passes(test, kind, entry) for entry in _of(entries, param, kind, tests) for test in tests)
        case Present(param, kind):
            return any(entry[0] == param for entry in getattr(entries, LISTS[kind]))
        case CompositeMatch(param, kinds, alternatives):
            tuples = [entry[1] for entry in entries.composite if entry[0] == param]
            return any(_together(parts, kinds, tests) for parts in tuples for tests in alternatives)
        case IdIs(ids):
            return subject.id in ids
        case UpdatedIs(tests):
            return any(dates(test, subject.last_updated, subject.last_updated + 1) for test in tests)
        case TypeIs(types):
            return subject.type in types
        case InCompartment(patients):
            return any(("Patient", patient) in entries.compartments for patient in patients)
        case Words(words, narrative):
            return has_words(subject.body, words, narrative)
        case Near(latitude, longitude, km):
            return any(distance(latitude, longitude, entry[1], entry[2]) <= km for entry in entries.near)
    raise TypeError(type(clause).__name__)


LISTS: dict[Kind, str] = {kind: kind.value for kind in Kind if kind is not Kind.SPECIAL} | {Kind.SPECIAL: "near"}
"""The list of `Entries` that a kind of parameter fills."""


def _of(entries: Entries, param: str, kind: Kind, tests: tuple[Test, ...]) -> list[Any]:
    lists = {"of_type" if isinstance(test, OfTypeTest) else LISTS[kind] for test in tests}
    return [entry for name in lists for entry in getattr(entries, name) if entry[0] == param]


def _together(parts: tuple[Any, ...], kinds: tuple[Kind, ...], tests: tuple[Test, ...]) -> bool:
    return all(passes(test, kind, entry) for test, kind, entry in zip(tests, kinds, parts, strict=True))


# -- tests -----------------------------------------------------------------------------------------------------------


def passes(test: Test, kind: Kind, entry: Any) -> bool:
    """Whether one entry of a parameter of `kind` passes `test`."""
    return _TESTS[type(test)](test, kind, entry)


def _token(test: TokenTest, kind: Kind, entry: Any) -> bool:
    return test.system in (None, entry[1]) and (entry[2] == test.code if test.code is not None else entry[2] != "")


def _string(test: StringTest, kind: Kind, entry: Any) -> bool:
    folded: str = entry[1]
    match test.compare:
        case Compare.EXACT:
            return bool(entry[2] == test.text)
        case Compare.STARTS:
            return folded.startswith(test.text)
        case Compare.ENDS:
            return folded.endswith(test.text)
        case Compare.EQUALS:
            return folded == test.text
        case Compare.CONTAINS:
            return test.text in folded


def _reference(test: ReferenceTest, kind: Kind, entry: Any) -> bool:
    if test.version is not None and entry[4] != test.version:
        return False
    if test.url is not None:
        return bool(entry[3] == test.url)
    return bool(entry[2]) and entry[2] == test.id and test.type in (None, entry[1])


def _identifier(test: IdentifierTest, kind: Kind, entry: Any) -> bool:
    if test.system is not None and test.system != entry[5]:
        return False
    return bool(entry[6] == test.value if test.value is not None else entry[6])


def dates(test: RangeTest, low: int, high: int) -> bool:
    """[low, high) of an entry against a date (FHIR R4 search §3.1.1.4.7).

    Of a period that ends before it begins `eq` wants the beginning inside as well.
    """
    return {
        Op.EQ: test.low <= low < test.high and high <= test.high,
        Op.NE: not (test.low <= low < test.high and high <= test.high),
        Op.GT: high > test.high,
        Op.LT: low < test.low,
        Op.GE: high > test.low,
        Op.LE: low < test.high,
        Op.SA: low >= test.high,
        Op.EB: high <= test.low,
        Op.AP: low < test.high and high > test.low,
    }[test.op]


def numbers(test: RangeTest, low: float, high: float) -> bool:
    """The exact ends of an entry against a number (FHIR R4 search §3.1.1.4.4)."""
    return {
        Op.EQ: test.low <= low < test.high and high < test.high,
        Op.NE: not (test.low <= low < test.high and high < test.high),
        Op.GT: high > test.high,
        Op.LT: low < test.low,
        Op.GE: high >= test.low,
        Op.LE: low <= test.high,
        Op.SA: low > test.high,
        Op.EB: high < test.low,
        Op.AP: low <= test.high and high >= test.low,
    }[test.op]


def _range(test: RangeTest, kind: Kind, entry: Any) -> bool:
    return dates(test, entry[1], entry[2]) if kind is Kind.DATE else numbers(test, entry[1], entry[2])


def _quantity(test: QuantityTest, kind: Kind, entry: Any) -> bool:
    if test.canonical is not None and entry[8] is not None:
        return entry[8] == test.unit and numbers(test.canonical, entry[6], entry[7])
    if not numbers(test.range, entry[1], entry[2]) or test.system not in (None, entry[3]):
        return False
    return test.code is None or entry[4] == test.code or (test.system is None and entry[5] == test.code)


def _uri(test: UriTest, kind: Kind, entry: Any) -> bool:
    match test.compare:
        case UriCompare.EXACT:
            return bool(entry[1] == test.uri)
        case UriCompare.BELOW:
            return bool(entry[1] == test.uri or entry[1].startswith(test.uri.rstrip("/") + "/"))
        case UriCompare.ABOVE:
            return bool(entry[1] in above(test.uri))


def above(uri: str) -> list[str]:
    """`uri` and everything above it in its path, each without and with a closing slash."""
    found, rest = [uri], uri.rstrip("/")
    while rest.count("/") > 2:
        rest = rest.rpartition("/")[0]
        found += [rest, rest + "/"]
    return found


_TESTS: dict[type, Callable[[Any, Kind, Any], bool]] = {
    TokenTest: _token,
    TokenTextTest: lambda test, kind, entry: entry[3].startswith(test.text) and entry[3] != "",
    TokenPrefixTest: lambda test, kind, entry: entry[2].startswith(test.prefix),
    OfTypeTest: lambda test, kind, entry: entry[1:] == (test.system, test.code, test.value),
    StringTest: _string,
    ReferenceTest: _reference,
    IdentifierTest: _identifier,
    RangeTest: _range,
    QuantityTest: _quantity,
    UriTest: _uri,
}


# -- what more than one store needs ----------------------------------------------------------------------------------


def distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance in km of two points in degrees."""
    first, second = math.radians(latitude), math.radians(other_latitude)
    half = math.sin((second - first) / 2) ** 2
    half += math.cos(first) * math.cos(second) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def has_words(body: bytes, words: Iterable[str], narrative: bool) -> bool:
    """Whether the narrative, or all text of the body, has terms that begin with each of `words`: a deletion never."""
    if not body:
        return False
    resource = orjson.loads(body)
    return has_pieces(narrative_terms(resource) if narrative else content_terms(resource), words)


def sort_value(key: SortKey, subject: Subject) -> Any:
    """The value `subject` is sorted by: the least (ascending) or greatest of its entries; None when it has none."""
    if key.param == "_id":
        return subject.id
    if key.param == "_lastUpdated":
        return subject.last_updated
    found = [entry for entry in getattr(subject.entries, LISTS[key.kind]) if entry[0] == key.param]
    values = [value for entry in found if (value := _sortable(key.kind, entry)) is not None]
    return (max(values) if key.descending else min(values)) if values else None


def _sortable(kind: Kind, entry: Any) -> Any:
    match kind:
        case Kind.TOKEN:
            return entry[2] or None
        case Kind.REFERENCE:
            return f"{entry[1]}/{entry[2]}" if entry[2] else entry[3] or None
        case Kind.QUANTITY:
            return entry[6] if entry[8] is not None else entry[1]
        case _:
            return entry[1]
