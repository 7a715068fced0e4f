"""Feeds bound to their dialects: adapters, maps and rules compiled into what the pipeline needs."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from hie.app.adapters import load_adapters
from hie.app.terminology import feed_terminology
from hie.base.data import data_path
from hie.base.draft import Draft
from hie.base.finding import Finding
from hie.base.outcome import Answer
from hie.base.record import Delivery, Parsed, Record
from hie.base.tablefile import table_files
from hie.feeds import ack, fhirreply, receipt, soap, xmlreceipt
from hie.fhir.definitions import official
from hie.fhir.path.scope import MemberOf
from hie.fhir.validate import Validator
from hie.fhir.xml import from_xml
from hie.mapping.apply import MapSet
from hie.mapping.documents import with_document
from hie.mapping.fhir.draft import fhir_draft
from hie.mapping.fhir.reading import named
from hie.mapping.fhir.senders import counted
from hie.mapping.fhir.tables import FhirTables, load_fhir_tables
from hie.mapping.outline import outline
from hie.mapping.sample import shape_at
from hie.parse import cda, hl7v2, rows, submission
from hie.parse.row_tables import load_row_tables
from hie.pipeline.feed import FeedRuntime, as_it_is
from hie.plugin import Adapter, Feed
from hie.quality.dimension import dimensions, judged
from hie.quality.rule import Rule
from hie.quality.rules import load_rules
from hie.quality.stage import Quality
from hie.terminology.remembered import Remembered

ANSWERS: dict[str, Callable[..., Answer]] = {
    "hl7v2": ack.answer,
    "cda": receipt.answer,
    "rows": xmlreceipt.answer,
    "fhir": fhirreply.answer,
}
"""Dialect -> how an item is answered; a door for `text/xml` of the cda dialect speaks SOAP."""


@dataclass(frozen=True)
class Tables:
    """What is read from one folder of tables: compiled maps, quality rules, and the version that names them.

    `terms` is asked about codes by both; it is told of each message, so that what was loaded since counts.
    """

    folder: Path
    maps: MapSet
    quality: Quality
    version: str
    terms: Remembered

    def bind(self, adapters: Sequence[Adapter]) -> tuple[FeedRuntime, ...]:
        """Each feed bound to its dialect and these tables."""
        adapters = kept_beside(adapters, self.folder)
        return tuple(_bind(adapter, feed, self) for adapter in adapters for feed in adapter.feeds)


def read_tables(adapters: Sequence[Adapter], folder: Path | None = None, loaded: Path | None = None) -> Tables:
    """Read and compile all tables of `folder` (the shipped `mappings/` unless told otherwise) and of adapters.

    `loaded` is the file of large code systems. Raises `HieError` that lists each mistake with file and line.
    """
    version = tables_version(adapters, folder)
    folder = folder or data_path("mappings")
    beside = kept_beside(adapters, folder)
    maps = MapSet.load(folder, beside)
    terms = Remembered(feed_terminology(maps.codes.values(), loaded))
    maps = MapSet(maps.programs, maps.codes, terms)
    quality = Quality(_rules(folder, beside, terms.member_of))
    return Tables(folder, maps, quality, version, terms)


def _rules(folder: Path, adapters: Sequence[Adapter], member_of: MemberOf) -> Iterator[Rule]:
    """The rules of `folder`, those that ship where it has none, then those that adapters bring."""
    shared = folder / "quality"
    yield from load_rules(shared if shared.is_dir() else data_path("mappings", "quality"), member_of)
    for adapter in adapters:
        if adapter.mappings is not None:
            yield from load_rules(adapter.mappings / "quality", member_of, adapter.region)


def worker_feeds(folder: Path | None = None, loaded: Path | None = None) -> dict[str, FeedRuntime]:
    """The feeds of a worker process."""
    return {runtime.feed.id: runtime for runtime in bind_feeds(load_adapters(), folder, loaded)}


def bind_feeds(
    adapters: Sequence[Adapter], folder: Path | None = None, loaded: Path | None = None
) -> tuple[FeedRuntime, ...]:
    """The feeds of the adapters, bound to the tables that `read_tables` reads."""
    return read_tables(adapters, folder, loaded).bind(adapters)


def _bind(adapter: Adapter, feed: Feed, tables: Tables) -> FeedRuntime:
    maps, quality, folder = tables.maps, tables.quality, adapter.mappings or tables.folder
    statements = _fhir_statements(adapter, feed, maps, folder) if feed.dialect == "fhir" else None

    def draft(record: Record, delivery: Delivery) -> Draft:
        tables.terms.look()
        if statements is not None:
            return statements(record, delivery)
        made = maps.draft(record, delivery, adapter)
        if feed.dialect == "cda":
            return with_document(made, record, delivery, adapter, maps)
        return made

    def check(given: Draft, record: Record, received: datetime) -> tuple[Draft, tuple[Finding, ...]]:
        return quality.run(given, record, received)

    speaks_soap = _soap_doors(feed)
    return FeedRuntime(
        feed,
        adapter,
        _parser(adapter, feed, maps, folder),
        draft,
        check,
        {door: soap.answer if door in speaks_soap else ANSWERS[feed.dialect] for door in feed.doors},
        partial(_repeat, feed.dialect, speaks_soap),
        tables.version,
        dimensions(quality.rules, adapter.region),
        judged(quality.rules, adapter.region),
        {rule.id: (rule.zh, rule.en) for rule in quality.rules},
        partial(shape_at, feed.dialect),
        outline,
        shown=fhirreply.shown if feed.dialect == "fhir" else as_it_is,
    )


def _parser(adapter: Adapter, feed: Feed, maps: MapSet, folder: Path) -> Callable[[Delivery], Parsed]:
    registered = frozenset(organisation.uscc for organisation in adapter.organisations)
    if feed.dialect == "rows":
        listed = load_row_tables(folder / "rows" / f"{feed.id}.toml")
        return partial(rows.parse, organisations=registered, tables=listed)
    if feed.dialect == "hl7v2":
        return partial(hl7v2.parse, adapter=adapter, messages=maps.needs(feed.id))
    if feed.dialect == "fhir":
        definitions = official()
        tables = _fhir_tables(adapter, feed, maps, folder)
        return partial(
            submission.parse,
            validate=Validator(definitions).write_issues,
            from_xml=partial(from_xml, definitions=definitions),
            agreed=submission.Agreed(
                partial(counted, tables=tables, region=adapter.region, registered=registered),
                partial(named, tables=tables, region=adapter.region, registered=registered),
                tables.base,
            ),
        )
    agreed = cda.Agreed(registered, frozenset(maps.needs(feed.id)), _soap_doors(feed), feed.first_version)
    return partial(cda.parse, agreed=agreed)


def _soap_doors(feed: Feed) -> frozenset[str]:
    """Doors through which documents are registered over SOAP: those of the cda dialect for `text/xml`."""
    return frozenset(door for door, kind in feed.doors.items() if feed.dialect == "cda" and kind == "text/xml")


def _fhir_statements(adapter: Adapter, feed: Feed, maps: MapSet, folder: Path) -> Callable[[Record, Delivery], Draft]:
    """What makes drafts of the submissions of a FHIR feed."""
    tables, codes, terms = _fhir_tables(adapter, feed, maps, folder), maps.codes, maps.terms
    return partial(fhir_draft, adapter=adapter, tables=tables, codes=codes, terms=terms, definitions=official())


def _fhir_tables(adapter: Adapter, feed: Feed, maps: MapSet, folder: Path) -> FhirTables:
    """What is agreed with the sender of a FHIR feed."""
    registered = [organisation.uscc for organisation in adapter.organisations]
    return load_fhir_tables(folder / "fhir" / f"{feed.id}.toml", registered, maps.codes)


def _repeat(dialect: str, speaks_soap: frozenset[str], saved: Answer, door: str) -> Answer:
    """The answer to known bytes: HL7 and SOAP repeat the saved one, receipts say `duplicate` (common rules §2.2)."""
    if dialect == "hl7v2":
        return ack.repeat(saved)
    if door in speaks_soap:
        return saved
    if dialect == "fhir":
        return replace(saved, body=fhirreply.again(saved.body))
    again = {"cda": receipt.as_duplicate, "rows": xmlreceipt.as_duplicate}[dialect]
    return replace(saved, body=again(saved.body), status=200)


BESIDE = "adapters"
"""The folder, in a copy of tables, of those that adapters bring, by region."""


def kept_beside(adapters: Sequence[Adapter], folder: Path) -> tuple[Adapter, ...]:
    """The adapters, with the copies of their own tables that lie in `folder` where it is such a copy."""
    kept = {adapter.region: folder / BESIDE / adapter.region for adapter in adapters if adapter.mappings is not None}
    return tuple(
        replace(adapter, mappings=kept[adapter.region])
        if adapter.region in kept and kept[adapter.region].is_dir()
        else adapter
        for adapter in adapters
    )


def tables_version(adapters: Sequence[Adapter], folder: Path | None = None) -> str:
    """A short hash over all tables of a folder and of adapters: names the version of the maps in Provenance."""
    folder = folder or data_path("mappings")
    beside = [a.mappings for a in kept_beside(adapters, folder) if a.mappings is not None]
    shipped = (path for path in table_files(folder, "**/*.*") if BESIDE not in path.relative_to(folder).parts[:1])
    digest = hashlib.sha256()
    for path in (*shipped, *(path for own in beside for path in table_files(own, "**/*.*"))):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
