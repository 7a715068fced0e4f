"""Populated source fields, counted apart from the maps: what no loss and coverage are measured against."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from hie.base.data import data_path
from hie.base.record import Record
from hie.mapping.apply import MapSet
from hie.mapping.fhir.tables import load_fhir_tables
from hie.pipeline.feed import FeedRuntime
from hie.plugin import Adapter
from hie.wire.clinical_document import ENTRIES, entry_code, speaks


def populated(dialect: str, record: Record) -> Iterator[str]:
    """Every source field of a record that has content, counted here and not by the maps."""
    if dialect == "hl7v2":
        for name, segment in record.tree.flat:
            yield from (f"{name}-{n}" for n, raw in enumerate(segment.fields) if raw and n)
    elif dialect == "rows":
        yield from record.tree.values
    elif dialect == "fhir":
        for entry in record.tree.entries:
            yield from (f"{entry.type}.{name}" for name in entry.resource if name not in ("resourceType", "id"))
    else:
        for entry in record.tree.iter(*ENTRIES):
            if speaks(entry):
                yield entry_code(entry)


def ignored(
    adapter: Adapter, shared: Path | None = None, maps: MapSet | None = None
) -> Callable[[FeedRuntime, Record], tuple[str, ...] | None]:
    """What tells the populated source fields of a record that its feed leaves out on purpose; None where no map covers
    it.

    `shared` is the folder of tables of adapters that bring none, the shipped one unless told otherwise,
    `maps` what it holds when that is compiled already.
    """
    shared = shared or data_path("mappings")
    maps = maps or MapSet.load(shared, [adapter])
    folder = adapter.mappings or shared
    registered = [organisation.uscc for organisation in adapter.organisations]

    @cache
    def agreed(feed: str) -> frozenset[str]:
        tables = load_fhir_tables(folder / "fhir" / f"{feed}.toml", registered, maps.codes)
        return frozenset(f"{kind}.{name}" for kind, names in tables.ignore.items() for name in names)

    def of(runtime: FeedRuntime, record: Record) -> tuple[str, ...] | None:
        if record.tree is None:
            return None
        if runtime.feed.dialect == "fhir":
            fields = dict.fromkeys(populated("fhir", record))
            return tuple(field for field in fields if field in agreed(runtime.feed.id))
        program = maps.programs.get((runtime.feed.id, record.type))
        return None if program is None else program.coverage(record.tree).ignored

    return of
