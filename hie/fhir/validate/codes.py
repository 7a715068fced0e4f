"""Which codes a value set and a code system have: what bindings are checked against.

The official sets come from the definitions, those of the exchange from CodeSystem and ValueSet resources. A set that is
not known in full has no answer (None), and then nothing is claimed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from hie.fhir.definitions import Definitions

Json = Mapping[str, Any]
Codings = frozenset[tuple[str, str]]


class Codes(Protocol):
    """Members of value sets and code systems, by canonical URL."""

    def codes(self, value_set: str) -> frozenset[str] | None:
        """The codes of a value set, whatever their system; None when it is not known in full."""

    def codings(self, value_set: str) -> Codings | None:
        """(system, code) of every member of a value set; None when it is not known in full."""

    def names(self, system: str) -> Mapping[str, frozenset[str]] | None:
        """Code -> its displays and designations; None when the code system is not known in full."""

    def is_value_set(self, url: str) -> bool:
        """Whether the URL names a value set."""


class OfficialCodes:
    """The codes of FHIR R4 itself."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def codes(self, value_set: str) -> frozenset[str] | None:
        """See `Codes`."""
        return self._definitions.codes(value_set)

    def codings(self, value_set: str) -> Codings | None:
        """See `Codes`."""
        return self._definitions.codings(value_set)

    def names(self, system: str) -> Mapping[str, frozenset[str]] | None:
        """See `Codes`."""
        return names_of(self._definitions.code_system(system))

    def is_value_set(self, url: str) -> bool:
        """See `Codes`."""
        return self._definitions.value_set(url) is not None


class OwnCodes:
    """The codes of given CodeSystem and ValueSet resources, and behind them those of another source.

    Of a ValueSet, includes of whole systems, of listed codes and of other value sets are understood; one that filters
    or excludes has no answer.
    """

    def __init__(self, resources: Iterable[Json], behind: Codes) -> None:
        rows = list(resources)
        self._behind = behind
        self._systems = {str(row.get("url")): row for row in rows if row.get("resourceType") == "CodeSystem"}
        self._sets = {str(row.get("url")): row for row in rows if row.get("resourceType") == "ValueSet"}
        self._made: dict[str, Codings | None] = {}
        self._named: dict[str, Mapping[str, frozenset[str]] | None] = {}

    def codes(self, value_set: str) -> frozenset[str] | None:
        """See `Codes`."""
        if value_set not in self._sets:
            return self._behind.codes(value_set)
        found = self.codings(value_set)
        return None if found is None else frozenset(code for _, code in found)

    def codings(self, value_set: str) -> Codings | None:
        """See `Codes`."""
        if value_set not in self._sets:
            return self._behind.codings(value_set)
        if value_set not in self._made:
            self._made[value_set] = None
            self._made[value_set] = self._composed(self._sets[value_set])
        return self._made[value_set]

    def names(self, system: str) -> Mapping[str, frozenset[str]] | None:
        """See `Codes`."""
        if system not in self._systems:
            return self._behind.names(system)
        if system not in self._named:
            self._named[system] = names_of(self._systems[system])
        return self._named[system]

    def is_value_set(self, url: str) -> bool:
        """See `Codes`."""
        return url in self._sets or self._behind.is_value_set(url)

    def _composed(self, value_set: Json) -> Codings | None:
        compose = value_set.get("compose", {})
        parts = [self._included(include) for include in compose.get("include", ())]
        if "exclude" in compose or not parts or None in parts:
            return None
        return frozenset(coding for part in parts if part is not None for coding in part)

    def _included(self, include: Json) -> Codings | None:
        if "filter" in include:
            return None
        parts: list[Codings | None] = [self.codings(url) for url in include.get("valueSet", ())]
        system = include.get("system")
        if isinstance(system, str):
            listed = [row["code"] for row in include.get("concept", ())] or self.names(system)
            parts.append(None if listed is None else frozenset((system, code) for code in listed))
        known = [part for part in parts if part is not None]
        return frozenset.intersection(*known) if known and len(known) == len(parts) else None


def names_of(system: Json | None) -> Mapping[str, frozenset[str]] | None:
    """Code -> names of a CodeSystem resource; None when it does not hold all its codes."""
    if system is None or system.get("content") != "complete" or "concept" not in system:
        return None
    return dict(_concepts(system["concept"]))


def _concepts(rows: list[Json]) -> Iterator[tuple[str, frozenset[str]]]:
    for row in rows:
        names = [row.get("display", ""), *(one["value"] for one in row.get("designation", ()))]
        yield row["code"], frozenset(name for name in names if name)
        yield from _concepts(row.get("concept", []))
