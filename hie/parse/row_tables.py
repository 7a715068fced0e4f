"""The dictionary of row tables: `mappings/rows/<feed>.toml`, loaded and checked at start.

```toml
[envelope]              # how an upload is wrapped: `hie.parse.row_envelope`

[revoking]              # the column and code by which a row takes back what was sent, where there is one
column = "XGBZ"
code = "2"              # or `negative = true`: a number below zero

[[table]]
name = "TB_LIS_INDICATORS"
rank = 3                # dependency order inside an envelope
key = ["YLJGYQDM", "JYZBLSH"]
required = ["BGRQ", "BGDH"]
text = ["JYZBJG"]       # null text may mean something here; in every other column it is no value
lengths.code = ["JYZBDM"]   # at most 64 characters, like the key columns
lengths.name = ["JYZBMC"]   # at most 100
lengths.long = ["JYZBJG"]   # at most 1,000,000; every other column at most 4,000
split."|" = ["XB"]      # `2|女` is two columns, XB.1 and XB.2
commas = ["JG"]         # numbers with a comma for the point: `1.148,5` is 1148.5

[[table]]               # rows that stand inside the rows of another table
name = "ITEM"
within = "REPORT"
at = "items/item"       # path from the outer row
takes = ["BGDH", { column = "NO", as = "REPORT_NO" }]  # columns of the outer row that each of these has too
rank = 4
key = ["BGDH", "NO"]
```

`required` columns are missing without harm in a revoking row; key columns never.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from hie.base.errors import Category, HieError
from hie.base.tablefile import NotUtf8, TomlHeader, table_text, toml_headers, toml_problem
from hie.base.text import LENGTHS, half_width
from hie.parse.row_envelope import AGAIN, Envelope, WrongField, check_path, read_envelope

T = TypeVar("T")
_FIELDS = ("name", "rank", "key", "required", "text", "lengths", "within", "at", "takes", "split", "commas")

_LISTS = {"lengths": "lengths.code", "split": 'split."|"'}
"""Fields that hold lists of columns by name, each as it is written."""

_OF_NUMBERS = re.compile(r"[\d.,\s<>=≤≥~～—–+-]+", re.ASCII)
_COMMAED = re.compile(r"(?<![\d.,])(?:\d+(?:\.\d{3})*,\d+|\d{1,3}(?:\.\d{3})+)(?![\d.,])", re.ASCII)
_BELOW_ZERO = re.compile(r"[-\u2212]\s*(?=[\d.]*[1-9])\d*\.?\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class RowTable:
    """One table: its place in the dependency order, key and required columns, lengths other than `short`, and the
    `text` columns, whose null text is kept because it may mean something (common rules §5.3). Rows that stand `within`
    those of another table are found `at` a path from them and have the columns that they take from them: `takes` gives
    the name here -> the name there. `split` is what stands between the parts of a column that is several; `commas` are
    columns whose numbers have a comma for the point. `line` is where its name stands in the file."""

    name: str
    rank: int
    key: tuple[str, ...]
    required: tuple[str, ...] = ()
    lengths: Mapping[str, int] | None = None
    text: frozenset[str] = frozenset()
    within: str = ""
    at: str = ""
    takes: Mapping[str, str] | None = None
    split: Mapping[str, str] | None = None
    commas: frozenset[str] = frozenset()
    line: int = 1

    def apart(self, values: Mapping[str, str]) -> dict[str, str]:
        """The columns of a row, with points for commas, and `XB.1` and `XB.2` instead of a column that is several."""
        values = {column: _pointed(text) if column in self.commas else text for column, text in values.items()}
        if not self.split:
            return values
        found: dict[str, str] = {}
        for column, value in values.items():
            between = self.split.get(column)
            parts = [part.strip() for part in value.split(between)] if between else []
            found |= {f"{column}.{n}": part for n, part in enumerate(parts, 1) if part} if between else {column: value}
        return found

    def limit(self, column: str) -> int:
        """The most characters `column` may have; the other value of one that stands twice as many as the first."""
        return (self.lengths or {}).get(column.removesuffix(AGAIN), LENGTHS["short"])


@dataclass(frozen=True, slots=True)
class RowTables:
    """The envelope of one feed, its tables by name, those that stand inside another by its name, and the column and
    code that mark a revoking row."""

    envelope: Envelope
    tables: Mapping[str, RowTable]
    inner: Mapping[str, Sequence[RowTable]]
    revoking_column: str = ""
    revoking_code: str | None = ""

    def revokes(self, values: Mapping[str, str]) -> bool:
        """Whether a row takes back what was sent for its key: by its code or, without one, by a number below zero."""
        value = values.get(self.revoking_column)
        if self.revoking_code is None:
            return value is not None and _BELOW_ZERO.fullmatch(half_width(value).strip()) is not None
        return value == self.revoking_code


def _pointed(text: str) -> str:
    """A number, or limits of one, with points for commas and without those between thousands; other text as it is."""
    if not _OF_NUMBERS.fullmatch(text):
        return text
    return _COMMAED.sub(lambda found: found[0].replace(".", "").replace(",", "."), text)


def load_row_tables(path: Path) -> RowTables:
    """Read the dictionary of one feed. Raises `HieError` with file and line when it cannot be used."""
    text, file = "", f"{path.parent.name}/{path.name}"
    try:
        text = table_text(path)
        return _row_tables(tomllib.loads(text), text)
    except FileNotFoundError:
        raise HieError(Category.INTERNAL, f"{file}:1:1: there is no such file, and its feed needs it") from None
    except NotUtf8 as error:
        raise HieError(Category.INTERNAL, f"{file}:{error.line}:{error.column}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        line, column, reason = toml_problem(error, text)
        raise HieError(Category.INTERNAL, f"{file}:{line}:{column}: {reason}") from error
    except _BrokenTable as error:
        line, column = error.place(toml_headers(text))
        raise HieError(Category.INTERNAL, f"{file}:{line}:{column}: {error.reason}") from error


class _BrokenTable(Exception):
    """What is wrong at a key of the table number `index` (from 0) below that header, or at the header itself."""

    def __init__(self, reason: str, header: str = "", key: str = "", index: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self._header = header
        self._key = key
        self._index = index

    def place(self, headers: Iterable[TomlHeader]) -> tuple[int, int]:
        """Line and column; the first ones when nothing of it is there."""
        found = [header for header in headers if header.name == self._header][self._index :]
        return found[0].places.get(self._key, (found[0].line, found[0].column)) if found else (1, 1)


def _row_tables(data: Mapping[str, Any], text: str) -> RowTables:
    for name, header in (("envelope", "[envelope]"), ("table", "[[table]]")):
        if not data.get(name):
            raise _BrokenTable(f"{header} is missing")
    for name in data.keys() - {"envelope", "revoking", "table"}:
        raise _BrokenTable(f"unknown table [{name}]: there are [envelope], [revoking] and [[table]]", name)
    envelope = _read(read_envelope, data["envelope"], "envelope")
    found = [_read(_table, row, "table", index) for index, row in enumerate(data["table"])]
    for index, table in enumerate(found):
        if table.name in {earlier.name for earlier in found[:index]}:
            raise _BrokenTable(f"there is a table {table.name} above", "table", "name", index)
    lines = (header.places.get("name", (1, 1))[0] for header in toml_headers(text) if header.name == "table")
    tables = {table.name: replace(table, line=next(lines, 1)) for table in found}
    inner = _inner(found)
    revoking = data.get("revoking")
    if revoking is None:
        return RowTables(envelope, tables, inner)
    texts = {name for name, value in revoking.items() if isinstance(value, str)}
    if texts == set(revoking) == {"column", "code"}:
        return RowTables(envelope, tables, inner, revoking["column"], revoking["code"])
    if texts == {"column"} and revoking.keys() == {"column", "negative"} and revoking["negative"] is True:
        return RowTables(envelope, tables, inner, revoking["column"], None)
    raise _BrokenTable("[revoking] has column and code, both text, or column and negative = true", "revoking")


def _inner(tables: Sequence[RowTable]) -> dict[str, list[RowTable]]:
    found: dict[str, list[RowTable]] = {}
    for index, table in enumerate(tables):
        if table.within and table.within not in {outer.name for outer in tables}:
            raise _BrokenTable(f"there is no table {table.within}", "table", "within", index)
        if table.within:
            found.setdefault(table.within, []).append(table)
    return found


def _read(read: Callable[[Mapping[str, Any]], T], table: Mapping[str, Any], header: str, index: int = 0) -> T:
    try:
        return read(table)
    except WrongField as error:
        raise _BrokenTable(error.reason, header, error.field, index) from None


def _table(row: Mapping[str, Any]) -> RowTable:
    for field in sorted(row.keys() - set(_FIELDS)):
        raise WrongField(field, f"unknown field {field}: a table has {', '.join(_FIELDS)}")
    name = row.get("name")
    if not isinstance(name, str) or not name or not row.get("key") or not isinstance(row.get("rank"), int):
        raise WrongField("", "a table needs name, rank (a number) and key")
    takes = _takes(row.get("takes", []))
    lists = {name: row[name] for name in ("key", "required", "text", "commas") if name in row}
    for field, columns in lists.items():
        _check_columns(field, columns)
    for field in (field for field in ("within", "at") if not isinstance(row.get(field, ""), str)):
        raise WrongField(field, f"{field} must be text")
    if ("within" in row) != ("at" in row):
        raise WrongField("", "a table inside another needs within and at")
    check_path("at", row.get("at", "."))
    lengths = dict.fromkeys(row["key"], LENGTHS["code"])
    for kind, columns in _lists(row, "lengths"):
        if kind not in LENGTHS:
            raise WrongField(f"lengths.{kind}", f"unknown length {kind}: there are {', '.join(LENGTHS)}")
        lengths |= dict.fromkeys(columns, LENGTHS[kind])
    split = {column: between for between, columns in _lists(row, "split") for column in columns}
    return RowTable(
        name=name,
        rank=row["rank"],
        key=tuple(row["key"]),
        required=tuple(row.get("required", ())),
        lengths=lengths,
        text=frozenset(row.get("text", ())),
        within=row.get("within", ""),
        at=row.get("at", ""),
        takes=takes,
        split=split,
        commas=frozenset(row.get("commas", ())),
    )


def _takes(given: Any) -> dict[str, str]:
    """Columns that a row takes over: its name here -> its name in the row around it."""
    found: dict[str, str] = {}
    for one in given if isinstance(given, list) else [given]:
        named = one if isinstance(one, dict) else {"column": one, "as": one}
        if named.keys() != {"column", "as"} or not all(isinstance(name, str) for name in named.values()):
            raise WrongField(
                "takes", 'takes must be a list of columns, each "NO" or { column = "NO", as = "REPORT_NO" }'
            )
        found[named["as"]] = named["column"]
    return found


def _lists(row: Mapping[str, Any], field: str) -> Iterable[tuple[str, Sequence[str]]]:
    """The lists of columns in a field of a table, by name."""
    found = row.get(field, {})
    if not isinstance(found, dict) or "" in found:
        raise WrongField(field, f'{field} has lists of columns by name, such as {_LISTS[field]} = ["XB"]')
    for name, columns in found.items():
        _check_columns(f"{field}.{name}", columns)
    return found.items()


def _check_columns(field: str, columns: Any) -> None:
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise WrongField(field, f"{field} must be a list of columns")
