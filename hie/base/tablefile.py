"""Tables that people edit: which files they are, and their text, in UTF-8 with or without the mark that spreadsheet
programs put before it."""

import codecs
import fnmatch
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z_.-]+)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z_.-]+)\s*=\s*")
_AT = re.compile(r"at line (\d+), column (\d+)")


class NotUtf8(ValueError):
    """A file in another encoding; `line` and `column` of the first byte that is no UTF-8."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__("not UTF-8: save the file as UTF-8")
        self.line = line
        self.column = column


HIDDEN = ".*"
"""Names that are no tables: locks and copies that editors put beside what they edit, the folder of a version control.
"""


def table_files(folder: Path, pattern: str) -> list[Path]:
    """The tables below a folder whose path there fits a pattern, in order."""
    found = (path for path in folder.glob(pattern) if not _hidden(path.relative_to(folder)))
    return sorted(path for path in found if path.is_file())


def _hidden(path: Path) -> bool:
    return any(fnmatch.fnmatch(part, HIDDEN) for part in path.parts)


def table_text(path: Path) -> str:
    """The text of a file, each line ending as `\\n`. Raises `NotUtf8`."""
    body = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        before = body[: error.start].decode("utf-8").split("\n")
        raise NotUtf8(len(before), len(before[-1]) + 1) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


_HINTS = {
    "Cannot overwrite a value": "this key stands twice; or a header such as [[resource.field]] is missing above it, or "
    "its first one was written [resource]",
    "Illegal character '\\n'": "a quotation mark is missing at the end of the text",
    "Cannot declare": "a header that stands several times is written [[resource]], with double brackets",
    "Unclosed array": "a comma or a bracket is missing before this place",
    "Unclosed inline table": "a comma or a bracket is missing before this place",
    "Invalid value": "text stands in straight quotation marks, true and false are written small",
    "Unescaped '\\'": "write / in paths, or text that has a \\ in single quotation marks",
}
"""What the reader of TOML says -> what people look for."""


def toml_problem(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, int, str]:
    """Line, column and reason for a text that is no TOML, with a hint where one is known; a character that looks like
    one of TOML, or like nothing, is named."""
    line, column = _toml_place(error, text)
    hint = next((hint for said, hint in _HINTS.items() if str(error).startswith(said)), None)
    stands = "".join(text.split("\n")[line - 1 : line])[column - 1 : column]
    if stands and (not stands.isascii() or not stands.isprintable()):
        named = unicodedata.name(stands, "").lower() or f"U+{ord(stands):04X}"
        found = f"the character here is {named}, which TOML has only within quotation marks"
        hint = f"{found}; {hint}" if hint else found
    return line, column, f"not TOML: {error}{f': {hint}' if hint else ''}"


def _toml_place(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, int]:
    """Line and column at which a text stops being TOML; what is not ended is missed at the end of the last line."""
    at = _AT.search(str(error))
    if at:
        return int(at[1]), int(at[2])
    lines = text.splitlines() or [""]
    return len(lines), len(lines[-1]) + 1


class TomlHeader(NamedTuple):
    """A header such as `[[table]]` in the text of a TOML file: its name, line and column, and line and column of the
    value of each key below it."""

    name: str
    line: int
    column: int
    places: Mapping[str, tuple[int, int]]


def toml_headers(text: str) -> Iterator[TomlHeader]:
    """Every header of a TOML text, in order."""
    lines = text.splitlines()
    starts = [(number, match[1]) for number, line in enumerate(lines) if (match := _HEADER.fullmatch(line))]
    ends = [*(number for number, _ in starts[1:]), len(lines)]
    for (start, name), end in zip(starts, ends, strict=False):
        found = ((n, m) for n in range(end - 1, start, -1) if (m := _KEY.match(lines[n])))
        column = len(lines[start]) - len(lines[start].lstrip()) + 1
        yield TomlHeader(name, start + 1, column, {m[1]: (n + 1, m.end() + 1) for n, m in found})
