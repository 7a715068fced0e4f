"""The terminology service with all its sources: official definitions, our own, the code maps, what was loaded."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from hie.api.terminology import StoredTerminology
from hie.base.data import data_path
from hie.base.systems import REGION
from hie.fhir.definitions import Definitions, official
from hie.mapping.codefile import load_codes
from hie.mapping.codes import CodeTable
from hie.mapping.conceptmaps import concept_maps
from hie.plugin import Adapter
from hie.store.port import Store
from hie.terminology.codefile import CodeFile
from hie.terminology.library import Library
from hie.terminology.service import Terminology
from hie.terminology.shelf import KINDS, Shelf

PUBLISHED = (*KINDS, "NamingSystem", "StructureDefinition")
"""The types of `profiles/hie` that are written into the store, so that they can be read and searched."""


@cache
def own_resources() -> tuple[dict[str, Any], ...]:
    """Our own conformance resources (`profiles/hie`), read once."""
    own = data_path("profiles", "hie")
    return tuple(orjson.loads(path.read_bytes()) for kind in PUBLISHED for path in sorted(own.glob(f"{kind}-*.json")))


def shipped_resources(codes: Iterable[CodeTable], adapters: Sequence[Adapter] = ()) -> list[dict[str, Any]]:
    """Our own terminology, which knows the regions of `adapters`, and the code maps as ConceptMaps: the same tables
    that mapping translates by."""
    own = (_with_regions(row, adapters) if row.get("url") == REGION else row for row in own_resources())
    return [*own, *concept_maps(codes)]


def _with_regions(system: dict[str, Any], adapters: Sequence[Adapter]) -> dict[str, Any]:
    """The code system of regions with those that installed packages add: their resources are tagged with them."""
    known = {concept["code"] for concept in system["concept"]}
    further = {adapter.region: adapter.title for adapter in adapters if adapter.region not in known}
    concepts = [*system["concept"], *({"code": code, "display": title} for code, title in further.items())]
    return {**system, "count": len(concepts), "concept": concepts}


def feed_terminology(codes: Iterable[CodeTable], file: Path | None = None) -> Terminology:
    """What the feeds are mapped and judged by: what ships, and what was loaded into `file`.

    What clients post is not part of it: a feed's data is read by what operators have decided, and alike in every
    process.
    """
    return _without_store(official(), codes, file)


def shipped_terminology(
    definitions: Definitions, adapters: Sequence[Adapter] = (), file: Path | None = None
) -> Terminology:
    """The terminology service without a store, for tools: what ships with the server, and what was loaded into `file`.

    `shipped_terminology(load_definitions()).check(system, code, display)`.
    """
    folders = [data_path("mappings") / "codes"]
    folders += [adapter.mappings / "codes" for adapter in adapters if adapter.mappings is not None]
    codes = {name: table for folder in folders if folder.is_dir() for name, table in load_codes(folder).items()}
    return _without_store(definitions, codes.values(), file, adapters)


def _without_store(
    definitions: Definitions, codes: Iterable[CodeTable], file: Path | None, adapters: Sequence[Adapter] = ()
) -> Terminology:
    loaded = CodeFile(file) if file is not None else None
    return Terminology(Library(definitions, _shelf(shipped_resources(codes, adapters)), loaded=loaded))


def open_terminology(
    store: Store, definitions: Definitions, codes: Iterable[CodeTable], file: Path, adapters: Sequence[Adapter] = ()
) -> StoredTerminology:
    """The terminology service over a store and the file of large code systems, for `publish` and `load`."""
    shipped = shipped_resources(codes, adapters)
    answers = Terminology(Library(definitions, _shelf(shipped), Shelf("posted"), CodeFile(file)))
    return StoredTerminology(store, answers, shipped)


def _shelf(resources: Sequence[dict[str, Any]]) -> Shelf:
    shelf = Shelf("own")
    shelf.change([row for row in resources if row["resourceType"] in KINDS])
    return shelf
