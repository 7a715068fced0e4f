"""Rows of vendor tables as a source language.

A path is a column name (`XM`), several with `|` between them (the first that has a value), or `@` and what the row has
from its envelope: `@order`, `@key`, `@source`, `@digest`, `@batch`, `@uploaded`, `@organisation`, `@revoking` (only
of a row that revokes). `XB@code` is an attribute of a column, `XB.2` a part of one that is split, `XB[2]` another value
of one that stands twice. There is one node, the row; the only context is `row`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hie.mapping.dialect import Coverage, ReadPath, SourcePath
from hie.wire.row import Row

_COLUMN = re.compile(r"[^\W\d][\w.]*(?:@[^\W\d][\w.-]*|\[2\])?")
_ROW = ("order", "key", "source", "digest", "batch", "uploaded", "organisation", "revoking")
_REVOKING = "@revoking"
_MARK = "1"
"""What `@revoking` gives of a row that revokes."""


class Rows:
    """The dialect `rows`; nodes are `hie.wire.row.Row`. Columns without value are not in a row at all."""

    name = "rows"
    filled = frozenset(f"@{name}" for name in _ROW) - {_REVOKING}

    def compile_path(self, path: str) -> ReadPath:
        """`XM`, `CJSJ|JYSJ` or `@order`."""
        if path.startswith("@"):
            return _attribute(path[1:])
        columns = path.split("|")
        if not all(_COLUMN.fullmatch(column) for column in columns):
            raise ValueError(f"{path!r} is no column name (XM) and none of @{', @'.join(_ROW)}")

        if len(columns) == 1:

            def one(row: Row, context: Any = None) -> Sequence[str]:
                value = row.values.get(path)
                return () if value is None else (value,)

            return one

        def read(row: Row, context: Any = None) -> Sequence[str]:
            for column in columns:
                value = row.values.get(column)
                if value is not None:
                    return (value,)
            return ()

        return read

    def compile_context(self, path: str) -> Callable[[Row], Iterable[Row]]:
        """`row`: the row itself."""
        if path != "row":
            raise ValueError(f"{path!r} is no context of a row; the only one is 'row'")
        return lambda row: (row,)

    def compile_coverage(
        self, source_paths: frozenset[SourcePath], ignored: frozenset[str]
    ) -> Callable[[Row], Coverage]:
        """Columns that have a value; those that no map mentions or ignores are `field-unmapped`. `@revoking` reads the
        column that says so."""
        known = frozenset(column for _, path in source_paths for column in path.split("|"))
        skipped = frozenset(ignored)
        for path in skipped:
            if not _COLUMN.fullmatch(path):
                raise ValueError(f"{path!r} cannot be ignored: it is no column name")

        def cover(row: Row) -> Coverage:
            read = known | {row.revoking_column} if _REVOKING in known else known
            used = tuple([column for column in row.values if column in read])
            others = [column for column in row.values if column not in read]
            missed = tuple((column, "field-unmapped") for column in others if column not in skipped)
            return Coverage(used, missed, tuple(column for column in others if column in skipped))

        return cover

    def is_composed(self, path: str) -> bool:
        """Never: every value is a text."""
        return False

    def doubt(self, path: str) -> str | None:
        """Nothing: any column may come."""

    def beyond(self, path: str, around: Sequence[str] = ()) -> str | None:
        """Nothing: no standard names the columns."""

    def locate(self, node: Any, path: str) -> str:
        """The path of a finding: the column name."""
        return path


def _attribute(name: str) -> ReadPath:
    if name not in _ROW:
        raise ValueError(f"a row has no @{name}, only @{', @'.join(_ROW)}")

    def read(row: Row, context: Any = None) -> Sequence[str]:
        value = getattr(row, name)
        return (_MARK if value is True else value,) if value else ()

    return read
