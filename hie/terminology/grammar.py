"""Code systems whose codes follow a rule and cannot be listed: languages, media types, units."""

import re
from collections.abc import Callable, Iterator, Sequence

from hie.base.errors import Category, HieError
from hie.fhir import ucum
from hie.terminology.concept import Concept, Selection
from hie.terminology.filters import predicate
from hie.terminology.port import SystemInfo

Valid = Callable[[str], object]
_LANGUAGE = re.compile(r"(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})(?:-[A-Za-z0-9]{1,8})*|[xi](?:-\w{1,8})+")
_MEDIA = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+*-]+(?:\s*;.*)?")


class GrammarSystem:
    """A code system with a rule: a code is valid when `valid` says so; it has no display and no hierarchy."""

    def __init__(self, url: str, name: str, title: str, valid: Valid, folds: bool = False) -> None:
        self._valid = valid
        self.info = SystemInfo(url, "", name, title, content="grammar", case_sensitive=not folds, source="grammar")

    def get(self, code: str) -> Concept | None:
        """See `CodeSystem.get`."""
        return Concept(code) if self._valid(code) is not None else None

    def parents(self, code: str) -> Sequence[str]:
        """Nothing."""
        return ()

    def children(self, code: str) -> Sequence[str]:
        """Nothing."""
        return ()

    def subsumes(self, ancestor: str, descendant: str) -> bool:
        """Whether both are the same code."""
        return ancestor == descendant and self.get(ancestor) is not None

    def select(self, wanted: Selection, skip: int = 0) -> Iterator[Concept]:
        """Raises UNPROCESSABLE: there is no end of codes."""
        message = f"The codes of {self.info.url} follow a grammar and cannot be listed"
        raise HieError(Category.UNPROCESSABLE, message, issue="too-costly")

    def pick(self, code: str, wanted: Selection) -> Concept | None:
        """See `CodeSystem.pick`."""
        concept = self.get(code)
        return concept if concept is not None and predicate(self, wanted)(concept) else None

    def size(self, wanted: Selection) -> int | None:
        """Not known."""
        return None


def is_language(tag: str) -> bool:
    """Whether the text is a language tag (BCP-47, RFC 5646 §2.1), such as `zh-CN`."""
    return _LANGUAGE.fullmatch(tag) is not None


def _unit(code: str) -> object:
    return ucum.parse_unit(code)


def grammars() -> tuple[GrammarSystem, ...]:
    """All code systems with a grammar that are known here."""
    return (
        GrammarSystem("urn:ietf:bcp:47", "BCP47", "Tags for Identifying Languages", _LANGUAGE.fullmatch, True),
        GrammarSystem("urn:ietf:bcp:13", "BCP13", "Media types", _MEDIA.fullmatch, True),
        GrammarSystem(ucum.UCUM, "UCUM", "Unified Code for Units of Measure", _unit),
    )
