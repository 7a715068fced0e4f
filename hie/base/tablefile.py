"""The text of a table that people edit: UTF-8, with or without the mark that spreadsheet programs put before it."""

import codecs
import re
import tomllib
from pathlib import Path

_AT = re.compile(r"at line (\d+), column (\d+)")


class NotUtf8(ValueError):
    """A file in another encoding; `line` and `column` of the first byte that is no UTF-8."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__("not UTF-8: save the file as UTF-8")
        self.line = line
        self.column = column


def table_text(path: Path) -> str:
    """The text of a file, each line ending as `\\n`. Raises `NotUtf8`."""
    body = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        before = body[: error.start].decode("utf-8").split("\n")
        raise NotUtf8(len(before), len(before[-1]) + 1) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def toml_place(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, int]:
    """Line and column at which `text` stops being TOML; what is not ended is missed at the end of the last line."""
    at = _AT.search(str(error))
    if at:
        return int(at[1]), int(at[2])
    lines = text.splitlines() or [""]
    return len(lines), len(lines[-1]) + 1
