"""The search plan: what a URL asks for, as typed values only (design decision 6).

A plan is a tree of clauses over the index entries of a resource. Nothing in it is text of a query language; stores
compile it with bound values, `hie.search.match` evaluates it in plain Python.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Any


class Op(StrEnum):
    """Prefixes of ordered values (FHIR R4 search §3.1.1.4.6)."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    SA = "sa"
    EB = "eb"
    AP = "ap"


# -- tests: one comparison of one entry -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenTest:
    """Token entry: `system` None is any, "" is none; `code` None is any."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class TokenTextTest:
    """Token entry whose text (display, CodeableConcept.text), normalised, begins with `text`: modifier `:text`."""

    text: str


@dataclass(frozen=True, slots=True)
class TokenPrefixTest:
    """Token entry whose code begins with `prefix`: `:below` on a MIME type."""

    prefix: str


@dataclass(frozen=True, slots=True)
class OfTypeTest:
    """Identifier of this type with this value: modifier `:of-type`."""

    system: str
    code: str
    value: str


class Compare(StrEnum):
    """How a string is compared."""

    STARTS = "starts"
    EXACT = "exact"
    CONTAINS = "contains"
    EQUALS = "equals"
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class StringTest:
    """String entry: its folded text begins with, contains, equals or ends with `text`; EXACT is the text as written."""

    text: str
    compare: Compare = Compare.STARTS


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """What makes a tree of the resources of one type: each refers to its parent by its parameter `parent`.

    Meant are all above (`up`) or below one, itself included.
    """

    parent: str
    up: bool


@dataclass(frozen=True, slots=True)
class ReferenceTest:
    """Reference entry: to a resource here (`type`, `id`), or elsewhere (`url`, canonical with `version`).

    `version` is that of a canonical (`url|version`) or, with `id`, of `Patient/1/_history/2`. With `hierarchy` any
    resource of that line fits: modifiers `:above` and `:below`.
    """

    type: str | None = None
    id: str | None = None
    url: str | None = None
    version: str | None = None
    hierarchy: Hierarchy | None = None


@dataclass(frozen=True, slots=True)
class IdentifierTest:
    """Reference entry with this logical identifier: modifier `:identifier`; None and "" as in `TokenTest`."""

    system: str | None
    value: str | None


@dataclass(frozen=True, slots=True)
class RangeTest:
    """Date or number entry against a range: dates in microseconds [low, high), numbers as binary floats.

    Dates compare ranges (FHIR R4 search §3.1.1.4.7). Numbers compare the entry's value, exactly known, with the range
    of the written precision for `eq`, `ne`, `ap` and with the written value (`low` = `high`) for the others.
    """

    op: Op
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QuantityTest:
    """Quantity entry; `system` and `code` as given (None is any, `code` also fits the unit as written).

    With `canonical` entries that have the same canonical unit (UCUM) are compared in it, whatever their own unit.
    """

    range: RangeTest
    system: str | None = None
    code: str | None = None
    canonical: RangeTest | None = None
    unit: str | None = None


class UriCompare(StrEnum):
    """How a URI is compared: as it is, or by hierarchy."""

    EXACT = "exact"
    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class UriTest:
    """URI entry: equal to `uri`, below it (begins with it), or above it (`uri` begins with the entry)."""

    uri: str
    compare: UriCompare = UriCompare.EXACT


Test = (
    TokenTest | TokenTextTest | TokenPrefixTest | OfTypeTest | StringTest | ReferenceTest | IdentifierTest
    | RangeTest | QuantityTest | UriTest
)  # fmt: skip


class Kind(StrEnum):
    """The type of a search parameter; which entries it has."""

    NUMBER = "number"
    DATE = "date"
    STRING = "string"
    TOKEN = "token"  # noqa: S105
    REFERENCE = "reference"
    COMPOSITE = "composite"
    QUANTITY = "quantity"
    URI = "uri"
    SPECIAL = "special"


# -- clauses: conditions on one resource -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Match:
    """Some entry of parameter `param` passes one of `tests`."""

    param: str
    kind: Kind
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Present:
    """There is an entry of `param` (`:missing=false`)."""

    param: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class CompositeMatch:
    """Some tuple of composite `param` passes: each alternative has, for each component, the tests it may pass."""

    param: str
    kinds: tuple[Kind, ...]
    alternatives: tuple[tuple[Test, ...], ...]


@dataclass(frozen=True, slots=True)
class IdIs:
    """The logical id is one of these (`_id`)."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UpdatedIs:
    """`meta.lastUpdated` passes one of `tests` (`_lastUpdated`)."""

    tests: tuple[RangeTest, ...]


@dataclass(frozen=True, slots=True)
class TypeIs:
    """The resource is of one of these types (`_type`, and a policy that opens some types only)."""

    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InCompartment:
    """The resource is in the compartment of one of these Patients."""

    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """`_text` and `_content`: terms of the narrative (`narrative`) or of all text begin with each of `words`, which are
    pieces of what was searched (`hie.search.text`)."""

    words: tuple[str, ...]
    narrative: bool


@dataclass(frozen=True, slots=True)
class Near:
    """A Location position at most `km` away from the point (`near`, FHIR R4 Location §8.7.4.1)."""

    latitude: float
    longitude: float
    km: float


@dataclass(frozen=True, slots=True)
class Chain:
    """Reference parameter `param` points to a resource here, of one of `types`, that meets `clause`."""

    param: str
    types: tuple[str, ...]
    clause: "Clause"


@dataclass(frozen=True, slots=True)
class Has:
    """Some resource of `type` that meets `clause` points to this one by its reference parameter `param`."""

    type: str
    param: str
    clause: "Clause"


@dataclass(frozen=True, slots=True)
class And:
    """All of them; true when empty."""

    clauses: tuple["Clause", ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """One of them; false when empty."""

    clauses: tuple["Clause", ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """Not that."""

    clause: "Clause"


Clause = (
    Match | Present | CompositeMatch | IdIs | UpdatedIs | TypeIs | InCompartment | Words | Near | Chain | Has
    | And | Or | Not
)  # fmt: skip


# -- the rest of a plan ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`; resources without a value come last either way."""

    param: str
    kind: Kind
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """One `_include` (or, with `reverse`, `_revinclude`): the references of `source` in `param` (None: all).

    `target` restricts the type at the other end; `iterate` repeats it on what was included; `params` are the codes
    that no `param` stands for in reverse, for stores that look references up by parameter.
    """

    source: str | None
    param: str | None
    target: str | None = None
    iterate: bool = False
    reverse: bool = False
    params: tuple[str, ...] = ()


class Total(StrEnum):
    """Modes of `_total`."""

    NONE = "none"
    ESTIMATE = "estimate"
    ACCURATE = "accurate"


class Summary(StrEnum):
    """Modes of `_summary`; the plan carries it for the API layer, `COUNT` also asks the store for no matches."""

    FALSE = "false"
    TRUE = "true"
    TEXT = "text"
    DATA = "data"
    COUNT = "count"


References = Callable[[str, str], Sequence[tuple[str, str]]]
"""(type, id) -> all (type, id) that stand for it, itself included."""


@dataclass(frozen=True)
class Plan:
    """One search on one resource type (or several; empty `types` is all, at system level).

    `clause` what must hold; `count` matches a page (0: only the total); `cursor` opaque, of `Page.next`;
    `seconds` the time limit; `applied` the parameters honoured, in order, for the `self` link; `ignored` those left out
    under lenient handling, with the reason.
    """

    types: tuple[str, ...]
    clause: Clause = field(default_factory=And)
    sort: tuple[SortKey, ...] = ()
    includes: tuple[Include, ...] = ()
    count: int = 50
    cursor: str | None = None
    total: Total = Total.NONE
    summary: Summary = Summary.FALSE
    elements: tuple[str, ...] = ()
    explain: bool = False
    seconds: float = 30.0
    applied: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()

    def but(self, **changes: Any) -> "Plan":
        """The plan with other values of these fields; what `dataclasses.replace` does, at a tenth of its time."""
        other = object.__new__(Plan)
        other.__dict__.update(self.__dict__, **changes)
        return other

    def narrowed(self, clause: Clause) -> "Plan":
        """The plan with one more condition on the matches; how a policy restricts a search."""
        return self.but(clause=And((*_parts(self.clause), clause)))

    def with_references(self, stand_for: References) -> "Plan":
        """The plan in which each reference to a resource also means those that `stand_for` names.

        A reference to a golden Patient thus covers all linked Patients; in chains, `_has` and compartments too.
        """

        def change(node: Any) -> Sequence[Any] | None:
            match node:
                case InCompartment(patients):
                    found = [stood for patient in patients for stood in stand_for("Patient", patient)]
                    return [InCompartment(tuple(dict.fromkeys(name for kind, name in found if kind == "Patient")))]
                case ReferenceTest(str(kind), str(name)):
                    return [replace(node, type=other, id=one) for other, one in stand_for(kind, name)]
            return None

        return self.but(clause=rebuilt(self.clause, change))


def patients_named(clause: Clause) -> Iterator[str]:
    """The ids of the Patients that a clause refers to, in chains and `_has` too."""
    match clause:
        case Match(_, Kind.REFERENCE, tests):
            for test in tests:
                if isinstance(test, ReferenceTest) and test.type == "Patient" and test.id is not None:
                    yield test.id
        case InCompartment(patients):
            yield from patients
        case Chain() | Has() | Not():
            yield from patients_named(clause.clause)
        case And(clauses) | Or(clauses):
            for part in clauses:
                yield from patients_named(part)
        case CompositeMatch(_, kinds, alternatives) if Kind.REFERENCE in kinds:
            for tests in alternatives:
                yield from patients_named(Match("", Kind.REFERENCE, tests))


def _parts(clause: Clause) -> tuple[Clause, ...]:
    return clause.clauses if isinstance(clause, And) else (clause,)


Change = Callable[[Any], Sequence[Any] | None]
"""A clause or test -> what comes in its place; None: itself, with its parts changed."""


def rebuilt(clause: Clause, change: Change) -> Clause:
    """The tree with other clauses and tests in it; `change` gives one clause for a clause, any number for a test."""
    found: Clause = _one_changed(clause, change)
    return found


def _one_changed(node: Any, change: Change) -> Any:
    if isinstance(node, tuple):
        return tuple(new for old in node for new in _changed(old, change))
    return _changed(node, change)[0] if is_dataclass(node) else node


def _changed(node: Any, change: Change) -> Sequence[Any]:
    found = change(node)
    return [_parts_changed(node, change)] if found is None else found


def _parts_changed(node: Any, change: Change) -> Any:
    if isinstance(node, CompositeMatch):
        ways = (product(*(_changed(test, change) for test in tests)) for tests in node.alternatives)
        return replace(node, alternatives=tuple(way for some in ways for way in some))
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{f.name: _one_changed(getattr(node, f.name), change) for f in fields(node)})
    return node
