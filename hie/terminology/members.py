"""Value sets as things that can be listed and asked: each part gives its members one after the other, or finds one.

Nothing is put together in memory: a member of a later part is left out when an earlier part finds it too, and when an
excluded part finds it. So a value set of any size takes the memory of one page.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hie.base.errors import Category, HieError
from hie.terminology.concept import Concept, Filter
from hie.terminology.port import CodeSystem
from hie.terminology.text import holds, text_of

MOST_STEPS = 1_000_000
"""Concepts that one expansion may look at."""


@dataclass(frozen=True, slots=True)
class Member:
    """One code of a value set; `language` is that of the display, empty when not said."""

    system: str
    version: str
    concept: Concept
    language: str = ""


class Steps:
    """Counts concepts that are looked at."""

    def __init__(self, most: int = MOST_STEPS) -> None:
        self._left = most

    def take(self) -> None:
        """One more; raises UNPROCESSABLE (`too-costly`) when there were too many."""
        self._left -= 1
        if self._left < 0:
            raise too_costly("The value set has too many codes to look at; narrow it with a filter")


def too_costly(message: str) -> HieError:
    """The error of an expansion that is too large (FHIR R4 valueset-operation-expand)."""
    return HieError(Category.UNPROCESSABLE, message, issue="too-costly")


class Members(Protocol):
    """A value set or a part of one."""

    def walk(self, words: Sequence[str], steps: Steps) -> Iterator[Member]:
        """The members that hold all words, in order, each once."""
        ...

    def find(self, system: str | None, code: str) -> Member | None:
        """The member of that system (None: of any) and code."""
        ...

    def size(self) -> int | None:
        """How many there are, when that is told without a walk."""
        ...


@dataclass(frozen=True)
class OfSystem:
    """The concepts of a code system that meet filters."""

    system: CodeSystem
    filters: tuple[Filter, ...] = ()

    def _member(self, concept: Concept) -> Member:
        info = self.system.info
        return Member(info.url, info.version, concept, info.language)

    def walk(self, words: Sequence[str], steps: Steps) -> Iterator[Member]:
        """See `Members.walk`."""
        for concept in self.system.select(self.filters, words):
            steps.take()
            yield self._member(concept)

    def find(self, system: str | None, code: str) -> Member | None:
        """See `Members.find`."""
        info = self.system.info
        if system is not None and system != info.url and system not in info.aliases:
            return None
        concept = self.system.get(code)
        if concept is None or (self.filters and not self.system.meets(concept.code, self.filters)):
            return None
        return self._member(concept)

    def size(self) -> int | None:
        """See `Members.size`."""
        return self.system.size(self.filters)


@dataclass(frozen=True)
class Listed:
    """Codes that the value set lists, with the names it gives them; `known` is their code system where it is here."""

    url: str
    version: str
    concepts: Mapping[str, Concept]
    known: CodeSystem | None = None

    def _member(self, listed: Concept) -> Member:
        found = None if self.known is None else self.known.get(listed.code)
        info = None if self.known is None else self.known.info
        version = self.version or (info.version if info is not None else "")
        if found is None:
            return Member(self.url, version, listed)
        names = (*listed.designations, *found.designations)
        own = bool(listed.display) and listed.display != found.display
        concept = replace(found, display=listed.display or found.display, designations=names)
        return Member(self.url, version, concept, "" if own or info is None else info.language)

    def walk(self, words: Sequence[str], steps: Steps) -> Iterator[Member]:
        """See `Members.walk`."""
        for listed in self.concepts.values():
            steps.take()
            member = self._member(listed)
            if not words or holds(text_of(member.concept), words):
                yield member

    def find(self, system: str | None, code: str) -> Member | None:
        """See `Members.find`; a code is listed as its system writes it."""
        if system is not None and system != self.url and not self._is_alias(system):
            return None
        listed = self.concepts.get(code)
        if listed is None and self.known is not None and not self.known.info.case_sensitive:
            found = self.known.get(code)
            listed = None if found is None else self.concepts.get(found.code)
        return None if listed is None else self._member(listed)

    def _is_alias(self, system: str) -> bool:
        return self.known is not None and system in self.known.info.aliases

    def size(self) -> int | None:
        """See `Members.size`."""
        return len(self.concepts)


@dataclass(frozen=True)
class Unavailable:
    """A part that cannot be told, because its code system is not here; asking for other systems is fine."""

    url: str
    error: Callable[[], HieError]

    def walk(self, words: Sequence[str], steps: Steps) -> Iterator[Member]:
        """Raises what is missing."""
        raise self.error()

    def find(self, system: str | None, code: str) -> Member | None:
        """None for a code of another system; else raises what is missing."""
        if system is not None and system != self.url:
            return None
        raise self.error()

    def size(self) -> int | None:
        """Not known."""
        return None


@dataclass(frozen=True)
class Both:
    """What is in all parts; listed in the order of the first."""

    parts: tuple[Members, ...]

    def walk(self, words: Sequence[str], steps: Steps) -> Iterator[Member]:
        """See `Members.walk`."""
        first, *others = self.parts
        for member in first.walk(words, steps):
            if all(part.find(member.system, member.concept.code) is not None for part in others):
                yield member

    def find(self, system: str | None, code: str) -> Member | None:
        """See `Members.find`."""
        found = self.parts[0].find(system, code)
        if found is None:
            return None
        inside = all(part.find(found.system, found.concept.code) is not None for part in self.parts[1:])
        return found if inside else None

    def size(self) -> int | None:
        """Known for one part only."""
        return self.parts[0].size() if len(self.parts) == 1 else None


@dataclass(frozen=True)
class Composed:
    """What any included part has and no excluded part; without inactive concepts when `active_only`."""

    included: tuple[Members, ...]
    excluded: tuple[Members, ...] = ()
    active_only: bool = False

    def walk(self, words: Sequence[str], steps: Steps) -> Iterator[Member]:
        """See `Members.walk`."""
        for place, part in enumerate(self.included):
            before = (*self.included[:place], *self.excluded)
            for member in part.walk(words, steps):
                if self._stays(member) and not _in_any(before, member):
                    yield member

    def _stays(self, member: Member) -> bool:
        return not (self.active_only and member.concept.inactive)

    def find(self, system: str | None, code: str) -> Member | None:
        """See `Members.find`; a part that cannot tell counts only when no other has the code."""
        missing: HieError | None = None
        for part in self.included:
            try:
                found = part.find(system, code)
            except HieError as error:
                missing = missing or error
                continue
            if found is not None and self._stays(found) and not _in_any(self.excluded, found):
                return found
        if missing is not None:
            raise missing
        return None

    def size(self) -> int | None:
        """Known for one part without exclusion."""
        if len(self.included) != 1 or self.excluded or self.active_only:
            return None
        return self.included[0].size()


def _in_any(parts: Sequence[Members], member: Member) -> bool:
    return any(part.find(member.system, member.concept.code) is not None for part in parts)


def narrowed(members: Members, keep: Callable[[Member], bool], words: Sequence[str], steps: Steps) -> Iterator[Member]:
    """The walk without members that `keep` refuses."""
    return (member for member in members.walk(words, steps) if keep(member))
