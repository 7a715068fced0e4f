"""From a ValueSet resource to its members (FHIR R4 valueset §4.9.5 to §4.9.8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hie.base.errors import Category, HieError
from hie.terminology.concept import Concept, Designation, Filter, Json
from hie.terminology.filters import checked
from hie.terminology.library import Library
from hie.terminology.members import Both, Composed, Listed, Members, OfSystem, Unavailable

DEEPEST = 20
"""Value sets that may import each other in a row."""


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


def members_of(value_set: Json, library: Library, pins: Pins = NO_PINS, path: Sequence[str] = ()) -> Members:
    """The members of a ValueSet; `path` holds the URLs of those that import it.

    Raises INVALID for a filter that no code system could apply, and for value sets that import each other in a ring.
    """
    url = str(value_set.get("url", ""))
    if (url and url in path) or len(path) > DEEPEST:
        raise HieError(Category.INVALID, f"The value set {url[:200]} imports itself", issue="business-rule")
    compose = value_set.get("compose")
    if not isinstance(compose, dict):
        return Composed(tuple(_of_expansion(value_set.get("expansion"))))
    here = (*path, url)
    included = [_include(row, library, pins, here) for row in _rows(compose, "include")]
    excluded = [_include(row, library, pins, here) for row in _rows(compose, "exclude")]
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


def _rows(parent: Mapping[str, Any], name: str) -> list[Json]:
    rows = parent.get(name, [])
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _include(row: Json, library: Library, pins: Pins, path: Sequence[str]) -> Members | None:
    url, parts = row.get("system"), []
    if isinstance(url, str):
        if url in pins.without:
            return None
        parts.append(_of_system(url, row, library, pins))
    for imported in row.get("valueSet", ()):
        parts.append(members_of(_imported(str(imported), library), library, pins, path))
    if not parts:
        raise HieError(Category.INVALID, "An include of a value set names a system or a value set",
                       expression="ValueSet.compose.include")  # fmt: skip
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _imported(url: str, library: Library) -> Json:
    found = library.find_value_set(url)
    if found is None:
        message = f"The value set imports {url[:200]}, which is not known here"
        raise HieError(
            Category.UNPROCESSABLE, message, issue="not-found", expression="ValueSet.compose.include.valueSet"
        )
    return found


def _of_system(url: str, row: Json, library: Library, pins: Pins) -> Members:
    version = pins.version(url, row.get("version"))
    filters = tuple(
        Filter(str(f.get("property", "")), str(f.get("op", "")), str(f.get("value", ""))) for f in _rows(row, "filter")
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


def _listed(row: Json) -> Mapping[str, Concept]:
    found = {}
    for one in _rows(row, "concept"):
        names = tuple(
            Designation(str(d.get("value", "")), str(d.get("language", "")), d.get("use"))
            for d in _rows(one, "designation")
        )
        code = str(one.get("code", ""))
        found[code] = Concept(code, str(one.get("display", "")), designations=names)
    return found


def _of_expansion(expansion: Any) -> list[Members]:
    """A value set that has nothing but an expansion: the codes it lists."""
    by_system: dict[tuple[str, str], dict[str, Concept]] = {}
    waiting = _rows(expansion, "contains")[::-1] if isinstance(expansion, dict) else []
    while waiting:
        row = waiting.pop()
        waiting += _rows(row, "contains")[::-1]
        if "code" in row and row.get("abstract") is not True:
            listed = by_system.setdefault((str(row.get("system", "")), str(row.get("version", ""))), {})
            listed |= _listed({"concept": [row]})
    return [Listed(url, version, concepts) for (url, version), concepts in by_system.items()]
