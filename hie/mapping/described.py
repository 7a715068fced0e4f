"""URLs under the host of the exchange that tables write, and that nothing in the exchange describes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hie.base.systems import CODE_SYSTEM, EXTENSION
from hie.mapping.codes import CodeTable
from hie.mapping.fieldmap import FieldMap, written
from hie.mapping.problem import Problem, meant

_OURS = {
    f"{EXTENSION}/": ("StructureDefinition", "stands under another host"),
    f"{CODE_SYSTEM}/": ("CodeSystem", "has the code of the region before its name, or stands under another host"),
}
"""Where our URLs begin -> what describes them, and what holds for those that a region defines itself."""


@dataclass(frozen=True)
class Described:
    """The URLs of our extensions and code systems, and the regions of packages: a code system that is called after one
    (`CodeSystem/kunshan-…`) is its own, and nobody else describes it."""

    urls: frozenset[str]
    regions: tuple[str, ...] = ()

    def wrong(self, value: Any) -> Iterator[str]:
        """What is wrong with the URLs of extensions and code systems in a value, at any depth."""
        if isinstance(value, Mapping):
            value = [*value.values()]
        if isinstance(value, list):
            for inner in value:
                yield from self.wrong(inner)
        start = next((start for start in _OURS if isinstance(value, str) and value.startswith(start)), None)
        if start is None or value in self.urls or value.startswith(self._own):
            return
        kind, own = _OURS[start]
        near = meant(value.removeprefix(start), (url.removeprefix(start) for url in self.urls if url.startswith(start)))
        yield f"no {kind} of the exchange has this URL{near}; what a region defines itself {own}"

    @property
    def _own(self) -> tuple[str, ...]:
        return tuple(f"{CODE_SYSTEM}/{region}-" for region in self.regions)


def undescribed(fieldmaps: Iterable[FieldMap], codes: Iterable[CodeTable], described: Described) -> Iterator[Problem]:
    """Extensions and code systems of the exchange that it does not have: most are mistyped, and nobody who reads the
    resource can look up the others."""
    for table, key, value in written(fieldmaps):
        yield from (table.problem(reason, key) for reason in described.wrong(value))
    for code_table in codes:
        for system, (line, column) in systems_of(code_table).items():
            yield from (Problem(f"codes/{code_table.file}", line, reason, column) for reason in described.wrong(system))


def systems_of(codes: CodeTable) -> dict[str, tuple[int, int]]:
    """The code systems of a code map, each with line and column of the first row that names it."""
    found = {codes.system: (1, 1), codes.target_system: (1, 1)}
    for row in codes.rows.values():
        found.setdefault(row.source_system, (row.line, row.column("source_system")))
        found.setdefault(row.target_system, (row.line, row.column("target_system")))
    return found
