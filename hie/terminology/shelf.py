"""Terminology resources in memory, found by type and canonical URL: our own, and those posted to the store."""

import re
from collections.abc import Iterator
from typing import Any

from hie.base.resource import JsonView
from hie.terminology.resource import ResourceSystem, identifiers

KINDS = ("CodeSystem", "ValueSet", "ConceptMap")
"""The types that are kept."""

_PARTS = re.compile(r"\d+|\D+")


class Kept:
    """One resource; a CodeSystem is compiled when it is first used."""

    def __init__(self, resource: JsonView, source: str) -> None:
        self.resource = resource
        self._source = source
        self._system: ResourceSystem | None = None

    @property
    def system(self) -> ResourceSystem:
        """The CodeSystem, compiled."""
        if self._system is None:
            self._system = ResourceSystem(self.resource, self._source)
        return self._system


class Shelf:
    """Resources of one source. Changed by one thread, read by any: what is read is replaced, never changed."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.revision = 0
        self._by_id: dict[tuple[str, str], Kept] = {}
        self._by_url: dict[tuple[str, str], tuple[Kept, ...]] = {}
        self._supplements: dict[str, tuple[Kept, ...]] = {}

    def change(self, put: list[JsonView], removed: list[tuple[str, str]] | None = None) -> None:
        """Add or replace resources (`resourceType` and `id` set), and take others (type, id) away."""
        by_id = dict(self._by_id)
        for key in removed or ():
            by_id.pop(key, None)
        for resource in put:
            by_id[resource["resourceType"], str(resource.get("id", resource.get("url", "")))] = Kept(
                resource, self.source
            )
        self._arrange(by_id)

    def _arrange(self, by_id: dict[tuple[str, str], Kept]) -> None:
        by_url: dict[tuple[str, str], list[Kept]] = {}
        supplements: dict[str, list[Kept]] = {}
        for (kind, _), kept in by_id.items():
            resource = kept.resource
            if resource.get("content") == "supplement":
                supplements.setdefault(str(resource.get("supplements", "")).partition("|")[0], []).append(kept)
            for url in (resource.get("url"), *identifiers(resource)):
                if isinstance(url, str):
                    by_url.setdefault((kind, url), []).append(kept)
        self._by_id = by_id
        self._by_url = {key: tuple(sorted(rows, key=_rank, reverse=True)) for key, rows in by_url.items()}
        self._supplements = {url: tuple(rows) for url, rows in supplements.items()}
        self.revision += 1

    def get(self, kind: str, identity: str) -> JsonView | None:
        """A resource by its id."""
        found = self._by_id.get((kind, identity))
        return None if found is None else found.resource

    def kept(self, kind: str, identity: str) -> Kept | None:
        """A resource by its id, with its code system compiled."""
        return self._by_id.get((kind, identity))

    def find(self, kind: str, url: str, version: str | None = None) -> Kept | None:
        """A resource by URL or identifier: of that version, else an active one before others, the highest version."""
        rows = self._by_url.get((kind, url), ())
        return next((row for row in rows if version is None or row.resource.get("version") == version), None)

    def supplements(self, url: str) -> tuple[Kept, ...]:
        """The supplements of a code system."""
        return self._supplements.get(url, ())

    def all(self, kind: str) -> Iterator[Kept]:
        """All resources of a type."""
        return (kept for (name, _), kept in self._by_id.items() if name == kind)


def _rank(kept: Kept) -> tuple[Any, ...]:
    """Sorts by status and version, numbers in it by value: 1.10 after 1.9."""
    resource = kept.resource
    version = str(resource.get("version", ""))
    parts = [(1, int(p), "") if p.isdigit() else (0, 0, p) for p in _PARTS.findall(version)]
    return resource.get("status") == "active", resource.get("content") != "supplement", parts
