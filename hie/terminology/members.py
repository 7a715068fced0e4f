"""Value sets as things that can be listed and asked: each part gives its members one after the other, or finds one.

Nothing is put together in memory: a member of a later part is left out when an earlier part has it too, and when an
excluded part has it. So a value set of any size takes the memory of one page. Parts of one code system are told to the
code system, which may be faster than asking code by code.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from hie.base.errors import Category, HieError
from hie.terminology.concept import EVERYTHING, Concept, Filter, Selection
from hie.terminology.port import CodeSystem
from hie.terminology.text import holds, text_of

MOST_STEPS = 1_000_000
"""Concepts that one expansion may look at."""

MOST_CHECKS = 10_000_000
"""Questions of one expansion whether another part has a member too."""


@dataclass(frozen=True, slots=True)
class Member:
    """One code of a value set; `language` is that of the display, empty when not said."""

    system: str
    version: str
    concept: Concept
    language: str = ""


class Steps:
    """Counts concepts that are looked at, and the parts they are compared with."""

    def __init__(self, checks: int = MOST_CHECKS) -> None:
        self._left = MOST_STEPS
        self._checks = checks

    def take(self) -> None:
        """One more; raises UNPROCESSABLE (`too-costly`) when there were too many."""
        self._left -= 1
        if self._left < 0:
            raise too_costly("The value set has too many codes to look at; narrow it with a filter")

    def compare(self, parts: int) -> None:
        """One member is compared with so many parts; raises UNPROCESSABLE (`too-costly`) when that was too often."""
        self._checks -= parts
        if self._checks < 0:
            raise too_costly("The value set has too many parts to compare; narrow it with a filter")


def too_costly(message: str) -> HieError:
    """The error of an expansion that is too large (FHIR R4 valueset-operation-expand)."""
    return HieError(Category.UNPROCESSABLE, message, issue="too-costly")


class Members(Protocol):
    """A value set or a part of one. `wanted` narrows it: its words and switches count, its filters are not used."""

    def walk(self, wanted: Selection, steps: Steps, skip: int = 0) -> Iterator[Member]:
        """The members that are wanted, in order, each once, without the first `skip` of them."""
        ...

    def find(self, system: str | None, code: str) -> Member | None:
        """The member of that system (None: of any) and code."""
        ...

    def has(self, member: Member) -> bool:
        """Whether a member of another part is one of this."""
        ...

    def size(self, wanted: Selection) -> int | None:
        """How many there are, when that is told without a walk."""
        ...


@dataclass(frozen=True)
class OfSystem:
    """The concepts of a code system that meet filters, and not all of any group of `without`."""

    system: CodeSystem
    filters: tuple[Filter, ...] = ()
    without: tuple[tuple[Filter, ...], ...] = ()

    @property
    def _own(self) -> Selection:
        return Selection(self.filters, self.without)

    def _of(self, wanted: Selection) -> Selection:
        return replace(wanted, filters=self.filters, without=self.without)

    def _member(self, concept: Concept) -> Member:
        info = self.system.info
        return Member(info.url, info.version, concept, info.language)

    def _is_named(self, system: str) -> bool:
        info = self.system.info
        return system == info.url or system in info.aliases

    def walk(self, wanted: Selection, steps: Steps, skip: int = 0) -> Iterator[Member]:
        """See `Members.walk`."""
        for concept in self.system.select(self._of(wanted), skip):
            steps.take()
            yield self._member(concept)

    def find(self, system: str | None, code: str) -> Member | None:
        """See `Members.find`."""
        if system is not None and not self._is_named(system):
            return None
        concept = self.system.pick(code, self._own)
        return None if concept is None else self._member(concept)

    def has(self, member: Member) -> bool:
        """See `Members.has`."""
        return self._is_named(member.system) and self.system.pick(member.concept.code, self._own) is not None

    def size(self, wanted: Selection) -> int | None:
        """See `Members.size`."""
        return self.system.size(self._of(wanted))

    def but(self, parts: Sequence[Members]) -> "tuple[OfSystem, list[Members]]":
        """This without the parts that are of the same code system, and the parts that are left."""
        told = [
            part for part in parts if isinstance(part, OfSystem) and part.system is self.system and not part.without
        ]
        left = [part for part in parts if part not in told]
        return replace(self, without=(*self.without, *(part.filters for part in told))), left


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

    def walk(self, wanted: Selection, steps: Steps, skip: int = 0) -> Iterator[Member]:
        """See `Members.walk`."""
        return islice(self._walk(wanted, steps), skip, None)

    def _walk(self, wanted: Selection, steps: Steps) -> Iterator[Member]:
        for listed in self.concepts.values():
            steps.take()
            member = self._member(listed)
            if wanted_here(member, wanted) and (not wanted.words or holds(text_of(member.concept), wanted.words)):
                yield member

    def find(self, system: str | None, code: str) -> Member | None:
        """See `Members.find`; a code is listed as its system writes it."""
        if system is not None and not self._is_named(system):
            return None
        listed = self.concepts.get(code)
        if listed is None and self.known is not None and not self.known.info.case_sensitive:
            found = self.known.get(code)
            listed = None if found is None else self.concepts.get(found.code)
        return None if listed is None else self._member(listed)

    def _is_named(self, system: str) -> bool:
        return system == self.url or (self.known is not None and system in self.known.info.aliases)

    def has(self, member: Member) -> bool:
        """See `Members.has`."""
        return self._is_named(member.system) and member.concept.code in self.concepts

    def size(self, wanted: Selection) -> int | None:
        """See `Members.size`."""
        return len(self.concepts) if wanted == EVERYTHING else None


@dataclass(frozen=True)
class Unavailable:
    """A part that cannot be told, because its code system is not here; asking for other systems is fine."""

    url: str
    error: Callable[[], HieError]

    def walk(self, wanted: Selection, steps: Steps, skip: int = 0) -> Iterator[Member]:
        """Raises what is missing."""
        raise self.error()

    def find(self, system: str | None, code: str) -> Member | None:
        """None for a code of another system; else raises what is missing."""
        if system is not None and system != self.url:
            return None
        raise self.error()

    def has(self, member: Member) -> bool:
        """See `find`."""
        return self.find(member.system, member.concept.code) is not None

    def size(self, wanted: Selection) -> int | None:
        """Not known."""
        return None


@dataclass(frozen=True)
class Both:
    """What is in all parts; listed in the order of the first."""

    parts: tuple[Members, ...]

    def walk(self, wanted: Selection, steps: Steps, skip: int = 0) -> Iterator[Member]:
        """See `Members.walk`."""
        first, *others = self.parts
        found = (member for member in first.walk(wanted, steps) if all(part.has(member) for part in others))
        return islice(found, skip, None)

    def find(self, system: str | None, code: str) -> Member | None:
        """See `Members.find`."""
        found = self.parts[0].find(system, code)
        return found if found is not None and all(part.has(found) for part in self.parts[1:]) else None

    def has(self, member: Member) -> bool:
        """See `Members.has`."""
        return all(part.has(member) for part in self.parts)

    def size(self, wanted: Selection) -> int | None:
        """Not known."""
        return None


@dataclass(frozen=True)
class Composed:
    """What any included part has and no excluded part; without inactive concepts when `active_only`."""

    included: tuple[Members, ...]
    excluded: tuple[Members, ...] = ()
    active_only: bool = False

    def _arranged(self) -> list[tuple[Members, list[Members]]]:
        """Each part with the parts whose members do not come from it."""
        found: list[tuple[Members, list[Members]]] = []
        for place, part in enumerate(self.included):
            others = [*self.included[:place], *self.excluded]
            found.append(part.but(others) if isinstance(part, OfSystem) else (part, others))
        return found

    def walk(self, wanted: Selection, steps: Steps, skip: int = 0) -> Iterator[Member]:
        """See `Members.walk`."""
        narrowed = replace(wanted, active_only=wanted.active_only or self.active_only)
        arranged = self._arranged()
        if len(arranged) == 1 and not arranged[0][1]:
            return arranged[0][0].walk(narrowed, steps, skip)
        return islice(self._walk(arranged, narrowed, steps), skip, None)

    def _walk(self, arranged: list[tuple[Members, list[Members]]], wanted: Selection, steps: Steps) -> Iterator[Member]:
        for part, others in arranged:
            for member in part.walk(wanted, steps):
                steps.compare(len(others))
                if not any(other.has(member) for other in others):
                    yield member

    def find(self, system: str | None, code: str) -> Member | None:
        """See `Members.find`; a part that cannot tell counts only when no other has the code."""
        missing: HieError | None = None
        for part in self.included:
            try:
                found = part.find(system, code)
            except HieError as error:
                missing = missing or error
                continue
            if found is not None and self._stays(found):
                return found
        if missing is not None:
            raise missing
        return None

    def _stays(self, member: Member) -> bool:
        gone = self.active_only and member.concept.inactive
        return not gone and not any(part.has(member) for part in self.excluded)

    def has(self, member: Member) -> bool:
        """See `Members.has`."""
        return self.find(member.system, member.concept.code) is not None

    def size(self, wanted: Selection) -> int | None:
        """Told by the code system when there is but one."""
        narrowed = replace(wanted, active_only=wanted.active_only or self.active_only)
        arranged = self._arranged()
        return arranged[0][0].size(narrowed) if len(arranged) == 1 and not arranged[0][1] else None


def wanted_here(member: Member, wanted: Selection) -> bool:
    """Whether the switches of a selection let a member through."""
    concept = member.concept
    return not (wanted.active_only and concept.inactive) and not (wanted.selectable_only and concept.abstract)
