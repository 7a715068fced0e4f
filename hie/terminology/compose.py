"""From a ValueSet resource to its members (FHIR R4 valueset §4.9.5 to §4.9.8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hie.base.errors import Category, HieError
from hie.base.resource import JsonView
from hie.terminology.concept import Concept, Designation, Filter
from hie.terminology.filters import checked
from hie.terminology.library import Library
from hie.terminology.members import Both, Composed, Listed, Members, OfSystem, Unavailable, too_costly

DEEPEST = 20
"""Value sets that may import each other in a row."""

MOST_PARTS = 1000
"""Includes and excludes of a value set and of all that it imports, each counted as often as it is imported."""


@dataclass(frozen=True)
class Pins:
    """Versions of code systems that a caller asks for, by URL (FHIR R4 `$expand`).

    `default` where the value set names none; `force` instead of what it names; `check` must be what is used; systems in
    `without` are left out.
    """

    default: Mapping[str, str] = field(default_factory=dict)
    force: Mapping[str, str] = field(default_factory=dict)
    check: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    def version(self, url: str, named: str | None) -> str | None:
        """The version to use where the value set names `named`; raises UNPROCESSABLE when it must be another one."""
        version = self.force.get(url) or named or self.default.get(url)
        wanted = self.check.get(url)
        if wanted and version and wanted != version:
            raise HieError(Category.UNPROCESSABLE, "The value set names another version of a code system than asked",
                           issue="business-rule", expression="check-system-version")  # fmt: skip
        return version or wanted


NO_PINS = Pins()


@dataclass
class _Way:
    """How a value set was come to: the URLs of those that import it, and how many parts may still be read."""

    path: tuple[str, ...]
    left: list[int]

    def into(self, url: str) -> "_Way":
        """One value set further; raises INVALID for one that is on the way already, or too deep."""
        if url and url in self.path:
            raise HieError(Category.INVALID, f"The value set {url[:200]} imports itself", issue="business-rule")
        if len(self.path) > DEEPEST:
            message = f"Value sets import each other more than {DEEPEST} deep"
            raise HieError(Category.INVALID, message, issue="business-rule")
        return _Way((*self.path, url), self.left)

    def take(self) -> None:
        """One part more; raises UNPROCESSABLE (`too-costly`) when there were too many."""
        self.left[0] -= 1
        if self.left[0] < 0:
            raise too_costly(f"The value set and those that it imports have more than {MOST_PARTS} parts")


def members_of(value_set: JsonView, library: Library, pins: Pins = NO_PINS) -> Members:
    """The members of a ValueSet.

    Raises INVALID for a compose that is none, a filter that no code system could apply, and value sets that import each
    other in a ring; UNPROCESSABLE for one of too many parts.
    """
    return _members_of(value_set, library, pins, _Way((), [MOST_PARTS]))


def _members_of(value_set: JsonView, library: Library, pins: Pins, way: _Way) -> Members:
    compose = value_set.get("compose")
    if compose is None:
        return Composed(tuple(_of_expansion(value_set.get("expansion"))))
    if not isinstance(compose, dict):
        raise _malformed("compose")
    here = way.into(str(value_set.get("url", "")))
    included = [_include(row, library, pins, here) for row in _rows(compose, "include", "compose")]
    excluded = [_include(row, library, pins, here) for row in _rows(compose, "exclude", "compose")]
    published = value_set.get("codes")
    left = [_as_published(part, published) for part in included if part is not None]
    without = [part for part in excluded if part is not None]
    return Composed(tuple(left), tuple(without), compose.get("inactive") is False)


def _as_published(part: Members, published: Mapping[str, Sequence[Sequence[str]]] | None) -> Members:
    """The codes that HL7 published for an official value set, where its code system is not here."""
    rows = published.get(part.url) if published is not None and isinstance(part, Unavailable) else None
    if rows is None or not isinstance(part, Unavailable):
        return part
    return Listed(part.url, "", {row[0]: Concept(row[0], row[1] if len(row) > 1 else "") for row in rows})


def _malformed(place: str) -> HieError:
    path = f"ValueSet.{place}"
    return HieError(Category.INVALID, "The value set is not well formed", issue="structure", expression=path)


def _rows(parent: Mapping[str, Any], name: str, place: str) -> list[JsonView]:
    """The objects of an array; raises INVALID when it is none."""
    rows = parent.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _malformed(f"{place}.{name}")
    return rows


def _imports(row: JsonView) -> list[str]:
    urls = row.get("valueSet", [])
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise _malformed("compose.include.valueSet")
    return urls


def _include(row: JsonView, library: Library, pins: Pins, way: _Way) -> Members | None:
    way.take()
    url, parts = row.get("system"), []
    if isinstance(url, str):
        if url in pins.without:
            return None
        parts.append(_of_system(url, row, library, pins))
    for imported in _imports(row):
        parts.append(_members_of(_imported(imported, library), library, pins, way))
    if not parts:
        raise HieError(Category.INVALID, "An include of a value set names a system or a value set",
                       expression="ValueSet.compose.include")  # fmt: skip
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _imported(url: str, library: Library) -> JsonView:
    found = library.find_value_set(url)
    if found is None:
        message = f"The value set imports {url[:200]}, which is not known here"
        raise HieError(
            Category.UNPROCESSABLE, message, issue="not-found", expression="ValueSet.compose.include.valueSet"
        )
    return found


def _of_system(url: str, row: JsonView, library: Library, pins: Pins) -> Members:
    version = pins.version(url, row.get("version"))
    filters = tuple(
        Filter(str(f.get("property", "")), str(f.get("op", "")), str(f.get("value", "")))
        for f in _rows(row, "filter", "compose.include")
    )
    checked(filters)
    system = library.find_system(url, version)
    if system is None and url not in pins.force:
        system = library.find_system(url) if _listed(row) else None
    if "concept" in row:
        return Listed(url, version or "", _listed(row), system)
    if system is None:
        return Unavailable(url, lambda: _missing(url, version, library))
    return OfSystem(system, filters)


def _missing(url: str, version: str | None, library: Library) -> HieError:
    try:
        library.system(url, version)
    except HieError as error:
        return HieError(Category.UNPROCESSABLE, error.message, issue="not-found",
                        expression="ValueSet.compose.include.system")  # fmt: skip
    return HieError(Category.UNPROCESSABLE, f"The code system {url[:200]} has just been loaded; ask again")


def _listed(row: JsonView) -> Mapping[str, Concept]:
    found = {}
    for one in _rows(row, "concept", "compose.include"):
        names = tuple(
            Designation(str(d.get("value", "")), str(d.get("language", "")), d.get("use"))
            for d in _rows(one, "designation", "compose.include.concept")
        )
        code = str(one.get("code", ""))
        found[code] = Concept(code, str(one.get("display", "")), designations=names)
    return found


def _of_expansion(expansion: Any) -> list[Members]:
    """A value set that has nothing but an expansion: the codes it lists."""
    by_system: dict[tuple[str, str], dict[str, Concept]] = {}
    waiting = _rows(expansion, "contains", "expansion")[::-1] if isinstance(expansion, dict) else []
    while waiting:
        row = waiting.pop()
        waiting += _rows(row, "contains", "expansion")[::-1]
        if "code" in row and row.get("abstract") is not True:
            listed = by_system.setdefault((str(row.get("system", "")), str(row.get("version", ""))), {})
            listed |= _listed({"concept": [row]})
    return [Listed(url, version, concepts) for (url, version), concepts in by_system.items()]
