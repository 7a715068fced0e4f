"""Tables of codes as files come: CSV with any of the usual headings, ICD-10 lists, the LOINC table.

Files may be UTF-8 (with or without mark) or GB18030, separated by comma, semicolon, tab or bar. Rows are read one by
one.
"""

import codecs
import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from hie.base.errors import Category, HieError

_PROBE = 65536
_DESIGNATION = re.compile(r"(?:display|name|designation|名称)[:_\- ]([A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)", re.IGNORECASE)
_GONE = frozenset({"true", "1", "yes", "y", "inactive", "retired", "deprecated", "停用", "作废", "是"})


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One concept of a file. `parents` are codes; `names` are (language, name); `properties` are (name, value)."""

    code: str
    display: str
    definition: str = ""
    parents: tuple[str, ...] = ()
    inactive: bool = False
    names: tuple[tuple[str, str], ...] = ()
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Format:
    """How to read a kind of file: names of columns by what they hold, lower case, the first that is there counts.

    `properties`: the columns that become properties; None: all others. `by_prefix`: parents follow from the codes as in
    ICD-10. `synonyms`: columns with a further name in the language of the display.
    """

    columns: Mapping[str, tuple[str, ...]]
    properties: frozenset[str] | None = None
    by_prefix: bool = False
    synonyms: tuple[str, ...] = ()
    case_sensitive: bool = True


_USUAL: dict[str, tuple[str, ...]] = {
    "code": (
        "code",
        "代码",
        "编码",
        "主要编码",
        "疾病编码",
        "诊断编码",
        "疾病代码",
        "诊断代码",
        "icd10",
        "icd-10",
        "id",
    ),
    "display": ("display", "name", "名称", "疾病名称", "诊断名称", "主要名称", "term", "title", "description"),
    "definition": ("definition", "定义", "说明"),
    "parent": ("parent", "parent_code", "parentcode", "上级代码", "上级编码", "父级编码", "父代码"),
    "inactive": ("inactive", "deprecated", "停用", "是否停用"),
}
_LOINC = "STATUS COMPONENT PROPERTY TIME_ASPCT SYSTEM SCALE_TYP METHOD_TYP CLASS CLASSTYPE ORDER_OBS VersionLastChanged"

FORMATS: dict[str, Format] = {
    "csv": Format(_USUAL),
    "icd10": Format(_USUAL, by_prefix=True, case_sensitive=False),
    "loinc": Format(
        {
            "code": ("loinc_num",),
            "display": ("linguisticvariantdisplayname", "long_common_name", "shortname"),
            "inactive": ("status",),
        },
        frozenset(_LOINC.lower().split()),
        synonyms=("shortname", "consumer_name", "displayname"),
    ),
}
"""Name of `--format` -> how to read it."""


@dataclass
class Reading:
    """How far a file is read: bytes of all bytes, and rows without a code."""

    total: int
    done: int = 0
    without_code: int = 0
    rows: int = field(default=0)


def encoding_of(path: Path) -> str:
    """`utf-8-sig` or `gb18030`, by the beginning of the file."""
    with path.open("rb") as file:
        head = file.read(_PROBE)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"


def rows_of(path: Path, how: Format, reading: Reading) -> Iterator[CodeRow]:
    """The concepts of a file, in its order; `reading` is kept up to date.

    Raises INVALID when a column for code or display is missing, or the text is in no known encoding.
    """
    with path.open("rb") as raw:
        try:
            yield from _rows(raw, codecs.getreader(encoding_of(path))(raw), path.name, how, reading)
        except (UnicodeDecodeError, csv.Error) as error:
            message = f"{path.name}: row {reading.rows + 2} cannot be read ({type(error).__name__})"
            raise HieError(Category.INVALID, message) from None


def _rows(raw: IO[bytes], lines: Iterator[str], name: str, how: Format, reading: Reading) -> Iterator[CodeRow]:
    first = next(lines, "")
    table = csv.reader(lines, delimiter=_delimiter(first))
    header = [cell.strip() for cell in next(csv.reader([first], delimiter=_delimiter(first)), [])]
    read = _reader(header, how, name)
    for cells in table:
        reading.rows += 1
        if reading.rows % 512 == 0:
            reading.done = raw.tell()
        found = read(cells) if cells else None
        if found is not None:
            yield found
        elif cells:
            reading.without_code += 1
    reading.done = reading.total


def _delimiter(header: str) -> str:
    return max(",;\t|", key=header.count)


def _reader(header: list[str], how: Format, file: str) -> Callable[[list[str]], CodeRow | None]:
    """What makes a concept of the cells of a row."""
    low = [name.lower() for name in header]
    places = {
        what: next((low.index(name) for name in names if name in low), None) for what, names in how.columns.items()
    }
    code_at, display_at = places.get("code"), places.get("display")
    if code_at is None or display_at is None:
        raise HieError(Category.INVALID, f"{file}: no column for code or display among {', '.join(header)[:300]}")
    display_columns = [low.index(name) for name in how.columns["display"] if name in low]
    taken = {place for place in places.values() if place is not None}
    languages = {at: found[1] for at, cell in enumerate(header) if (found := _DESIGNATION.fullmatch(cell))}
    synonyms = [low.index(column) for column in how.synonyms if column in low]
    others = {
        at: header[at]
        for at in range(len(header))
        if header[at] and at not in languages and _is_property(low[at], at, how, taken)
    }
    parent_at, definition_at, inactive_at = places.get("parent"), places.get("definition"), places.get("inactive")

    def read(cells: list[str]) -> CodeRow | None:
        def cell(at: int | None) -> str:
            return cells[at].strip() if at is not None and at < len(cells) else ""

        code = cell(code_at)
        if not code:
            return None
        display = next((text for at in display_columns if (text := cell(at))), "")
        names = [(language, cell(at)) for at, language in languages.items() if cell(at)]
        names += [("", cell(at)) for at in synonyms if cell(at) and cell(at) != display]
        return CodeRow(
            code,
            display,
            cell(definition_at),
            tuple(part.strip() for part in cell(parent_at).split("|") if part.strip()),
            cell(inactive_at).lower() in _GONE,
            tuple(names),
            tuple((name, cell(at)) for at, name in others.items() if cell(at)),
        )

    return read


def _is_property(name: str, at: int, how: Format, taken: set[int]) -> bool:
    return name in how.properties if how.properties is not None else at not in taken
