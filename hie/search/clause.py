"""Clauses and tests: the conditions of a search, as typed values only (design decision 6).

A clause is a condition on one resource, a test a comparison of one of its index entries. Nothing in them is text of a
query language; stores compile them with bound values, `hie.search.match` evaluates them in plain Python.
"""

from dataclasses import dataclass, field
from enum import StrEnum


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

    The range of `ap` with a date grows with the time between the pages of a search: what is `written` stands for it
    where a plan is named, so that a cursor is known again.
    """

    op: Op
    low: float
    high: float
    written: str = field(default="", compare=False)

    def __repr__(self) -> str:
        return f"RangeTest({self.op}, {self.written or (self.low, self.high)})"


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
