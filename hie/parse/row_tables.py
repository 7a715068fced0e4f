"""The dictionary of row tables: `mappings/rows/<feed>.toml`, loaded and checked at start.

```toml
[revoking]              # the column and code by which a row takes back what was sent
column = "XGBZ"
code = "2"

[[table]]
name = "TB_LIS_INDICATORS"
rank = 3                # dependency order inside an envelope
key = ["YLJGYQDM", "JYZBLSH"]
required = ["BGRQ", "BGDH"]
text = ["JYZBJG"]       # null text may mean something here; in every other column it is no value
lengths.code = ["JYZBDM"]   # at most 64 characters, like the key columns
lengths.name = ["JYZBMC"]   # at most 100
lengths.long = ["JYZBJG"]   # at most 1,000,000; every other column at most 4,000
```

`required` columns are missing without harm in a revoking row; key columns never.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hie.base.errors import Category, HieError
from hie.base.tablefile import NotUtf8, table_text, toml_place

CODE, NAME, SHORT, LONG = 64, 100, 4_000, 1_000_000
"""The most characters of codes and identifiers, names, other text, and narrative (common rules §5.5)."""

_LENGTHS = {"code": CODE, "name": NAME, "long": LONG}
_FIELDS = {"name", "rank", "key", "required", "text", "lengths"}


@dataclass(frozen=True, slots=True)
class RowTable:
    """One table: its place in the dependency order, key and required columns, lengths other than `SHORT`, and the
    `text` columns, whose null text is kept because it may mean something (common rules §5.3)."""

    name: str
    rank: int
    key: tuple[str, ...]
    required: tuple[str, ...] = ()
    lengths: Mapping[str, int] | None = None
    text: frozenset[str] = frozenset()

    def limit(self, column: str) -> int:
        """The most characters `column` may have."""
        return (self.lengths or {}).get(column, SHORT)


@dataclass(frozen=True, slots=True)
class RowTables:
    """The tables of one feed by name, and the column and code that mark a revoking row."""

    tables: Mapping[str, RowTable]
    revoking_column: str
    revoking_code: str

    def revokes(self, values: Mapping[str, str]) -> bool:
        """Whether a row takes back what was sent for its key."""
        return values.get(self.revoking_column) == self.revoking_code


def load_row_tables(path: Path) -> RowTables:
    """Read the dictionary of one feed. Raises `HieError` with file and line when it cannot be used."""
    text = ""
    try:
        text = table_text(path)
        data = tomllib.loads(text)
        revoking = data["revoking"]
        tables = [_table(row) for row in data["table"]]
        return RowTables({table.name: table for table in tables}, revoking["column"], revoking["code"])
    except NotUtf8 as error:
        raise HieError(Category.INTERNAL, f"{path.name}:{error.line}:{error.column}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        line, column = toml_place(error, text)
        raise HieError(Category.INTERNAL, f"{path.name}:{line}:{column}: not TOML: {error}") from error
    except _BrokenTable as error:
        raise HieError(Category.INTERNAL, f"{path.name}:{_line(text, error.name)}: {error.reason}") from error
    except KeyError as error:
        raise HieError(Category.INTERNAL, f"{path.name}:1: {error.args[0]} is missing") from error


class _BrokenTable(Exception):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name
        self.reason = reason


def _table(row: Mapping[str, Any]) -> RowTable:
    name = str(row.get("name", ""))
    if set(row) - _FIELDS:
        raise _BrokenTable(name, f"unknown field {sorted(set(row) - _FIELDS)[0]}")
    if not name or not row.get("key") or not isinstance(row.get("rank"), int):
        raise _BrokenTable(name, "a table needs name, rank and key")
    lengths = dict.fromkeys(row["key"], CODE)
    for kind, columns in row.get("lengths", {}).items():
        if kind not in _LENGTHS:
            raise _BrokenTable(name, f"unknown length {kind}")
        lengths |= dict.fromkeys(columns, _LENGTHS[kind])
    required, text = tuple(row.get("required", ())), frozenset(row.get("text", ()))
    return RowTable(name, row["rank"], tuple(row["key"]), required, lengths, text)


def _line(text: str, name: str) -> int:
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if f'"{name}"' in line), 1)
