"""Row tables held against the field maps of their feed: names that only one of the two knows."""

from collections.abc import Iterator, Mapping

from hie.mapping.fieldmap import Program
from hie.mapping.problem import Problem, meant
from hie.parse.row_tables import RowTable, RowTables


def row_problems(feed: str, tables: RowTables, programs: Mapping[tuple[str, str], Program]) -> Iterator[Problem]:
    """Tables without a map, maps without a table, and columns of a table that its map does not know; nothing of a feed
    without any map, which is said once."""
    file = f"rows/{feed}.toml"
    mapped = {type: program for (of, type), program in programs.items() if of == feed}
    if not mapped:
        return
    lost, unread = mapped.keys() - tables.tables.keys(), tables.tables.keys() - mapped.keys()
    for type in sorted(lost):
        reason = f"there is no table {type!r}, which {mapped[type].file} maps{meant(type, unread)}"
        yield Problem(file, 1, reason)
    for table in tables.tables.values():
        if table.name in unread:
            reason = f"there is no field map for the table {table.name!r}{meant(table.name, lost)}"
            yield Problem(file, table.line, reason)
            continue
        known = _columns(mapped[table.name], tables.revoking_column)
        for column in sorted(_named(table) - known):
            reason = f"{mapped[table.name].file} neither reads nor ignores the column {column!r}{meant(column, known)}"
            yield Problem(file, table.line, reason)


def _named(table: RowTable) -> set[str]:
    """The columns that a table names."""
    return {*table.key, *table.required, *table.text, *(table.lengths or {}), *(table.takes or {})}


def _columns(program: Program, revoking_column: str) -> set[str]:
    """The columns that a map knows; `@revoking` reads the `revoking_column`."""
    paths = {column for _, path in program.source_paths for column in path.split("|")}
    read = {column for column in paths if not column.startswith("@")}
    return read | program.ignored | ({revoking_column} if revoking_column and "@revoking" in paths else set())
