"""A code system with its supplements: further names and properties, such as Chinese ones (R4 codesystem §4.8.10)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from hie.base.resource import JsonView
from hie.terminology.concept import EVERYTHING, SUPPLEMENT_USE, Concept, Designation, Selection
from hie.terminology.filters import predicate
from hie.terminology.port import CodeSystem, SystemInfo
from hie.terminology.resource import read_concept
from hie.terminology.text import holds, text_of


class Supplemented:
    """`base` with what supplements add. The display of a supplement is a name in the language of the supplement."""

    def __init__(self, base: CodeSystem, supplements: Sequence[JsonView]) -> None:
        self._base = base
        self._added: dict[str, Concept] = {}
        self._texts: dict[str, str] = {}
        properties = dict(base.info.properties)
        for resource in supplements:
            properties |= {row["code"]: row.get("type", "string") for row in resource.get("property", ())}
            self._read(resource.get("concept", ()), str(resource.get("language", "")))
        self._properties = {row.code for concept in self._added.values() for row in concept.properties}
        self.info: SystemInfo = replace(base.info, properties=properties)

    def _read(self, rows: Sequence[JsonView], language: str) -> None:
        for row in rows:
            concept = read_concept(row)
            names = concept.designations
            if concept.display and language:
                names = (Designation(concept.display, language, SUPPLEMENT_USE), *names)
            self._added[concept.code] = _joined(self._added.get(concept.code, Concept(concept.code)), names, concept)
            self._read(row.get("concept", ()), language)

    def _whole(self, concept: Concept) -> Concept:
        added = self._added.get(concept.code)
        return concept if added is None else _joined(concept, added.designations, added)

    def get(self, code: str) -> Concept | None:
        """See `CodeSystem.get`."""
        found = self._base.get(code)
        return None if found is None else self._whole(found)

    def parents(self, code: str) -> Sequence[str]:
        """See `CodeSystem.parents`."""
        return self._base.parents(code)

    def children(self, code: str) -> Sequence[str]:
        """See `CodeSystem.children`."""
        return self._base.children(code)

    def subsumes(self, ancestor: str, descendant: str) -> bool:
        """See `CodeSystem.subsumes`."""
        return self._base.subsumes(ancestor, descendant)

    def select(self, wanted: Selection, skip: int = 0) -> Iterator[Concept]:
        """See `CodeSystem.select`; concepts found by what a supplement adds come after those found without."""
        return islice(self._select(wanted), skip, None)

    def _select(self, wanted: Selection) -> Iterator[Concept]:
        if self._asks_added(wanted):
            meets, words = predicate(self, wanted), wanted.words
            whole = (self._whole(concept) for concept in self._base.select(EVERYTHING))
            yield from (c for c in whole if meets(c) and (not words or holds(text_of(c), words)))
            return
        found = set()
        for concept in self._base.select(wanted):
            if wanted.words and concept.code in self._added:
                found.add(concept.code)
            yield self._whole(concept)
        if wanted.words:
            yield from self._found_by_supplement(wanted, found)

    def _asks_added(self, wanted: Selection) -> bool:
        """Whether a filter is about a property that a supplement adds."""
        return any(row.property in self._properties for group in (wanted.filters, *wanted.without) for row in group)

    def _found_by_supplement(self, wanted: Selection, known: set[str]) -> Iterator[Concept]:
        plain = replace(wanted, words=())
        for code in self._added:
            if code in known:
                continue
            concept = self.get(code)
            if concept is None or not holds(self._text(concept), wanted.words):
                continue
            if self._base.pick(concept.code, plain) is not None:
                yield concept

    def _text(self, concept: Concept) -> str:
        found = self._texts.get(concept.code)
        if found is None:
            found = self._texts[concept.code] = text_of(concept)
        return found

    def pick(self, code: str, wanted: Selection) -> Concept | None:
        """See `CodeSystem.pick`."""
        if not self._asks_added(wanted):
            found = self._base.pick(code, wanted)
            return None if found is None else self._whole(found)
        concept = self.get(code)
        return concept if concept is not None and predicate(self, wanted)(concept) else None

    def size(self, wanted: Selection) -> int | None:
        """See `CodeSystem.size`."""
        if wanted.words or self._asks_added(wanted):
            return None
        return self._base.size(wanted)


def _joined(concept: Concept, names: Sequence[Designation], added: Concept) -> Concept:
    return replace(
        concept,
        designations=(*concept.designations, *names),
        properties=(*concept.properties, *added.properties),
    )
