"""A code system in memory, compiled from a CodeSystem resource (FHIR R4 codesystem)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from hie.base.resource import JsonView
from hie.terminology.concept import Concept, Designation, Property, Selection
from hie.terminology.filters import predicate
from hie.terminology.port import SystemInfo
from hie.terminology.text import holds, text_of

_ABOVE = frozenset({"parent", "subsumedBy"})
_GONE = frozenset({"retired", "deprecated", "inactive"})
_URI = "urn:ietf:rfc:3986"


class ResourceSystem:
    """A CodeSystem resource, compiled once. Parents come from nesting and from `parent` and `child` properties."""

    def __init__(self, resource: JsonView, source: str) -> None:
        self._concepts: dict[str, Concept] = {}
        self._parents: dict[str, list[str]] = {}
        self._children: dict[str, list[str]] = {}
        self._texts: dict[str, str] = {}
        self._read(resource.get("concept"), None)
        self._join()
        folds = resource.get("caseSensitive") is False
        self._folded = {code.casefold(): code for code in reversed(self._concepts)} if folds else None
        self.info = info_of(resource, source, len(self._concepts), bool(self._parents))

    def get(self, code: str) -> Concept | None:
        """See `CodeSystem.get`."""
        found = self._concepts.get(code)
        if found is None and self._folded is not None:
            found = self._concepts.get(self._folded.get(code.casefold(), ""))
        return found

    def parents(self, code: str) -> Sequence[str]:
        """See `CodeSystem.parents`."""
        return self._parents.get(code, ())

    def children(self, code: str) -> Sequence[str]:
        """See `CodeSystem.children`."""
        return self._children.get(code, ())

    def subsumes(self, ancestor: str, descendant: str) -> bool:
        """See `CodeSystem.subsumes`; walks up, each code once."""
        if ancestor == descendant:
            return ancestor in self._concepts
        waiting, seen = [descendant], {descendant}
        while waiting:
            for parent in self._parents.get(waiting.pop(), ()):
                if parent == ancestor:
                    return True
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return False

    def select(self, wanted: Selection, skip: int = 0) -> Iterator[Concept]:
        """See `CodeSystem.select`."""
        return islice(self._select(wanted), skip, None)

    def _select(self, wanted: Selection) -> Iterator[Concept]:
        meets = predicate(self, wanted)
        for concept in self._concepts.values():
            if (not wanted.words or holds(self._text(concept), wanted.words)) and meets(concept):
                yield concept

    def pick(self, code: str, wanted: Selection) -> Concept | None:
        """See `CodeSystem.pick`."""
        concept = self.get(code)
        return concept if concept is not None and predicate(self, wanted)(concept) else None

    def size(self, wanted: Selection) -> int | None:
        """See `CodeSystem.size`."""
        return len(self._concepts) if wanted.everything else sum(1 for _ in self._select(wanted))

    def _text(self, concept: Concept) -> str:
        found = self._texts.get(concept.code)
        if found is None:
            found = self._texts[concept.code] = text_of(concept)
        return found

    def _read(self, rows: Any, parent: str | None) -> None:
        for row in _objects(rows):
            if not isinstance(row.get("code"), str):
                continue
            concept = read_concept(row)
            self._concepts.setdefault(concept.code, concept)
            if parent is not None:
                self._above(concept.code, parent)
            self._read(row.get("concept"), concept.code)

    def _join(self) -> None:
        for concept in self._concepts.values():
            for row in concept.properties:
                if row.code in _ABOVE and row.text in self._concepts:
                    self._above(concept.code, row.text)
                elif row.code == "child" and row.text in self._concepts:
                    self._above(row.text, concept.code)

    def _above(self, child: str, parent: str) -> None:
        if parent not in self._parents.setdefault(child, []):
            self._parents[child].append(parent)
            self._children.setdefault(parent, []).append(child)


def read_concept(row: Mapping[str, Any]) -> Concept:
    """One `CodeSystem.concept`, its children apart."""
    properties = tuple(_properties(row.get("property")))
    known = {(one.code, one.text) for one in properties}
    return Concept(
        row["code"],
        str(row.get("display", "")),
        str(row.get("definition", "")),
        tuple(_designations(row.get("designation"))),
        properties,
        bool(known & {("notSelectable", "true"), ("abstract", "true")}),
        ("inactive", "true") in known or any(code == "status" and text in _GONE for code, text in known),
    )


def _objects(rows: Any) -> Iterator[JsonView]:
    """The objects of an array; what is posted for one question was not validated."""
    return (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else iter(())


def _properties(rows: Any) -> Iterator[Property]:
    for row in _objects(rows):
        for key, value in row.items():
            if key.startswith("value"):
                yield Property(str(row.get("code", "")), key.removeprefix("value"), value)


def _designations(rows: Any) -> Iterator[Designation]:
    for row in _objects(rows):
        yield Designation(str(row.get("value", "")), str(row.get("language", "")), row.get("use"))


def info_of(resource: JsonView, source: str, count: int, hierarchical: bool) -> SystemInfo:
    """What a CodeSystem says about itself."""
    rows = [row for row in _objects(resource.get("property")) if isinstance(row.get("code"), str)]
    return SystemInfo(
        url=str(resource.get("url", "")),
        version=str(resource.get("version", "")),
        name=str(resource.get("name", "")),
        title=str(resource.get("title", "")),
        language=str(resource.get("language", "")),
        content=str(resource.get("content", "complete")),
        case_sensitive=resource.get("caseSensitive") is not False,
        count=count,
        hierarchical=hierarchical,
        properties={row["code"]: str(row.get("type", "string")) for row in rows},
        descriptions={row["code"]: row["description"] for row in rows if "description" in row},
        value_set=str(resource.get("valueSet", "")),
        aliases=identifiers(resource),
        source=source,
    )


def identifiers(resource: JsonView) -> tuple[str, ...]:
    """The URIs among the identifiers of a resource (`urn:oid:…`)."""
    rows = resource.get("identifier") or []
    found = _objects(rows if isinstance(rows, list) else [rows])
    return tuple(row["value"] for row in found if row.get("system") == _URI and isinstance(row.get("value"), str))
