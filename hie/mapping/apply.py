"""Applying field maps: a record becomes a draft. Pure and deterministic: the same record gives the same draft."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from hie.base.draft import Draft
from hie.base.finding import Severity, finding
from hie.base.record import Delivery, Record
from hie.mapping.codefile import load_codes
from hie.mapping.codes import CodeTable
from hie.mapping.context import Context
from hie.mapping.dialect import DELETED, Dialect
from hie.mapping.dialects.registry import DIALECTS
from hie.mapping.fieldmap import Program, load_maps
from hie.mapping.problem import BrokenTables, Problem
from hie.mapping.run import Run
from hie.mapping.terms import NO_TERMS, Terms
from hie.mapping.transforms.registry import BUILTIN
from hie.plugin import Adapter


class MapSet:
    """Every field map and code map, compiled; made when the server starts, and when tables are read again."""

    def __init__(
        self,
        programs: Mapping[tuple[str, str], Program],
        codes: Mapping[str, CodeTable],
        terms: Terms = NO_TERMS,
    ) -> None:
        self.programs = programs
        self.codes = codes
        self.terms = terms

    @classmethod
    def load(
        cls,
        folder: Path,
        adapters: Iterable[Adapter],
        dialects: Mapping[str, Dialect] = DIALECTS,
        terms: Terms = NO_TERMS,
    ) -> "MapSet":
        """Load `folder/fields` and `folder/codes`, and the tables of adapters that bring their own; `terms` is asked
        about codes that no code map has.

        Raises `BrokenTables` listing every mistake with file and line.
        """
        given = tuple(adapters)
        codes = load_codes(folder / "codes")
        for adapter in given:
            if adapter.mappings is not None:
                codes = _with_codes(codes, load_codes(adapter.mappings / "codes"))
        programs: dict[tuple[str, str], Program] = {}
        for place, theirs in _places(folder, given):
            transforms = {feed.id: {**BUILTIN, **adapter.transforms} for adapter in theirs for feed in adapter.feeds}
            speaks = {feed.id: feed.dialect for adapter in theirs for feed in adapter.feeds}
            programs |= load_maps(
                place / "fields", dialects=dialects, transforms=transforms, codes=codes, speaks=speaks
            )
        return cls(programs, codes, terms)

    def needs(self, feed: str) -> dict[str, tuple[str, ...]]:
        """The record types of a feed, each with what a record of it needs (`[map] needs`)."""
        return {type: program.needs for (of, type), program in self.programs.items() if of == feed}

    def draft(self, record: Record, delivery: Delivery, adapter: Adapter) -> Draft:
        """The draft of one record.

        Findings of parsing come first. A reject among the findings leaves no contributions; a type without map is
        `type-unknown`.
        """
        if any(found.severity is Severity.REJECT for found in record.findings) or record.tree is None:
            return Draft(findings=record.findings, message_id=record.sent_id)
        program = self.programs.get((delivery.feed, record.type))
        if program is None:
            found = (*record.findings, finding("type-unknown"))
            return Draft(findings=found, message_id=record.sent_id)
        return _apply(program, record, delivery, adapter, self)


def _places(folder: Path, adapters: tuple[Adapter, ...]) -> list[tuple[Path, tuple[Adapter, ...]]]:
    """Folders of tables, each with the adapters whose feeds it may have maps for."""
    shipped = tuple(adapter for adapter in adapters if adapter.mappings is None)
    own = [(adapter.mappings, (adapter,)) for adapter in adapters if adapter.mappings is not None]
    return [(folder, shipped), *own]


def _with_codes(known: dict[str, CodeTable], more: dict[str, CodeTable]) -> dict[str, CodeTable]:
    twice = sorted(known.keys() & more.keys())
    if twice:
        raise BrokenTables(Problem(more[name].file, 1, f"there is a code map {name!r} already") for name in twice)
    return known | more


def _apply(program: Program, record: Record, delivery: Delivery, adapter: Adapter, maps: MapSet) -> Draft:
    context = Context.of(record, delivery, adapter.region, maps.codes, maps.terms)
    tree = record.tree
    context.node, context.locate = tree, program.dialect.locate
    run = Run(context, record.body, program.order(tree, context))
    for step in program.steps:
        step(tree, run)
    coverage = program.coverage(tree)
    context.node = tree
    for path, code in coverage.unmapped:
        context.note(code, path=path)
    findings = (*record.findings, *context.findings)
    rejected = any(found.severity is Severity.REJECT for found in findings)
    return Draft(
        contributions=() if rejected else tuple(run.contributions),
        findings=findings,
        aliases=() if rejected else tuple(run.aliases),
        needs=() if rejected else tuple(run.needs),
        claims=() if rejected else tuple(run.claims),
        merges=() if rejected else tuple(run.merges),
        binaries=() if rejected else tuple(run.binaries),
        message_id=record.sent_id,
        order=run.order,
        key="|".join(_first(read(tree, context)) for read in program.label) or record.key,
        used=coverage.used,
        unmapped=tuple(path for path, _ in coverage.unmapped),
    )


def _first(values: list[object]) -> str:
    return str(values[0]) if values and values[0] is not DELETED else ""
