"""`hie adapters show | coverage | lint | reload`: what the maps of a region read, write and miss."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hie.app import bind_feeds, load_adapters
from hie.app.adapters import sender_problems
from hie.app.feeds import Tables, read_tables
from hie.app.maps import advise, lint_tables
from hie.app.packagelint import package_advice, package_problems
from hie.base.clock import SystemClock
from hie.base.data import data_path
from hie.base.draft import Draft
from hie.base.errors import Category, HieError
from hie.base.finding import Finding
from hie.base.ids import raw_item_id
from hie.base.record import Delivery, Record
from hie.commands.datadir import running_server
from hie.commands.operate import call, open_existing
from hie.config import Config
from hie.mapping.apply import MapSet
from hie.mapping.coverage import MapCoverage, coverage
from hie.mapping.fhir.met import Met
from hie.mapping.fhir.tables import load_fhir_tables
from hie.mapping.filled import Filled
from hie.mapping.problem import Problem
from hie.mapping.traffic import WHOLE, TypeCoverage, measure
from hie.mapping.within import Within, WithinCoverage
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.items import blob
from hie.pipeline.prepare import prepare
from hie.plugin import Adapter
from hie.quality.rule import Rule
from hie.staging.tables import RAW_ITEM
from hie.testing.populated import ignored

SKIPPED = frozenset({".md", ".json", ".jsonl", ".txt"})
"""File endings in a folder of samples that are no samples."""


class Covered(NamedTuple):
    """What items carry and maps use, by record type; what the maps look up, or what is agreed with a FHIR sender, and
    no item has, as `file:line:column`; the types that have a map and are in no item; and what is within the fields of
    documents and messages, by record type."""

    types: dict[str, TypeCoverage]
    never: Sequence[Problem]
    unseen: Sequence[str]
    within: dict[str, WithinCoverage]


def adapter_of(region: str, adapters: Sequence[Adapter] | None = None) -> Adapter:
    """The adapter of a region, or of a feed by its id. Raises NOT_FOUND."""
    known = load_adapters() if adapters is None else adapters
    for adapter in known:
        if region == adapter.region or region in {feed.id for feed in adapter.feeds}:
            return adapter
    names = ", ".join(adapter.region for adapter in known)
    raise HieError(Category.NOT_FOUND, f"There is no adapter {region!r}. Choose one of: {names}.")


def feeds_of(region: str) -> frozenset[str]:
    """The feeds of a region."""
    return frozenset(feed.id for feed in adapter_of(region).feeds)


def shown(region: str, shared: Path | None = None) -> list[MapCoverage]:
    """The maps of a region, one row per feed and record type, with what each reads and ignores.

    `shared`, here and below, is the folder of tables at work for adapters that bring none, the shipped one unless told
    otherwise.
    """
    adapter, shared = adapter_of(region), shared or data_path("mappings")
    maps = MapSet.load(shared, [adapter])
    feeds = {feed.id for feed in adapter.feeds}
    rows = [row for row in coverage(maps.programs) if row.feed in feeds]
    folder = adapter.mappings or shared
    registered = [organisation.uscc for organisation in adapter.organisations]
    for feed in (feed for feed in adapter.feeds if feed.dialect == "fhir"):
        tables = load_fhir_tables(folder / "fhir" / f"{feed.id}.toml", registered, maps.codes)
        rows += [MapCoverage(feed.id, name, f"fhir/{feed.id}.toml", "", *agreed) for name, agreed in tables.shown()]
    return rows


def own_rules(region: str, shared: Path | None = None) -> tuple[Rule, ...]:
    """The quality rules that the package of a region brings; none for one that ships with the exchange."""
    adapter = adapter_of(region)
    return read_tables([adapter], shared).quality.own(adapter.region)


def samples(folder: Path) -> list[Path]:
    """The samples of a folder and the folders in it, in order of their names."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix not in SKIPPED)


def some_samples(folder: Path) -> list[Path]:
    """The items of a folder, as `samples`; raises NOT_FOUND when there are none."""
    if not (paths := samples(folder)):
        endings = ", ".join(sorted(SKIPPED))
        raise HieError(Category.NOT_FOUND, f"There are no items in {folder}; files in {endings} are not taken for any.")
    return paths


def covered(
    region: str,
    folder: Path | None = None,
    shared: Path | None = None,
    adapters: Sequence[Adapter] | None = None,
) -> Covered:
    """What the samples of a region, or of a folder, carry and its maps use, by record type. Raises NOT_FOUND when there
    are none."""
    adapter = adapter_of(region, adapters)
    paths = some_samples(folder or adapter.samples)
    runtimes = {runtime.feed.id: runtime for runtime in bind_feeds([adapter], shared)}
    items = ((*runtime_of(path, runtimes), path.read_bytes()) for path in paths)
    return _covered(adapter, items, shared)


def _covered(adapter: Adapter, items: Iterable[tuple[FeedRuntime, str, bytes]], shared: Path | None = None) -> Covered:
    """The coverage of items: feed, door, bytes."""
    tables = shared or data_path("mappings")
    maps = MapSet.load(tables, [adapter])
    filled = Filled(maps.programs)
    agreed = (adapter.mappings or tables) / "fhir"
    met = {feed.id: Met(agreed / f"{feed.id}.toml") for feed in adapter.feeds if feed.dialect == "fhir"}

    within = Within(tables, adapter)

    def look(record: Record, delivery: Delivery, draft: Draft | None) -> None:
        if delivery.feed in met:
            met[delivery.feed].look(record.tree)
            return
        filled.look(delivery.feed, record)
        if draft is not None:
            within.look(record, delivery, draft)

    types = measure(_mapped(items, look, ignored(adapter, shared, maps)))
    never = [*filled.never(), *(problem for one in met.values() for problem in one.never())]
    return Covered(types, never, filled.unseen({feed.id for feed in adapter.feeds}), within.found())


def _mapped(
    items: Iterable[tuple[FeedRuntime, str, bytes]],
    look: Callable[[Record, Delivery, Draft | None], None],
    left_out: Callable[[FeedRuntime, Record], Iterable[str] | None],
) -> Iterator[tuple[str, Iterable[Finding], Draft | None, Iterable[str]]]:
    """What the maps make of items (feed, door, bytes), what was found wrong, and the filled fields that they leave out
    on purpose; an item that is refused as a whole has no parts. `look` is shown every record with its draft."""
    for runtime, door, body in items:
        delivery = delivery_of(runtime, door, body)
        parsed, parts = prepare(runtime, delivery)
        if not parts:
            yield WHOLE, parsed.findings, None, ()
        for one in parts:
            if one.record.tree is not None:
                look(one.record, delivery, one.draft)
            skipped = left_out(runtime, one.record) if one.draft is not None else ()
            yield one.record.type, one.findings, one.draft, skipped or ()


async def covered_by_traffic(config: Config, region: str, most: int) -> Covered:
    """The same for the youngest `most` items that an exchange has stored, by the maps that are at work now.

    Raises NOT_FOUND when there is no store.
    """
    adapter = adapter_of(region)
    bound = bind_feeds([adapter], config.mappings_path, config.terminology_path)
    runtimes = {runtime.feed.id: runtime for runtime in bound}
    exchange = await open_existing(config)
    try:
        rows = [
            row
            for feed in runtimes
            for row in await exchange.store.select(
                RAW_ITEM, {"feed": feed}, order=("received",), limit=most, descending=True
            )
        ]
    finally:
        await exchange.close()
    items = ((runtimes[str(row["feed"])], str(row["door"]), blob(row["body"])) for row in rows)
    return _covered(adapter, items, config.mappings_path)


def runtime_of(path: Path, runtimes: Mapping[str, FeedRuntime]) -> tuple[FeedRuntime, str]:
    """Feed and door of a file: a door named in the file name, SOAP by its envelope, else the first feed."""
    doors = {door: runtime for runtime in runtimes.values() for door in runtime.feed.doors}
    named = sorted((door for door in doors if door in path.name), key=len)
    if named:
        return doors[named[-1]], named[-1]
    runtime = next(iter(runtimes.values()))
    soap = next((door for door, kind in runtime.feed.doors.items() if kind == "text/xml"), None)
    if soap is not None and b"Envelope" in path.read_bytes()[:400]:
        return runtime, soap
    return runtime, next(iter(runtime.feed.doors))


def delivery_of(runtime: FeedRuntime, door: str, body: bytes) -> Delivery:
    """An item as if it came now."""
    return Delivery(raw_item_id(runtime.feed.id, body), runtime.feed.id, door, SystemClock().now(), body)


async def reload(config: Config) -> dict[str, str]:
    """Put the tables on disk in force on the running server; raises NOT_FOUND when none runs: it reads them at its
    start, and INVALID with file, line and column for broken ones."""
    if running_server(config.data) is None:
        raise HieError(Category.NOT_FOUND, "No server runs on this data directory; it reads the tables when it starts.")
    found: dict[str, str] = await call(config, "POST", "/admin/maps/reload", {})
    return found


def linted(region: str | None = None, folder: Path | None = None, shared: Path | None = None) -> list[Problem]:
    """What lint finds in the maps, organisations, doors and transforms of one region, or of all.

    `folder` are other tables to read: instead of its own for a region that brings them, else instead of `shared`.
    Raises `HieError` for tables that cannot be read or compiled, NOT_FOUND when `folder` has no field maps.
    """
    tables, adapters = _tables(region, folder, shared)
    packages = (problem for adapter in adapters for problem in (*sender_problems(adapter), *package_problems(adapter)))
    return sorted({*lint_tables(tables, adapters), *packages})


def advised(region: str | None = None, folder: Path | None = None, shared: Path | None = None) -> list[Problem]:
    """What the maps of one region, or of all, do not state and our profiles require, and what they read and the
    standard of the source does not have; the doors of content types that their dialect does not have. `folder` as for
    `linted`."""
    tables, adapters = _tables(region, folder, shared)
    return sorted({*advise(tables, adapters), *(one for adapter in adapters for one in package_advice(adapter))})


def _tables(region: str | None, folder: Path | None, shared: Path | None) -> tuple[Tables, Sequence[Adapter]]:
    adapters = load_adapters() if region is None else (adapter_of(region),)
    if folder is not None:
        must_hold_tables(folder)
        if region is not None and adapters[0].mappings is not None:
            adapters, folder = (replace(adapters[0], mappings=folder),), None
    tables = read_tables(adapters, folder or shared)
    tables.bind(adapters)
    return tables, adapters


def must_hold_tables(folder: Path) -> None:
    """Raises NOT_FOUND when a folder has no field maps and no agreement with FHIR senders."""
    if not any((folder / name).is_dir() for name in ("fields", "fhir")):
        raise HieError(Category.NOT_FOUND, f"{folder} has no folder 'fields' or 'fhir': name a folder like mappings/.")
