"""Where code systems, value sets and maps are found: posted, loaded, our own, official, grammars, in this order."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from hie.base.errors import Category, HieError
from hie.base.resource import JsonView
from hie.fhir.definitions import Definitions
from hie.terminology.grammar import grammars
from hie.terminology.port import CodeSystem, SystemInfo
from hie.terminology.resource import ResourceSystem, info_of
from hie.terminology.shelf import Shelf
from hie.terminology.supplement import Supplemented


class Loaded(Protocol):
    """The store of large code systems, as `hie terminology load` fills it."""

    def find(self, url: str, version: str | None = None) -> CodeSystem | None:
        """A code system by URL: of that version, else the one loaded last."""
        ...

    def infos(self) -> Sequence[SystemInfo]:
        """All that are loaded."""
        ...

    @property
    def revision(self) -> int:
        """Another number after every change."""
        ...


class NothingLoaded:
    """A `Loaded` without code systems."""

    revision = 0

    def find(self, url: str, version: str | None = None) -> CodeSystem | None:
        """None."""
        return None

    def infos(self) -> Sequence[SystemInfo]:
        """Nothing."""
        return ()


class Library:
    """All sources together. `posted` is kept up to date by who watches the store."""

    def __init__(
        self,
        definitions: Definitions,
        own: Shelf | None = None,
        posted: Shelf | None = None,
        loaded: Loaded | None = None,
    ) -> None:
        self.definitions = definitions
        self.own = own or Shelf("own")
        self.posted = posted or Shelf("posted")
        self.loaded: Loaded = loaded or NothingLoaded()
        self._grammars: Mapping[str, CodeSystem] = {one.info.url: one for one in grammars()}
        self._official: dict[str, ResourceSystem] = {}
        self._supplemented: dict[tuple[str, str, int], tuple[CodeSystem, CodeSystem]] = {}

    @property
    def revision(self) -> tuple[int, int, int]:
        """Another value after every change of what is here."""
        return self.own.revision, self.posted.revision, self.loaded.revision

    # -- code systems ----------------------------------------------------------------------------------------------

    def find_system(self, url: str, version: str | None = None) -> CodeSystem | None:
        """A code system whose codes can be judged here, with its supplements; None when there is none."""
        found = self._usable(url, version)
        if found is None and version is None and "|" in url:
            base, _, pinned = url.partition("|")
            found = self._usable(base, pinned)
        return found

    def _usable(self, url: str, version: str | None) -> CodeSystem | None:
        found = next((one for one in self._candidates(url, version) if one.info.usable), None)
        return None if found is None else self.with_supplements(found)

    def system(self, url: str, version: str | None = None) -> CodeSystem:
        """Like `find_system`; raises NOT_FOUND with what is missing."""
        found = self.find_system(url, version)
        if found is None:
            raise not_loaded(url, version, [one.info for one in self._candidates(url.partition("|")[0], None)])
        return found

    def _candidates(self, url: str, version: str | None) -> Iterator[CodeSystem]:
        kept = self.posted.find("CodeSystem", url, version)
        if kept is not None and kept.resource.get("content") != "supplement":
            yield kept.system
        loaded = self.loaded.find(url, version)
        if loaded is not None:
            yield loaded
        kept = self.own.find("CodeSystem", url, version)
        if kept is not None and kept.resource.get("content") != "supplement":
            yield kept.system
        official = self._official_system(url)
        if official is not None and version in (None, official.info.version):
            yield official
        if url in self._grammars:
            yield self._grammars[url]

    def _official_system(self, url: str) -> ResourceSystem | None:
        found = self._official.get(url)
        if found is None:
            resource = self.definitions.code_system(url)
            if resource is None or resource.get("content") == "supplement":
                return None
            found = self._official[url] = ResourceSystem(resource, "official")
        return found

    def with_supplements(self, system: CodeSystem) -> CodeSystem:
        """`system` with all supplements that are here for its URL."""
        rows = (*self.own.supplements(system.info.url), *self.posted.supplements(system.info.url))
        if not rows:
            return system
        key = system.info.url, system.info.version, self.own.revision + self.posted.revision
        kept = self._supplemented.get(key)
        if kept is None or kept[0] is not system:
            self._supplemented = {k: v for k, v in self._supplemented.items() if k[2] == key[2]}
            kept = self._supplemented[key] = (system, Supplemented(system, [row.resource for row in rows]))
        return kept[1]

    def infos(self) -> list[SystemInfo]:
        """The code systems that are posted, loaded, our own or have a grammar, and can be used."""
        shelves = [kept.system.info for shelf in (self.posted, self.own) for kept in shelf.all("CodeSystem")]
        found = [*shelves, *self.loaded.infos(), *(one.info for one in self._grammars.values())]
        return [info for info in found if info.usable]

    def official_infos(self) -> list[SystemInfo]:
        """The code systems of R4 that can be used; read anew each time."""
        rows = (row for row in self.definitions.code_systems() if row.get("content") != "supplement")
        infos = (info_of(row, "official", len(row.get("concept", ())), _is_nested(row)) for row in rows)
        return [info for info in infos if info.usable]

    # -- value sets and concept maps -------------------------------------------------------------------------------

    def find_value_set(self, url: str, version: str | None = None) -> JsonView | None:
        """A value set by canonical URL: a resource, or all codes of a code system where the URL means that."""
        url, _, pinned = url.partition("|")
        version = version or pinned or None
        for shelf in (self.posted, self.own):
            kept = shelf.find("ValueSet", url, version)
            if kept is not None:
                return kept.resource
        official = self.definitions.value_set(url)
        if official is not None and version in (None, official.get("version")):
            return official
        return self._implicit(url)

    def names_value_set(self, url: str) -> bool:
        """Whether a ValueSet resource of that URL is here."""
        url = url.partition("|")[0]
        kept = any(shelf.find("ValueSet", url) is not None for shelf in (self.posted, self.own))
        return kept or self.definitions.value_set(url) is not None

    def value_set(self, url: str, version: str | None = None) -> JsonView:
        """Like `find_value_set`; raises NOT_FOUND."""
        found = self.find_value_set(url, version)
        if found is None:
            raise HieError(
                Category.NOT_FOUND, f"The value set {url[:200]} is not known here", expression="url", issue="not-found"
            )
        return found

    def _implicit(self, url: str) -> JsonView | None:
        """`CodeSystem.valueSet`, `[system]/vs` (LOINC), and `[system]?fhir_vs[=isa/CODE]` (SNOMED CT, any other)."""
        base, mark, query = url.partition("?")
        if mark and (query == "fhir_vs" or query.startswith("fhir_vs=isa/")):
            code = query.partition("isa/")[2]
            rows = [{"property": "concept", "op": "is-a", "value": code}] if code else []
            return _all_of(url, base, rows) if self.find_system(base) is not None else None
        for info in self.infos():
            if url == info.value_set or (url == f"{info.url}/vs" and info.source == "loaded"):
                return _all_of(url, info.url, [])
        return None

    def concept_maps(self) -> list[JsonView]:
        """All concept maps, posted before our own."""
        return [kept.resource for shelf in (self.posted, self.own) for kept in shelf.all("ConceptMap")]

    def concept_map(self, url: str, version: str | None = None) -> JsonView:
        """A concept map by canonical URL; raises NOT_FOUND."""
        url, _, pinned = url.partition("|")
        for shelf in (self.posted, self.own):
            kept = shelf.find("ConceptMap", url, version or pinned or None)
            if kept is not None:
                return kept.resource
        raise HieError(Category.NOT_FOUND, f"The concept map {url[:200]} is not known here", expression="url")


def _is_nested(resource: JsonView) -> bool:
    return any("concept" in row for row in resource.get("concept", ()))


def _all_of(url: str, system: str, filters: list[dict[str, str]]) -> JsonView:
    include: dict[str, object] = {"system": system}
    if filters:
        include["filter"] = filters
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}


def not_loaded(url: str, version: str | None, others: Sequence[SystemInfo] = ()) -> HieError:
    """NOT_FOUND: what is missing, and how to get it."""
    there = dict.fromkeys(info.version or "no version" for info in others if info.usable)
    if there:
        told = f"The code system {url[:200]} is here as {', '.join(there)}, not as version {str(version)[:64]}"
    else:
        told = f"The code system {url[:200]} is not loaded here; load it with: hie terminology load FILE --system URL"
    return HieError(Category.NOT_FOUND, told, issue="not-found")
