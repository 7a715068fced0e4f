"""Translation of codes by ConceptMaps, forwards and backwards (FHIR R4 conceptmap §4.10)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hie.base.errors import HieError
from hie.base.resource import JsonView

INVERSE = {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
"""Equivalence -> the same said from the other side; all others are their own inverse."""

NO_MATCH = frozenset({"unmatched", "disjoint"})
"""Equivalences that say that there is no translation."""

DEEPEST = 5
"""Maps that may send to other maps in a row."""

FindMap = Callable[[str], JsonView]
"""A concept map by canonical URL; raises NOT_FOUND."""


@dataclass(frozen=True, slots=True)
class Match:
    """One translation. `source` is the canonical URL of the map; `products` further codings that belong to it."""

    equivalence: str
    system: str
    version: str
    code: str
    display: str
    source: str
    products: tuple[tuple[str, Mapping[str, str]], ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it is a translation, not the statement that there is none."""
        return self.equivalence not in NO_MATCH


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be translated: a code of a system (None: of any), and the system it should lead to (None: any).

    `dependencies` are codes of other properties that a row may depend on (property -> value).
    """

    system: str | None
    code: str
    target: str | None = None
    dependencies: Mapping[str, str] | None = None


def url_of(concept_map: JsonView) -> str:
    """The canonical URL with version; empty when the map has none."""
    url, version = concept_map.get("url", ""), concept_map.get("version")
    return f"{url}|{version}" if url and version else str(url)


def forwards(concept_map: JsonView, wanted: Wanted, find: FindMap, deep: int = 0) -> Iterator[Match]:
    """Translations in the direction of the map; `unmapped` of a group answers for codes that it does not list."""
    for group in _rows(concept_map, "group"):
        if wanted.system is not None and group.get("source", wanted.system) != wanted.system:
            continue
        if wanted.target is not None and group.get("target", wanted.target) != wanted.target:
            continue
        element = next((row for row in _rows(group, "element") if row.get("code") == wanted.code), None)
        if element is None:
            yield from _unmapped(concept_map, group, wanted, find, deep)
        else:
            yield from _targets(concept_map, group, element, wanted)


def _targets(concept_map: JsonView, group: JsonView, element: JsonView, wanted: Wanted) -> Iterator[Match]:
    for target in _rows(element, "target"):
        if _depends(target, wanted):
            products = tuple((str(row.get("property", "")), _coding(row)) for row in _rows(target, "product"))
            yield _match(concept_map, group, target, str(target.get("equivalence", "equivalent")), products)


def _depends(target: JsonView, wanted: Wanted) -> bool:
    """Whether all that a target depends on is given."""
    given = wanted.dependencies or {}
    return all(given.get(str(row.get("property"))) == row.get("value") for row in _rows(target, "dependsOn"))


def _unmapped(concept_map: JsonView, group: JsonView, wanted: Wanted, find: FindMap, deep: int) -> Iterator[Match]:
    rule = group.get("unmapped")
    if not isinstance(rule, dict):
        return
    mode = rule.get("mode")
    if mode == "provided":
        yield _match(concept_map, group, {"code": wanted.code}, "equal")
    elif mode == "fixed" and "code" in rule:
        yield _match(concept_map, group, rule, "inexact")
    elif mode == "other-map" and deep < DEEPEST:
        try:
            other = find(str(rule.get("url", "")))
        except HieError:
            return
        yield from forwards(other, wanted, find, deep + 1)


def backwards(concept_map: JsonView, wanted: Wanted) -> Iterator[Match]:
    """Translations against the direction of the map: from its targets to its sources."""
    for group in _rows(concept_map, "group"):
        if wanted.system is not None and group.get("target", wanted.system) != wanted.system:
            continue
        if wanted.target is not None and group.get("source", wanted.target) != wanted.target:
            continue
        for element in _rows(group, "element"):
            for target in _rows(element, "target"):
                if target.get("code") == wanted.code and _depends(target, wanted):
                    equivalence = str(target.get("equivalence", "equivalent"))
                    turned = {"target": group.get("source"), "targetVersion": group.get("sourceVersion")}
                    yield _match(concept_map, turned, element, INVERSE.get(equivalence, equivalence))


def _match(
    concept_map: JsonView,
    group: JsonView,
    row: JsonView,
    equivalence: str,
    products: Sequence[tuple[str, Mapping[str, str]]] = (),
) -> Match:
    return Match(
        equivalence,
        str(group.get("target") or ""),
        str(group.get("targetVersion") or ""),
        str(row.get("code", "")),
        str(row.get("display", "")),
        url_of(concept_map),
        tuple(products),
    )


def _coding(row: JsonView) -> Mapping[str, str]:
    parts = {"system": row.get("system"), "code": row.get("value"), "display": row.get("display")}
    return {name: str(value) for name, value in parts.items() if value}


def _rows(parent: JsonView, name: str) -> list[JsonView]:
    rows = parent.get(name, [])
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
