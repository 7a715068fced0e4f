"""The terminology service: one object that answers every question about codes, for the API and for the other stages.

Everything is synchronous and may be called from several threads. What others use of it:

- the validator: `in_value_set`, `is_value_set`, `check` (see `hie.fhir.validate.codes.Terms`)
- FHIRPath `memberOf()`: `member_of` (see `hie.fhir.path.scope.MemberOf`)
- search modifiers: `tokens` (see `hie.search.setting.Terminology`)
- mapping, quality and lint: `check`, `display` and `in_value_set`, through `hie.terminology.remembered`
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hie.base.errors import Category, HieError
from hie.base.resource import JsonView
from hie.fhir.validate.codes import in_official_set
from hie.terminology.compose import NO_PINS, Pins, members_of
from hie.terminology.concept import EVERYTHING, Concept, Selection
from hie.terminology.conceptmap import Match, Wanted, backwards, forwards
from hie.terminology.language import display_in, same_name
from hie.terminology.library import Library
from hie.terminology.members import Member, Members, Steps, too_costly
from hie.terminology.port import CodeSystem, SystemInfo

MOST_CODES = 10_000
"""Codes in one answer of an expansion."""

MOST_TOKENS = 5_000
"""Codes that a search modifier may stand for."""

_KEPT = 512


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a code is right. `display` is the preferred name; `message` says what is wrong, empty when nothing is.

    `known`: the code itself is right, whatever is said of its display.
    """

    result: bool
    message: str = ""
    display: str = ""
    known: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What an expansion is asked for. `count` None: all of it, at most `MOST_CODES`."""

    wanted: Selection = EVERYTHING
    offset: int = 0
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Expansion:
    """One page of a value set; `total` is None when counting would cost too much."""

    members: Sequence[Member]
    total: int | None
    systems: Sequence[str]


class Terminology:
    """Answers from a `Library`. What is compiled is kept until the library changes."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._compiled: tuple[Any, dict[str, Members | None]] = (library.revision, {})

    # -- code systems ----------------------------------------------------------------------------------------------

    def lookup(self, system: str, code: str, version: str | None = None) -> tuple[CodeSystem, Concept]:
        """The code system and concept of a code; raises NOT_FOUND when one of them is not here."""
        found = self.library.system(system, version)
        return found, _concept(found, code)

    def display(self, system: str, code: str, language: str = "zh") -> str | None:
        """The name of a code, in that language where there is one; None when code or system are not known."""
        found = self.library.find_system(system)
        concept = None if found is None else found.get(code)
        if found is None or concept is None:
            return None
        return display_in(concept, found.info.language, (language,))[0] or None

    def check(self, system: str, code: str, display: str | None = None, version: str | None = None) -> Verdict | None:
        """Whether a code system has a code, and the code that name; None when the code system is not here in full.

        For the validator and for the lint of code maps: `check("http://loinc.org", "718-7", "Hemoglobin")`.
        """
        found = self.library.find_system(system, version)
        if found is None or found.info.content != "complete":
            return None
        return judged(found, code, display)

    def validate(
        self, system: str, code: str, display: str | None = None, version: str | None = None,
        languages: Sequence[str] = (), abstract: bool = True,
    ) -> Verdict:  # fmt: skip
        """Like `check`, for `CodeSystem/$validate-code`; raises NOT_FOUND when the code system is not here."""
        return judged(self.library.system(system, version), code, display, languages, abstract)

    def subsumes(self, system: str, left: str, right: str, version: str | None = None) -> str:
        """`equivalent`, `subsumes` (left is above right), `subsumed-by` or `not-subsumed`; raises NOT_FOUND."""
        return self.relation(self.library.system(system, version), left, right)

    def relation(self, system: CodeSystem, left: str, right: str) -> str:
        """`subsumes` within one code system; raises NOT_FOUND for a code that it does not have."""
        above, below = _concept(system, left), _concept(system, right)
        if above.code == below.code:
            return "equivalent"
        if system.subsumes(above.code, below.code):
            return "subsumes"
        return "subsumed-by" if system.subsumes(below.code, above.code) else "not-subsumed"

    # -- value sets ------------------------------------------------------------------------------------------------

    def members(self, url: str, version: str | None = None) -> Members:
        """The members of a value set by URL; raises NOT_FOUND, and what `members_of` raises."""
        found = self._members(url if version is None else f"{url}|{version}")
        if found is None:
            self.library.value_set(url, version)
            raise HieError(Category.NOT_FOUND, f"The value set {url[:200]} is not known here", expression="url")
        return found

    def _members(self, url: str) -> Members | None:
        revision, kept = self._compiled
        now = self.library.revision
        if revision != now or len(kept) >= _KEPT:
            kept = {}
            self._compiled = now, kept
        if url not in kept:
            resource = self.library.find_value_set(url)
            kept[url] = None if resource is None else members_of(resource, self.library)
        return kept[url]

    def compiled(self, value_set: JsonView, pins: Pins = NO_PINS) -> Members:
        """The members of a ValueSet resource."""
        return members_of(value_set, self.library, pins)

    def expand(self, members: Members, asked: Asked) -> Expansion:
        """One page of the members; raises UNPROCESSABLE (`too-costly`) when it would be too large."""
        most = MOST_CODES if asked.count is None else min(asked.count, MOST_CODES)
        found = members.walk(asked.wanted, Steps(), asked.offset)
        page = list(islice(found, most + 1))
        if asked.count is None and len(page) > most:
            raise too_costly(f"The value set has more than {MOST_CODES} codes; ask for pages with count and offset, "
                             "or narrow it with filter")  # fmt: skip
        more, page = len(page) > most, page[:most]
        total = _total(members, asked, len(page), more, found)
        systems = dict.fromkeys(f"{m.system}|{m.version}" if m.version else m.system for m in page)
        return Expansion(page, total, tuple(systems))

    def validate_in(
        self, members: Members, codings: Iterable[tuple[str | None, str, str | None]], languages: Sequence[str] = (),
        abstract: bool = True, name: str = "the value set",
    ) -> Verdict:  # fmt: skip
        """Whether one of several (system, code, display) is in a value set; the first that is decides on the name."""
        for system, code, display in codings:
            found = members.find(system, code)
            if found is not None:
                return judged_name(found.concept, found.language, display, languages, abstract)
        return Verdict(False, f"No code is in {name}")

    def in_value_set(self, url: str, system: str | None, code: str) -> bool | None:
        """Whether a code is in a value set (of any system when None); None when that cannot be told here.

        The sets that R4 enumerates are as R4 publishes them, whatever was posted under their URL: what is valid FHIR is
        not for a client to change.
        """
        published = in_official_set(self.library.definitions, url, system, code)
        if published is not None:
            return published
        try:
            members = self._members(url)
            return None if members is None else members.find(system, code) is not None
        except HieError:
            return None

    def is_value_set(self, url: str) -> bool:
        """Whether the URL names a value set that is known here."""
        return self.library.names_value_set(url)

    def member_of(self, value: Any, url: str) -> bool | None:
        """The `memberOf()` of FHIRPath: a code, Coding, CodeableConcept or Quantity; None when it cannot be told."""
        if isinstance(value, str):
            return self.in_value_set(url, None, value)
        if not isinstance(value, Mapping):
            return None
        rows = value.get("coding") or () if "coding" in value else (value,)
        told = [self.in_value_set(url, row.get("system"), str(row["code"])) for row in rows if "code" in row]
        return True if True in told else None if None in told else False

    def tokens(self, modifier: str, text: str) -> list[tuple[str, str]]:
        """What a search modifier stands for: `in` a value set, `above` or `below` a `system|code`, itself included.

        Raises INVALID (or UNPROCESSABLE) when the value set, system or code is not known, or too many codes are meant.
        """
        found: Iterable[Member]
        if modifier == "in":
            found = self._named(text).walk(EVERYTHING, Steps())
        else:
            system, bar, code = text.partition("|")
            if not bar or not code:
                raise HieError(Category.INVALID, f":{modifier} takes [system]|[code]", issue="value")
            found = self._hierarchy(modifier, system, code)
        rows = [(member.system, member.concept.code) for member in islice(found, MOST_TOKENS + 1)]
        if len(rows) > MOST_TOKENS:
            raise too_costly(f"This stands for more than {MOST_TOKENS} codes; ask for something narrower")
        return rows

    def _named(self, text: str) -> Members:
        if text.startswith("ValueSet/"):
            resource = self.library.posted.get("ValueSet", text.partition("/")[2])
            if resource is not None:
                return members_of(resource, self.library)
        return self.members(text)

    def _hierarchy(self, modifier: str, system: str, code: str) -> Iterable[Member]:
        _, concept = self.lookup(system, code)
        op = "is-a" if modifier == "below" else "generalizes"
        include = {"system": system, "filter": [{"property": "concept", "op": op, "value": concept.code}]}
        return members_of({"compose": {"include": [include]}}, self.library).walk(EVERYTHING, Steps())

    # -- concept maps ----------------------------------------------------------------------------------------------

    def translate(self, maps: Sequence[JsonView], wanted: Wanted, reverse: bool = False) -> list[Match]:
        """The translations of a code by several maps, each once; statements that there is none come last."""
        found: dict[tuple[str, str, str], Match] = {}
        for concept_map in maps:
            rows = (
                backwards(concept_map, wanted) if reverse else forwards(concept_map, wanted, self.library.concept_map)
            )
            for match in rows:
                found.setdefault((match.system, match.code, match.equivalence), match)
        return sorted(found.values(), key=lambda match: not match.counts)

    def infos(self) -> list[SystemInfo]:
        """Every code system whose codes can be judged, each version once, in order of URL and version."""
        rows = (*self.library.infos(), *self.library.official_infos())
        found = {(info.url, info.version): info for info in reversed(rows)}
        return [found[key] for key in sorted(found)]


def _concept(system: CodeSystem, code: str) -> Concept:
    found = system.get(code)
    if found is None:
        raise HieError(Category.NOT_FOUND, f"The code is not in the code system {system.info.url}", expression="code")
    return found


def judged(
    system: CodeSystem, code: str, display: str | None = None, languages: Sequence[str] = (), abstract: bool = True
) -> Verdict:
    """Whether a code system has a code, and the code that name."""
    concept = system.get(code)
    if concept is None:
        partial = " (of which only a part is here)" if system.info.partial else ""
        return Verdict(False, f"The code is not in the code system {system.info.url}{partial}")
    return judged_name(concept, system.info.language, display, languages, abstract)


def judged_name(
    concept: Concept, base: str, display: str | None, languages: Sequence[str] = (), abstract: bool = True
) -> Verdict:
    """Whether a display is a name of a concept, in any language; and whether an abstract one is fine."""
    preferred = display_in(concept, base, languages)[0]
    if concept.abstract and not abstract:
        return Verdict(False, "The code is abstract: it groups others and is not to be used itself", preferred, True)
    names = (concept.display, *(row.value for row in concept.designations))
    if display and any(names) and not any(same_name(display, name) for name in names):
        return Verdict(False, f"The display is not a name of this code; it is called {preferred!r}", preferred, True)
    return Verdict(True, "", preferred, True)


def _total(members: Members, asked: Asked, shown: int, more: bool, rest: Iterable[Member]) -> int | None:
    """Counted by the source where it can; else by walking on, unless that takes too many steps."""
    if not more and (shown or not asked.offset):
        return asked.offset + shown
    known = members.size(asked.wanted)
    if known is not None:
        return known
    if not more:
        return None
    try:
        return asked.offset + shown + 1 + sum(1 for _ in rest)
    except HieError:
        return None
