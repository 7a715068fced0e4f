"""The terminology service with all its sources: official definitions, our own, the code maps, what was loaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from hie.api.terminology import StoredTerminology
from hie.base.data import data_path
from hie.fhir.definitions import Definitions
from hie.mapping.codes import load_codes
from hie.mapping.conceptmaps import concept_maps
from hie.plugin import Adapter
from hie.store.port import Store
from hie.terminology.codefile import CodeFile
from hie.terminology.library import Library
from hie.terminology.service import Terminology
from hie.terminology.shelf import KINDS, Shelf

PUBLISHED = (*KINDS, "NamingSystem", "StructureDefinition")
"""The types of `profiles/hie` that are written into the store, so that they can be read and searched."""


def shipped_resources(adapters: Sequence[Adapter] = ()) -> list[dict[str, Any]]:
    """Our own terminology (`profiles/hie`) and every code map, those of installed adapters included."""
    own = data_path("profiles", "hie")
    found = [orjson.loads(path.read_bytes()) for kind in PUBLISHED for path in sorted(own.glob(f"{kind}-*.json"))]
    folders = [data_path("mappings") / "codes"]
    folders += [adapter.mappings / "codes" for adapter in adapters if adapter.mappings is not None]
    tables = {name: table for folder in folders if folder.is_dir() for name, table in load_codes(folder).items()}
    return found + concept_maps(tables.values())


def shipped_terminology(
    definitions: Definitions, adapters: Sequence[Adapter] = (), file: Path | None = None
) -> Terminology:
    """The terminology service without a store: what ships with the server, and what was loaded into `file`.

    For tools such as `hie adapters lint`: `shipped_terminology(load_definitions()).check(system, code, display)`.
    """
    loaded = CodeFile(file) if file is not None else None
    return Terminology(Library(definitions, _shelf(shipped_resources(adapters)), loaded=loaded))


def open_terminology(
    store: Store, definitions: Definitions, adapters: Sequence[Adapter], file: Path
) -> StoredTerminology:
    """The terminology service over a store and the file of large code systems, for `publish` and `load`."""
    shipped = shipped_resources(adapters)
    answers = Terminology(Library(definitions, _shelf(shipped), Shelf("posted"), CodeFile(file)))
    return StoredTerminology(store, answers, shipped)


def _shelf(resources: Sequence[dict[str, Any]]) -> Shelf:
    shelf = Shelf("own")
    shelf.change([row for row in resources if row["resourceType"] in KINDS])
    return shelf
