"""Coverage within fields: which attributes and texts of a document, which components and repeats of a segment are read
by no map. Measured apart from the processing of items, on records that are mapped once more."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

from hie.base.draft import Draft
from hie.base.record import Delivery, Record
from hie.mapping.apply import MapSet
from hie.mapping.compiler import ENVELOPE
from hie.mapping.context import Context
from hie.mapping.dialect import SourcePath, TellingDialect
from hie.mapping.dialects.registry import DIALECTS, telling_dialects
from hie.mapping.documents import with_document
from hie.mapping.fieldmap import Program
from hie.mapping.transforms.registry import BUILTIN, Transform
from hie.plugin import Adapter


@dataclass
class WithinCoverage:
    """What the records of one type carry within the fields that their map knows: `used`, `ignored` on purpose and
    `unknown` count records per path."""

    used: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


class Within:
    """Looks at the records that it is shown. A place that is read in one record counts as used in all: a map may look
    there only where another place is empty."""

    def __init__(self, folder: Path, adapter: Adapter) -> None:
        """`folder` are the tables at work for an adapter that brings none."""
        self._told: Mapping[str, TellingDialect] = telling_dialects()
        self._folder = folder
        self._adapter = adapter
        self._seen: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))

    @cached_property
    def _maps(self) -> MapSet:
        transforms = {name: self._heard(one) for name, one in {**BUILTIN, **self._adapter.transforms}.items()}
        adapter = replace(self._adapter, transforms=transforms)
        return MapSet.load(self._folder, [adapter], dialects={**DIALECTS, **self._told})

    def _heard(self, transform: Transform) -> Transform:
        """A transform that is listened to: only what it reads counts, not what it is checked for beforehand."""

        @wraps(transform)
        def heard(value: Any, context: Context, **options: Any) -> Any:
            with self._listening():
                return transform(value, context, **options)

        return heard

    @contextmanager
    def _listening(self) -> Iterator[None]:
        for told in self._told.values():
            told.listens = True
        try:
            yield
        finally:
            for told in self._told.values():
                told.listens = False

    def look(self, record: Record, delivery: Delivery, draft: Draft) -> None:
        """Look at one record of which `draft` was made. What the draft has as unmapped is known to be lost, and nothing
        is said of what is in it."""
        dialect = next(feed.dialect for feed in self._adapter.feeds if feed.id == delivery.feed)
        told = self._told.get(dialect)
        program = self._maps.programs.get((delivery.feed, record.type)) if told is not None else None
        if program is None or told is None:
            return
        tree = told.telling(record.tree)
        source_paths: set[SourcePath] = {*program.source_paths, *(((), path) for path in program.ignored)}
        places = told.places(tree, source_paths)
        telling = replace(record, tree=tree)
        made = self._mapped(program, told, telling, delivery)
        left = told.ignored(tree, program.ignored, source_paths)
        self._as_document(made, told, telling, delivery)
        lost = frozenset(draft.unmapped)
        kinds: dict[str, set[str]] = defaultdict(set)
        for spot, place in places.items():
            kind = "used" if spot in told.read else "ignored" if spot in left else "unknown"
            if kind == "used" or lost.isdisjoint(place.fields):
                kinds[kind].add(place.path)
        for kind, paths in kinds.items():
            self._seen[record.type][kind].update(paths)

    def _mapped(self, program: Program, told: TellingDialect, record: Record, delivery: Delivery) -> Draft:
        """Read everything that the map mentions, then what its transforms read."""
        nodes: dict[tuple[str, ...], list[Any]] = {(): [record.tree]}
        for lookup in program.lookups:
            if lookup.path is None:
                for node in _nodes(lookup.contexts[:-1], told, nodes):
                    told.enter(lookup.contexts[-1], node)
            elif not lookup.path.startswith(ENVELOPE):
                for node in _nodes(lookup.contexts, told, nodes):
                    told.tell(lookup.path, node, several=lookup.several)
        return self._maps.draft(record, delivery, self._adapter)

    def _as_document(self, made: Draft, told: TellingDialect, record: Record, delivery: Delivery) -> None:
        """Read what a document gives as a whole; the text that is made of its entries keeps none of their parts."""
        if told.name != "cda":
            return
        told.bare(record.tree)
        with self._listening():
            with_document(made, record, delivery, self._adapter, self._maps)

    def found(self) -> dict[str, WithinCoverage]:
        """What was seen, by record type."""
        return {type: _settled(seen) for type, seen in sorted(self._seen.items())}


def _settled(seen: Mapping[str, Counter[str]]) -> WithinCoverage:
    """What is used in some record is used in all."""
    used, ignored, unknown = (Counter(seen.get(kind, ())) for kind in ("used", "ignored", "unknown"))
    for other in (ignored, unknown):
        used.update({path: other.pop(path) for path in used.keys() & other.keys()})
    return WithinCoverage(used, ignored, unknown)


def _nodes(contexts: tuple[str, ...], told: TellingDialect, known: dict[tuple[str, ...], list[Any]]) -> list[Any]:
    """The nodes in contexts from the outside in."""
    if contexts not in known:
        each = told.compile_context(contexts[-1])
        known[contexts] = [one for node in _nodes(contexts[:-1], told, known) for one in each(node)]
    return known[contexts]
