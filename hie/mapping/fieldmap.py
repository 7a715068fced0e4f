"""Field maps: `mappings/fields/<feed>/*.toml`, read, checked and compiled to one program per feed and record type."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hie.base.tablefile import table_files
from hie.mapping.beside import compile_alias, compile_binary, compile_claim, compile_merge
from hie.mapping.block import BlockCompiler
from hie.mapping.codes import CodeTable
from hie.mapping.compiler import Compiler, Lookup
from hie.mapping.context import Context
from hie.mapping.dialect import Coverage, Dialect, SourcePath
from hie.mapping.problem import BrokenTables, Problem, meant, read_text
from hie.mapping.reader import Reader
from hie.mapping.run import Step
from hie.mapping.schema import INCLUDED
from hie.mapping.tablecheck import check_table
from hie.mapping.toml import Source, Table, read
from hie.mapping.transforms.registry import Transform


@dataclass(frozen=True)
class Program:
    """A field map compiled for one record type.

    `steps` run in order on the tree; `order` makes the order key of the part; `source_paths` are those it reads;
    `needs` the segments that a message of this type must have (HL7 v2). `states` are the resource types it may state,
    `doubts` what is odd about its paths and examples, `beyond` what their standard does not have, `lookups` the paths
    and contexts where they are written.
    """

    feed: str
    type: str
    file: str
    dialect: Dialect
    steps: tuple[Step, ...]
    order: Callable[[Any, Context], str]
    label: tuple[Reader, ...]
    coverage: Callable[[Any], Coverage]
    source_paths: frozenset[SourcePath]
    ignored: frozenset[str]
    clause: str
    needs: tuple[str, ...] = ()
    states: frozenset[str] = frozenset()
    doubts: tuple[Problem, ...] = ()
    beyond: tuple[Problem, ...] = ()
    lookups: frozenset[Lookup] = frozenset()


@dataclass(frozen=True)
class FieldMap:
    """One map file with the files it includes, not yet compiled."""

    head: Table
    sources: tuple[Source, ...]

    def all(self, name: str) -> list[Table]:
        """The tables of that header in all files, included ones first."""
        return [table for source in self.sources for table in source.all(name)]

    def resources(self) -> list[tuple[Table, Sequence[Table], Sequence[Table]]]:
        """Every resource block with its fields and events."""
        return [
            (table, source.nested("resource.field", n), source.nested("resource.event", n))
            for source in self.sources
            for n, table in enumerate(source.all("resource"))
        ]


def written(fieldmaps: Iterable[FieldMap]) -> Iterator[tuple[Table, str, Any]]:
    """Every value with its table and key, of every file once, however many maps include it."""
    sources = {source.file: source for fieldmap in fieldmaps for source in fieldmap.sources}
    for source in sources.values():
        yield from source.values()


def load_maps(
    folder: Path,
    *,
    dialects: Mapping[str, Dialect],
    transforms: Mapping[str, Mapping[str, Transform]],
    codes: Mapping[str, CodeTable],
    speaks: Mapping[str, str] | None = None,
) -> dict[tuple[str, str], Program]:
    """Every field map below `folder` (`<feed>/*.toml`), by feed and record type.

    `transforms` gives the transforms of each feed, `speaks` its dialect. Folders of other feeds are left alone: their
    adapter may be disabled. Raises `BrokenTables` with everything that is wrong.
    """
    programs: dict[tuple[str, str], Program] = {}
    problems: list[Problem] = []
    for path in table_files(folder, "*/*.toml"):
        if path.parent.name not in transforms:
            continue
        found, fieldmap = read_map(path, folder)
        if fieldmap is not None and not found:
            found = [*_foreign(fieldmap.head, speaks or {}, dialects)]
            found = found or [*_add(fieldmap, programs, dialects, transforms, codes)]
        problems += found
    if problems:
        raise BrokenTables(dict.fromkeys(problems))
    return programs


def _foreign(head: Table, speaks: Mapping[str, str], dialects: Iterable[str]) -> Iterable[Problem]:
    """A map in a dialect that does not exist, or in another than its feed has."""
    dialect = head.data["dialect"]
    if dialect not in dialects:
        yield head.problem(f"no dialect {dialect!r}{meant(dialect, dialects)}", "dialect")
    elif speaks.get(head.data["feed"], dialect) != dialect:
        yield head.problem(f"feed {head.data['feed']!r} is of dialect {speaks[head.data['feed']]!r}", "dialect")


def _add(
    fieldmap: FieldMap,
    programs: dict[tuple[str, str], Program],
    dialects: Mapping[str, Dialect],
    transforms: Mapping[str, Mapping[str, Transform]],
    codes: Mapping[str, CodeTable],
) -> Iterable[Problem]:
    head = fieldmap.head
    feed, dialect = head.data["feed"], dialects[head.data["dialect"]]
    if feed != head.file.partition("/")[0]:
        yield head.problem(f"feed {feed!r} has its maps in a folder of that name", "feed")
        return
    for type in head.data["types"]:
        if (feed, type) in programs:
            yield head.problem(f"{type!r} has a map already: {programs[feed, type].file}", "types")
            continue
        program, problems = compile_map(fieldmap, type, dialect, transforms[feed], codes)
        programs[feed, type] = program
        yield from problems


def compile_map(
    fieldmap: FieldMap,
    type: str,
    dialect: Dialect,
    transforms: Mapping[str, Transform],
    codes: Mapping[str, CodeTable],
) -> tuple[Program, list[Problem]]:
    """Compile a map for one record type; the program is only to be used when there are no problems."""
    compiler = Compiler(dialect, transforms, type, codes)
    blocks = BlockCompiler(compiler)
    head = fieldmap.head
    order = blocks.order(head.data["order"], head)
    label = tuple(compiler.value(path, head, "label") for path in head.get("label", ()))
    resources = fieldmap.resources()
    steps = tuple(step for step in _steps(blocks, fieldmap, resources) if step is not None)
    source_paths = frozenset(compiler.source_paths)
    ignored = frozenset(path for table in fieldmap.all("map") for path in table.get("ignore", ()))
    for table, key in ((table, key) for table in fieldmap.all("map") for key in ("ignore", "needs")):
        for path in table.get(key, ()):
            compiler.doubt(path, table, key)
    coverage, unread = _coverage(dialect, source_paths, ignored, head)
    program = Program(
        feed=head.data["feed"],
        type=type,
        file=head.file,
        dialect=dialect,
        steps=steps,
        order=order,
        label=label,
        coverage=coverage,
        source_paths=source_paths,
        ignored=ignored,
        clause=head.get("clause", ""),
        needs=tuple(head.get("needs", ())),
        states=frozenset(str(table.get("type")) for table, _, _ in resources if compiler.applies(table.data)),
        doubts=tuple(compiler.doubts),
        beyond=tuple(compiler.beyond),
        lookups=frozenset(compiler.lookups),
    )
    return program, [*compiler.problems, *_orphans(resources), *unread]


def _steps(blocks: BlockCompiler, fieldmap: FieldMap, resources: "_Resources") -> Iterable[Step | None]:
    """The blocks of a map at work, in order: keys first, since the others refer to them."""
    yield from (blocks.key_block(table) for table in fieldmap.all("key"))
    yield from (compile_binary(blocks, table) for table in fieldmap.all("binary"))
    for table, fields, events in resources:
        if "root" not in table.data:
            yield blocks.resource(table, fields, events, lambda name: _members_of(resources, name))
    yield from (compile_alias(blocks, table) for table in fieldmap.all("alias"))
    yield from (compile_claim(blocks, table) for table in fieldmap.all("claim"))
    yield from (compile_merge(blocks, table) for table in fieldmap.all("merge"))


def _coverage(
    dialect: Dialect, source_paths: frozenset[SourcePath], ignored: frozenset[str], head: Table
) -> tuple[Callable[[Any], Coverage], list[Problem]]:
    """What tells which source fields a tree fills; nothing, and the problem, when paths cannot be ignored."""
    try:
        return dialect.compile_coverage(source_paths, ignored), []
    except ValueError as error:
        return lambda tree: Coverage(), [head.problem(str(error), "ignore")]


_Resources = Sequence[tuple[Table, Sequence[Table], Sequence[Table]]]


def _members_of(resources: _Resources, name: str) -> list[tuple[Table, Sequence[Table]]]:
    return [(table, fields) for table, fields, _ in resources if table.get("root") == name]


def _orphans(resources: _Resources) -> Iterable[Problem]:
    """Member blocks whose root does not exist."""
    roots = {table.get("name") for table, _, _ in resources if "root" not in table.data}
    for table, _, _ in resources:
        if "root" in table.data and table.data["root"] not in roots:
            yield table.problem(f"no root block {table.data['root']!r}", "root")


def read_map(path: Path, folder: Path) -> tuple[list[Problem], FieldMap | None]:
    """One map file and its includes, with the mistakes that can be seen without compiling."""
    file = path.relative_to(folder).as_posix()
    text, unreadable = read_text(path, file)
    if unreadable:
        return unreadable, None
    source, problems = read(file, text)
    heads = source.all("map")
    if not heads:
        return problems or [Problem(file, 1, "no [map] table")], None
    sources = [source]
    problems += _check(source, of_map=True)
    for name, wrong in _includes(heads[0], path):
        if wrong:
            problems.append(heads[0].problem(wrong, "include"))
            continue
        included = path.parent / name
        there = included.relative_to(folder).as_posix()
        text, unreadable = read_text(included, there)
        part, found = read(there, text)
        sources.insert(len(sources) - 1, part)
        problems += unreadable or [*found, *_check(part)]
    return problems, FieldMap(heads[0], tuple(sources))


def _includes(head: Table, path: Path) -> Iterable[tuple[str, str]]:
    """The files that a map includes, each with what is wrong with including it; empty when nothing is."""
    names = head.get("include", ())
    for number, name in enumerate(names if isinstance(names, list) else ()):
        if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
            yield str(name), f"{name!r} is no file in the folder of the map"
        elif name in names[:number] or path.parent / name == path:
            yield name, f"{name!r} is included already"
        elif not (path.parent / name).is_file():
            yield name, f"no file {name!r} to include"
        else:
            yield name, ""


_HEADERS = ("map", "key", "alias", "binary", "claim", "merge", "resource")


def _check(source: Source, *, of_map: bool = False) -> Iterable[Problem]:
    """What is wrong with the tables of a file by themselves; one that others include needs no `[map]` of its own."""
    for header in _HEADERS:
        for table in source.all(header):
            is_include = header == "map" and not of_map and "types" not in table.data and "feed" not in table.data
            yield from check_table(INCLUDED if is_include else header, table)
    for (header, _), tables in source.children.items():
        for table in tables:
            if header in ("resource.field", "resource.event"):
                yield from check_table(header, table)
            else:
                yield table.problem(f"unknown table [{header}]")
    for header, tables in source.tables.items():
        if header not in _HEADERS:
            yield tables[0].problem(f"unknown table [{header}]{meant(header, _HEADERS)}")
